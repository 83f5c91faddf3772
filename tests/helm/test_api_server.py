"""Our charts, the policy and the installer on a real API server with the real Helm."""

import base64
import gzip
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from hitscanner.domain.platform import Platform
from hitscanner.infra.helm import HelmProgram
from hitscanner.infra.kube import ClusterRefusedError, KubeApi
from hitscanner.platform import secrets
from hitscanner.platform.installer import Charts, Installer
from hitscanner.platform.releases import choose, parse_releases
from hitscanner.platform.site import Site
from hitscanner.settings import Settings, helm_environment
from tests.helm.api_server import api_server
from tests.helm.pods import DIGEST, HOSTILE, IMAGE, PRIVILEGED, Pod, hostile, ours
from tests.helm.programs import helm
from tests.support.paths import REPOSITORY

pytestmark = [pytest.mark.long, pytest.mark.timeout(1800)]  # the programs may have to be built

PATIENCE_S = 120.0
RELEASES = parse_releases((REPOSITORY / "helm" / "releases.toml").read_text(), "releases.toml")
PODS = "/api/v1/namespaces/{namespace}/pods"


@dataclass(frozen=True)
class Cluster:
    api: KubeApi
    helm: HelmProgram
    installer: Installer

    def refusal(self, pod: Pod) -> str:
        """Try a pod as a dry run; give the words of its refusal, none when it is admitted."""
        path = PODS.format(namespace=pod["metadata"]["namespace"])
        try:
            self.api("POST", path, pod, query={"dryRun": "All"})
        except ClusterRefusedError as error:
            return error.what
        return ""

    def may(self, account: str, verb: str, resource: str, namespace: str) -> bool:
        """Ask what a service account of Airflow may do."""
        group, _, name = resource.rpartition("/")
        attributes = {"verb": verb, "group": group, "resource": name, "namespace": namespace}
        user = f"system:serviceaccount:airflow:{account}"
        body = {"spec": {"user": user, "resourceAttributes": attributes}}
        path = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
        kind = {"kind": "SubjectAccessReview", "apiVersion": "authorization.k8s.io/v1"}
        return bool(self.api("POST", path, kind | body)["status"]["allowed"])


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    program = helm()
    folder = tmp_path_factory.mktemp("cluster")
    settings = Settings(folder / "home")
    with api_server(folder) as kubeconfig:
        api = KubeApi(kubeconfig)
        real = HelmProgram(str(program), kubeconfig, helm_environment(settings))
        site = Site(
            Platform(storage="local"),
            "192.0.2.1",
            {
                name: f"registry.example.test/hitscanner/{name}{DIGEST}"
                for name in ("scanner", "airflow")
            },
        )
        charts = Charts(REPOSITORY, folder, folder / "charts", real.pull)
        chosen = choose(RELEASES, site.platform)
        # Nobody acts on objects here, so no workload will ever be ready.
        unwaited = tuple(release.model_copy(update={"ready": ()}) for release in chosen[:2])
        installer = Installer(unwaited, site, charts, real, api, folder / "lock")
        rows = installer.apply((), say=lambda _: None)
        assert [row["state"] for row in rows] == ["changed", "changed"], rows
        until(lambda: Cluster(api, real, installer).refusal(hostile("an image by tag")))
        yield Cluster(api, real, installer)


def until(found: Callable[[], object]) -> None:
    """Wait for a condition, bounded: a new policy is in force when every watcher has seen it."""
    deadline = time.monotonic() + PATIENCE_S
    while not found():
        assert time.monotonic() < deadline
        time.sleep(0.2)


def quietly(installer: Installer) -> list[str]:
    return [row["state"] for row in installer.apply((), say=lambda _: None)]


def test_our_own_pod_is_admitted(cluster):
    assert cluster.refusal(ours()) == ""


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_pod_is_refused_for_its_own_reason(cluster, name):
    words = cluster.refusal(hostile(name))

    assert "ValidatingAdmissionPolicy 'hitscanner-scanner-pods'" in words
    assert f"denied request: {HOSTILE[name][0]}" in words


def test_a_privileged_pod_is_refused(cluster):
    pod = ours()
    PRIVILEGED[1](pod)

    assert "denied request: privileged:" in cluster.refusal(pod)


def test_the_hosts_network_is_refused_elsewhere(cluster):
    words = cluster.refusal(ours("default"))

    assert "ValidatingAdmissionPolicy 'hitscanner-host-network'" in words
    assert cluster.refusal(ours("kube-system")) == ""


def test_a_running_pod_gets_no_debugging_container_and_no_other_image(cluster):
    path = PODS.format(namespace="hitscanner")
    cluster.api("POST", path, ours())
    debug = {"spec": {"ephemeralContainers": [{"name": "debug", "image": IMAGE + DIGEST}]}}
    other = {"spec": {"containers": [{"name": "prober", "image": "docker.example.test/x:1"}]}}

    with pytest.raises(ClusterRefusedError, match="ephemeralContainers: none"):
        cluster.api("PATCH", f"{path}/scan/ephemeralcontainers", debug)
    with pytest.raises(ClusterRefusedError, match="denied request: image:"):
        cluster.api("PATCH", f"{path}/scan", other)
    cluster.api("PATCH", f"{path}/scan", {"metadata": {"labels": {"still": "changeable"}}})
    cluster.api("DELETE", f"{path}/scan", query={"gracePeriodSeconds": "0"})


def test_a_second_run_changes_nothing(cluster):
    before = cluster.api("GET", "/api/v1/namespaces/airflow/secrets")["items"]

    assert quietly(cluster.installer) == ["unchanged", "unchanged"]
    after = cluster.api("GET", "/api/v1/namespaces/airflow/secrets")["items"]
    assert [s["metadata"]["resourceVersion"] for s in before] == [
        s["metadata"]["resourceVersion"] for s in after
    ]


def test_another_scanner_image_is_planned_as_just_that_and_upgraded(cluster):
    images = {**cluster.installer.site.images, "scanner": "mirror.example.test/scanner" + DIGEST}
    moved = replace(cluster.installer, site=replace(cluster.installer.site, images=images))
    plan = moved.plan(["hitscanner"])[0]

    assert {(change.key.kind, change.key.name) for change in plan.changes} == {
        ("ValidatingAdmissionPolicy", "hitscanner-scanner-pods"),
        ("CronJob", "hitscanner-reaper"),
    }
    assert quietly(moved) == ["changed", "unchanged"]
    until(lambda: "denied request: image:" in cluster.refusal(ours()))
    assert quietly(cluster.installer) == ["changed", "unchanged"]
    until(lambda: cluster.refusal(ours()) == "")


@pytest.mark.parametrize("status", ["pending-upgrade", "pending-rollback"])
def test_what_a_killed_helm_left_behind_is_mended(cluster, status):
    leave(cluster.api, "hitscanner-system", "hitscanner", status)

    assert cluster.installer.plan(["hitscanner"])[0].state == "mend"
    assert quietly(cluster.installer) == ["changed", "unchanged"]
    assert quietly(cluster.installer) == ["unchanged", "unchanged"]


def test_secrets_are_made_once_by_the_real_api(cluster):
    wanted = secrets.wanted_secrets("airflow", "postgresql")
    made = secrets.ensure(cluster.api, wanted)

    assert made == [secret.name for secret in wanted if secret.name != "hitscanner-database"]
    assert secrets.ensure(cluster.api, wanted) == []
    assert secrets.missing(cluster.api, wanted) == []


def test_tasks_may_run_scans_and_care_for_hosts_and_nothing_else(cluster):
    for account in ("airflow-scheduler", "airflow-worker"):
        assert cluster.may(account, "create", "batch/jobs", "hitscanner")
        assert cluster.may(account, "get", "pods/log", "hitscanner") is False  # a subresource
        assert cluster.may(account, "patch", "nodes", "")
        assert not cluster.may(account, "create", "batch/jobs", "airflow")
        assert not cluster.may(account, "get", "secrets", "airflow")
        assert not cluster.may(account, "get", "secrets", "hitscanner")
        assert not cluster.may(account, "create", "pods", "kube-system")
    assert not cluster.may("airflow-api-server", "create", "batch/jobs", "hitscanner")


def test_both_databases_are_accepted(cluster):
    site = replace(cluster.installer.site, platform=Platform(storage="local", database="mysql"))
    (mysql,) = (r for r in RELEASES if r.name == "mysql")
    other = mysql.model_copy(update={"namespace": "elsewhere", "ready": (), "secrets": ()})

    rows = replace(cluster.installer, site=site, releases=(other,)).apply((), say=lambda _: None)

    assert [row["state"] for row in rows] == ["changed"]
    found = cluster.api("GET", "/apis/apps/v1/namespaces/elsewhere/statefulsets")["items"]
    assert [item["metadata"]["name"] for item in found] == ["hitscanner-database"]


def test_removed_and_installed_again_data_and_namespaces_are_still_there(cluster):
    claims = "/api/v1/namespaces/airflow/persistentvolumeclaims"
    before = {c["metadata"]["uid"] for c in cluster.api("GET", claims)["items"]}
    cluster.helm.mend("hitscanner", "hitscanner-system", "pending-install")  # uninstalls

    assert cluster.helm.live("hitscanner", "hitscanner-system") is None
    assert {c["metadata"]["uid"] for c in cluster.api("GET", claims)["items"]} == before
    assert len(before) == 3
    until(lambda: cluster.refusal(hostile("an image by tag")) == "")
    assert quietly(cluster.installer) == ["changed", "unchanged"]
    assert {c["metadata"]["uid"] for c in cluster.api("GET", claims)["items"]} == before


def leave(api: KubeApi, namespace: str, release: str, status: str) -> None:
    """Make the newest revision look as a Helm that was killed leaves it (pkg/storage/driver)."""
    path = f"/api/v1/namespaces/{namespace}/secrets"
    query = {"labelSelector": f"owner=helm,name={release}"}
    found = api("GET", path, query=query)["items"]
    newest = max(found, key=lambda item: int(item["metadata"]["labels"]["version"]))
    packed = base64.b64decode(base64.b64decode(newest["data"]["release"]))
    record = json.loads(gzip.decompress(packed))
    record["info"]["status"] = status
    again = base64.b64encode(gzip.compress(json.dumps(record).encode()))
    patch = {
        "data": {"release": base64.b64encode(again).decode()},
        "metadata": {"labels": {"status": status}},
    }
    api("PATCH", f"{path}/{newest['metadata']['name']}", patch)


def test_the_kept_folder_of_helm_is_below_the_home(cluster, tmp_path):
    environment = helm_environment(Settings(tmp_path))

    assert Path(environment["HELM_CACHE_HOME"]).is_relative_to(tmp_path)
    assert "KUBECONFIG" not in environment
