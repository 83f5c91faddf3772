"""The process that answers: one TAP per vantage point, a heap of replies that are under way."""

import ctypes
import gc
import heapq
import json
import os
import select
import signal
import socket
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from hitscanner.simulator import control, netns
from hitscanner.simulator.counts import Counts
from hitscanner.simulator.faults import Fault, FaultError, Faults
from hitscanner.simulator.faults import parse as parse_fault
from hitscanner.simulator.made import COUNTS_FILE, STATE_FILE, STATUS_FILE, write_json
from hitscanner.simulator.objects import VantagePoint
from hitscanner.simulator.packets import is_neighbour_talk
from hitscanner.simulator.reply import Responder
from hitscanner.simulator.tap import open_tap, set_carrier
from hitscanner.simulator.world import World

_FRAMES_PER_TURN = 64
_FRAME_BYTES = 2048
_STATUS_EVERY_NS = 1_000_000_000
_PR_SET_TIMERSLACK = 29


@dataclass(slots=True)
class _Tap:
    vp: VantagePoint
    file: int


class Server:
    """Reads probes, asks the responder, writes replies when they are due."""

    def __init__(self, world: World, state_dir: Path) -> None:
        self._state_dir = state_dir
        self._counts = Counts(world)
        self._responder = Responder(world, self._counts)
        self._taps = {vp.id: _Tap(vp, open_tap(vp)) for vp in world.vantage_points}
        self._by_file = {tap.file: tap for tap in self._taps.values()}
        self._faults = Faults()
        self._control = control.listen(state_dir)
        self._due: list[tuple[int, int, int, bytes]] = []
        """(when, number, vp, frame): the number keeps replies of one instant in order."""
        self._number = 0
        self._unsent = 0
        self._stopping = False
        self._started_ns = time.monotonic_ns()

    def run(self) -> None:
        """Serve until told to stop by SIGTERM or SIGINT; leave the last status behind."""
        # A signal handler alone does not end a select that waits (PEP 475): the pipe does.
        wakened, waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(waker)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stop())
        self._write_status("ready")
        files: list[int | socket.socket] = [*self._by_file, wakened, self._control]
        next_status = time.monotonic_ns() + _STATUS_EVERY_NS
        while not self._stopping:
            now = time.monotonic_ns()
            self._send_due(now)
            if now >= next_status:
                self._stopping = self._is_orphan()
                self._repair(self._faults.expire(now))
                self._write_status("ready")
                next_status = now + _STATUS_EVERY_NS
            wake = min(next_status, self._due[0][0]) if self._due else next_status
            timeout_s = max(0.0, (wake - time.monotonic_ns()) / 1e9)
            # select counts in microseconds; epoll would round each delay up to a millisecond.
            readable, _, _ = select.select(files, (), (), timeout_s)
            for file in readable:
                if file is self._control:
                    self._obey()
                elif isinstance(file, int) and file != wakened:
                    self._read(self._by_file[file])
        self._write_status("stopped")
        if not (self._state_dir / STATE_FILE).exists():
            self._clear_away()

    def _obey(self) -> None:
        """Switch a fault on or off as somebody asks by the control socket."""
        asked = control.receive(self._control)
        if asked is None:
            return
        peer, request = asked
        try:
            self._do(request)
            reply: dict[str, object] = {"faults": self._faults.to_json()}
        except FaultError as error:
            reply = {"error": str(error)}
        self._write_status("ready")
        with suppress(OSError):
            control.answer(peer, reply)

    def _do(self, request: dict[str, object]) -> None:
        vp = request.get("vp")
        match request.get("kind"):
            case "clear":
                self._repair(self._faults.clear(None if vp is None else str(vp)))
            case "counts":
                with suppress(OSError):
                    write_json(self._state_dir / COUNTS_FILE, self._counts.details())
            case _:
                self._break(parse_fault(request, self._counts.by_vp))

    def _break(self, fault: Fault) -> None:
        self._faults.switch_on(fault, time.monotonic_ns())
        if fault.kind == "cut":
            set_carrier(self._by_name(fault.vp).file, up=False)

    def _repair(self, ended: list[Fault]) -> None:
        for fault in ended:
            if fault.kind == "cut":
                set_carrier(self._by_name(fault.vp).file, up=True)

    def _by_name(self, vp: str) -> _Tap:
        return next(tap for tap in self._taps.values() if tap.vp.name == vp)

    def _is_orphan(self) -> bool:
        """Say whether `up` was killed before it noted our pid, and nobody would end us."""
        try:
            pid = json.loads((self._state_dir / STATE_FILE).read_text())["pid"]
        except (OSError, ValueError, KeyError):
            return True
        return pid not in (None, os.getpid())

    def _clear_away(self) -> None:
        """Remove the namespaces: with the record of them gone, nobody else would."""
        for tap in self._taps.values():
            os.close(tap.file)
            with suppress(OSError):
                netns.remove(tap.vp.netns)

    def _stop(self) -> None:
        self._stopping = True

    def _read(self, tap: _Tap) -> None:
        """Take what waits on one device, but not so much that the others wait long."""
        for _ in range(_FRAMES_PER_TURN):
            try:
                frame = os.read(tap.file, _FRAME_BYTES)
            except BlockingIOError:
                return
            if tap.vp.name in self._faults.unheard:
                continue
            now = time.monotonic_ns()
            for reply in self._responder.answer(tap.vp, frame, (now - self._started_ns) // 1000):
                self._number += 1
                due = now + reply.delay_us * 1000
                heapq.heappush(self._due, (due, self._number, reply.vp, reply.frame))

    def _send_due(self, now: int) -> None:
        while self._due and self._due[0][0] <= now:
            _, _, vp, frame = heapq.heappop(self._due)
            tap = self._taps[vp]
            if tap.vp.name in self._faults.unheard:
                continue
            try:
                os.write(tap.file, frame)
            except OSError:
                # The device is down or full: as on a real network the packet is gone.
                self._unsent += 1
            else:
                if not is_neighbour_talk(frame):
                    self._counts.reply(tap.vp.name)

    def _write_status(self, state: str) -> None:
        status: dict[str, object] = {"state": state, "pid": os.getpid(), "unsent": self._unsent}
        status["faults"] = self._faults.to_json()
        status["up_s"] = (time.monotonic_ns() - self._started_ns) // 1_000_000_000
        # A full disk or a folder that was deleted must not end the Internet.
        with suppress(OSError):
            write_json(self._state_dir / STATUS_FILE, status | {"counts": self._counts.summary()})


def main(world_path: Path, state_dir: Path) -> None:
    """Run the server of one world until it is told to stop."""
    server = Server(World.load(world_path), state_dir)
    _be_prompt()
    server.run()


def _be_prompt() -> None:
    """Wake when due, not 50 us later, and never stop to look for garbage: the world stays."""
    ctypes.CDLL(None).prctl(_PR_SET_TIMERSLACK, 1)
    with suppress(PermissionError):
        os.nice(-5)
    gc.collect()
    gc.freeze()
    gc.disable()


def _detach() -> None:
    """Go on in a child and print its pid, so that nobody has to wait for us."""
    pid = os.fork()
    if pid:
        print(pid, flush=True)
        os._exit(0)
    os.dup2(2, 1)


if __name__ == "__main__":
    _detach()
    main(Path(sys.argv[1]), Path(sys.argv[2]))
