"""Releases are installed in order, once, and a failure leaves the rest waiting."""

import hashlib
from base64 import b64decode
from dataclasses import replace
from pathlib import Path

import pytest

from hitscanner.domain.platform import Platform
from hitscanner.errors import UnfinishedError, UsageError
from hitscanner.infra.helm import Live
from hitscanner.platform import installer as module
from hitscanner.platform import ready
from hitscanner.platform.images import read_images, record_images
from hitscanner.platform.installer import Charts, Installer, raise_failed
from hitscanner.platform.releases import choose, parse_releases
from hitscanner.platform.secrets import wanted_secrets
from hitscanner.platform.site import Site, site_values
from tests.support.paths import REPOSITORY
from tests.unit.platform.fakes import FakeApi, FakeHelm

RELEASES = parse_releases((REPOSITORY / "helm" / "releases.toml").read_text(), "releases.toml")
IMAGES = {
    name: f"registry.example.net/hitscanner/{name}@sha256:{'ab' * 32}"
    for name in ("scanner", "airflow")
}


@pytest.fixture
def site() -> Site:
    return Site(Platform(storage="local"), "192.0.2.1", IMAGES)


@pytest.fixture
def made(tmp_path, site) -> Installer:
    api = FakeApi()
    chosen = choose(RELEASES, site.platform)
    helm = FakeHelm(api, workloads={release.name: release.ready for release in chosen})

    def pull(repository: str, chart: str, version: str, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        (folder / f"{chart}-{version}.tgz").write_bytes(b"chart")

    charts = Charts(REPOSITORY, tmp_path / "bundle", tmp_path / "charts", pull)
    return Installer(chosen, site, charts, helm, api, tmp_path / "lock")


def quietly(installer: Installer, names: tuple[str, ...] = ()) -> list[dict]:
    return installer.apply(names, say=lambda _: None)


def test_everything_is_installed_in_order_and_a_second_run_changes_nothing(made):
    first = quietly(made)
    done, secrets = list(made.helm.done), dict(made.api.secrets)
    made.helm.done.clear()
    writes = made.api.writes
    second = quietly(made)

    assert [row["state"] for row in first] == ["changed"] * 3
    assert done == ["install hitscanner", "install postgresql", "install airflow"]
    assert [row["state"] for row in second] == ["unchanged"] * 3
    assert made.helm.done == []
    assert made.api.writes == writes
    assert made.api.secrets == secrets


def test_a_plan_says_what_would_be_made_and_touches_nothing(made):
    plans = made.plan()

    assert [plan.state for plan in plans] == ["install"] * 3
    assert plans[-1].secrets == (
        "hitscanner-database",
        "hitscanner-metadata",
        "hitscanner-fernet",
        "hitscanner-api",
        "hitscanner-jwt",
        "hitscanner-admin",
    )
    assert "  create Secret hitscanner-jwt (secret)" in plans[-1].describe()
    assert (made.helm.done, made.api.writes) == ([], 0)


def test_a_failure_ends_the_run_and_the_next_one_goes_on_from_there(made):
    made.helm.fails.add("postgresql")
    rows = quietly(made)
    made.helm.fails.clear()
    made.helm.done.clear()
    again = quietly(made)

    assert [row["state"] for row in rows] == ["changed", "failed", "waits"]
    with pytest.raises(
        UnfinishedError, match=r"postgresql: helm upgrade: .* \(after it: airflow\)"
    ):
        raise_failed(rows)
    assert [row["state"] for row in again] == ["unchanged", "changed", "changed"]
    assert made.helm.done == ["install postgresql", "install airflow"]


@pytest.mark.parametrize(
    "status", ["pending-install", "pending-upgrade", "pending-rollback", "uninstalling"]
)
def test_what_a_killed_helm_left_is_mended_before_it_is_installed(made, status):
    quietly(made)
    made.helm.installed["airflow"] = Live(status, "airflow-1.22.0", "")
    made.helm.done.clear()

    rows = quietly(made)

    assert [row["state"] for row in rows] == ["unchanged", "unchanged", "changed"]
    assert made.helm.done == [f"mend airflow {status}", "install airflow"]


def test_interrupted_after_the_secrets_the_same_secrets_are_used(made):
    made.helm.fails.add("postgresql")
    quietly(made)
    password = dict(made.api.secrets)["hitscanner-database"]
    made.helm.fails.clear()
    quietly(made)

    assert made.api.secrets["hitscanner-database"] == password
    url = b64decode(made.api.secrets["hitscanner-metadata"]["data"]["connection"]).decode()
    secret = b64decode(password["data"]["password"]).decode()
    assert url == (
        f"postgresql+psycopg2://airflow:{secret}@hitscanner-database.airflow.svc:5432/airflow"
    )


def test_another_database_renews_the_address_that_follows_from_it_and_nothing_else(made):
    quietly(made)
    before = {name: dict(item["data"]) for name, item in made.api.secrets.items()}
    site = replace(made.site, platform=Platform(storage="local", database="mysql"))
    moved = replace(made, site=site, releases=choose(RELEASES, site.platform))
    made.helm.workloads = {release.name: release.ready for release in moved.releases}
    quietly(moved)

    changed = {name for name, data in before.items() if data != made.api.secrets[name]["data"]}
    assert changed == {"hitscanner-metadata"}
    url = b64decode(made.api.secrets["hitscanner-metadata"]["data"]["connection"]).decode()
    assert url.startswith("mysql+mysqldb://airflow:")


def test_an_operators_own_database_address_is_kept(made):
    made.api.secrets["hitscanner-metadata"] = {
        "metadata": {"name": "hitscanner-metadata"},
        "data": {"connection": "cG9zdGdyZXNxbDovL2Vsc2V3aGVyZQ=="},
    }
    quietly(made)

    assert made.api.secrets["hitscanner-metadata"]["data"] == {
        "connection": "cG9zdGdyZXNxbDovL2Vsc2V3aGVyZQ=="
    }


def test_jobs_that_cannot_change_are_deleted_before_airflow_is_installed(made):
    quietly(made)

    assert made.api.deleted == ["airflow-run-airflow-migrations", "airflow-create-user"]


def test_no_secret_is_in_what_is_said_or_returned(made):
    said: list[str] = []
    rows = made.apply((), say=said.append)
    text = "\n".join([*said, str(rows), str([plan.to_json() for plan in made.plan()])])

    for secret in made.api.secrets.values():
        for value in secret["data"].values():
            assert value not in text
            assert b64decode(value).decode() not in text


def test_two_runs_at_once_do_not_meet(made):
    with module._alone(made.lock), pytest.raises(UsageError, match="another run is installing"):
        quietly(made)


def test_a_chart_of_the_bundle_goes_before_a_download_and_a_wrong_one_is_refused(made, tmp_path):
    nfs = next(release for release in RELEASES if release.name == "csi-driver-nfs")
    content = b"not that chart"
    made.charts.bundle.mkdir()
    (made.charts.bundle / "csi-driver-nfs-4.13.4.tgz").write_bytes(content)

    with pytest.raises(UsageError, match=hashlib.sha256(content).hexdigest()):
        made.charts.find(nfs)
    known = nfs.model_copy(update={"digest": hashlib.sha256(content).hexdigest()})
    assert made.charts.find(known) == made.charts.bundle / "csi-driver-nfs-4.13.4.tgz"
    airflow = RELEASES[-1]
    assert made.charts.find(airflow) == tmp_path / "charts" / "airflow-1.22.0.tgz"


def test_a_workload_that_never_comes_is_named_with_what_its_pods_say():
    def api(method, path, body=None, *, query=None, timeout_s=15.0):
        if path.endswith("/pods"):
            waiting = {"waiting": {"reason": "ErrImagePull", "message": "not found"}}
            status = {"containerStatuses": [{"name": "c", "state": waiting}]}
            return {"items": [{"metadata": {"name": "p"}, "status": status}]}
        return {"metadata": {"generation": 1}, "spec": {}, "status": {"observedGeneration": 1}}

    with pytest.raises(
        UnfinishedError, match=r"Deployment/x: 0 of 1 available; pod p: c ErrImagePull not found"
    ):
        ready.wait_ready(api, "a", ("Deployment/x",), timeout_s=0, sleep=lambda _: None)


def test_the_ssh_key_of_the_hosts_is_one_of_airflows_secrets_where_there_is_one(tmp_path):
    key = tmp_path / "id_ed25519"
    key.write_text("key")
    names = [secret.name for secret in wanted_secrets("airflow", "mysql", key)]

    assert names[-1] == "hitscanner-ssh"


class TestSite:
    def test_an_image_that_was_never_pushed_is_asked_for(self):
        with pytest.raises(UsageError, match="no airflow image is recorded by digest"):
            site_values("airflow", Site(Platform(), "192.0.2.1"))

    def test_the_name_of_the_pages_makes_the_ingress_with_its_certificate(self):
        platform = Platform(
            web_host="a.example.net", email="o@example.net", ingress="ingress-nginx"
        )
        values = site_values("airflow", Site(platform, "192.0.2.1", IMAGES))

        ingress = values["ingress"]["apiServer"]
        assert ingress["ingressClassName"] == "nginx"
        assert ingress["annotations"] == {"cert-manager.io/cluster-issuer": "letsencrypt-staging"}
        assert ingress["hosts"][0]["name"] == "a.example.net"
        assert values["config"]["api"]["base_url"] == "https://a.example.net"
        assert values["defaultAirflowDigest"] == "sha256:" + "ab" * 32

    def test_the_fence_and_the_reaper_go_by_the_pushed_scanner(self):
        values = site_values("hitscanner", Site(Platform(), "192.0.2.1", IMAGES))

        assert values["fence"]["images"] == ["registry.example.net/hitscanner/scanner"]
        assert values["reaper"]["image"] == IMAGES["scanner"]
        assert values["loadBalancer"] == {"enabled": False}

    def test_the_exports_folder_is_the_share_of_the_storage_class(self):
        values = site_values("csi-driver-nfs", Site(Platform(nfs_export="/srv/x"), "192.0.2.1"))

        assert values["storageClass"]["parameters"] == {"server": "192.0.2.1", "share": "/srv/x"}


class TestImages:
    def test_images_are_recorded_one_by_one_and_read_back(self, tmp_path):
        file = tmp_path / "cluster" / "images.json"
        record_images(file, {"scanner": IMAGES["scanner"]})
        record_images(file, {"airflow": IMAGES["airflow"]})

        assert read_images(file) == IMAGES

    def test_an_image_by_tag_is_refused(self, tmp_path):
        with pytest.raises(UsageError, match="images push"):
            record_images(tmp_path / "images.json", {"scanner": "registry.example.net/scanner:1"})
