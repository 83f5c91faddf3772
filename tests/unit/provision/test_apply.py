"""Carrying out a plan: order, verification, tokens, journals, and what is left on record."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from hitscanner.infra.remote import ConnectionLostError, Done
from hitscanner.provision import apply, nodes
from hitscanner.provision.apply import StepError, Work, apply_plan
from hitscanner.provision.model import Change, HostPlan, JoinToken, Put, Run, Start, Upload
from tests.unit.provision.fakes import FakeRemote

TOKEN = "K10" + "ab" * 32 + "::abcdef.0123456789abcdef"
JOIN = Change("k3s", "mint", JoinToken("/join-token"), is_secret=True)
AGENT = Start("k3s-agent.service", "us-0001", "v1.36.3", timeout_s=5)
START = Change("k3s", "start", AGENT)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apply, "POLL_S", 0.0)
    monkeypatch.setattr(apply, "CERTAIN_AFTER_S", 0.0)


def minting(*more: tuple[str, Done]) -> FakeRemote:
    return FakeRemote("centre", [*more, ("token create", Done(0, f"{TOKEN}\n", ""))])


def carry_out(host: FakeRemote, server: FakeRemote, *changes: Change) -> Work:
    work = Work(host, server, {"old": "1"}, "192.0.2.1")
    asyncio.run(apply_plan(work, HostPlan(host.name, changes=changes)))
    return work


def fail(host: FakeRemote, server: FakeRemote, *changes: Change) -> tuple[StepError, Work]:
    work = Work(host, server, {}, "192.0.2.1")
    with pytest.raises(StepError) as failure:
        asyncio.run(apply_plan(work, HostPlan(host.name, changes=changes)))
    return failure.value, work


def test_changes_are_made_in_order_and_each_is_looked_at_again() -> None:
    host = FakeRemote()
    changes = (Change("a", "one", Run("do-one"), "see-one"), Change("b", "two", Put("/two", b"2")))

    work = carry_out(host, host, *changes)

    assert host.scripts == ["do-one", "see-one"]
    assert host.files == {"/two": b"2"}
    assert work.changed == ["a: one", "b: two"]


def test_a_change_that_does_not_hold_stops_the_rest() -> None:
    host = FakeRemote(answers=[("see-one", Done(1, "", ""))])
    changes = (Change("a", "one", Run("do-one"), "see-one"), Change("b", "two", Run("do-two")))

    failure, work = fail(host, host, *changes)

    assert failure.why.name == "step-failed"
    assert "one: does not hold" in failure.what
    assert (host.said("do-two"), work.changed) == ([], [])


@pytest.mark.parametrize(
    ("phase", "said", "cause"),
    [
        ("k3s", "cp: error: No space left on device", "disk-full"),
        ("packages", "something odd", "packages"),
        ("packages", "E: Unable to locate package chrony", "packages"),
        ("kernel", "modprobe: FATAL: Module ip_vs not found in directory /x", "missing-module"),
        ("kernel", "sysctl: permission denied", "step-failed"),
    ],
)
def test_the_words_of_a_command_tell_the_cause(phase: str, said: str, cause: str) -> None:
    host = FakeRemote(answers=[("do", Done(1, "", f"noise\n{said}\n"))])

    failure, _ = fail(host, host, Change(phase, "it", Run("do")))

    assert (failure.why.name, said in failure.what) == (cause, True)


def test_what_was_applied_is_kept_on_the_host_only_when_it_holds() -> None:
    host = FakeRemote(answers=[("bad", Done(1, "", ""))])
    changes = (
        Change("a", "one", Run("good"), record=("one", "d1")),
        Change("b", "two", Run("bad"), record=("two", "d2")),
    )

    fail(host, host, *changes)

    assert json.loads(host.files["/var/lib/hitscanner/applied.json"]) == {"one": "d1"}


def test_a_token_goes_from_the_server_to_a_file_and_is_revoked() -> None:
    host, server = FakeRemote(), minting()

    work = carry_out(host, server, JOIN)

    assert host.files["/join-token"] == f"{TOKEN}\n".encode()
    assert server.scripts[-1].endswith("token delete abcdef")
    assert server.said("--ttl 900s")
    everything = json.dumps([*host.scripts, *server.scripts, *work.changed])
    assert "0123456789abcdef" not in everything


def test_a_token_is_revoked_when_the_join_fails_or_the_connection_is_cut() -> None:
    lost = ConnectionLostError("us-0001", "cut", "again")
    host, server = FakeRemote(answers=[("/join-token", lost)]), minting()

    with pytest.raises(ConnectionLostError):
        carry_out(host, server, JOIN)

    assert server.scripts[-1].endswith("token delete abcdef")


@pytest.mark.parametrize("printed", ["", "abcdef.0123456789abcdef", "K10short::abcdef.012345"])
def test_anything_but_a_secure_token_is_refused_unseen(printed: str) -> None:
    server = FakeRemote("centre", [("token create", Done(0, printed, ""))])

    failure, _ = fail(FakeRemote(), server, JOIN)

    assert failure.why.name == "server-down"
    assert "0123456789abcdef" not in str(failure)


def test_a_start_is_not_blocking_and_ends_when_the_server_calls_it_ready() -> None:
    host = FakeRemote(
        answers=[
            ("--lines 0", Done(0, "-- cursor: s=1\n", "")),
            ("ActiveState", Done(0, "active\n", "")),
        ]
    )
    server = ready()

    carry_out(host, server, START)

    assert host.said("restart --no-block k3s-agent.service")
    assert host.said("--after-cursor 's=1'")
    assert server.scripts == [nodes.SCRIPT]


def ready(said: str = "True us-0001 v1.36.3+k3s1") -> FakeRemote:
    return FakeRemote("centre", [("get nodes", Done(0, f"{said}\n", ""))])


@pytest.mark.parametrize(
    "said", ["", "False us-0001 v1.36.3+k3s1", "True jp-0001 v1.36.3+k3s1", "True us-0001 v1.35.9"]
)
def test_a_start_waits_for_its_own_node_at_its_own_version(said: str) -> None:
    host = FakeRemote(answers=[("ActiveState", Done(0, "active\n", ""))])
    start = replace(START, action=replace(AGENT, timeout_s=0.2))

    failure, _ = fail(host, ready(said), start)

    assert failure.why.name == "not-ready"


def waiting(journal: str) -> FakeRemote:
    return FakeRemote(answers=[("ActiveState", Done(0, f"activating\n{journal}\n", ""))])


@pytest.mark.parametrize(
    ("journal", "cause"),
    [
        ("token CA hash does not match the Cluster CA certificate hash", "ca-mismatch"),
        ("Node password rejected, duplicate hostname", "node-password"),
        ("x509: certificate has expired or is not yet valid", "clock-skew"),
        ("kubelet is configured to not run on a host using cgroup v1", "cgroup-v1"),
    ],
)
def test_a_final_word_of_the_journal_ends_the_wait(journal: str, cause: str) -> None:
    failure, _ = fail(waiting(journal), FakeRemote("centre"), START)

    assert (failure.why.name, journal in failure.what) == (cause, True)


@pytest.mark.parametrize(
    ("listed", "cause"),
    [
        ("abcdef   14m   2026-11-23T03:00:00Z", "token-rejected"),
        ("abcdef   <invalid>   2026-11-23T03:00:00Z", "token-expired"),
        ("TOKEN TTL EXPIRES", "token-expired"),
    ],
)
def test_the_server_tells_an_expired_token_from_a_wrong_one(listed: str, cause: str) -> None:
    host = waiting("https://127.0.0.1:6444/v1-k3s/config: 401 Unauthorized")
    server = minting(("token list", Done(0, f"{listed}\n", "")))

    failure, _ = fail(host, server, JOIN, START)

    assert failure.why.name == cause
    assert host.said("systemctl stop --no-block k3s-agent.service")


@pytest.mark.parametrize(
    ("tried", "cause"),
    [
        ("bash: connect: Connection refused\n1\n", "server-down"),
        ("124\n", "port-blocked"),
        ("0\n", "not-ready"),
    ],
)
def test_what_stands_between_agent_and_server_is_found_by_trying(tried: str, cause: str) -> None:
    host = waiting('Get "https://127.0.0.1:6444/cacerts": EOF')
    host.answers.insert(0, ("/dev/tcp/192.0.2.1/6443", Done(0, tried, "")))
    start = replace(START, action=replace(AGENT, timeout_s=0.5))

    failure, _ = fail(host, FakeRemote("centre"), start)

    assert failure.why.name == cause


def test_a_passing_trouble_is_waited_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apply, "CERTAIN_AFTER_S", 60.0)
    states = iter(["activating\n401 Unauthorized", "activating\nall well", "active\n"])
    host = FakeRemote(answers=[("ActiveState", lambda: Done(0, next(states), ""))])

    work = carry_out(host, ready(), START)

    assert work.changed == ["k3s: start"]


def test_a_file_of_the_bundle_is_checked_where_it_arrives(tmp_path: Path) -> None:
    (tmp_path / "k3s").write_bytes(b"x")
    upload = Upload("/usr/local/bin/k3s", tmp_path / "k3s", "5e" * 32)
    change = Change("k3s", "copy k3s", upload, "sha256sum --check")
    said = Done(1, "", "sha256sum: WARNING: 1 computed checksum did NOT match")

    failure, _ = fail(FakeRemote(answers=[("sha256sum", said)]), FakeRemote("centre"), change)

    assert failure.why.name == "wrong-checksum"


def test_every_step_is_announced_without_a_secret() -> None:
    lines: list[str] = []
    collect: Callable[[str], None] = lines.append
    work = Work(FakeRemote(), minting(), {}, say=collect)

    asyncio.run(apply_plan(work, HostPlan("us-0001", changes=(JOIN,))))

    assert lines == ["k3s: mint"]
