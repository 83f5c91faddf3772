"""Facts and wishes → refusals, warnings, changes and commands; data in cases/*.json."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hitscanner.errors import UsageError
from hitscanner.provision.desired import Desired
from hitscanner.provision.facts import ClusterFacts, Facts, NodeFact
from hitscanner.provision.model import HostPlan, Put, Start
from hitscanner.provision.plan import PHASES, plan_host
from tests.unit.provision.hosts import BUNDLE, after, bare, desired, made

CASES = sorted((Path(__file__).parent / "cases").glob("*.json"))


def load(path: Path) -> tuple[dict[str, Any], HostPlan]:
    case = json.loads(path.read_text())
    wanted = desired(case.get("role", "agent"), **case.get("desired", {}))
    return case, plan_host(wanted, bare(**case.get("facts", {})), case["only"])


@pytest.mark.parametrize("path", CASES, ids=[path.stem for path in CASES])
def test_facts_give_the_exact_difference(path: Path) -> None:
    case, plan = load(path)

    assert case.get("refusals", []) == [refusal.cause for refusal in plan.refusals]
    assert tuple(case.get("warnings", [])) == plan.warnings
    if "changes" in case:
        assert case["changes"] == [f"{change.phase}: {change.says}" for change in plan.changes]
    lines = [line.removeprefix("    ") for c in plan.changes for line in c.describe().splitlines()]
    lines = [line.removeprefix("$ ") for line in lines]
    for command in case.get("commands", []):
        if command.startswith("!"):
            assert not any(command[1:] in line for line in lines)
        else:
            assert command in lines


@pytest.mark.parametrize("path", CASES, ids=[path.stem for path in CASES])
def test_every_refusal_says_what_and_what_to_do(path: Path) -> None:
    _, plan = load(path)

    assert all(refusal.says and refusal.remedy for refusal in plan.refusals)


VARIANTS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("agent", {}, {}),
    ("agent", {"container_runtime": "docker"}, {"disk_mb": 9000}),
    ("agent", {"platform": {"kube_proxy_mode": "ipvs"}}, {"ufw": "active"}),
    ("agent", {"registry": {"name": "r.example.net", "ca": "PEM", "auth": ["u", "p"]}}, {}),
    ("server", {"platform": {"storage": "nfs", "hardening": "cis"}}, {}),
    ("server", {"platform": {"flannel_backend": "vxlan", "storage": "local"}}, {}),
]


def settled(role: str, wish: dict[str, Any], found: dict[str, Any]) -> tuple[Desired, Facts]:
    wanted, facts = desired(role, **wish), bare(**found)
    joined = NodeFact(name=wanted.name, is_ready=True)
    done = after(wanted, facts)
    return replace(wanted, cluster=ClusterFacts(is_up=True, nodes=(joined,))), done


@pytest.mark.parametrize(("role", "wish", "found"), VARIANTS)
def test_a_second_plan_is_empty(role: str, wish: dict[str, Any], found: dict[str, Any]) -> None:
    wanted, facts = settled(role, wish, found)

    assert plan_host(wanted, facts).changes == ()


@pytest.mark.parametrize(("role", "wish", "found"), VARIANTS)
def test_a_plan_that_was_cut_anywhere_is_completed_by_the_next(
    role: str, wish: dict[str, Any], found: dict[str, Any]
) -> None:
    wanted, facts = desired(role, **wish), bare(**found)
    whole = plan_host(wanted, facts).changes
    for done in range(len(whole)):
        cut = facts
        for change in whole[:done]:
            cut = made(wanted, cut, change)
        rest = plan_host(wanted, cut).changes

        assert [c.says for c in whole[done:]] == [c.says for c in rest][-len(whole[done:]) :]


def test_a_changed_setting_restarts_k3s_and_nothing_else() -> None:
    wanted, facts = settled("agent", {}, {})

    changes = plan_host(replace(wanted, kubelet_args=("max-pods=30",)), facts).changes

    assert [change.says for change in changes] == [
        "change /etc/rancher/k3s/config.yaml",
        "restart k3s-agent.service",
    ]


def test_a_changed_label_is_written_and_restarts_nothing() -> None:
    wanted, facts = settled("agent", {}, {})

    changes = plan_host(replace(wanted, labels={"a": "b"}), facts).changes

    assert [change.says for change in changes] == ["change /etc/rancher/k3s/config.yaml"]


def test_a_new_binary_is_copied_and_restarts_k3s() -> None:
    wanted, facts = settled("agent", {}, {})
    newer = replace(BUNDLE.files["k3s-amd64"], sha256="6f" * 32, found_sha256="6f" * 32)
    bundle = replace(BUNDLE, files=BUNDLE.files | {"k3s-amd64": newer})

    changes = plan_host(replace(wanted, bundle=bundle), facts).changes

    assert [change.says for change in changes] == [
        "change /usr/local/bin/k3s",
        "restart k3s-agent.service",
    ]


def test_a_restart_that_was_missed_is_made_up_for() -> None:
    wanted, facts = settled("agent", {}, {})
    missed = facts.model_copy(update={"applied": {}})

    changes = plan_host(wanted, missed, only="k3s").changes

    assert [type(change.action) for change in changes] == [Start]


def test_a_node_that_is_gone_from_the_cluster_joins_anew() -> None:
    wanted, facts = settled("agent", {}, {})

    changes = plan_host(replace(wanted, cluster=ClusterFacts(is_up=True)), facts).changes

    assert [change.says.split()[0] for change in changes] == ["mint", "restart"]


def test_a_broken_file_of_the_bundle_is_refused_by_name() -> None:
    broken = replace(BUNDLE.files["images/scanner.tar"], found_sha256="00" * 32)
    bundle = replace(BUNDLE, files=BUNDLE.files | {"images/scanner.tar": broken})

    plan = plan_host(desired(bundle=bundle), bare())

    assert [refusal.cause for refusal in plan.refusals] == ["wrong-checksum"]
    assert plan.refusals[0].says.startswith("scanner.tar of the bundle")


def test_an_unknown_phase_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(UsageError, match='no phase "kernle"; did you mean kernel'):
        plan_host(desired(), bare(), only="kernle")


def test_the_phases_come_in_their_order() -> None:
    plan = plan_host(desired("server", container_runtime="docker"), bare(disk_mb=9000))

    order = [list(PHASES).index(change.phase) for change in plan.changes]

    assert sorted(order) == order


def test_no_secret_is_in_a_plan_in_any_form() -> None:
    wish = {"registry": {"name": "r.example.net", "ca": "PEM", "auth": ["pull", "canary-f00f"]}}

    plan = plan_host(desired(**wish), bare())

    held = [c.action for c in plan.changes if isinstance(c.action, Put)]
    assert any(b"canary-f00f" in action.content for action in held)
    shown = "\n".join(plan.describe()) + json.dumps(plan.to_json()) + repr(plan)
    assert "canary-f00f" not in shown


def test_forty_hosts_are_planned_each_for_itself() -> None:
    wanted = [replace(desired(), name=f"us-{number:04}") for number in range(40)]

    plans = [plan_host(each, bare(host=each.name)) for each in wanted]

    assert {len(plan.changes) for plan in plans} == {len(plans[0].changes)}
    assert [each.name for each in wanted] == [plan.host for plan in plans]
    for each, plan in zip(wanted, plans, strict=True):
        assert f'+node-name: "{each.name}"' in "\n".join(plan.describe())
