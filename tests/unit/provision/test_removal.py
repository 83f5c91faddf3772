"""What goes when a host leaves, and what stays."""

from dataclasses import replace

from hitscanner.provision.facts import ClusterFacts, NodeFact
from hitscanner.provision.model import Change, Run
from hitscanner.provision.plan import plan_host
from hitscanner.provision.removal import plan_removal
from tests.unit.provision.hosts import after, bare, desired


def script(change: Change) -> str:
    assert isinstance(change.action, Run)
    return change.action.script


def test_a_joined_host_is_drained_forgotten_and_uninstalled_in_this_order() -> None:
    wanted = desired()
    node = NodeFact(name="us-0001", is_ready=True)
    known = replace(wanted, cluster=ClusterFacts(is_up=True, nodes=(node,)))

    changes = plan_removal(known, after(wanted, bare())).changes

    assert [change.says for change in changes] == [
        "drain us-0001",
        "delete the node us-0001",
        "delete its node password",
        "uninstall k3s",
        "remove our settings",
    ]
    assert [isinstance(c.action, Run) and c.action.is_on_server for c in changes] == [
        *(True, True, True),
        *(False, False),
    ]


def test_a_node_that_is_not_ready_is_not_waited_for() -> None:
    node = NodeFact(name="us-0001", is_ready=False)

    changes = plan_removal(desired(cluster={"is_up": True, "nodes": [vars(node)]}), None).changes

    assert next(change.says for change in changes) == "cordon us-0001"


def test_a_password_without_a_node_is_forgotten_too() -> None:
    wanted = desired(cluster={"is_up": True, "node_passwords": ["us-0001"]})

    assert [c.says for c in plan_removal(wanted, bare()).changes] == ["delete its node password"]


def test_rules_of_ours_are_taken_out_of_ufw_and_no_others() -> None:
    facts = bare(ufw="active", ufw_rules=["ufw allow 22/tcp"])
    allowed = list(plan_host(desired(), facts, only="firewall").changes)
    rules = tuple(script(allowed[0]).splitlines()[1:])
    facts = facts.model_copy(update={"ufw_rules": (*facts.ufw_rules, *rules)})

    [change] = plan_removal(desired(), facts).changes

    assert script(change).splitlines()[1:] == [
        rule.replace("ufw allow", "ufw delete allow") for rule in rules
    ]


def test_results_and_the_node_password_stay() -> None:
    changes = plan_removal(desired(), after(desired(), bare())).changes

    removed = " ".join(
        line
        for change in changes
        for line in script(change).splitlines()
        if "rm " in line and not line.startswith("#")
    )
    assert "/etc/rancher/node" not in removed
    assert "/var/lib/hitscanner/applied.json" in removed
    assert "/var/lib/hitscanner " not in f"{removed} "
