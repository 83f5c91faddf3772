"""The difference of two manifests."""

import yaml
from hypothesis import given
from hypothesis import strategies as st

from hitscanner.platform.objects import Key, differences, read_manifest

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.text("abc", max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("xyz", min_size=1, max_size=2), inner)
    ),
    max_leaves=8,
)
OBJECTS = st.dictionaries(
    st.sampled_from([Key("Pod", "a", name) for name in "xyz"]),
    st.dictionaries(st.sampled_from(["spec", "data"]), JSON, max_size=2),
)


@given(OBJECTS)
def test_what_is_as_it_should_be_does_not_change(objects):
    assert differences(objects, objects) == ()


@given(OBJECTS, OBJECTS)
def test_every_object_that_differs_is_named_once_and_no_other(live, wanted):
    found = {change.key: change.verb for change in differences(live, wanted)}

    assert found.keys() == {
        key
        for key in {*live, *wanted}
        if (key in live) != (key in wanted) or _plain(live[key]) != _plain(wanted[key])
    }
    assert all((verb == "create") == (key not in live) for key, verb in found.items())
    assert all((verb == "delete") == (key not in wanted) for key, verb in found.items())


def _plain(item):
    """A key with null is a key that is not there, as the API server reads it; True is not 1."""
    if isinstance(item, dict):
        return {key: _plain(value) for key, value in item.items() if _plain(value) is not None}
    return [_plain(value) for value in item] if isinstance(item, list) else (item and repr(item))


def test_a_change_names_the_key_and_a_long_list_is_cut():
    key = Key("Deployment", "airflow", "airflow-scheduler")
    old = {"spec": {"containers": [{"image": "a", "env": list(range(9))}]}}
    new = {"spec": {"containers": [{"image": "b", "env": [n + 1 for n in range(9)]}]}}

    (change,) = differences({key: old}, {key: new})

    assert str(change) == (
        "change Deployment airflow/airflow-scheduler: spec.containers[0].env[0], "
        "spec.containers[0].env[1], spec.containers[0].env[2], spec.containers[0].env[3], "
        "spec.containers[0].env[4], spec.containers[0].env[5] and 4 more"
    )


def test_hooks_are_no_part_of_a_release():
    hook = {"kind": "Job", "metadata": {"name": "check", "annotations": {"helm.sh/hook": "test"}}}
    kept = {"kind": "Job", "metadata": {"name": "kept", "namespace": "b"}}

    found = read_manifest(yaml.safe_dump_all([hook, kept]), "a")

    assert list(found) == [Key("Job", "b", "kept")]
