"""What `up` made, on record before it is made: the server process, and how to be sure of it."""

import json
import os
import signal
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

STATE_FILE = "state.json"
"""Written by `lifecycle`: whose pid is in it may serve."""
STATUS_FILE = "status.json"
COUNTS_FILE = "counts.json"
_STOP_TIMEOUT_S = 10.0
POLL_S = 0.05


@dataclass(frozen=True)
class Made:
    """What `up` made, written down before it makes it, so that `down` can always undo it."""

    world: str
    sha256: str
    netns: tuple[str, ...]
    pid: int | None = None
    started: str | None = None
    """Start time of the process by /proc: a pid alone may have been given to another."""

    def note(self, state_dir: Path) -> None:
        """Write it down."""
        write_json(state_dir / STATE_FILE, asdict(self))

    @property
    def is_alive(self) -> bool:
        """Say whether the server runs."""
        return self.pid is not None and start_time(self.pid) == self.started is not None

    def stop(self) -> None:
        """End the server, gently first."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            if self.pid is None or not self.is_alive:
                return
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)
            deadline = time.monotonic() + _STOP_TIMEOUT_S
            while self.is_alive and time.monotonic() < deadline:
                time.sleep(POLL_S)


def start_time(pid: int) -> str | None:
    """Return field 22 of /proc/PID/stat (proc(5)); None if there is no such process or it ended."""
    try:
        after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (OSError, ValueError):
        return None
    return None if after_name[0] == "Z" else after_name[19]


def read_made(state_dir: Path) -> Made | None:
    """Return what is on record in a state directory; None if nothing is."""
    stored = read_json(state_dir / STATE_FILE)
    return Made(**{**stored, "netns": tuple(stored["netns"])}) if stored else None


def write_json(path: Path, value: object) -> None:
    """Write a JSON file in one step, so that a reader sees the old or the new one."""
    partial = path.with_name(path.name + ".partial")
    partial.write_text(json.dumps(value))
    partial.replace(path)


def read_json(path: Path) -> dict[str, Any]:
    """Return the object in a JSON file; an empty one if there is none."""
    try:
        value = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}
