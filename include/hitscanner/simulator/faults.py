"""Faults that are switched on while a world runs: what they are, and for how long."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Literal, get_args

from hitscanner.errors import UsageError

FaultKind = Literal["blackhole", "cut", "clock"]
"""
`blackhole`: nothing a vantage point sends is answered. `cut`: its device loses carrier.
`clock`: its clock is wrong; namespaces share the machine's, so whoever asks for the time of the
vantage point adds `offset_s` (`lifecycle.clock_offset_s`).
"""


class FaultError(UsageError):
    """A fault cannot be switched on; the message says what to say instead."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of one vantage point."""

    kind: FaultKind
    vp: str
    seconds: float | None = None
    """How long; None until cleared."""
    offset_s: float = 0.0
    """Of a clock: positive is ahead."""

    def to_json(self) -> dict[str, object]:
        """Return it as JSON values."""
        return asdict(self)


def parse(stored: Mapping[str, object], vps: Mapping[str, object]) -> Fault:
    """
    Turn JSON values into a fault of one of *vps*.

    Raises:
        FaultError: for a kind or vantage point that there is not, or a time that is none.

    >>> parse({"kind": "cut", "vp": "us-0001", "seconds": 5}, {"us-0001": None}).seconds
    5.0
    """
    kind, vp, seconds = stored.get("kind"), str(stored.get("vp")), stored.get("seconds")
    kinds: tuple[FaultKind, ...] = get_args(FaultKind)
    known = [name for name in kinds if name == kind]
    if not known:
        raise FaultError(f"{kind}: no such fault; there are: {', '.join(kinds)}")
    if vp not in vps:
        raise FaultError(f"{vp}: no such vantage point; there are: {', '.join(vps)}")
    if seconds is not None and not (isinstance(seconds, int | float) and seconds > 0):
        raise FaultError(f"{seconds} seconds: say a number above 0, or nothing for until cleared")
    offset_s = stored.get("offset_s", 0.0)
    if not isinstance(offset_s, int | float):
        raise FaultError(f"{offset_s}: say the offset of the clock in seconds")
    return Fault(known[0], vp, None if seconds is None else float(seconds), float(offset_s))


class Faults:
    """The faults that are on; one of a kind for each vantage point."""

    def __init__(self) -> None:
        self._on: dict[tuple[str, FaultKind], tuple[Fault, int | None]] = {}
        self.unheard: frozenset[str] = frozenset()
        """
        Vantage points whose packets are dropped; looked at for every packet, hence ready made.

        Those that are cut too: the kernel notices a lost carrier only after a second.
        """

    def switch_on(self, fault: Fault, now_ns: int) -> None:
        """Start a fault; one of the same kind is replaced."""
        until = None if fault.seconds is None else now_ns + int(fault.seconds * 1e9)
        self._on[fault.vp, fault.kind] = fault, until
        self._note()

    def clear(self, vp: str | None) -> list[Fault]:
        """End the faults of a vantage point, or all; return them."""
        return self._end([key for key in self._on if vp in (None, key[0])])

    def expire(self, now_ns: int) -> list[Fault]:
        """End those whose time is over; return them."""
        return self._end(
            [key for key, (_, until) in self._on.items() if until is not None and until <= now_ns]
        )

    def to_json(self) -> list[dict[str, object]]:
        """Return those that are on."""
        return [fault.to_json() for fault, _ in self._on.values()]

    def _end(self, keys: list[tuple[str, FaultKind]]) -> list[Fault]:
        ended = [self._on.pop(key)[0] for key in keys]
        self._note()
        return ended

    def _note(self) -> None:
        self.unheard = frozenset(vp for vp, kind in self._on if kind != "clock")
