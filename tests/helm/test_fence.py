"""The admission policy, expression by expression, as the API server would evaluate it."""

from copy import deepcopy

import cel
import pytest

from hitscanner.domain.cycle import Shard
from hitscanner.infra.shard_job import job_manifest
from tests.helm.pods import (
    DIGEST,
    HOSTILE,
    IMAGE,
    PRIVILEGED,
    SPOOL,
    Pod,
    hostile,
    ours,
)
from tests.helm.rendering import Manifest, one, render

POLICY = "ValidatingAdmissionPolicy"


@pytest.fixture(scope="module")
def policies() -> list[Manifest]:
    return render("hitscanner")


def refusals(policy: Manifest, pod: Pod) -> list[str]:
    """Evaluate a policy on a pod; give the messages of what it breaks."""
    context = {"object": pod, "variables": {}}
    for variable in policy["spec"].get("variables", []):
        context["variables"][variable["name"]] = cel.evaluate(variable["expression"], context)
    rules = policy["spec"]["validations"]
    verdicts = [(rule["message"], cel.evaluate(rule["expression"], context)) for rule in rules]
    assert all(isinstance(verdict, bool) for _, verdict in verdicts)
    return [message for message, verdict in verdicts if not verdict]


def test_our_own_pod_is_admitted(policies):
    assert refusals(one(policies, POLICY, "hitscanner-scanner-pods"), ours()) == []


def test_the_pod_of_a_shards_job_is_let_in(policies):
    shard = Shard("sample", "20261122T030000Z", "us-0001", "0000")
    job = job_manifest(
        shard,
        namespace="hitscanner",
        image=IMAGE + DIGEST,
        spool=SPOOL,
        folder=f"{SPOOL}/jobs/sample",
        clock_offset_s=0.0,
        deadline_s=600,
    )
    template = job["spec"]["template"]
    metadata = {"name": "scan", "namespace": "hitscanner", **template["metadata"]}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}

    assert refusals(one(policies, POLICY, "hitscanner-scanner-pods"), pod) == []


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_pod_is_refused_for_its_own_reason_and_no_other(policies, name):
    found = refusals(one(policies, POLICY, "hitscanner-scanner-pods"), hostile(name))

    assert [message.startswith(HOSTILE[name][0]) for message in found] == [True]


def test_a_privileged_pod_is_refused_and_told_so(policies):
    pod = ours()
    PRIVILEGED[1](pod)

    found = refusals(one(policies, POLICY, "hitscanner-scanner-pods"), pod)

    assert [message.split(":")[0] for message in found] == [
        "privileged",
        "allowPrivilegeEscalation",
    ]


def test_an_empty_security_context_is_refused_for_all_that_it_lacks(policies):
    pod = ours()
    del pod["spec"]["containers"][0]["securityContext"]

    found = refusals(one(policies, POLICY, "hitscanner-scanner-pods"), pod)

    assert [message.split(":")[0] for message in found] == [
        "capabilities",
        "allowPrivilegeEscalation",
        "readOnlyRootFilesystem",
    ]


def test_a_second_container_is_judged_like_the_first(policies):
    pod = ours()
    second = deepcopy(pod["spec"]["containers"][0])
    second["securityContext"]["capabilities"]["add"] = ["SYS_ADMIN"]
    pod["spec"]["containers"].append(second)

    found = refusals(one(policies, POLICY, "hitscanner-scanner-pods"), pod)

    assert [message.split(":")[0] for message in found] == ["capabilities"]


def test_a_debugging_container_is_refused(policies):
    pod = ours()
    pod["spec"]["ephemeralContainers"] = [{"name": "debug", "image": "x"}]

    found = refusals(one(policies, POLICY, "hitscanner-scanner-pods"), pod)

    assert [message.split(":")[0] for message in found] == ["ephemeralContainers"]


def test_several_repositories_may_be_allowed():
    first, second = "a.example/scanner", "b.example:5000/x/scanner"
    policy = one(
        render("hitscanner", {"fence": {"images": [first, second]}}),
        POLICY,
        "hitscanner-scanner-pods",
    )
    pod = ours()

    verdicts = []
    for image in (first, second, "c.example/scanner", "aXexample/scanner"):
        pod["spec"]["containers"][0]["image"] = image + "@sha256:" + "a" * 64
        verdicts.append(refusals(policy, pod) == [])

    assert verdicts == [True, True, False, False]


def test_the_hosts_network_is_for_the_measurement_namespace_and_the_systems_alone(policies):
    binding = one(policies, "ValidatingAdmissionPolicyBinding", "hitscanner-host-network")
    policy = one(policies, POLICY, "hitscanner-host-network")
    elsewhere = ours("airflow")

    assert binding["spec"]["matchResources"]["namespaceSelector"]["matchExpressions"] == [
        {
            "key": "kubernetes.io/metadata.name",
            "operator": "NotIn",
            "values": ["kube-system", "metallb-system", "hitscanner"],
        }
    ]
    assert len(refusals(policy, elsewhere)) == 1
    elsewhere["spec"]["hostNetwork"] = False
    assert refusals(policy, elsewhere) == []


def test_the_fence_stands_in_the_measurement_namespace_and_fails_closed(policies):
    policy = one(policies, POLICY, "hitscanner-scanner-pods")
    binding = one(policies, "ValidatingAdmissionPolicyBinding", "hitscanner-scanner-pods")

    assert policy["spec"]["failurePolicy"] == "Fail"
    assert policy["spec"]["matchConstraints"]["resourceRules"][0]["resources"] == [
        "pods",
        "pods/ephemeralcontainers",
    ]
    assert binding["spec"]["validationActions"] == ["Deny"]
    assert binding["spec"]["matchResources"]["namespaceSelector"]["matchLabels"] == {
        "kubernetes.io/metadata.name": "hitscanner"
    }
