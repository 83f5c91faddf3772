"""The programs that k3s has within itself and the stand-in runs beside itself."""

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

from . import log, tools

STOP_S = 10.0
"""How long a program may take to end after SIGTERM."""


class Children:
    """Started programs; when one of them ends, the whole of it ends, as k3s would."""

    def __init__(self, version: str) -> None:
        self.folder = Path(tools.PROGRAMS, version)
        self.running: list[subprocess.Popen[bytes]] = []
        self.stopping = threading.Event()

    def start(
        self, name: str, *words: str, log_file: Path | None = None
    ) -> "subprocess.Popen[bytes]":
        """
        Start the program *name* of this version, or of the host.

        It is killed with its parent thread (setpriv --pdeathsig), so whoever
        calls this must live as long as the stand-in.
        """
        own = self.folder / name
        program = str(own) if own.exists() else name
        shown = [word for word in words if "token" not in word]
        log.info(f"Running {name} {' '.join(shown)}")
        output = log_file.open("ab") if log_file else None
        child = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "--", program, *words],
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr.fileno() if output is None else output,
            stderr=output,
        )
        self.running.append(child)
        return child

    def check(self) -> None:
        """Raise FatalError if one has ended."""
        for child in self.running:
            if child.poll() is not None and not self.stopping.is_set():
                name = Path(child.args[4]).name  # type: ignore[index]
                raise log.FatalError(f"{name} exited: status {child.returncode}")

    def kill(self) -> None:
        """End them at once, as when the one process that is k3s ends."""
        self.stopping.set()
        for child in self.running:
            child.kill()

    def stop(self) -> None:
        """End them in the reverse order of their start."""
        self.stopping.set()
        for child in reversed(self.running):
            child.terminate()
        end = time.monotonic() + STOP_S
        for child in reversed(self.running):
            try:
                child.wait(max(0.0, end - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.kill()


def _environment() -> dict[str, str]:
    """This process's environment without what only k3s itself should see."""
    return {
        name: value
        for name, value in os.environ.items()
        if name not in ("NOTIFY_SOCKET", "K3S_TOKEN", "K3S_AGENT_TOKEN")
    }
