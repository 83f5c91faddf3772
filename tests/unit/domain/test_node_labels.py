"""Labels of kube nodes follow the inventory, and nothing that is not ours is touched."""

from hypothesis import given
from hypothesis import strategies as st

from hitscanner.domain.hosts import VantagePoint
from hitscanner.domain.node_labels import PREFIX, drift, labels_of

KEYS = st.sampled_from([f"{PREFIX}role", f"{PREFIX}country", "myrole", "team", "zone"])
LABELS = st.dictionaries(KEYS, st.sampled_from(["a", "b", "c"]))
OURS = st.dictionaries(KEYS.filter(lambda key: key not in ("team", "zone")), st.just("a"))


@given(wanted=OURS, found=LABELS)
def test_a_mended_node_has_no_drift_and_keeps_what_others_wrote(wanted, found):
    patch = drift(wanted, found)
    mended = {key: value for key, value in {**found, **patch}.items() if value is not None}

    assert drift(wanted, mended) == {}
    assert {k: v for k, v in mended.items() if k in ("team", "zone")} == {
        k: v for k, v in found.items() if k in ("team", "zone")
    }


def test_a_tag_that_kubernetes_would_refuse_is_left_out():
    tags = ("ends-", "l" * 60, "fine")
    vp = VantagePoint(name="us-0001", transport="local", tags=tags)

    assert [key for key in labels_of(vp) if "/tag." in key] == ["hitscanner/tag.fine"]


def test_the_servers_role_is_taken_off_a_vantage_point():
    vp = VantagePoint(name="us-0001", transport="local")

    assert drift(labels_of(vp), {**labels_of(vp), "myrole": "master"}) == {"myrole": None}
