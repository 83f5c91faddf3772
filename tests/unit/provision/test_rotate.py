"""Rotations over hosts in memory: proven over TLS, waited for, refused, cut and gone on with."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from hitscanner.infra.remote import ConnectionLostError, Done, UnreachableError
from hitscanner.provision import detached, operations, rotate, survey
from hitscanner.provision.certificates import Certificate, Certificates
from hitscanner.provision.facts import ClusterFacts, Facts, NodeFact, UnitFact
from hitscanner.provision.model import HostPlan, HostResult
from hitscanner.provision.operations import Site
from hitscanner.provision.rotate import plan_rotations, rotate_hosts
from hitscanner.provision.rotation import Wish
from tests.unit.provision.fakes import FakeRemote, opening
from tests.unit.provision.hosts import bare
from tests.unit.provision.test_operations import NAMES, inventory

RUNNING = UnitFact(active="active", loaded="loaded")
READY = Done(0, "\n".join(f"True {name} v1.36.3+k3s1" for name in ("centre", *NAMES)), "")


def certificate(serial: str, days: int) -> Certificate:
    return Certificate(serial=serial, ends_at=datetime.now(UTC) + timedelta(days=days))


def seen(serial: str = "A1", days: int = 30, busy: int = 0, **more: Any) -> Certificates:
    found = certificate(serial, days)
    return Certificates(files={"agent/x.crt": found}, endpoints={"10250": found}, busy=busy, **more)


class Hosts:
    """A centre and three agents whose certificates end soon until their job has run."""

    def __init__(self, folder: Path) -> None:
        self.remotes: dict[str, Any] = {name: self._remote(name) for name in ("centre", *NAMES)}
        self.seen: dict[str, Certificates] = {name: seen() for name in self.remotes}
        self.after: Callable[[str], Certificates] = lambda _: seen("B2", 365)
        self.folder = folder

    def _remote(self, name: str) -> FakeRemote:
        def began() -> Done:
            self.seen[name] = self.after(name)
            return Done(0, "", "")

        answers = [
            ("systemd-run", began),
            ("echo running", Done(0, "0\n", "")),
            ("journalctl", Done(0, "active\n", "")),
            ("kubectl", READY),
        ]
        return FakeRemote(name, list(answers))

    def site(self, **more: Any) -> Site:
        names = tuple(self.remotes)
        open_one = opening(*self.remotes.values(), names=names)
        return Site(inventory(*NAMES), open_one, self.folder / "b", self.folder / "c", **more)

    def rotate(self, *names: str, **wish: Any) -> list[HostResult]:
        return asyncio.run(rotate_hosts(self.site(), names, Wish(**wish)))

    def jobs(self) -> list[str]:
        return [name for name, remote in self.remotes.items() if _ran_job(remote)]


def _ran_job(remote: Any) -> bool:
    return isinstance(remote, FakeRemote) and bool(remote.said("systemd-run"))


@pytest.fixture
def hosts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hosts:
    made = Hosts(tmp_path)

    async def gather(remote: Any, *_: Any) -> Facts:
        units = {"k3s.service": RUNNING, "k3s-agent.service": RUNNING}
        return bare(host=remote.name, units=units, k3s_version="v1.36.3+k3s1")

    async def cluster(_: Any) -> ClusterFacts:
        nodes = tuple(NodeFact(name=name, is_ready=True) for name in made.remotes)
        return ClusterFacts(is_up=True, nodes=nodes)

    async def look(remote: Any) -> Certificates:
        return made.seen[remote.name]

    monkeypatch.setattr(survey, "gather", gather)
    monkeypatch.setattr(operations, "gather", gather)
    monkeypatch.setattr(survey, "gather_cluster", cluster)
    monkeypatch.setattr(rotate, "look", look)
    monkeypatch.setattr(operations, "BACK_S", 0.1)
    for module, name in ((rotate, "POLL_S"), (rotate, "SHOWN_POLL_S"), (detached, "POLL_S")):
        monkeypatch.setattr(module, name, 0.001)
    return made


def test_a_look_changes_nothing_and_tells_what_would_be_done(hosts: Hosts) -> None:
    hosts.seen["us-0001"] = seen(days=300)

    near, far = asyncio.run(plan_rotations(hosts.site(), ["de-0001", "us-0001"], Wish()))

    assert isinstance(near, HostPlan)
    assert isinstance(far, HostPlan)
    assert [len(plan.changes) for plan in (near, far)] == [1, 0]
    assert hosts.jobs() == []
    assert [remote.files for remote in hosts.remotes.values()] == [{}] * 4


def test_a_renewal_is_proven_by_what_the_port_shows(hosts: Hosts) -> None:
    [row] = hosts.rotate("us-0001")

    assert row.state == "changed"
    assert row.changed[-1].startswith("certificates: port 10250: serial A1 -> B2, good until 20")
    assert hosts.jobs() == ["us-0001"]


def test_far_ones_are_left_alone(hosts: Hosts) -> None:
    hosts.seen["us-0001"] = seen(days=300)

    [row] = hosts.rotate("us-0001")

    assert (row.state, hosts.jobs()) == ("unchanged", [])


def test_the_server_is_backed_up_before_it_is_stopped(hosts: Hosts) -> None:
    [row] = hosts.rotate("centre")

    scripts = hosts.remotes["centre"].scripts
    backup = next(i for i, script in enumerate(scripts) if "tar -cf" in script)
    begin = next(i for i, script in enumerate(scripts) if "systemd-run" in script)
    assert row.state == "changed"
    assert backup < begin


def test_a_renewal_that_does_not_show_has_failed(
    hosts: Hosts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rotate, "SHOWN_S", 0.0)
    hosts.after = lambda _: seen()

    [row] = hosts.rotate("us-0001")

    assert (row.state, row.cause) == ("failed", "not-renewed")
    assert row.detail == "port 10250 still shows serial A1, which ends in 29 days"


def test_a_broken_host_leaves_the_others_unharmed(hosts: Hosts) -> None:
    hosts.remotes["jp-0001"] = UnreachableError("jp-0001", "nobody answers", "see")

    rows = hosts.rotate(*NAMES)

    assert [row.state for row in rows] == ["changed", "unreachable", "changed"]


def test_a_host_that_measures_is_refused_and_not_touched(hosts: Hosts) -> None:
    hosts.seen["us-0001"] = seen(busy=1)

    [row] = hosts.rotate("us-0001")

    assert (row.state, row.cause, hosts.jobs()) == ("refused", "measuring", [])


def test_a_host_that_measures_is_waited_for(hosts: Hosts, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = iter([seen(busy=1), seen(busy=1), seen()])

    async def look(remote: Any) -> Certificates:
        return next(looks, None) or hosts.seen[remote.name]

    monkeypatch.setattr(rotate, "look", look)

    [row] = hosts.rotate("us-0001", busy="wait")

    assert row.state == "changed"
    assert list(looks) == []


def test_who_would_be_waited_for_is_planned_and_not_refused(hosts: Hosts) -> None:
    hosts.seen["us-0001"] = seen(busy=1)

    [refused] = asyncio.run(plan_rotations(hosts.site(), ["us-0001"], Wish()))
    [planned] = asyncio.run(plan_rotations(hosts.site(), ["us-0001"], Wish(busy="wait")))

    assert isinstance(refused, HostPlan)
    assert isinstance(planned, HostPlan)
    assert [refusal.cause for refusal in refused.refusals] == ["measuring"]
    assert (planned.refusals, len(planned.changes)) == ((), 1)


def test_the_wait_has_an_end(hosts: Hosts) -> None:
    hosts.seen["us-0001"] = seen(busy=1)

    [row] = hosts.rotate("us-0001", busy="wait", wait_s=0.01)

    assert (row.state, row.cause) == ("refused", "measuring")


def test_force_does_not_ask(hosts: Hosts) -> None:
    hosts.seen["us-0001"] = seen(busy=1)

    [row] = hosts.rotate("us-0001", busy="force")

    assert row.state == "changed"


def test_a_job_that_fails_is_told_with_its_last_line(hosts: Hosts) -> None:
    said = Done(0, "1\nfirst\ncp: no space left on device\n", "")
    hosts.remotes["us-0001"].answers.insert(0, ("echo running", said))

    [row] = hosts.rotate("us-0001")

    assert (row.state, row.cause) == ("failed", "disk-full")
    assert row.detail == "hitscanner-rotation ended with 1: cp: no space left on device"


def test_a_job_that_was_killed_is_told(hosts: Hosts) -> None:
    hosts.remotes["us-0001"].answers.insert(0, ("echo running", Done(0, "killed\n", "")))

    [row] = hosts.rotate("us-0001")

    assert (row.state, row.detail) == ("failed", "hitscanner-rotation ended with killed: no word")


def test_a_cut_in_mid_rotation_is_told_and_the_next_run_waits_for_the_job(hosts: Hosts) -> None:
    remote = hosts.remotes["us-0001"]
    remote.answers.insert(0, ("echo running", ConnectionLostError("us-0001", "cut", "again")))
    [cut] = hosts.rotate("us-0001")
    remote.answers.pop(0)
    hosts.seen["us-0001"] = Certificates(is_under_way=True)

    [row] = hosts.rotate("us-0001")

    assert (cut.state, cut.cause) == ("failed", "connection-lost")
    assert row.state == "changed"
    assert row.changed[0] == "certificates: wait for the renewal that is under way"
