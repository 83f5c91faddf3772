"""
Say what changed between two cycles of a list, and what only looks like it.

A link that nobody could see any more, because those who saw it did not measure, is not gone; and
one that only newcomers see is not new.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from hitscanner.domain.alias_sets import address_key

Change = Literal["new", "gone", "moved"]


@dataclass(frozen=True, order=True)
class Sight:
    """A link and the vantage points that saw it in a cycle."""

    near: str
    far: str
    vps: frozenset[str]


@dataclass(frozen=True, order=True)
class LinkChange:
    """One difference."""

    change: Change
    near: str
    far: str
    was_near: str | None
    """Of a moved link: what came before the far end in the earlier cycle."""

    by_vantage_points: bool
    """Explained by another set of vantage points: no evidence of a change."""


@dataclass(frozen=True)
class CycleDiff:
    """All differences of two cycles."""

    links_before: int
    links_after: int
    common: int
    vps_added: tuple[str, ...]
    vps_removed: tuple[str, ...]
    changes: tuple[LinkChange, ...]

    def count(self, change: Change, *, by_vantage_points: bool = False) -> int:
        """Count the changes of a kind; those that vantage points explain only when asked."""
        return sum(
            c.change == change and c.by_vantage_points == by_vantage_points for c in self.changes
        )


def compare_cycles(
    before: Iterable[Sight],
    after: Iterable[Sight],
    vps_before: Iterable[str],
    vps_after: Iterable[str],
) -> CycleDiff:
    """
    Compare the links of two cycles.

    A link has *moved* when its far end is reached from another address than before, and from none
    of the former ones: one row for each new near end.

    >>> a = [Sight("192.0.2.1", "192.0.2.9", frozenset({"us"})),
    ...      Sight("192.0.2.1", "192.0.2.5", frozenset({"jp"}))]
    >>> b = [Sight("192.0.2.3", "192.0.2.9", frozenset({"us"}))]
    >>> diff = compare_cycles(a, b, ["us", "jp"], ["us"])
    >>> [(c.change, c.near, c.far, c.was_near, c.by_vantage_points) for c in diff.changes]
    [('gone', '192.0.2.1', '192.0.2.5', None, True), \
('moved', '192.0.2.3', '192.0.2.9', '192.0.2.1', False)]
    """
    old, new = _by_ends(before), _by_ends(after)
    was, now = set(vps_before), set(vps_after)
    changes = [
        *_only(old, new, "gone", now),
        *_only(new, old, "new", was),
    ]
    changes = _find_moved(changes, old.keys() & new.keys())
    return CycleDiff(
        links_before=len(old),
        links_after=len(new),
        common=len(old.keys() & new.keys()),
        vps_added=tuple(sorted(now - was)),
        vps_removed=tuple(sorted(was - now)),
        changes=tuple(sorted(changes, key=_order)),
    )


def _by_ends(sights: Iterable[Sight]) -> dict[tuple[str, str], frozenset[str]]:
    found: dict[tuple[str, str], frozenset[str]] = defaultdict(frozenset)
    for sight in sights:
        found[sight.near, sight.far] |= sight.vps
    return dict(found)


def _only(
    mine: dict[tuple[str, str], frozenset[str]],
    other: dict[tuple[str, str], frozenset[str]],
    change: Change,
    present: set[str],
) -> list[LinkChange]:
    """Give what only one side has; nobody who saw it measured on the other side: no evidence."""
    return [
        LinkChange(change, near, far, None, not mine[near, far] & present)
        for near, far in mine.keys() - other.keys()
    ]


def _find_moved(changes: list[LinkChange], kept: Iterable[tuple[str, str]]) -> list[LinkChange]:
    """Turn gone and new links of one far end into moved ones."""
    still = {far for _, far in kept}
    gone, new = (
        {c.far for c in changes if c.change == kind and not c.by_vantage_points}
        for kind in ("gone", "new")
    )
    moved_fars = (gone & new) - still
    former: dict[str, str] = {}
    for c in sorted(changes, key=_order):
        if c.change == "gone" and c.far in moved_fars and not c.by_vantage_points:
            former.setdefault(c.far, c.near)
    return [
        LinkChange("moved", c.near, c.far, former[c.far], by_vantage_points=False)
        if c.change == "new" and c.far in former and not c.by_vantage_points
        else c
        for c in changes
        if not (c.change == "gone" and c.far in former and not c.by_vantage_points)
    ]


def _order(c: LinkChange) -> tuple[str, tuple[int, int], tuple[int, int], bool]:
    return c.change, address_key(c.far), address_key(c.near), c.by_vantage_points
