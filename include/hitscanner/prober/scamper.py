"""Run scamper so that it ends with us, whatever happens to us."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep

from .job import JobSpec

PATIENCE_S = 5
"""Seconds between SIGTERM and SIGKILL; scamper 20211212 obeys SIGTERM within 10 ms."""


def argv_of(spec: JobSpec, scamper: str, port: int, output: Path, targets: Path) -> list[str]:
    """
    Return the command that traces the addresses in *targets* from *port*, or runs the commands in
    it, into *output*.

    Raw warts, never compressed by scamper: what it had written survives any signal (scamper(1)).
    """
    trace = (
        f"trace -P {spec.method} -f {spec.first_hop} -g {spec.gap} "
        f"-q {spec.attempts} -w {spec.wait_s} -s {port}{' -Q' if spec.confirm else ''}"
    )
    how = ("-O", "cmdfile") if spec.kind == "dealias" else ("-c", trace)
    return [
        *(scamper, "-p", str(spec.rate_pps), "-o", str(output), "-O", "warts"),
        *("-l", spec.list, "-L", str(spec.list_id), "-C", str(spec.cycle_id), "-M", spec.vp),
        *(*how, "-f", str(targets)),
    ]


@dataclass
class Running:
    """A scamper at work, and the warden that ends it if this process dies."""

    process: subprocess.Popen[bytes]
    warden_pid: int
    warden_fd: int

    def wait(self, timeout_s: float) -> int | None:
        """Return the exit status (minus the number of a signal), or None if it still runs."""
        try:
            status = self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return None
        self._dismiss_warden()
        return status

    def end(self) -> int:
        """Ask it to end, insist after `PATIENCE_S`, and return its exit status."""
        self.process.terminate()
        status = self.wait(PATIENCE_S)
        if status is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            status = self.process.wait()
            self._dismiss_warden()
        return status

    def _dismiss_warden(self) -> None:
        if self.warden_fd >= 0:
            with suppress(BrokenPipeError):  # somebody has killed it
                os.write(self.warden_fd, _DISMISSED)
            os.close(self.warden_fd)
            os.waitpid(self.warden_pid, 0)
            self.warden_fd = -1


_DISMISSED = b"."


def start(argv: list[str], log_fd: int) -> Running:
    """
    Start *argv* in a session of its own, its output going to *log_fd*.

    A prober that is killed (SIGKILL, out of memory) must not leave a scamper that goes on probing.
    PR_SET_PDEATHSIG cannot see to that: the kernel clears it when scamper gives up its privileges
    (prctl(2); tried with scamper 20211212). So a forked warden waits on a pipe whose other end only
    this process holds; when that end closes without a word, it kills scamper's process group.
    """
    read_fd, write_fd = os.pipe()
    warden_pid = os.fork()
    if warden_pid == 0:
        os.close(write_fd)
        _guard(read_fd)
    os.close(read_fd)

    def announce() -> None:
        """Tell the warden whom to kill, before there is anything to kill."""
        os.write(write_fd, b"%d " % os.getpid())

    try:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=log_fd,
            stderr=log_fd,
            start_new_session=True,
            preexec_fn=announce,  # safe: this program has one thread
        )
    except BaseException:
        os.write(write_fd, _DISMISSED)
        os.close(write_fd)
        os.waitpid(warden_pid, 0)
        raise
    return Running(process, warden_pid, write_fd)


def _guard(read_fd: int) -> None:
    """
    Be the warden: never returns.

    It keeps the locks of the job and of the rate lease, which it has inherited, until scamper is
    gone: nobody can start a second scamper beside an orphan.
    """
    try:
        os.setsid()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        null = os.open(os.devnull, os.O_RDWR)
        for fd in (0, 1, 2):
            os.dup2(null, fd)
        heard = b"".join(iter(lambda: os.read(read_fd, 64), b""))
        if not heard.endswith(_DISMISSED) and heard:
            _kill_group(int(heard.split()[0]))
    finally:
        os._exit(0)


def _kill_group(group: int) -> None:
    os.killpg(group, signal.SIGKILL)
    give_up_at = monotonic() + PATIENCE_S
    while monotonic() < give_up_at:
        os.killpg(group, 0)  # raises, which ends the warden, when nobody is left
        sleep(0.02)
