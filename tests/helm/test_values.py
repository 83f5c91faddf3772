"""The values of every release against the charts they are for, and each known trap."""

import re
import sysconfig
import tomllib
from pathlib import Path
from typing import Any, ClassVar

import pytest
import yaml

from hitscanner.domain.platform import Platform
from hitscanner.platform.site import Site, site_values
from tests.helm.rendering import one, render, values_of
from tests.helm.upstream import complaints, defaults, merged, unknown_paths
from tests.support.paths import REPOSITORY

RELEASES: dict[str, dict[str, Any]] = {
    release["name"]: release
    for release in tomllib.loads((REPOSITORY / "helm" / "releases.toml").read_text())["release"]
}
FOREIGN = [name for name, release in RELEASES.items() if "repository" in release]
OURS = [name for name in RELEASES if name not in FOREIGN]


def values(name: str) -> dict[str, Any]:
    """Give the values of a release as its files say; a site's are not among them."""
    (file,) = RELEASES[name]["values"]
    return values_of(REPOSITORY / file)


@pytest.fixture(scope="module")
def airflow() -> dict[str, Any]:
    return values("airflow")


@pytest.mark.parametrize("name", FOREIGN)
def test_the_upstream_schema_accepts_the_values(name):
    assert complaints(RELEASES[name]["chart"], values(name)) == []


@pytest.mark.parametrize("name", FOREIGN)
def test_every_key_is_one_that_the_upstream_chart_has(name):
    assert unknown_paths(RELEASES[name]["chart"], values(name)) == []


@pytest.mark.parametrize(
    ("chart", "wrong"),
    [
        pytest.param("airflow", {"schedular": {}}, id="a misspelt component"),
        pytest.param("airflow", {"fernetKeySecret": "x"}, id="a misspelt Secret"),
        pytest.param("airflow", {"ingress": {"apiserver": {"enabled": True}}}, id="wrong case"),
        pytest.param("airflow", {"postgresql": {"enable": False}}, id="enable for enabled"),
        pytest.param("metallb", {"frr-k8s": {"enabled": False}}, id="a hyphen too many"),
        pytest.param("metallb", {"nodeSelector": "x"}, id="a selector at the root"),
        pytest.param("metallb", {"speaker": {"nodeselector": "x"}}, id="a selector in lower case"),
        pytest.param("traefik", {"service": {"type": "ClusterIP"}}, id="a type outside spec"),
        pytest.param(
            "traefik", {"service": {"externalTrafficPolicy": "Local"}}, id="a policy outside spec"
        ),
        pytest.param("ingress-nginx", {"controller": {"service": {"typ": "x"}}}, id="no schema"),
        pytest.param("csi-driver-nfs", {"controller": {"replica": 1}}, id="no schema either"),
    ],
)
def test_a_key_that_helm_would_ignore_is_found(chart, wrong):
    assert unknown_paths(chart, wrong) != []


@pytest.mark.parametrize("name", OURS)
def test_our_own_charts_accept_their_releases_values(name):
    assert len(render(RELEASES[name]["chart"].removeprefix("helm/"), values(name))) >= 3


@pytest.mark.parametrize("name", FOREIGN)
def test_the_version_is_exact_and_the_one_whose_values_were_read(name):
    assert re.fullmatch(r"v?\d+\.\d+\.\d+", RELEASES[name]["version"])


def test_the_chart_of_airflow_is_the_same_for_bootstrap_and_here():
    pinned = (REPOSITORY / "versions.env").read_text()

    assert f"AIRFLOW_CHART_VERSION={RELEASES['airflow']['version']}\n" in pinned


def test_every_node_selector_is_made_of_strings():
    """A number or a bare `yes` passes MetalLB's and cert-manager's schemas, and no API server."""

    def selectors(item: Any, key: str = "") -> list[Any]:
        if not isinstance(item, dict):
            return []
        found = [item] if key == "nodeSelector" else []
        return found + [each for name, sub in item.items() for each in selectors(sub, name)]

    found = [each for name in RELEASES for each in selectors(values(name))]

    assert found == [{"myrole": "master"}] * len(found)
    assert len(found) >= 8


def test_nothing_comes_from_bitnami_nor_by_a_moving_tag():
    for name in RELEASES:
        said = yaml.safe_dump(values(name)).lower()
        assert "bitnami" not in said
        assert "latest" not in said


class TestAirflow:
    def test_its_version_is_that_of_the_lock_and_written_as_text(self, airflow):
        pinned = (REPOSITORY / "versions.env").read_text()

        assert f"AIRFLOW_VERSION={airflow['airflowVersion']}\n" in pinned
        assert "defaultAirflowTag" not in airflow
        assert "images" not in airflow or "airflow" not in airflow["images"]

    def test_no_secret_is_made_by_the_chart(self, airflow):
        """What is not named is random at every render (api, jwt) or a known default (metadata)."""
        assert airflow["fernetKeySecretName"] == "hitscanner-fernet"
        assert airflow["apiSecretKeySecretName"] == "hitscanner-api"
        assert airflow["jwtSecretName"] == "hitscanner-jwt"
        assert airflow["data"] == {"metadataSecretName": "hitscanner-metadata"}

    def test_no_secret_stands_in_the_values(self, airflow):
        said = yaml.safe_dump(airflow)

        assert not re.search(r"(fernetKey|apiSecretKey|jwtSecret|password): [^{\n]", said)
        assert "defaultUser" not in airflow["createUserJob"]
        assert '--password "$HITSCANNER_ADMIN_PASSWORD"' in airflow["createUserJob"]["args"][-1]

    def test_no_pod_sees_the_metadata_database_as_a_connection(self, airflow):
        assert airflow["enableBuiltInSecretEnvVars"]["AIRFLOW_CONN_AIRFLOW_DB"] is False

    def test_no_claim_of_100_gi_and_no_stateful_set_comes_of_the_defaults(self, airflow):
        """The scheduler (LocalExecutor) and the triggerer make claim templates unless told not."""
        assert airflow["workers"]["celery"]["persistence"]["enabled"] is False
        assert airflow["triggerer"]["persistence"]["enabled"] is False
        assert airflow["logs"]["persistence"]["existingClaim"] == "hitscanner-logs"
        assert airflow["dags"]["persistence"]["existingClaim"] == "hitscanner-dags"

    def test_the_claims_that_it_mounts_are_those_that_our_chart_makes(self, airflow):
        made = {
            m["metadata"]["name"]
            for m in render("hitscanner")
            if m["kind"] == "PersistentVolumeClaim" and m["metadata"]["namespace"] == "airflow"
        }
        mounted = {v["persistentVolumeClaim"]["claimName"] for v in airflow["volumes"][:1]}
        mounted |= {airflow[kind]["persistence"]["existingClaim"] for kind in ("logs", "dags")}

        assert made == mounted

    def test_migration_and_first_user_are_no_hooks(self, airflow):
        """With hooks, `helm --wait` waits for pods that wait for the hook: a deadlock."""
        assert airflow["migrateDatabaseJob"]["useHelmHooks"] is False
        assert airflow["createUserJob"]["useHelmHooks"] is False

    def test_jobs_that_cannot_be_changed_are_deleted_before_an_upgrade(self, airflow):
        assert RELEASES["airflow"]["replaces"] == [
            "Job/airflow-run-airflow-migrations",
            "Job/airflow-create-user",
        ]
        assert airflow["migrateDatabaseJob"]["ttlSecondsAfterFinished"] <= 60

    def test_what_is_not_used_is_off(self, airflow):
        off = ("postgresql", "redis", "statsd", "flower", "pgbouncer")

        assert [airflow[name]["enabled"] for name in off] == [False] * 5

    def test_seventy_tasks_at_once(self, airflow):
        assert {
            key: airflow["config"]["core"][key]
            for key in ("parallelism", "max_active_tasks_per_dag", "max_active_runs_per_dag")
        } == {
            "parallelism": 70,
            "max_active_tasks_per_dag": 70,
            "max_active_runs_per_dag": 70,
        }

    def test_no_number_is_large_enough_to_be_written_as_a_power_of_ten(self, airflow):
        def numbers(item: Any) -> list[int]:
            nested = (
                item.values() if isinstance(item, dict) else item if isinstance(item, list) else ()
            )
            return [item] if type(item) is int else [n for sub in nested for n in numbers(sub)]

        assert max(numbers(airflow["config"])) < 1_000_000

    def test_every_option_is_one_that_airflow_has(self, airflow):
        """The chart writes whatever stands there; only Airflow's own list knows better."""
        folder = Path(sysconfig.get_path("purelib"), "airflow")
        known = yaml.safe_load((folder / "config_templates" / "config.yml").read_text())
        provider = folder / "providers" / "cncf" / "kubernetes" / "get_provider_info.py"
        of_pods = re.findall(r'"([a-z_]+)": {', provider.read_text())
        known["kubernetes_executor"] = {"options": of_pods}
        unknown = [
            f"{section}.{option}"
            for section, options in airflow["config"].items()
            for option in options
            if option not in known.get(section, {}).get("options", {})
        ]

        assert unknown == []

    def test_the_executor_is_one_string_without_a_space_after_the_comma(self, airflow):
        pattern = re.compile(r"[A-Za-z]+Executor(,[A-Za-z]+Executor)*")

        assert pattern.fullmatch(airflow["executor"])

    def test_a_service_account_with_rights_is_one_that_the_chart_makes(self, airflow):
        """LocalExecutor's tasks have the scheduler's account, KubernetesExecutor's the worker's."""
        binding = one(render("hitscanner"), "RoleBinding", "hitscanner-scans")

        assert {subject["name"] for subject in binding["subjects"]} == {
            "airflow-scheduler",
            "airflow-worker",
        }
        assert {subject["namespace"] for subject in binding["subjects"]} == {"airflow"}
        assert RELEASES["airflow"]["name"] == RELEASES["airflow"]["namespace"] == "airflow"

    def test_the_web_server_has_five_minutes_to_start(self, airflow):
        for name in ("scheduler", "apiServer"):
            probe = airflow[name]["startupProbe"]
            assert probe["failureThreshold"] * probe["periodSeconds"] >= 300

    def test_what_the_chart_would_do_otherwise_is_as_we_say(self):
        """If upstream mends a default, a comment of ours is no longer true."""
        upstream = defaults("airflow")

        assert upstream["triggerer"]["persistence"]["size"] == "100Gi"
        assert upstream["logs"]["persistence"]["size"] == "100Gi"
        assert upstream["migrateDatabaseJob"]["useHelmHooks"] is True
        assert upstream["createUserJob"]["defaultUser"]["password"] == "admin"
        assert upstream["postgresql"]["enabled"] is True


class TestOthers:
    def test_metallb_speaks_no_bgp_and_stands_on_the_server(self):
        metallb = values("metallb")

        assert metallb["frrk8s"] == {"enabled": False}
        assert metallb["controller"].keys() == metallb["speaker"].keys() == {"nodeSelector"}

    def test_cert_manager_installs_its_types(self):
        assert values("cert-manager")["crds"] == {"enabled": True}
        assert "installCRDs" not in values("cert-manager")

    def test_the_storage_class_is_whole_and_its_parameters_are_strings(self):
        found = values("csi-driver-nfs")["storageClass"]

        assert found["name"] == "nfs-client"
        assert found["reclaimPolicy"] == "Retain"
        assert found["volumeBindingMode"] == "Immediate"
        assert all(isinstance(value, str) for value in found["parameters"].values())
        assert found["parameters"]["onDelete"] == "retain"
        assert found["parameters"]["mountPermissions"].startswith("0")

    def test_the_client_address_is_kept_by_both_ingress_controllers(self):
        assert values("traefik")["service"]["spec"]["externalTrafficPolicy"] == "Local"
        nginx = values("ingress-nginx")["controller"]
        assert nginx["service"]["externalTrafficPolicy"] == "Local"
        assert nginx["admissionWebhooks"]["patch"]["nodeSelector"] == nginx["nodeSelector"]

    @pytest.mark.parametrize("name", ["traefik", "ingress-nginx"])
    def test_an_ingress_asks_for_the_pool_that_our_chart_makes(self, name):
        found = values(name)
        service = found.get("controller", found)["service"]
        pool = render("hitscanner")
        names = [m["metadata"]["name"] for m in pool if m["kind"] == "IPAddressPool"]

        assert [service["annotations"]["metallb.io/address-pool"]] == names


class TestDatabase:
    @pytest.mark.parametrize(("name", "port"), [("postgresql", 5432), ("mysql", 3306)])
    def test_it_answers_where_airflow_looks_and_keeps_its_volume(self, name, port):
        manifests = render("database", values(name), namespace="airflow")
        service = one(manifests, "Service", "hitscanner-database")
        spec = one(manifests, "StatefulSet", "hitscanner-database")["spec"]

        assert service["spec"]["ports"][0]["port"] == port
        assert spec["persistentVolumeClaimRetentionPolicy"] == {
            "whenDeleted": "Retain",
            "whenScaled": "Retain",
        }
        assert spec["volumeClaimTemplates"][0]["spec"]["storageClassName"] == "local-path"

    @pytest.mark.parametrize("name", ["postgresql", "mysql"])
    def test_the_password_is_a_file_and_in_no_environment(self, name):
        manifests = render("database", values(name), namespace="airflow")
        (container,) = one(manifests, "StatefulSet", "hitscanner-database")["spec"]["template"][
            "spec"
        ]["containers"]
        given = {item["name"]: item["value"] for item in container["env"]}

        assert given[f"{'POSTGRES' if name == 'postgresql' else 'MYSQL'}_PASSWORD_FILE"] == (
            "/secret/password"
        )
        assert not {"POSTGRES_PASSWORD", "MYSQL_PASSWORD", "MYSQL_ROOT_PASSWORD"} & given.keys()

    def test_a_digest_takes_the_place_of_the_tag(self):
        image = {"digest": "sha256:" + "a" * 64}
        stateful = one(render("database", {"image": image}), "StatefulSet", "hitscanner-database")[
            "spec"
        ]["template"]["spec"]

        assert stateful["containers"][0]["image"] == "docker.io/library/postgres@" + image["digest"]

    def test_bitnami_is_refused(self):
        from helm_python import HelmError

        with pytest.raises(HelmError, match="repository"):
            render("database", {"image": {"repository": "docker.io/bitnami/mysql"}})


class TestSites:
    """What the inventory adds, with the charts that it is for."""

    SITES: ClassVar = [
        Platform(),
        Platform(storage="local", database="mysql", executor="LocalExecutor,KubernetesExecutor"),
        Platform(
            web_host="a.example.net",
            email="o@example.net",
            service_addresses=("192.0.2.2/32", "198.51.100.1-198.51.100.9"),
            ingress="ingress-nginx",
            certificates="production",
        ),
    ]
    IMAGES: ClassVar = {
        name: f"registry.example.net:5000/hitscanner/{name}@sha256:{'0a' * 32}"
        for name in ("scanner", "airflow")
    }

    @pytest.mark.parametrize("platform", SITES, ids=["least", "local", "whole"])
    @pytest.mark.parametrize("name", RELEASES)
    def test_the_whole_of_the_values_is_what_the_chart_knows(self, name, platform):
        added = site_values(name, Site(platform, "192.0.2.1", self.IMAGES))
        whole = merged(values(name), added)

        if name in OURS:
            assert render(RELEASES[name]["chart"].removeprefix("helm/"), whole)
        else:
            assert complaints(RELEASES[name]["chart"], whole) == []
            assert unknown_paths(RELEASES[name]["chart"], whole) == []
