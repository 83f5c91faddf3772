"""
Join addresses into alias sets, and say where the evidence contradicts itself.

Aliases are transitive, measurements are not always right.  So a merge that would put two addresses
into one set of which some test says that they are of different routers is not made: it is reported
as a conflict (Keys, "Internet-Scale IP Alias Resolution Techniques", CCR 2010, names false merges
as what makes sets grow without bound).
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Literal

Verdict = Literal["aliases", "not-aliases", "none"]
"""What one test of two addresses says; `none` is no answer, not a denial."""

STRENGTH = ("mercator", "iffinder", "ally", "radargun")
"""Methods, the most trustworthy first: one reply proves an alias, counters only make it likely."""


@dataclass(frozen=True, order=True)
class Evidence:
    """One test of a pair; `a` is the smaller address."""

    a: str
    b: str
    verdict: Verdict
    method: str

    @classmethod
    def of(cls, one: str, other: str, verdict: Verdict, method: str) -> "Evidence":
        """
        Build it from addresses in any order.

        >>> Evidence.of("192.0.2.9", "192.0.2.10", "aliases", "ally").a
        '192.0.2.9'
        """
        a, b = sorted((one, other), key=address_key)
        return cls(a, b, verdict, method)


@dataclass(frozen=True, order=True)
class Conflict:
    """A merge that was refused, or a set whose members some test holds apart."""

    a: str
    b: str
    method: str
    """What wanted them joined."""

    against_a: str
    against_b: str
    """The pair, one of each side, that a test says is of two routers."""

    against_method: str


@dataclass(frozen=True)
class Resolution:
    """What the evidence comes to."""

    sets: tuple[tuple[str, ...], ...]
    """Two addresses or more each, sorted; the sets by their smallest address."""

    conflicts: tuple[Conflict, ...]


def address_key(text: str) -> tuple[int, int]:
    """
    Give the order of addresses: IPv4 first, then by number.

    >>> sorted(["::1", "192.0.2.10", "192.0.2.9"], key=address_key)
    ['192.0.2.9', '192.0.2.10', '::1']
    """
    address = ip_address(text)
    return address.version, int(address)


def resolve(evidence: Iterable[Evidence]) -> Resolution:
    """
    Join what the evidence joins; the order it comes in does not matter.

    The most trustworthy method goes first (`STRENGTH`), so that a doubtful merge never keeps out a
    certain one.

    >>> found = resolve([
    ...     Evidence("192.0.2.1", "192.0.2.5", "aliases", "mercator"),
    ...     Evidence("192.0.2.5", "192.0.2.9", "aliases", "ally"),
    ...     Evidence("192.0.2.1", "192.0.2.9", "not-aliases", "radargun"),
    ... ])
    >>> found.sets
    (('192.0.2.1', '192.0.2.5'),)
    >>> [(c.a, c.b, c.against_a, c.against_b) for c in found.conflicts]
    [('192.0.2.5', '192.0.2.9', '192.0.2.1', '192.0.2.9')]
    """
    known = sorted(set(evidence), key=_order)
    groups = _Groups(each for each in known if each.verdict == "not-aliases")
    conflicts = [
        conflict
        for each in known
        if each.verdict == "aliases" and (conflict := groups.join(each)) is not None
    ]
    return Resolution(groups.sets(), tuple(sorted(set(conflicts))))


def _order(each: Evidence) -> tuple[int, str, tuple[int, int], tuple[int, int], str]:
    rank = STRENGTH.index(each.method) if each.method in STRENGTH else len(STRENGTH)
    return rank, each.method, address_key(each.a), address_key(each.b), each.verdict


class _Groups:
    """Union-find (Tarjan 1975) whose sets know who must not be in them."""

    def __init__(self, against: Iterable[Evidence]) -> None:
        self.parent: dict[str, str] = {}
        self.members: dict[str, list[str]] = {}
        self.apart: dict[str, dict[str, str]] = defaultdict(dict)
        for each in against:
            self.apart[each.a].setdefault(each.b, each.method)
            self.apart[each.b].setdefault(each.a, each.method)

    def join(self, each: Evidence) -> Conflict | None:
        """Merge the sets of a pair, or say what speaks against it."""
        one, other = self._root(each.a), self._root(each.b)
        if one == other:
            return None
        found = self._held_apart(one, other)
        if found is not None:
            mine, theirs, method = found
            return Conflict(each.a, each.b, each.method, mine, theirs, method)
        if len(self.members[one]) < len(self.members[other]):
            one, other = other, one
        self.parent[other] = one
        self.members[one] += self.members.pop(other)
        return None

    def sets(self) -> tuple[tuple[str, ...], ...]:
        """Give the sets, sorted."""
        found = [tuple(sorted(members, key=address_key)) for members in self.members.values()]
        return tuple(sorted((s for s in found if len(s) > 1), key=lambda s: address_key(s[0])))

    def _root(self, address: str) -> str:
        if address not in self.parent:
            self.parent[address] = address
            self.members[address] = [address]
        while self.parent[address] != address:
            self.parent[address] = address = self.parent[self.parent[address]]
        return address

    def _held_apart(self, one: str, other: str) -> tuple[str, str, str] | None:
        """Give the first pair across the two sets that a test says is of two routers."""
        if len(self.members[one]) > len(self.members[other]):
            one, other = other, one
        theirs = set(self.members[other])
        found = [
            (*sorted((mine, each), key=address_key), method)
            for mine in self.members[one]
            for each, method in self.apart[mine].items()
            if each in theirs
        ]
        if not found:
            return None
        a, b, method = min(found, key=lambda f: (address_key(f[0]), address_key(f[1])))
        return a, b, method


def pairs_of(sets: Iterable[Sequence[str]]) -> set[tuple[str, str]]:
    """
    Give every pair of every set, the smaller address first.

    >>> sorted(pairs_of([("192.0.2.1", "192.0.2.2", "192.0.2.3")]))
    [('192.0.2.1', '192.0.2.2'), ('192.0.2.1', '192.0.2.3'), ('192.0.2.2', '192.0.2.3')]
    """
    ordered = [sorted(members, key=address_key) for members in sets]
    return {(s[i], other) for s in ordered for i in range(len(s)) for other in s[i + 1 :]}
