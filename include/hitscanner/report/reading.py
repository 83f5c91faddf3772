"""Read the probers' progress files and put them into words: pure but for `read`."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

FINAL_STATES = frozenset({"done", "stopped", "failed", "refused"})
"""States of a prober that has ended."""


@dataclass(frozen=True)
class Reading:
    """What one prober said last (the spool's `progress.json`)."""

    done: int
    total: int
    sent_pps: float
    replies: int
    eta_s: float | None
    state: str

    @property
    def is_final(self) -> bool:
        """Whether the prober has ended."""
        return self.state in FINAL_STATES

    @property
    def percent(self) -> int:
        """Share of the targets that is done, rounded down: 100 only when all are."""
        return 100 * self.done // self.total if self.total else 100


Readings = Mapping[str, Reading | None]
"""Vantage point → its reading, or None while it has said nothing."""


def parse(text: str) -> Reading | None:
    """
    Read the text of a `progress.json`; None if it is cut, empty or not one.

    >>> parse('{"done": 5, "total": 10, "sent_pps": 99.5, "replies": 61, "eta_s": 4, '
    ...       '"slice": 1, "slices": 2, "state": "running", "updated_at": 0}')
    Reading(done=5, total=10, sent_pps=99.5, replies=61, eta_s=4.0, state='running')
    >>> parse('{"done": 5, "tot') is None
    True
    """
    try:
        fields = json.loads(text)
        eta_s = fields.get("eta_s")
        return Reading(
            done=int(fields["done"]),
            total=int(fields["total"]),
            sent_pps=float(fields.get("sent_pps") or 0),
            replies=int(fields.get("replies") or 0),
            eta_s=None if eta_s is None else float(eta_s),
            state=str(fields["state"]),
        )
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def read(path: Path) -> Reading | None:
    """Return what *path* says now; None if it is missing or cannot be read as progress."""
    try:
        return parse(path.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return None


def format_clock(seconds: float) -> str:
    """
    Write a duration as minutes and seconds, with hours when there are any.

    >>> format_clock(7.9), format_clock(125), format_clock(3725)
    ('0:07', '2:05', '1:02:05')
    """
    minutes, second = divmod(int(max(0, seconds)), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"


def format_vp(reading: Reading | None) -> str:
    """
    Say where one vantage point is, in a word or two.

    >>> format_vp(None)
    'waiting'
    >>> format_vp(Reading(120, 500, 99.0, 1400, 31.0, "running"))
    '24 %'
    >>> format_vp(Reading(120, 500, 0.0, 1400, None, "failed"))
    'failed at 24 %'
    """
    if reading is None:
        return "waiting"
    if not reading.is_final:
        return f"{reading.percent} %"
    return "done" if reading.state == "done" else f"{reading.state} at {reading.percent} %"


def format_rate(reading: Reading) -> str:
    """
    Say how fast a vantage point probes, what came back and how long it will take.

    >>> format_rate(Reading(120, 500, 99.4, 1400, 31.0, "running"))
    '99 pps, 1,400 replies, 0:31 left'
    >>> format_rate(Reading(500, 500, 0.0, 6100, None, "done"))
    '6,100 replies, done'
    """
    if reading.is_final:
        return f"{reading.replies:,} replies, {reading.state}"
    left = "" if reading.eta_s is None else f", {format_clock(reading.eta_s)} left"
    return f"{reading.sent_pps:.0f} pps, {reading.replies:,} replies{left}"


def combine(readings: Iterable[Reading | None]) -> Reading:
    """
    Add up the vantage points; the slowest decides how long it will take, a failure the state.

    >>> ended = Reading(9, 9, 0.0, 90, None, "done")
    >>> combine([Reading(5, 10, 50.0, 61, 4.0, "running"), ended, None])
    Reading(done=14, total=19, sent_pps=50.0, replies=151, eta_s=4.0, state='running')
    """
    known = [reading for reading in readings if reading is not None]
    running = [reading for reading in known if not reading.is_final]
    etas = [reading.eta_s for reading in running if reading.eta_s is not None]
    return Reading(
        done=sum(reading.done for reading in known),
        total=sum(reading.total for reading in known),
        sent_pps=sum(reading.sent_pps for reading in running),
        replies=sum(reading.replies for reading in known),
        eta_s=max(etas, default=None),
        state="running" if running or not known else _worst(known),
    )


def _worst(ended: Iterable[Reading]) -> str:
    """Return `done` if all are, else the first other state by name."""
    return min((reading.state for reading in ended if reading.state != "done"), default="done")


def format_probing(readings: Readings, shown: int = 8) -> str:
    """
    Write one line for all vantage points: the sum, then each of the first *shown* names.

    >>> format_probing({"jp-0001": Reading(300, 500, 99.6, 3800, 20.0, "running"), "us-0001": None})
    '300/500 targets, 100 pps, 3,800 replies, 0:20 left; jp-0001 60 %, us-0001 waiting'
    """
    total = combine(readings.values())
    parts = [f"{vp} {format_vp(readings[vp])}" for vp in sorted(readings)]
    if len(parts) > shown:
        parts = [*parts[:shown], f"and {len(parts) - shown} more"]
    return f"{total.done:,}/{total.total:,} targets, {format_rate(total)}; {', '.join(parts)}"
