"""Decide what a cycle has become: complete, partial or failed, from exact counts."""

from collections.abc import Sequence
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

    def without(self, moved: int) -> "Counts":
        """
        Take out *moved* targets that were missing here and are counted elsewhere.

        >>> Counts(done=3, failed=1, unassigned=2).without(3)
        Counts(done=3, failed=0, excluded=0, unassigned=0)
        """
        never_tried = min(moved, self.unassigned)
        return Counts(
            self.done,
            self.failed - (moved - never_tried),
            self.excluded,
            self.unassigned - never_tried,
        )

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


def decide(total: Counts, are_whole: Sequence[bool], quorum: Quorum) -> State:
    """
    Judge a cycle by its counts and by which vantage points are whole.

    Nothing done is `failed`, whatever the quorum; so is less than the quorum. Nothing missing is
    `complete`, also when another vantage point had to measure it.

    Args:
        total: what became of all targets.
        are_whole: for each vantage point, whether it measured all that it was asked first.
        quorum: the least that may be published.

    >>> decide(Counts(done=13, failed=5), [True, False], Quorum(min_vp_ratio=0.5))
    <State.PARTIAL: 'partial'>
    >>> decide(Counts(done=13, failed=5), [True, False], Quorum(min_vp_ratio=1.0))
    <State.FAILED: 'failed'>
    """
    if total.done == 0:
        return State.FAILED
    vp_ratio = sum(are_whole) / len(are_whole)
    target_ratio = total.done / (total.done + total.missing)
    if vp_ratio < quorum.min_vp_ratio or target_ratio < quorum.min_target_ratio:
        return State.FAILED
    return State.PARTIAL if total.missing else State.COMPLETE
