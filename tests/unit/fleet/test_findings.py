"""Each thing that can be wrong with a host is found, alone, and a healthy host has no finding."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from hitscanner.fleet.findings import Seen, findings, of_cluster
from hitscanner.infra.kube import Node
from hitscanner.provision.facts import Facts
from hitscanner.provision.model import Change, HostPlan, Refusal, Run

NOW = datetime(2026, 11, 23, tzinfo=UTC)
LABELS = {"hitscanner/role": "vantage-point"}
FACTS = Facts(host="us-0001", is_clock_synchronised=True, disk_free_mb=9000, server_port="open")
NODE = Node("us-0001", is_ready=True, why="", version="v1.36.3+k3s1", labels=LABELS)
HEALTHY = Seen(
    "us-0001", FACTS, HostPlan("us-0001"), NODE, LABELS, "v1.36.3+k3s1",
    {"/var/lib/rancher/k3s/agent/client-kubelet.crt": NOW + timedelta(days=300)},
)  # fmt: skip
DRIFTED = HostPlan("us-0001", changes=(Change("limits", "write the log limit", Run("true")),))
REFUSED = HostPlan("us-0001", refusals=(Refusal("not-systemd", "PID 1 is sh", "boot systemd"),))


def facts(**changes):
    return FACTS.model_copy(update=changes)


CASES = {
    "drift": replace(HEALTHY, plan=DRIFTED),
    "not-systemd": replace(HEALTHY, plan=REFUSED),
    "not-joined": replace(HEALTHY, node=None),
    "not-ready": replace(HEALTHY, node=replace(NODE, is_ready=False, why="kubelet is silent")),
    "cordoned": replace(HEALTHY, node=replace(NODE, is_cordoned=True)),
    "wrong-version": replace(HEALTHY, node=replace(NODE, version="v1.35.0+k3s1")),
    "label-drift": replace(HEALTHY, node=replace(NODE, labels={"myrole": "master"})),
    "tunnel-stuck": replace(HEALTHY, tunnel="502"),
    "clock-skew": replace(HEALTHY, facts=facts(clock_offset_s=-301)),
    "disk-low": replace(HEALTHY, facts=facts(disk_free_mb=100)),
    "no-raw-sockets": replace(HEALTHY, facts=facts(can_raw_socket=False)),
    "api-port-blocked": replace(HEALTHY, facts=facts(server_port="blocked")),
    "certificate-ending": replace(HEALTHY, certificates={"/x/a.crt": NOW + timedelta(days=29)}),
}


def test_a_healthy_host_has_no_finding():
    assert findings(HEALTHY, NOW) == []


@pytest.mark.parametrize("cause", CASES)
def test_one_fault_is_one_finding_with_a_remedy(cause):
    [finding] = findings(CASES[cause], NOW)

    assert finding.cause == cause
    assert finding.says
    assert finding.remedy


def test_what_the_plan_refuses_is_not_said_twice():
    refused = HostPlan("us-0001", refusals=(Refusal("clock-skew", "301 s ahead", "set it"),))
    seen = replace(HEALTHY, plan=refused, facts=facts(clock_offset_s=301))

    assert [finding.says for finding in findings(seen, NOW)] == ["301 s ahead"]


def test_a_cluster_with_known_nodes_and_no_long_token_has_no_finding():
    assert of_cluster(["us-0001", "centre"], ["us-0001"], []) == []
