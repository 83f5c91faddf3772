"""Decide what a cycle has become: complete, partial or failed, from exact counts."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Self


class State(StrEnum):
    """What a cycle is; the last three are ends."""

    PLANNED = "planned"
    COMPLETE = "complete"
    PARTIAL = "partial"
    FAILED = "failed"


@dataclass(frozen=True)
class Counts:
    """
    What became of the targets asked for; one target from two vantage points counts twice.

    >>> Counts(done=3, failed=1, excluded=2).assigned
    6
    """

    done: int = 0
    """A trace was measured, fetched and verified; silence is a result too."""

    failed: int = 0
    """Handed to a prober, no trace came back."""

    excluded: int = 0
    """Not probed on purpose: do-not-probe list or reserved space."""

    unassigned: int = 0
    """Never handed to a prober that could try."""

    @property
    def assigned(self) -> int:
        """All of them: `done + failed + excluded + unassigned`."""
        return self.done + self.failed + self.excluded + self.unassigned

    @property
    def missing(self) -> int:
        """Wanted and not there."""
        return self.failed + self.unassigned

    def __add__(self, other: Self) -> "Counts":
        return Counts(
            self.done + other.done,
            self.failed + other.failed,
            self.excluded + other.excluded,
            self.unassigned + other.unassigned,
        )

    def to_json(self) -> dict[str, int]:
        """Give all five numbers."""
        return {"assigned": self.assigned, **asdict(self)}


@dataclass(frozen=True)
class Quorum:
    """The least that may be published: shares from 0 to 1."""

    min_vp_ratio: float = 0.5
    min_target_ratio: float = 0.5


def decide(per_vp: Iterable[Counts], quorum: Quorum) -> State:
    """
    Judge a cycle by the counts of its vantage points.

    A vantage point counts as good when nothing of it is missing. Nothing done is `failed`, whatever
    the quorum; nothing missing is `complete`.

    >>> decide([Counts(done=9), Counts(done=4, failed=5)], Quorum(min_vp_ratio=0.5))
    <State.PARTIAL: 'partial'>
    >>> decide([Counts(done=9), Counts(done=4, failed=5)], Quorum(min_vp_ratio=1.0))
    <State.FAILED: 'failed'>
    """
    counts = list(per_vp)
    total = sum(counts, Counts())
    wanted = total.done + total.missing
    if total.done == 0:
        return State.FAILED
    if total.missing == 0:
        return State.COMPLETE
    vp_ratio = sum(c.missing == 0 for c in counts) / len(counts)
    enough = vp_ratio >= quorum.min_vp_ratio and total.done / wanted >= quorum.min_target_ratio
    return State.PARTIAL if enough else State.FAILED
