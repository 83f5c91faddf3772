"""Our chart: its objects, its closed schema, and what survives its removal."""

import itertools
import json
import re
from collections.abc import Iterator
from typing import Any

import helm_python
import pytest
import yaml

from tests.helm.rendering import HELM, of_kind, one, render, values_of
from tests.helm.strict import unknown_keys

CHARTS = sorted(path.parent.name for path in HELM.glob("*/Chart.yaml"))

FOREIGN = {"metallb.io", "cert-manager.io"}
"""Their types are not among Kubernetes's own."""


def schemas(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Walk every object of a schema."""
    if schema.get("type") == "object":
        yield path, schema
    for name, item in {**schema.get("properties", {}), **schema.get("definitions", {})}.items():
        yield from schemas(item, f"{path}.{name}")


@pytest.mark.parametrize("chart", CHARTS)
def test_the_schema_is_closed_at_every_level(chart):
    schema = json.loads((HELM / chart / "values.schema.json").read_text())
    open_ones = [
        path
        for path, item in schemas(schema)
        if item.get("additionalProperties", True) is True and item.get("maxProperties") != 0
    ]

    assert open_ones == []


@pytest.mark.parametrize("chart", CHARTS)
def test_every_value_has_a_comment_above_it(chart):
    lines = (HELM / chart / "values.yaml").read_text().splitlines()
    bare = [
        line.strip()
        for before, line in itertools.pairwise(lines)
        if re.match(r"( {2})?[a-zA-Z]+:", line)  # the two upper levels
        and not before.strip().startswith("#")
        and line.strip() not in {"enabled: true", "create: true"}
    ]

    assert bare == []


@pytest.mark.parametrize(
    ("chart", "values", "said"),
    [
        ("hitscanner", {"fense": {}}, "fense"),
        ("hitscanner", {"fence": {"image": "x"}}, "image"),
        ("hitscanner", {"fence": {"capabilities": ["SYS_ADMIN"]}}, "capabilities"),
        ("hitscanner", {"fence": {"spool": "/"}}, "spool"),
        ("hitscanner", {"fence": {"images": ["a.example/x:latest"]}}, "images"),
        ("hitscanner", {"storage": {"claims": {"more": "1Gi"}}}, "more"),
        ("hitscanner", {"loadBalancer": {"nodeSelector": {"myrole": 1}}}, "nodeSelector"),
        ("hitscanner", {"reaper": {"image": "a.example/x:1"}}, "image"),
        ("hitscanner", {"issuers": {"class": "traefik"}}, "class"),
    ],
)
def test_a_value_that_is_not_one_is_refused_by_name(chart, values, said):
    with pytest.raises(helm_python.HelmError, match=said):
        render(chart, values)


@pytest.mark.parametrize("chart", CHARTS)
def test_the_api_knows_every_key_of_every_object(chart):
    manifests = render(chart)
    known = [m for m in manifests if m["apiVersion"].split("/")[0] not in FOREIGN]

    assert {m["kind"]: unknown_keys(m) for m in known} == {m["kind"]: [] for m in known}
    assert len(known) >= 3


def test_the_check_of_keys_finds_a_wrong_one():
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "spec": {"containers": [{"naem": "x"}], "hostPID": "yes"},
    }

    assert unknown_keys(pod) == ["spec.containers[0].naem", "spec.hostPID: 'yes' is not bool"]


def test_a_chart_renders_the_same_bytes_each_time():
    assert render("hitscanner") == render("hitscanner")


def test_what_holds_data_outlives_the_chart():
    kept = {
        (m["kind"], m["metadata"]["name"])
        for m in render("hitscanner")
        if m["metadata"].get("annotations", {}).get("helm.sh/resource-policy") == "keep"
    }

    assert kept == {
        ("Namespace", "hitscanner"),
        ("Namespace", "airflow"),
        ("PersistentVolumeClaim", "hitscanner-data"),
        ("PersistentVolumeClaim", "hitscanner-logs"),
        ("PersistentVolumeClaim", "hitscanner-dags"),
    }


def test_claims_are_shared_bounded_and_of_the_nfs_class():
    claims = of_kind(render("hitscanner"), "PersistentVolumeClaim")

    assert {
        c["metadata"]["name"]: c["spec"]["resources"]["requests"]["storage"] for c in claims
    } == {
        "hitscanner-data": "200Gi",
        "hitscanner-logs": "10Gi",
        "hitscanner-dags": "1Gi",
    }
    assert {tuple(c["spec"]["accessModes"]) for c in claims} == {("ReadWriteMany",)}
    assert {c["spec"]["storageClassName"] for c in claims} == {"nfs-client"}


def test_task_pods_may_run_scans_and_care_for_hosts_and_nothing_else():
    manifests = render("hitscanner")
    rules = {
        m["metadata"]["name"]: {
            resource: set(rule["verbs"]) for rule in m["rules"] for resource in rule["resources"]
        }
        for m in of_kind(manifests, "Role") + of_kind(manifests, "ClusterRole")
    }

    assert rules["hitscanner-scans"].keys() == {"jobs", "pods", "pods/log", "events"}
    assert rules["hitscanner-hosts"].keys() == {"nodes", "pods", "pods/eviction", "daemonsets"}
    assert rules["hitscanner-hosts"]["pods"] == {"get", "list"}
    assert not [
        verb for rule in rules.values() for verbs in rule.values() for verb in verbs if verb == "*"
    ]
    bound = {
        (subject["namespace"], subject["name"])
        for m in of_kind(manifests, "RoleBinding") + of_kind(manifests, "ClusterRoleBinding")
        for subject in m["subjects"]
    }
    assert bound == {
        ("airflow", "airflow-scheduler"),
        ("airflow", "airflow-worker"),
        ("hitscanner-system", "hitscanner-reaper"),
    }


def test_the_pool_is_announced_and_by_the_server_alone():
    manifests = render("hitscanner", {"loadBalancer": {"addresses": ["198.51.100.7/32"]}})

    pool = one(manifests, "IPAddressPool", "hitscanner")
    advertisement = one(manifests, "L2Advertisement", "hitscanner")
    assert pool["spec"] == {"addresses": ["198.51.100.7/32"], "autoAssign": False}
    assert advertisement["spec"] == {
        "ipAddressPools": ["hitscanner"],
        "nodeSelectors": [{"matchLabels": {"myrole": "master"}}],
    }
    assert {pool["metadata"]["namespace"], advertisement["metadata"]["namespace"]} == {
        "metallb-system"
    }


def test_staging_and_production_have_accounts_of_their_own():
    issuers = of_kind(
        render("hitscanner", {"issuers": {"ingressClassName": "nginx"}}), "ClusterIssuer"
    )
    acme = {issuer["metadata"]["name"]: issuer["spec"]["acme"] for issuer in issuers}

    assert acme.keys() == {"letsencrypt-staging", "letsencrypt-production"}
    assert len({item["privateKeySecretRef"]["name"] for item in acme.values()}) == 2
    assert len({item["server"] for item in acme.values()}) == 2
    assert [item["solvers"] for item in acme.values()] == [
        [{"http01": {"ingress": {"ingressClassName": "nginx"}}}]
    ] * 2


def test_nobody_reaches_the_database_but_airflow():
    policies = of_kind(render("hitscanner"), "NetworkPolicy")
    spec = one(policies, "NetworkPolicy", "hitscanner-database")["spec"]

    assert spec["ingress"][0]["from"] == [{"podSelector": {"matchLabels": {"tier": "airflow"}}}]
    assert "egress" not in spec
    assert spec["policyTypes"] == ["Ingress", "Egress"]


def test_each_part_can_be_left_out():
    off = {
        "namespaces": {"create": False},
        "fence": {"enabled": False},
        "rbac": {"create": False},
        "networkPolicies": {"enabled": False},
        "loadBalancer": {"enabled": False},
        "issuers": {"enabled": False},
        "reaper": {"enabled": False},
        "storage": {
            "claims": {"hitscanner-data": None, "hitscanner-logs": None, "hitscanner-dags": None}
        },
    }

    assert render("hitscanner", off) == []


@pytest.mark.parametrize("chart", CHARTS)
def test_no_image_goes_by_a_moving_tag_and_every_container_is_bounded(chart):
    text = yaml.safe_dump_all(render(chart))

    assert ":latest" not in text
    for manifest in render(chart):
        template = (
            manifest.get("spec", {}).get("jobTemplate", manifest).get("spec", {}).get("template")
        )
        for container in (template or {}).get("spec", {}).get("containers", []):
            assert "memory" in container["resources"]["limits"]
            assert container["securityContext"]["allowPrivilegeEscalation"] is False


def test_the_defaults_name_only_hosts_that_lead_nowhere():
    """RFC 2606 and RFC 5737: an example that somebody forgets to change must reach nobody."""
    text = (HELM / "hitscanner" / "values.yaml").read_text()
    hosts = re.findall(r"\b[a-z0-9.-]+\.(?:test|com|org|io|example)\b", text)

    assert set(hosts) <= {"registry.example.test", "example.test", "acme-v02.api.letsencrypt.org",
                          "acme-staging-v02.api.letsencrypt.org"}  # fmt: skip
    assert values_of(HELM / "hitscanner" / "values.yaml")["loadBalancer"]["addresses"] == [
        "192.0.2.2/32"
    ]


def test_the_kubeconfig_of_task_pods_holds_no_secret_and_is_one_that_the_client_reads(tmp_path):
    from kubernetes import client, config

    text = one(render("hitscanner"), "ConfigMap", "hitscanner-kubeconfig")["data"]["kubeconfig"]
    for name in ("token", "ca.crt"):
        (tmp_path / name).write_text("sesame" if name == "token" else "")
    account = "/var/run/secrets/kubernetes.io/serviceaccount"
    file = tmp_path / "kubeconfig"
    file.write_text(text.replace(account, str(tmp_path)))
    found = client.Configuration()
    config.load_kube_config(str(file), client_configuration=found)

    assert "token:" not in text
    assert found.host == "https://kubernetes.default.svc"
    assert set(found.api_key.values()) == {"Bearer sesame"}
