"""Many hosts: each row for itself, locks, deadlines, and what is told of a host that vanishes."""

import asyncio
import time
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from hitscanner.domain.inventory import Inventory, Server, VantagePoint
from hitscanner.errors import UsageError
from hitscanner.infra.remote import ConnectionLostError, Done, RemoteError, UnreachableError
from hitscanner.infra.ssh import LocalRemote
from hitscanner.provision import operations, survey
from hitscanner.provision.facts import ClusterFacts, Facts, NodeFact
from hitscanner.provision.locks import LockedError, centre_lock, host_lock
from hitscanner.provision.model import HostPlan, HostResult
from hitscanner.provision.operations import Site, apply_hosts, plan_hosts, remove_hosts
from tests.unit.provision.fakes import FakeRemote, opening
from tests.unit.provision.hosts import bare

KEY = "SHA256:" + "A" * 43
NAMES = ("de-0001", "jp-0001", "us-0001")


def inventory(*names: str) -> Inventory:
    server = Server(name="centre", transport="ssh", address="192.0.2.1", host_key=KEY)
    points = (
        VantagePoint(name=name, address=f"192.0.2.{number}", host_key=KEY)
        for number, name in enumerate(names, start=10)
    )
    return Inventory(server=server, vantage_points=tuple(points))


@pytest.fixture
def facts(monkeypatch: pytest.MonkeyPatch) -> dict[str, Facts]:
    """What each host is found to be; the cluster is up and has no node."""
    found = {
        name: bare(host=name, machine_id=f"id of {name}", addresses=[f"192.0.2.{number}"])
        for number, name in enumerate(NAMES, start=10)
    }
    found["centre"] = bare(host="centre", machine_id="id of centre", addresses=["192.0.2.1"])

    async def gather(remote: Any, *_: Any) -> Facts:
        await remote.run("gather")
        return found[remote.name]

    async def cluster(server: Any) -> ClusterFacts:
        await server.run("gather-cluster")
        return ClusterFacts(is_up=True)

    monkeypatch.setattr(operations, "gather", gather)
    monkeypatch.setattr(survey, "gather", gather)
    monkeypatch.setattr(survey, "gather_cluster", cluster)
    monkeypatch.setattr(operations, "BACK_S", 0.2)
    return found


def site(tmp_path: Path, *remotes: FakeRemote | RemoteError, **more: Any) -> Site:
    names = ("centre", *NAMES)[: len(remotes)]
    (tmp_path / "bundle").mkdir(exist_ok=True)
    (tmp_path / "bundle" / "k3s-amd64").write_bytes(b"k3s")
    (tmp_path / "bundle" / "SHA256SUMS").write_text(f"{sha256(b'k3s').hexdigest()}  k3s-amd64\n")
    return Site(
        inventory(*NAMES),
        opening(*remotes, names=names),
        tmp_path / "bundle",
        tmp_path / "cluster",
        **more,
    )


def fleet() -> list[FakeRemote]:
    return [FakeRemote(name) for name in ("centre", *NAMES)]


def test_a_plan_touches_nothing_and_locks_nothing(tmp_path: Path, facts: Any) -> None:
    remotes = fleet()

    plans = asyncio.run(plan_hosts(site(tmp_path, *remotes), NAMES))

    assert [plan.host for plan in plans] == list(NAMES)
    assert all(isinstance(plan, HostPlan) and plan.changes for plan in plans)
    assert [remote.files for remote in remotes] == [{}] * 4
    assert {script for remote in remotes[1:] for script in remote.scripts} == {"gather"}
    assert not (tmp_path / "cluster").exists()


def test_a_host_that_cannot_be_reached_leaves_the_others_unharmed(
    tmp_path: Path, facts: Any
) -> None:
    remotes: list[Any] = fleet()
    remotes[2] = UnreachableError("jp-0001", "nobody answers", "see")

    rows = asyncio.run(apply_hosts(site(tmp_path, *remotes), NAMES, only="clock"))

    assert [row.state for row in rows] == ["unchanged", "unreachable", "unchanged"]
    assert (rows[1].cause, rows[1].remedy) == ("unreachable", "see")


def test_a_refused_host_is_not_touched(tmp_path: Path, facts: dict[str, Facts]) -> None:
    remotes = fleet()
    facts["us-0001"] = facts["us-0001"].model_copy(update={"clock_offset_s": 300.0})

    [row] = asyncio.run(apply_hosts(site(tmp_path, *remotes), ["us-0001"]))

    assert (row.state, row.cause, row.changed) == ("refused", "clock-skew", ())
    assert remotes[3].files == {}


def test_two_hosts_with_one_machine_id_are_not_both_joined(
    tmp_path: Path, facts: dict[str, Facts]
) -> None:
    facts["us-0001"] = facts["us-0001"].model_copy(update={"machine_id": "id of de-0001"})

    plans = asyncio.run(plan_hosts(site(tmp_path, *fleet()), NAMES))

    causes = [[refusal.cause for refusal in plan.refusals] for plan in plans]  # type: ignore[union-attr]
    assert [c.count("duplicate-machine-id") for c in causes] == [0, 0, 1]


def test_a_node_of_the_cluster_keeps_its_machine_id_before_a_newcomer(
    tmp_path: Path, facts: dict[str, Facts], monkeypatch: pytest.MonkeyPatch
) -> None:
    node = NodeFact(name="us-0001", is_ready=True, machine_id="id of us-0001")
    facts["de-0001"] = facts["de-0001"].model_copy(update={"machine_id": "id of us-0001"})
    facts["us-0001"] = facts["us-0001"].model_copy(update={"has_node_password": True})

    async def cluster(_: Any) -> ClusterFacts:
        return ClusterFacts(is_up=True, nodes=(node,))

    monkeypatch.setattr(survey, "gather_cluster", cluster)

    plans = asyncio.run(plan_hosts(site(tmp_path, *fleet()), ["de-0001", "us-0001"]))

    causes = [[refusal.cause for refusal in plan.refusals] for plan in plans]  # type: ignore[union-attr]
    assert causes == [["duplicate-machine-id"], []]


def test_a_host_that_does_not_end_is_given_up_at_its_deadline(tmp_path: Path, facts: Any) -> None:
    remotes = fleet()
    remotes[1].delay_s = 3600

    rows = asyncio.run(apply_hosts(site(tmp_path, *remotes, deadline_s=5), NAMES, only="clock"))

    assert [row.state for row in rows] == ["timed-out", "unchanged", "unchanged"]
    assert rows[0].cause == "timed-out"


def test_no_more_hosts_are_worked_on_at_once_than_allowed(tmp_path: Path, facts: Any) -> None:
    busy: list[int] = [0, 0]

    class Counting(FakeRemote):
        async def run(self, script: str, **_: Any) -> Done:
            busy[0] += 1
            busy[1] = max(busy)
            await asyncio.sleep(0.01)
            busy[0] -= 1
            return Done(0, "", "")

    remotes = [Counting(name) for name in ("centre", *NAMES)]

    asyncio.run(apply_hosts(site(tmp_path, *remotes, parallel=1), NAMES, only="clock"))

    assert busy[1] == 1


@pytest.mark.parametrize(("boot", "cause"), [("a 2", "rebooted"), ("a 1", "connection-lost")])
def test_a_restart_is_told_from_a_cut(
    tmp_path: Path, facts: dict[str, Facts], boot: str, cause: str
) -> None:
    remotes = fleet()

    def cut() -> Done:
        facts["us-0001"] = facts["us-0001"].model_copy(update={"boot": boot})
        raise ConnectionLostError("us-0001", "cut", "run it again")

    remotes[3].answers = [("modprobe", cut)]

    [row] = asyncio.run(apply_hosts(site(tmp_path, *remotes), ["us-0001"], only="kernel"))

    assert (row.state, row.cause) == ("failed", cause)
    assert row.changed == ("kernel: write /etc/modules-load.d/hitscanner.conf",)


def test_a_server_that_is_lost_in_mid_join_is_named_in_the_row_of_the_agent(
    tmp_path: Path, facts: Any
) -> None:
    remotes = fleet()
    remotes[0].answers = [("token create", ConnectionLostError("centre", "cut", "run it again"))]

    [row] = asyncio.run(apply_hosts(site(tmp_path, *remotes), ["us-0001"], only="k3s"))

    assert (row.host, row.state, row.cause) == ("us-0001", "failed", "connection-lost")
    assert row.detail.startswith("centre: cut")


def test_a_failure_keeps_what_was_done_before_it(tmp_path: Path, facts: Any) -> None:
    remotes = fleet()
    remotes[3].answers = [("sysctl --quiet", Done(1, "", "No space left on device"))]

    [row] = asyncio.run(apply_hosts(site(tmp_path, *remotes), ["us-0001"], only="kernel"))

    assert (row.state, row.cause, len(row.changed)) == ("failed", "disk-full", 3)


def test_without_the_server_no_agent_is_touched(tmp_path: Path, facts: Any) -> None:
    remotes: list[Any] = fleet()
    remotes[0] = UnreachableError("centre", "nobody answers", "see")

    rows = asyncio.run(apply_hosts(site(tmp_path, *remotes), NAMES))

    assert {(row.state, row.cause) for row in rows} == {("refused", "server-down")}
    assert all(remote.files == {} for remote in remotes[1:])


def test_the_server_is_made_before_the_agents(tmp_path: Path, facts: dict[str, Facts]) -> None:
    order: list[str] = []
    facts |= {name: each.model_copy(update={"units": {}}) for name, each in facts.items()}
    shop = site(tmp_path, *fleet(), say=lambda host, _: order.append(host))

    asyncio.run(apply_hosts(shop, ["us-0001", "centre"], only="clock"))

    assert order == ["centre", "us-0001"]


def test_the_server_cannot_be_removed(tmp_path: Path, facts: Any) -> None:
    with pytest.raises(UsageError, match="the server is not removed"):
        asyncio.run(remove_hosts(site(tmp_path, *fleet()), ["centre"]))


def test_a_removal_drains_forgets_and_uninstalls(
    tmp_path: Path, facts: dict[str, Facts], monkeypatch: pytest.MonkeyPatch
) -> None:
    remotes = fleet()
    with_node(monkeypatch)
    facts["us-0001"] = facts["us-0001"].model_copy(update={"applied": {"k3s-agent.service": "x"}})

    [row] = asyncio.run(remove_hosts(site(tmp_path, *remotes), ["us-0001"]))

    assert row.changed == (
        "drain: drain us-0001",
        "node: delete the node us-0001",
        "node: delete its node password",
        "uninstall: remove our settings",
    )
    assert remotes[0].said("drain us-0001")
    assert not remotes[3].said("kubectl")


def test_a_host_that_is_gone_can_be_forgotten_by_force_only(
    tmp_path: Path, facts: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    remotes: list[Any] = fleet()
    remotes[3] = UnreachableError("us-0001", "nobody answers", "see")
    with_node(monkeypatch)

    [kept] = asyncio.run(remove_hosts(site(tmp_path, *remotes), ["us-0001"]))
    assert kept.state == "unreachable"
    assert not remotes[0].said("delete node")

    [gone] = asyncio.run(remove_hosts(site(tmp_path, *remotes), ["us-0001"], force=True))
    assert (gone.state, bool(remotes[0].said("delete node us-0001"))) == ("changed", True)


def with_node(monkeypatch: pytest.MonkeyPatch) -> None:
    node = NodeFact(name="us-0001", is_ready=True)

    async def cluster(_: Any) -> ClusterFacts:
        return ClusterFacts(is_up=True, nodes=(node,))

    monkeypatch.setattr(survey, "gather_cluster", cluster)


def test_a_second_run_of_this_centre_is_refused_with_who_is_at_work(
    tmp_path: Path, facts: Any
) -> None:
    shop = site(tmp_path, *fleet())

    with centre_lock(tmp_path / "cluster" / "lock", "us-0001", "alice"):
        rows = asyncio.run(apply_hosts(shop, ["jp-0001", "us-0001"], only="clock"))

    assert [(row.state, row.cause) for row in rows] == [("unchanged", ""), ("refused", "locked")]
    assert "held by alice (pid " in rows[1].detail


def test_a_lock_of_the_centre_ends_with_its_holder(tmp_path: Path) -> None:
    with centre_lock(tmp_path, "us-0001", "alice"):
        pass
    with centre_lock(tmp_path, "us-0001", "bob"):
        assert (tmp_path / "us-0001.lock").read_text().startswith("bob (pid ")


@pytest.mark.root
def test_another_centre_is_refused_by_the_host_until_the_lock_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hitscanner.provision.locks.HOST_FOLDER", str(tmp_path / "run"))
    here = LocalRemote("us-0001")

    async def both(first_s: float) -> str:
        async with (
            host_lock(here, tmp_path / "ours", "alice's run", first_s),
            host_lock(here, tmp_path / "theirs", "bob", 60),
        ):
            return "both"

    with pytest.raises(LockedError, match="held by alice's run"):
        asyncio.run(both(60))
    assert asyncio.run(both(-40)) == "both"


@pytest.mark.root
def test_the_same_centre_takes_over_the_lock_that_a_killed_run_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hitscanner.provision.locks.HOST_FOLDER", str(tmp_path / "run"))
    here = LocalRemote("us-0001")

    async def again() -> str:
        async with host_lock(here, tmp_path, "killed", 60), host_lock(here, tmp_path, "next", 60):
            return (tmp_path / "run" / "lock").read_text()

    assert "next (pid" in asyncio.run(again())
    assert not (tmp_path / "run" / "lock").exists()


def test_a_row_is_small_json() -> None:
    row = HostResult("us-0001", "changed", changed=("a: b",), duration_s=time.monotonic() % 1)

    assert row.to_json()["changed"] == ["a: b"]
