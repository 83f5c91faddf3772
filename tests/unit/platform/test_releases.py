"""Which releases a site gets, and in which order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hitscanner.domain.platform import Platform
from hitscanner.platform.releases import Release, ReleasesError, choose, only, parse_releases
from tests.support.paths import REPOSITORY

TEXT = (REPOSITORY / "helm" / "releases.toml").read_text()
WHOLE = Platform(
    service_addresses=("192.0.2.2/32",), web_host="airflow.example.net", email="o@example.net"
)


def named(platform: Platform) -> list[str]:
    return [release.name for release in choose(parse_releases(TEXT, "releases.toml"), platform)]


def test_a_whole_site_gets_everything_and_airflow_last():
    assert named(WHOLE) == [
        "metallb",
        "traefik",
        "cert-manager",
        "csi-driver-nfs",
        "hitscanner",
        "postgresql",
        "airflow",
    ]


def test_one_word_changes_ingress_and_database():
    swapped = WHOLE.model_copy(update={"ingress": "ingress-nginx", "database": "mysql"})

    assert set(named(WHOLE)) ^ set(named(swapped)) == {
        "traefik",
        "ingress-nginx",
        "postgresql",
        "mysql",
    }


def test_without_addresses_and_names_there_is_neither_load_balancer_nor_ingress():
    assert named(Platform(storage="local")) == ["hitscanner", "postgresql", "airflow"]


@given(
    st.builds(
        Platform,
        ingress=st.sampled_from(["traefik", "ingress-nginx"]),
        database=st.sampled_from(["postgresql", "mysql"]),
        storage=st.sampled_from(["nfs", "local", "bucket"]),
        web_host=st.sampled_from([None, "a.example.net"]),
        email=st.sampled_from([None, "o@example.net"]),
        service_addresses=st.sampled_from([(), ("192.0.2.2/32",)]),
    )
)
def test_whatever_is_chosen_nothing_comes_before_what_it_needs(platform):
    chosen = choose(parse_releases(TEXT, "releases.toml"), platform)
    place = {release.name: number for number, release in enumerate(chosen)}

    for release in chosen:
        for need in release.needs:
            assert place.get(need, -1) < place[release.name]
    assert {"hitscanner", "airflow"} <= place.keys()
    assert len({"postgresql", "mysql"} & place.keys()) == 1


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ('version = "0.16.1"', 'version = "latest"'),
        ('needs = ["metallb"]', 'needs = ["metalb"]'),
        ('when = { storage = "nfs" }', 'when = { stroage = "nfs" }'),
        ('secrets = ["airflow"]', 'secrets = ["all"]'),
        ('repository = "https://airflow', 'repository = "http://airflow'),
    ],
)
def test_a_mistake_in_the_file_is_named_with_its_release(changed, said):
    assert changed in TEXT

    with pytest.raises(ReleasesError, match=r"releases.toml: release \S+: |release \S+ needs"):
        parse_releases(TEXT.replace(changed, said), "releases.toml")


def test_a_release_that_the_site_does_not_have_cannot_be_named():
    with pytest.raises(ReleasesError, match='no release "mysql"'):
        only(choose(parse_releases(TEXT, "x"), WHOLE), ["mysql"])


def test_releases_that_need_each_other_are_refused():
    a, b = (
        Release(name=name, namespace="x", chart="x", needs=(need,)) for name, need in ("ab", "ba")
    )

    with pytest.raises(ReleasesError, match="need each other: a, b"):
        choose([a, b], Platform())
