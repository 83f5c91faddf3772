"""Bring a simulated Internet up, look at it, take it down: namespaces, the server, its state."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from hitscanner.errors import HitscannerError, MeasurementFailedError
from hitscanner.simulator import control, netns
from hitscanner.simulator.faults import FaultError
from hitscanner.simulator.made import (
    COUNTS_FILE,
    POLL_S,
    STATE_FILE,
    STATUS_FILE,
    Made,
    read_json,
    read_made,
    start_time,
)
from hitscanner.simulator.world import World

_LOG_FILE, _LOCK_FILE = "serve.log", "lock"
_READY_TIMEOUT_S = 120.0

State = Literal["up", "starting", "crashed", "down"]


class CannotSimulateError(HitscannerError):
    """Machine or moment do not allow a simulated Internet; the message says why."""


class SimulatorFailedError(MeasurementFailedError):
    """The server did not come up; the message has its last words."""


@dataclass(frozen=True)
class Status:
    """What is there, and what passed through it."""

    state: State
    world: str | None = None
    """Path of the world file."""
    pid: int | None = None
    netns: tuple[str, ...] = ()
    up_s: int = 0
    unsent: int = 0
    """Replies the kernel did not take."""
    faults: tuple[dict[str, object], ...] = ()
    """Those that are switched on, as `faults.Fault` in JSON values."""
    counts: dict[str, object] = field(default_factory=dict)
    """`Counts.summary` of the server, at most a second old."""

    def to_json(self) -> dict[str, object]:
        """Return it as JSON values."""
        return asdict(self) | {"netns": list(self.netns)}


def up(world_path: Path, state_dir: Path) -> Status:
    """
    Bring a world up and return when it answers.

    A second call with the same world changes nothing; what a crashed one left is removed first.

    Raises:
        CannotSimulateError: not root, no /dev/net/tun, no `ip`, another world is up here, or a
            namespace is in use by somebody else.
        WorldFileError: the world file is no world.
        SimulatorFailedError: the server died or did not get ready.
    """
    _check_machine()
    world = World.load(world_path)
    digest = hashlib.sha256(world_path.read_bytes()).hexdigest()
    state_dir.mkdir(parents=True, exist_ok=True)
    with _locked(state_dir):
        made = read_made(state_dir)
        if made is not None and made.is_alive:
            return _already_up(made, digest, state_dir)
        _undo(made, state_dir)
        names = tuple(vp.netns for vp in world.vantage_points)
        _refuse_foreign(names)
        made = Made(str(world_path.resolve()), digest, names)
        made.note(state_dir)
        try:
            for name in names:
                netns.create(name)
            _start(made, state_dir)
        except BaseException:
            _undo(read_made(state_dir), state_dir)
            raise
    return status(state_dir)


def down(state_dir: Path) -> Status:
    """Remove exactly what `up` made, also after a crash; return the last status before that."""
    if not state_dir.is_dir():
        return Status("down")
    _need_root()
    with _locked(state_dir):
        made = read_made(state_dir)
        if made is not None:
            made.stop()
        last = status(state_dir)
        _undo(made, state_dir)
    (state_dir / _LOCK_FILE).unlink(missing_ok=True)
    with suppress(OSError):
        state_dir.rmdir()
    return replace(last, state="down", pid=None, faults=())


def status(state_dir: Path) -> Status:
    """Return what is there; needs no rights and changes nothing."""
    made = read_made(state_dir)
    if made is None:
        return Status("down")
    said = read_json(state_dir / STATUS_FILE)
    fresh = said.get("pid") == made.pid
    state: State = "crashed" if not made.is_alive else "up" if fresh else "starting"
    return Status(
        state,
        made.world,
        made.pid,
        made.netns,
        int(said.get("up_s", 0)),
        int(said.get("unsent", 0)),
        tuple(said.get("faults", ())),
        said.get("counts", {}),
    )


def fault(state_dir: Path, asked: Mapping[str, object]) -> Status:
    """
    Switch a fault on (`faults.Fault` as JSON values), or off (`{"kind": "clear", "vp": …}`).

    Raises:
        CannotSimulateError: nothing is up.
        FaultError: there is no such fault or vantage point.
    """
    reply = _ask(state_dir, asked)
    if "error" in reply:
        raise FaultError(str(reply["error"]))
    return status(state_dir)


def counts(state_dir: Path) -> dict[str, Any]:
    """
    Return `Counts.details` of this moment: probes of each second and prefix, opted-out packets.

    Raises:
        CannotSimulateError: nothing is up.
    """
    _ask(state_dir, {"kind": "counts"})
    return read_json(state_dir / COUNTS_FILE)


def clock_offset_s(state_dir: Path, vp: str) -> float:
    """Return how far a vantage point's clock is said to be ahead; 0 where no fault is on."""
    clocks = (on for on in status(state_dir).faults if on["kind"] == "clock" and on["vp"] == vp)
    return sum(float(str(on["offset_s"])) for on in clocks)


def _ask(state_dir: Path, request: Mapping[str, object]) -> dict[str, Any]:
    try:
        return control.ask(state_dir, request)
    except (control.NobodyThereError, FileNotFoundError) as error:
        raise CannotSimulateError(
            f"nothing is up in {state_dir}; run `hitscanner simulator up` first"
        ) from error


def _check_machine() -> None:
    _need_root()
    if not Path("/dev/net/tun").exists():
        raise CannotSimulateError(
            "/dev/net/tun is missing; run `modprobe tun`, or pass the device in"
        )
    if shutil.which("ip") is None:
        raise CannotSimulateError("`ip` is missing; install the package iproute2")


def _need_root() -> None:
    if os.geteuid() != 0:
        raise CannotSimulateError("network namespaces need root; run it as root")


def _already_up(made: Made, digest: str, state_dir: Path) -> Status:
    if made.sha256 != digest:
        raise CannotSimulateError(
            f"another world is up in {state_dir} ({made.world});"
            f" run `hitscanner simulator down --state-dir {state_dir}` first"
        )
    return status(state_dir)


def _refuse_foreign(names: tuple[str, ...]) -> None:
    """Take over empty namespaces of our names, which only a crash leaves; refuse others."""
    for name in set(names) & netns.names():
        if netns.has_devices(name):
            raise CannotSimulateError(
                f"network namespace {name} is in use; take the other simulator down,"
                f" or run `ip netns delete {name}`"
            )
        netns.remove(name)


def _start(made: Made, state_dir: Path) -> None:
    """Start the server in a session of its own, note its pid, wait until it says it is ready."""
    argv = [
        sys.executable,
        "-m",
        "hitscanner.simulator.serve",
        made.world,
        str(state_dir.resolve()),
    ]
    package_root = Path(__file__).parents[2]
    (state_dir / STATUS_FILE).unlink(missing_ok=True)
    with (state_dir / _LOG_FILE).open("wb") as log:
        said = subprocess.run(
            argv,
            check=False,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,
            cwd=package_root,
            text=True,
        ).stdout
    if not said.strip().isdigit():
        raise SimulatorFailedError(f"the simulator did not start: {_last_words(state_dir)}")
    pid = int(said)
    replace(made, pid=pid, started=start_time(pid)).note(state_dir)
    _wait_until_ready(pid, state_dir)


def _wait_until_ready(pid: int, state_dir: Path) -> None:
    deadline = time.monotonic() + _READY_TIMEOUT_S
    while time.monotonic() < deadline:
        if read_json(state_dir / STATUS_FILE).get("pid") == pid:
            return
        if start_time(pid) is None:
            raise SimulatorFailedError(f"the simulator stopped: {_last_words(state_dir)}")
        time.sleep(POLL_S)
    raise SimulatorFailedError(
        f"the simulator was not ready in {_READY_TIMEOUT_S:.0f} s; try again"
    )


def _last_words(state_dir: Path) -> str:
    lines = (state_dir / _LOG_FILE).read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"


def _undo(made: Made | None, state_dir: Path) -> None:
    """Remove server, namespaces and files; devices, addresses and routes go with the server."""
    if made is not None:
        made.stop()
        for name in set(made.netns) & netns.names():
            netns.remove(name)
    for name in (STATUS_FILE, COUNTS_FILE, _LOG_FILE, STATE_FILE, control.SOCKET_FILE):
        (state_dir / name).unlink(missing_ok=True)
        (state_dir / f"{name}.partial").unlink(missing_ok=True)


@contextmanager
def _locked(state_dir: Path) -> Iterator[None]:
    """Let one `up` or `down` at a time work in a state directory."""
    with (state_dir / _LOCK_FILE).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise CannotSimulateError(
                f"another `up` or `down` is at work in {state_dir}; wait for it to end"
            ) from error
        yield
