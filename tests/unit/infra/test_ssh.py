"""A real sshd: who is let in, what is found out, and what is left behind."""

import asyncio
import os
import shutil
import socket
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hitscanner.domain.hosts import VantagePoint
from hitscanner.infra.remote import (
    AuthRefusedError,
    ConnectionLostError,
    NoSudoError,
    PortClosedError,
    Remote,
    TimedOutError,
    UnknownHostError,
    UnreachableError,
    WrongHostKeyError,
)
from hitscanner.infra.shell import PutFailedError
from hitscanner.infra.ssh import Keys, LocalRemote, open_remote
from tests.support.sshd import PLAIN, SUDOER, Sshd, children, make_key

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(
        not (shutil.which("sshd", path="/usr/sbin") and shutil.which("sudo")),
        reason="needs a real sshd and sudo: apt-get install openssh-server sudo",
    ),
]


@pytest.fixture(scope="module")
def sshd() -> Iterator[Sshd]:
    with Sshd() as server:
        yield server


@pytest.fixture
def keys(sshd: Sshd) -> Keys:
    return Keys(sshd.folder / "client", connect_timeout_s=20)


def use(
    host: VantagePoint, keys: Keys, work: Callable[[Remote], Awaitable[Any]], **ways: Any
) -> Any:
    async def run() -> Any:
        async with open_remote(host, keys, **ways) as remote:
            return await work(remote)

    return asyncio.run(run())


async def whoami(remote: Remote) -> str:
    return (await remote.run("id -un")).out.strip()


@pytest.mark.parametrize("user", ["root", SUDOER])
def test_a_script_runs_as_root_whoever_logs_in(sshd: Sshd, keys: Keys, user: str) -> None:
    assert use(sshd.host(user), keys, whoami) == "root"


def test_a_whole_public_key_pins_as_well_as_a_fingerprint(sshd: Sshd, keys: Keys) -> None:
    host = sshd.host(host_key=sshd.public_key())

    assert use(host, keys, whoami) == "root"


def test_a_fingerprint_of_another_kind_of_key_is_found(sshd: Sshd, keys: Keys) -> None:
    host = sshd.host(host_key=sshd.fingerprint("rsa"))

    assert use(host, keys, whoami) == "root"


def test_a_wrong_host_key_stops_and_shows_both_fingerprints(sshd: Sshd, keys: Keys) -> None:
    pinned = "SHA256:" + "A" * 43

    with pytest.raises(WrongHostKeyError) as refusal:
        use(sshd.host(host_key=pinned), keys, whoami)

    assert pinned in str(refusal.value)
    assert sshd.fingerprint() in str(refusal.value)


def test_a_port_without_a_server_is_closed(sshd: Sshd, keys: Keys) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))

        with pytest.raises(PortClosedError, match=r"nothing listens at 127\.0\.0\.1 port"):
            use(sshd.host(port=taken.getsockname()[1]), keys, whoami)


def test_a_port_where_nobody_speaks_times_out_as_unreachable(sshd: Sshd, keys: Keys) -> None:
    impatient = Keys(keys.private_key, connect_timeout_s=0.5)
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        pytest.raises(UnreachableError, match="nobody answers"),
    ):
        use(sshd.host(port=silent.getsockname()[1]), impatient, whoami)


def test_a_name_that_does_not_resolve_is_an_unknown_host(sshd: Sshd, keys: Keys) -> None:
    with pytest.raises(UnknownHostError, match=r"host\.invalid does not resolve"):
        use(sshd.host(address="host.invalid"), keys, whoami)


def test_a_host_without_a_key_in_the_inventory_is_not_connected_to(sshd: Sshd, keys: Keys) -> None:
    host = sshd.host().model_copy(update={"host_key": None})

    with pytest.raises(UnknownHostError, match="no host_key for it; add host_key"):
        use(host, keys, whoami)


def test_a_key_that_is_not_accepted_is_said_with_the_user(
    sshd: Sshd, keys: Keys, tmp_path: Path
) -> None:
    make_key(tmp_path / "other")

    with pytest.raises(AuthRefusedError, match="not accepted for user root"):
        use(sshd.host(), Keys(tmp_path / "other"), whoami)


def test_a_missing_key_of_ours_is_said_with_the_command_that_makes_it(
    sshd: Sshd, tmp_path: Path
) -> None:
    with pytest.raises(AuthRefusedError, match="is missing; make it: ssh-keygen"):
        use(sshd.host(), Keys(tmp_path / "none"), whoami)


def test_a_user_without_sudo_is_told_the_line_that_is_missing(sshd: Sshd, keys: Keys) -> None:
    with pytest.raises(NoSudoError, match=f"{PLAIN} ALL=\\(ALL\\) NOPASSWD: ALL"):
        use(sshd.host(PLAIN), keys, whoami)


def test_a_host_is_reached_through_a_bastion(sshd: Sshd, keys: Keys, tmp_path: Path) -> None:
    with Sshd() as gate:
        shutil.copy(sshd.folder / "authorized", gate.folder / "authorized")

        assert use(sshd.host(), keys, whoami, jump=gate.bastion()) == "root"


def test_a_closed_port_behind_a_bastion_is_told_from_the_bastions_side(
    sshd: Sshd, keys: Keys
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        host = sshd.host(port=taken.getsockname()[1], jump="gate")

        with pytest.raises(PortClosedError, match="seen from gate"):
            use(host, keys, whoami, jump=sshd.bastion())


def test_a_wrong_key_of_the_bastion_stops_before_the_host(sshd: Sshd, keys: Keys) -> None:
    gate = sshd.bastion().model_copy(update={"host_key": "SHA256:" + "B" * 43})

    with pytest.raises(WrongHostKeyError, match=r"^gate:"):
        use(sshd.host(), keys, whoami, jump=gate)


def test_what_a_script_prints_and_how_it_exits_is_an_answer(sshd: Sshd, keys: Keys) -> None:
    done = use(sshd.host(SUDOER), keys, lambda r: r.run("cat; echo no >&2; exit 3", stdin=b"yes"))

    assert (done.status, done.out, done.err) == (3, "yes", "no\n")


def test_a_script_longer_than_an_argument_may_be_runs_as_well(sshd: Sshd, keys: Keys) -> None:
    script = "set -e\n" + "true 'a rule'\n" * 40_000 + "echo $((6 * 7))"

    done = use(sshd.host(SUDOER), keys, lambda remote: remote.run(script))

    assert (done.status, done.out) == (0, "42\n")


def test_a_command_that_does_not_end_is_killed_on_the_host(sshd: Sshd, keys: Keys) -> None:
    async def hang(remote: Remote) -> None:
        await remote.run("echo begun; exec sleep 4711", timeout_s=1)

    with pytest.raises(TimedOutError, match="did not end within 1 s"):
        use(sshd.host(SUDOER), keys, hang)

    assert not [pid for pid in children(1) + children(os.getpid()) if b"4711" in cmdline(pid)]


def test_a_connection_cut_in_mid_command_is_lost_and_not_an_exit_status(
    tmp_path: Path,
) -> None:
    async def cut(remote: Remote) -> None:
        command = asyncio.ensure_future(remote.run(f"touch {tmp_path}/begun; sleep 300"))
        await until(lambda: (tmp_path / "begun").exists())
        gate.stop()
        await command

    with (
        Sshd() as gate,
        pytest.raises(ConnectionLostError, match="run it again"),
    ):
        use(gate.host(), Keys(gate.folder / "client"), cut)


@pytest.mark.parametrize("size", [0, 5, 3 << 20])
def test_a_file_arrives_whole_with_its_mode_in_folders_that_were_not_there(
    sshd: Sshd, keys: Keys, tmp_path: Path, size: int
) -> None:
    path = tmp_path / "new folder" / "it's here"
    content = os.urandom(size)

    use(sshd.host(SUDOER), keys, lambda remote: remote.put(str(path), content, 0o600))

    assert (path.read_bytes() == content, path.stat().st_mode & 0o7777) == (True, 0o600)
    assert [file.name for file in path.parent.iterdir()] == ["it's here"]


def test_a_local_file_is_streamed_to_a_host(sshd: Sshd, keys: Keys, tmp_path: Path) -> None:
    source, path = tmp_path / "k3s-amd64", tmp_path / "bin" / "k3s"
    source.write_bytes(os.urandom(2 << 20))

    use(sshd.host(), keys, lambda remote: remote.put(str(path), source, 0o755))

    assert source.read_bytes() == path.read_bytes()


def test_a_connection_cut_while_a_file_travels_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")

    async def cut(remote: Remote) -> None:
        sending = asyncio.ensure_future(remote.put(str(path), os.urandom(64 << 20)))
        await until(lambda: any(tmp_path.glob(".file.*")))
        gate.stop()
        await sending

    with Sshd() as gate, pytest.raises(ConnectionLostError):
        use(gate.host(), Keys(gate.folder / "client"), cut)

    assert path.read_text() == "old"


def test_a_file_that_cannot_be_written_is_an_error_with_what_the_host_said(
    sshd: Sshd, keys: Keys
) -> None:
    with pytest.raises(PutFailedError, match="cannot write /proc/none/file"):
        use(sshd.host(), keys, lambda remote: remote.put("/proc/none/file", b"x"))


def test_a_file_is_read_and_a_missing_one_is_none(sshd: Sshd, keys: Keys, tmp_path: Path) -> None:
    (tmp_path / "there").write_bytes(b"\xff\0")

    async def read(remote: Remote) -> tuple[bytes | None, bytes | None]:
        return await remote.get(f"{tmp_path}/there"), await remote.get(f"{tmp_path}/not there")

    assert use(sshd.host(SUDOER), keys, read) == (b"\xff\0", None)


def test_no_process_list_shows_what_is_sent(sshd: Sshd, keys: Keys, tmp_path: Path) -> None:
    canary = b"canary-f00f-secret"

    async def send(remote: Remote) -> list[bytes]:
        running = asyncio.ensure_future(
            remote.run(f"touch {tmp_path}/begun; cat > /dev/null; sleep 1", stdin=canary)
        )
        await until(lambda: (tmp_path / "begun").exists())
        seen = [cmdline(int(p.name)) + environ(p) for p in Path("/proc").glob("[0-9]*")]
        await running
        await remote.put(f"{tmp_path}/token", canary, 0o600)
        return seen

    seen = use(sshd.host(SUDOER), keys, send)

    assert any(str(tmp_path).encode() in line for line in seen)
    assert not any(canary in line for line in seen)


def test_local_work_is_as_remote_work(tmp_path: Path) -> None:
    async def work(remote: LocalRemote) -> tuple[str, bytes | None]:
        await remote.put(f"{tmp_path}/a/b", b"x", 0o640)
        done = await remote.run(f"stat -c %a {tmp_path}/a/b; cat", stdin=b"in")
        return done.out, await remote.get(f"{tmp_path}/a/b")

    assert asyncio.run(work(LocalRemote("centre"))) == ("640\nin", b"x")


def test_local_work_that_does_not_end_is_killed() -> None:
    with pytest.raises(TimedOutError):
        asyncio.run(LocalRemote("centre").run("exec sleep 4712", timeout_s=0.5))

    assert not [pid for pid in children(os.getpid()) if b"4712" in cmdline(pid)]


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not is_so():
            await asyncio.sleep(0.02)


def cmdline(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def environ(process: Path) -> bytes:
    try:
        return (process / "environ").read_bytes()
    except OSError:
        return b""
