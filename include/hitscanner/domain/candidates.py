"""
Choose whom to ask about aliases: every router address once, and the pairs that are near each other.

All pairs of n addresses are n²/2; the traces say which of them are worth the packets.  The rules
are those of APAR and kapar (Gunes, Sarac, "Resolving IP Aliases in Building Traceroute-Based
Internet Maps", ToN 2009; Keys, CCR 2010): two routers on a cable have addresses of one /30 or /31,
so the other address of the far end's cable is the near router's; and what answers before the same
address is, on point-to-point links, the same router.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from itertools import combinations
from typing import Literal

from hitscanner.domain.addresses import Address
from hitscanner.domain.alias_sets import address_key

Why = Literal["mate", "next", "previous"]
"""
`mate`: one is the other end of a cable behind the other; `next`: both come before one address;
`previous`: both come after one.
"""

RULES: tuple[Why, ...] = ("mate", "next", "previous")
"""The likeliest first: a limit cuts from the end."""

WIDEST = 12
"""Neighbours of one address that are all paired; of more, each with the `REACH` next only."""

REACH = 4


@dataclass(frozen=True, order=True)
class SeenLink:
    """A link as the links table has it, without what does not matter here."""

    near: str
    far: str
    is_dest: bool
    stars: int
    ttl: int
    """Least distance of the near end."""


@dataclass(frozen=True)
class Candidate:
    """Two addresses worth a test; `a` is the smaller."""

    a: str
    b: str
    why: Why


def router_addresses(links: Iterable[SeenLink]) -> list[str]:
    """
    Give the addresses that routers answered from, sorted: all but destinations.

    >>> router_addresses([SeenLink("192.0.2.1", "192.0.2.5", False, 0, 1),
    ...                   SeenLink("192.0.2.5", "198.51.100.9", True, 0, 2)])
    ['192.0.2.1', '192.0.2.5']
    """
    links = list(links)
    found = {link.near for link in links} | {link.far for link in links if not link.is_dest}
    return sorted(found, key=address_key)


def candidate_pairs(links: Iterable[SeenLink], limit: int) -> list[Candidate]:
    """
    Give at most *limit* pairs, the likeliest first; the same links in any order give the same.

    >>> found = candidate_pairs([SeenLink("192.0.2.1", "192.0.2.9", False, 0, 1),
    ...                          SeenLink("192.0.2.5", "192.0.2.9", False, 0, 2)], limit=5)
    >>> [(c.a, c.b, c.why) for c in found]
    [('192.0.2.1', '192.0.2.5', 'next')]
    """
    links = sorted(links)
    known = set(router_addresses(links))
    makers = {
        "mate": _mates(links, known),
        "next": _neighbours(((link.far, link.near) for link in _direct(links)), known),
        "previous": _neighbours(((link.near, link.far) for link in _direct(links)), known),
    }
    found: dict[tuple[str, str], Why] = {}
    for why in RULES:
        for pair in sorted(set(makers[why]), key=lambda p: (address_key(p[0]), address_key(p[1]))):
            if len(found) >= limit:
                break
            found.setdefault(pair, why)
    return [Candidate(a, b, why) for (a, b), why in found.items()]


def groups_of(pairs: Iterable[tuple[str, str]], largest: int) -> list[list[str]]:
    """
    Gather pairs into groups to be probed in rounds, so that each pair is within some group.

    Args:
        pairs: two addresses of one family each.
        largest: addresses in a group, at least 2.

    >>> groups_of([("192.0.2.1", "192.0.2.2"), ("192.0.2.2", "192.0.2.3")], largest=3)
    [['192.0.2.1', '192.0.2.2', '192.0.2.3']]
    """
    groups: list[set[str]] = []
    of: dict[str, list[int]] = defaultdict(list)
    for a, b in sorted(set(pairs), key=lambda p: (address_key(p[0]), address_key(p[1]))):
        if set(of[a]) & set(of[b]):
            continue
        for number in sorted({*of[a], *of[b]}):
            if len(groups[number] | {a, b}) <= largest:
                break
        else:
            number = len(groups)
            groups.append(set())
        for new in {a, b} - groups[number]:
            groups[number].add(new)
            of[new].append(number)
    return [sorted(group, key=address_key) for group in groups]


def neighbourhoods(addresses: Iterable[str], size: int) -> list[list[str]]:
    """
    Cut addresses, in order of number, into groups that overlap by half.

    Operators number a router's cables from one block, so its addresses lie near each other; two
    that are at most half a group apart are within some group.

    >>> neighbourhoods(["192.0.2.3", "192.0.2.1", "192.0.2.2", "192.0.2.4", "192.0.2.5"], 4)
    [['192.0.2.1', '192.0.2.2', '192.0.2.3', '192.0.2.4'], ['192.0.2.3', '192.0.2.4', '192.0.2.5']]
    """
    ordered = sorted(set(addresses), key=address_key)
    reach = max(1, size // 2)
    starts = range(0, max(1, len(ordered) - reach), reach)
    groups = [ordered[start : start + size] for start in starts]
    return [group for group in groups if len(group) > 1]


def mates(text: str) -> list[str]:
    """
    Give the other addresses of the cable that an address is on, by a /31 and by a /30.

    >>> mates("192.0.2.5"), mates("192.0.2.4"), mates("2001:db8::1")
    (['192.0.2.4', '192.0.2.6'], ['192.0.2.5'], ['2001:db8::', '2001:db8::2'])
    """
    address = ip_address(text)
    numbers = [int(address) ^ 1]
    if int(address) % 4 in (1, 2):
        numbers.append(int(address) ^ 3)
    return [str(_like(address, number)) for number in sorted(numbers)]


def _like(address: Address, number: int) -> Address:
    return type(address)(number)


def _direct(links: Iterable[SeenLink]) -> list[SeenLink]:
    return [link for link in links if link.stars == 0]


def _pair(one: str, other: str) -> tuple[str, str]:
    return (one, other) if address_key(one) < address_key(other) else (other, one)


def _mates(links: Iterable[SeenLink], known: set[str]) -> Iterator[tuple[str, str]]:
    """Pair the near end with the mate of the far end: both are of the near router."""
    for link in _direct(links):
        for mate in mates(link.far):
            if mate in known and mate != link.near and link.near in known:
                yield _pair(link.near, mate)


def _neighbours(ends: Iterable[tuple[str, str]], known: set[str]) -> Iterator[tuple[str, str]]:
    """Pair what shares a neighbour; *ends* are the shared one and the one to be paired."""
    beside: dict[str, set[str]] = defaultdict(set)
    for shared, one in ends:
        if one in known:
            beside[shared].add(one)
    for some in beside.values():
        yield from _among(sorted(some, key=address_key))


def _among(some: list[str]) -> Iterator[tuple[str, str]]:
    """Pair all of a few, and of many each with the next ones, so that pairs stay linear."""
    if len(some) <= WIDEST:
        yield from combinations(some, 2)
        return
    for i, one in enumerate(some):
        yield from ((one, other) for other in some[i + 1 : i + 1 + REACH])
