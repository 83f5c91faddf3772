"""
Each fault is caused for real on one host and named in its row; the others are unharmed.

The faulty host is us-0002, bare; jp-0001 is in the cluster, goes through the
same runs, and must come out unchanged each time.
"""

import json
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from tests.cluster import faults, kubernetes
from tests.cluster.errors import LabError
from tests.cluster.fleet import LONGEST_S, Outcome, begin, finish, fleet
from tests.cluster.host import Host
from tests.cluster.lab import Lab

pytestmark = [pytest.mark.cluster, pytest.mark.root, pytest.mark.timeout(1800)]

FAULTY, GOOD = "us-0002", "jp-0001"
TOKEN = "/etc/rancher/k3s/join-token"
BINARY = "/usr/local/bin/k3s"


@pytest.fixture
def faulty(joined: Lab) -> Iterator[Host]:
    """A host that is not in the cluster and has nothing of it."""
    host = joined.host(FAULTY)
    yield host
    fleet(joined, "remove", FAULTY)
    host.run(f"rm -rf {BINARY} /etc/rancher /etc/systemd/system/k3s-agent.service* /run/hitscanner")


def run(lab: Lab, home: Path | None = None) -> Outcome:
    """Bring the faulty host in, in one run with the good one."""
    return fleet(lab, "join", FAULTY, GOOD, home=home)


def check(lab: Lab, outcome: Outcome, *causes: str) -> None:
    """The faulty host has one of *causes* in its row, with a remedy; the good one is unharmed."""
    row = outcome.rows[FAULTY]

    assert row["cause"] in causes, outcome.said
    assert row["remedy"]
    assert outcome.rows[GOOD]["state"] == "unchanged", outcome.said
    assert outcome.status == 2
    assert outcome.wall_s < LONGEST_S
    assert kubernetes.is_ready(kubernetes.nodes(lab)[GOOD])
    assert kubernetes.tokens(lab) == []


@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        (faults.other_host_key, "wrong-host-key"),
        (faults.no_sudo, "no-sudo"),
        (lambda host: faults.clock_off(host, 300), "clock-skew"),
        (lambda host: faults.clock_off(host, -300), "clock-skew"),
        (lambda host: faults.port_blocked(host, 6443), "port-blocked"),
        (faults.disk_full, "disk-full"),
        (faults.powered_off, "unreachable"),
        (faults.link_cut, "unreachable"),
    ],
    ids=[
        "another host key",
        "no right to become root",
        "a clock five minutes ahead",
        "a clock five minutes behind",
        "port 6443 blocked",
        "a full disk",
        "no power",
        "no link",
    ],
)
def test_a_fault_of_the_host_is_named_and_changes_nothing_there(
    joined: Lab,
    faulty: Host,
    fault: Callable[[Host], AbstractContextManager[None]],
    cause: str,
) -> None:
    with fault(faulty):
        outcome = run(joined)

    check(joined, outcome, cause)
    assert outcome.rows[FAULTY]["changed"] == []
    assert faulty.attempt(f"test -e {BINARY}").returncode != 0


@contextmanager
def other_home(lab: Lab, folder: Path, old: str, new: str) -> Iterator[Path]:
    """A copy of the lab's home whose inventory says *new* where it said *old*."""
    home = folder / "home"
    shutil.copytree(lab.home, home, symlinks=True)
    inventory = home / "inventory.toml"
    text = inventory.read_text()
    assert text.count(old) == 1
    inventory.write_text(text.replace(old, new))
    yield home


def test_a_name_that_does_not_resolve_is_an_unknown_host(
    joined: Lab, faulty: Host, tmp_path: Path
) -> None:
    old, new = f'address = "{faulty.address}"', 'address = "no-such-host.lab.invalid"'
    with other_home(joined, tmp_path, old, new) as home:
        outcome = run(joined, home)

    check(joined, outcome, "unknown-host")


def test_a_wrong_port_is_a_closed_port(joined: Lab, faulty: Host, tmp_path: Path) -> None:
    old = f'address = "{faulty.address}"'
    with other_home(joined, tmp_path, old, f"{old}\nport = 2200") as home:
        outcome = run(joined, home)

    check(joined, outcome, "port-closed")


def test_a_k3s_whose_checksum_is_wrong_reaches_no_host(
    joined: Lab, faulty: Host, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    shutil.copytree(joined.home, home)
    with (home / "bundle" / "k3s-amd64").open("ab") as binary:
        binary.write(b"\0")

    outcome = run(joined, home)

    assert outcome.cause(FAULTY) == "wrong-checksum", outcome.said
    assert faulty.attempt(f"test -e {BINARY}").returncode != 0


def before_start(host: Host, script: str) -> None:
    """Have *script* run on *host* just before each start of its agent."""
    folder = "/run/systemd/system/k3s-agent.service.d"
    host.run(f"mkdir -p {folder}; cat > {folder}/lab.conf; systemctl daemon-reload", stdin=script)


@pytest.fixture
def spoiler(faulty: Host) -> Iterator[Callable[[str], None]]:
    """Something that happens to the token between us and k3s."""

    def spoil(expression: str) -> None:
        words = f"[Service]\nExecStartPre=/bin/sed -i {expression} {TOKEN}\n"
        before_start(faulty, words)

    yield spoil
    faulty.run("rm -rf /run/systemd/system/k3s-agent.service.d; systemctl daemon-reload")


def test_a_bad_token_is_rejected(joined: Lab, faulty: Host, spoiler: Callable[[str], None]) -> None:
    spoiler("s/::.*/::abcdef.0000000000000000/")

    check(joined, run(joined), "token-rejected")


def test_a_token_of_another_cluster_is_told_by_its_ca(
    joined: Lab, faulty: Host, spoiler: Callable[[str], None]
) -> None:
    spoiler(f"s/K10.*::/K10{'0' * 64}::/")

    check(joined, run(joined), "ca-mismatch")


def test_an_expired_token_is_rejected(joined: Lab, faulty: Host) -> None:
    before_start(faulty, "[Service]\nExecStartPre=/bin/sleep 10\n")
    stop = threading.Event()
    expirer = threading.Thread(target=expire_tokens, args=(joined, stop))
    expirer.start()
    try:
        outcome = run(joined)
    finally:
        stop.set()
        expirer.join()
        faulty.run("rm -rf /run/systemd/system/k3s-agent.service.d; systemctl daemon-reload")

    check(joined, outcome, "token-expired", "token-rejected")


def expire_tokens(lab: Lab, stop: threading.Event) -> None:
    """Let every token that appears have expired a minute ago, until told to stop."""
    late = json.dumps({"stringData": {"expiration": "2020-01-01T00:00:00Z"}})
    while not stop.wait(0.5):
        for name in kubernetes.secrets(lab):
            if name.startswith("bootstrap-token-"):
                patch = ("patch", "secret", name, "--namespace=kube-system", f"--patch={late}")
                try:
                    kubernetes.kubectl(lab, *patch)
                except LabError:
                    continue


def test_a_name_that_another_host_has_is_refused(joined: Lab, faulty: Host) -> None:
    """The server keeps the node password of the first host of that name."""
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": f"{FAULTY}.node-password.k3s", "namespace": "kube-system"},
        "stringData": {"hash": f"$1:{'00' * 8}:15:8:1:{'A' * 86}"},
    }
    kubernetes.apply(joined, secret)

    refused = run(joined)

    check(joined, refused, "node-password")
    faulty.run("mkdir -p /etc/rancher/node; echo 0123 > /etc/rancher/node/password")

    check(joined, run(joined), "node-password")


def when(host: Host, condition: str, action: Callable[[], None]) -> threading.Thread:
    """Do *action* as soon as *condition* holds on *host*."""

    def wait() -> None:
        host.wait_for(condition, LONGEST_S)
        action()

    thread = threading.Thread(target=wait)
    thread.start()
    return thread


def test_a_connection_cut_in_mid_phase_is_told_and_the_next_run_goes_on(
    joined: Lab, faulty: Host
) -> None:
    cut = faults.link_cut(faulty)
    cutter = when(faulty, f"test -e {BINARY}", lambda: cut.__enter__())

    outcome = run(joined)
    cutter.join()
    cut.__exit__(None, None, None)

    check(joined, outcome, "connection-lost", "timed-out", "unreachable")
    again = run(joined)
    assert again.status == 0, again.said
    assert kubernetes.is_ready(kubernetes.nodes(joined)[FAULTY])


def test_a_host_rebooted_in_mid_phase_is_told_and_the_next_run_goes_on(
    joined: Lab, faulty: Host
) -> None:
    def reboot() -> None:
        faulty.power_off()
        faulty.power_on()

    rebooter = when(faulty, f"test -e {BINARY}", reboot)

    outcome = run(joined)
    rebooter.join()

    check(joined, outcome, "rebooted", "connection-lost")
    again = run(joined)
    assert again.status == 0, again.said
    assert kubernetes.is_ready(kubernetes.nodes(joined)[FAULTY])


def test_of_two_runs_at_once_one_is_told_that_the_other_is_at_work(
    joined: Lab, faulty: Host
) -> None:
    first = begin(joined, "join", FAULTY)
    faulty.wait_for("test -e /etc/modules-load.d/hitscanner.conf", LONGEST_S)

    second = run(joined)
    done = finish(first)

    assert done.status == 0, done.said
    check(joined, second, "locked")
