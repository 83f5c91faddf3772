"""The look at a host: recorded answers of real hosts, and one taken here."""

import asyncio
from pathlib import Path

import pytest

from hitscanner.infra.ssh import LocalRemote
from hitscanner.provision.facts import Facts, Listener, UnitFact, gather, parse_cluster
from hitscanner.provision.facts_parse import GatherError, parse_facts
from tests.unit.provision.hosts import bare

RECORDED = sorted((Path(__file__).parent / "recorded").glob("*.txt"))


@pytest.mark.parametrize("path", RECORDED, ids=[path.stem for path in RECORDED])
def test_a_recorded_answer_gives_its_facts(path: Path) -> None:
    facts = parse_facts("us-0001", path.read_text(), 0.25)

    assert Facts.model_validate_json(path.with_suffix(".json").read_text()) == facts


@pytest.mark.parametrize("path", RECORDED, ids=[path.stem for path in RECORDED])
def test_an_answer_that_was_cut_is_no_answer(path: Path) -> None:
    text = path.read_text()

    for share in (0.1, 0.5, 0.9):
        with pytest.raises(GatherError, match="broke off; run it again"):
            parse_facts("us-0001", text[: int(len(text) * share)])


def test_facts_survive_json() -> None:
    assert Facts.model_validate_json(bare().model_dump_json()) == bare()


def test_listening_sockets_and_units_are_told_apart() -> None:
    text = """@@ os
@@ machine
@@ boot
@@ pid1
@@ cgroup
@@ clock
@@ memory
@@ disk
@@ addresses
@@ routes
@@ veth
@@ modules
@@ sysctls
@@ packages
@@ units
Id=chrony.service
ActiveState=active
SubState=running
LoadState=loaded
UnitFileState=enabled

Id=docker.service
ActiveState=inactive
SubState=dead
LoadState=not-found
UnitFileState=
@@ files
@@ texts
@@ listening
tcp LISTEN 0 128 [::]:22 [::]:* users:(("sshd",pid=7,fd=4))
udp UNCONN 0 0 127.0.0.1%lo:323 0.0.0.0:*
@@ ufw
Status: active
ufw allow 22/tcp
@@ nft
12
@@ server
124
@@ k3s
k3s version v1.36.3+k3s1 (abcdef)
node-password
@@ applied
{"k3s-agent.service": "x"}
@@ end
"""

    facts = parse_facts("us-0001", text)

    assert facts.listening == (
        Listener(proto="tcp", address="::", port=22, process="sshd"),
        Listener(proto="udp", address="127.0.0.1", port=323),
    )
    assert facts.units == {
        "chrony.service": UnitFact(
            active="active", sub="running", enabled="enabled", loaded="loaded"
        )
    }
    assert (facts.ufw, facts.ufw_rules, facts.firewall_lines) == (
        "active",
        ("ufw allow 22/tcp",),
        12,
    )
    assert (facts.server_port, facts.k3s_version) == ("blocked", "v1.36.3+k3s1")
    assert (facts.has_node_password, facts.has_client_certificate) == (True, False)
    assert facts.applied == {"k3s-agent.service": "x"}


@pytest.mark.root
def test_a_look_at_this_machine_changes_nothing_and_is_whole() -> None:
    facts = asyncio.run(gather(LocalRemote("here")))

    assert facts.os_id
    assert facts.cpus > 0
    assert facts.memory_mb > 0
    assert abs(facts.clock_offset_s) < 20


def test_nodes_are_read_as_the_server_tells_them() -> None:
    nodes = """{"items": [{"metadata": {"name": "us-0001", "labels": {"a": "b"}},
      "spec": {"unschedulable": true},
      "status": {"conditions": [{"type": "DiskPressure", "status": "False"},
                                {"type": "Ready", "status": "True"}],
                 "nodeInfo": {"kubeletVersion": "v1.36.3+k3s1", "machineID": "abc"}}}]}"""

    node = parse_cluster(nodes, "secret/us-0001.node-password.k3s\nsecret/other").node("us-0001")

    assert node is not None
    assert (node.is_ready, node.is_schedulable, node.version, node.machine_id, node.labels) == (
        True,
        False,
        "v1.36.3+k3s1",
        "abc",
        {"a": "b"},
    )
