"""How far a job is, for everybody to read."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import asdict, dataclass

from .files import write_json
from .spool import JobDir

EVERY_S = 1.0
"""Seconds between two versions of `progress.json`; readers may count on two."""


WINDOW_S = 20.0
"""Seconds over which the speed is taken: longer than most traces, so that it is not jumpy."""


@dataclass(frozen=True)
class Progress:
    """What `progress.json` says."""

    state: str
    """starting, waiting (for a rate lease), probing; at the end as in `shard.json`."""

    done: int
    total: int
    sent_pps: float
    """Packets per second of the last `WINDOW_S` seconds, by the traces that were finished then."""

    replies: int
    eta_s: float
    """Seconds that are left, by the speed so far; by the plan while nothing is done."""

    slice: int
    slices: int
    """How many there will be, the present ones included."""

    updated_at: float


class ProgressFile:
    """Replaces `progress.json` when the state changes, else once a second."""

    def __init__(self, paths: JobDir) -> None:
        self._path = paths.progress
        self._written_at = float("-inf")
        self._state = ""

    def is_due(self, state: str) -> bool:
        """Return whether it is time to write."""
        return state != self._state or time.monotonic() - self._written_at >= EVERY_S

    def write(self, progress: Progress) -> None:
        """Replace the file."""
        write_json(self._path, asdict(progress))
        self._written_at = time.monotonic()
        self._state = progress.state


class Speed:
    """
    Packets per second over a sliding window.

    >>> speed = Speed(now_s=0.0)
    >>> [speed.update(*seen) for seen in ((10.0, 500), (20.0, 1500), (30.0, 2500))]
    [50.0, 75.0, 100.0]
    """

    def __init__(self, now_s: float) -> None:
        self._seen = deque([(now_s, 0)])

    def update(self, now_s: float, packets: int) -> float:
        """Return the speed, given that *packets* have been sent up to *now_s*."""
        self._seen.append((now_s, packets))
        while len(self._seen) > 2 and self._seen[1][0] <= now_s - WINDOW_S:
            self._seen.popleft()
        since_s, before = self._seen[0]
        return round((packets - before) / (now_s - since_s), 1) if now_s > since_s else 0.0


def eta_s(remaining: int, done: int, elapsed_s: float, planned_per_s: float) -> float:
    """
    Return the seconds that *remaining* targets will take.

    Args:
        remaining: targets to go.
        done: targets done in *elapsed_s* seconds.
        elapsed_s: seconds of probing in this run.
        planned_per_s: targets per second that the plan expects.

    >>> eta_s(remaining=50, done=100, elapsed_s=20, planned_per_s=5)
    10.0
    """
    per_s = done / elapsed_s if done and elapsed_s > 0 else planned_per_s
    return round(remaining / per_s, 1)
