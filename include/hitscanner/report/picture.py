"""Decide what of a topology is drawn: dots and lines, and in words what was left out."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Literal

from hitscanner.report.tables import Link, Seen, Topology

LINES_SHOWN = 8_000
"""More lines cannot be told apart."""

_UNSEEN = Seen(hop=0, rtt_ms=None, is_destination=False, vps=())
"""Of an address that a link names and no reply does."""

Kind = Literal["vp", "router", "destination"]
OriginOf = Callable[[str], int | None]
"""Address → number of its AS, if that is known."""


@dataclass(frozen=True)
class Dot:
    """A vantage point or an address; `name` says which one."""

    name: str
    kind: Kind
    hop: int
    """Smallest TTL it answered at; 0 for a vantage point."""

    rtt_ms: float | None
    vps: tuple[str, ...]
    degree: int
    """Addresses next to it in all links of the cycle, drawn or not."""

    folded: int
    """Links to addresses that are not drawn."""

    asn: int | None = None


@dataclass(frozen=True)
class Line:
    """A link between two dots, given by their indexes; a way from a vantage point has none."""

    near: int
    far: int
    hops: int
    """1, plus the silent hops between."""

    vps: tuple[str, ...]
    link: Link | None


@dataclass(frozen=True)
class Picture:
    """What is drawn, in a fixed order."""

    dots: tuple[Dot, ...]
    lines: tuple[Line, ...]
    left_out: tuple[str, ...]
    """A sentence for each thing that is in the data and not in the picture."""

    def seen_by(self) -> Iterator[tuple[str, ...]]:
        """Yield who saw each dot, then who saw each line."""
        yield from (dot.vps for dot in self.dots)
        yield from (line.vps for line in self.lines)


def compose(
    topology: Topology, lines_shown: int = LINES_SHOWN, origin_of: OriginOf = lambda _: None
) -> Picture:
    """
    Choose what to draw of *topology*, at most about *lines_shown* links of it.

    Where that is not all, destinations go first (counted on the last router before them), then
    addresses with a single neighbour, then the links seen least often.  *origin_of* names the AS of
    an address.
    """
    ends = destinations(topology)
    nearest = _nearest(topology.first_replies)
    kept, left_out = _fold(topology.links, ends, nearest, lines_shown)
    folded = Counter(link.near_addr for link in topology.links)
    folded.subtract(link.near_addr for link in kept)
    degree = _degrees(topology.links)
    drawn = {addr for link in kept for addr in (link.near_addr, link.far_addr)}
    drawn |= nearest | {addr for _, addr, _ in topology.first_replies if not degree[addr]}
    first = [reply for reply in topology.first_replies if reply[1] in drawn]

    def dot(addr: str) -> Dot:
        kind: Kind = "destination" if addr in ends else "router"
        seen = topology.addresses.get(addr, _UNSEEN)
        rest = degree[addr], folded[addr], origin_of(addr)
        return Dot(addr, kind, seen.hop, seen.rtt_ms, seen.vps, *rest)

    dots = [Dot(vp, "vp", 0, None, (vp,), 0, 0) for vp in sorted({vp for vp, _, _ in first})]
    dots.extend(dot(addr) for addr in sorted(drawn, key=_address_order))
    return Picture(tuple(dots), tuple(_lines(dots, first, kept)), tuple(left_out))


def _lines(
    dots: Sequence[Dot], first: Iterable[tuple[str, str, int]], links: Iterable[Link]
) -> Iterator[Line]:
    """Yield the ways from the vantage points, then the links."""
    index = {dot.name: number for number, dot in enumerate(dots)}
    for vp, addr, ttl in first:
        yield Line(index[vp], index[addr], ttl, (vp,), None)
    for link in links:
        near, far = index[link.near_addr], index[link.far_addr]
        yield Line(near, far, 1 + link.stars, link.vps, link)


def _fold(
    links: Sequence[Link], ends: AbstractSet[str], nearest: AbstractSet[str], limit: int
) -> tuple[list[Link], list[str]]:
    """Return the links to draw and what was left out, in words."""
    kept, said = list(links), list[str]()
    if len(kept) > limit:
        before, kept = len(kept), [link for link in kept if link.far_addr not in ends]
        said.append(
            f"{before - len(kept):,} links to {len(ends):,} destinations "
            "(counted on the last router before them)"
        )
    while len(kept) > limit:
        degree = _degrees(kept)
        leaves = {addr for addr, neighbours in degree.items() if neighbours == 1} - nearest
        inner = [link for link in kept if not {link.near_addr, link.far_addr} & leaves]
        if len(inner) < max(limit // 2, 1) or len(inner) == len(kept):
            break
        said.append(f"{len(kept) - len(inner):,} links to router addresses with one neighbour")
        kept = inner
    if len(kept) > limit:
        said.append(f"the {len(kept) - limit:,} links that were seen least often")
        often = sorted(kept, key=lambda link: (-link.freq, link.near_addr, link.far_addr))[:limit]
        kept = sorted(often, key=lambda link: (link.near_addr, link.far_addr))
    return kept, said


def _nearest(first: Iterable[tuple[str, str, int]]) -> set[str]:
    """Return the addresses right beside the vantage points: without them these would vanish."""
    least: dict[str, int] = {}
    for vp, _, ttl in first:
        least[vp] = min(ttl, least.get(vp, ttl))
    return {addr for vp, addr, ttl in first if ttl == least[vp]}


def destinations(topology: Topology) -> set[str]:
    """Return the addresses that answered only as the destination and lead nowhere."""
    ends = {addr for addr, seen in topology.addresses.items() if seen.is_destination}
    ends |= {link.far_addr for link in topology.links if link.is_dest}
    ends -= {link.far_addr for link in topology.links if not link.is_dest}
    return ends - {link.near_addr for link in topology.links}


def router_degrees(topology: Topology) -> Counter[int]:
    """Return how many router addresses have how many neighbours."""
    ends = destinations(topology)
    degree = _degrees(topology.links)
    return Counter(number for addr, number in degree.items() if addr not in ends)


def _degrees(links: Iterable[Link]) -> Counter[str]:
    pairs = {tuple(sorted((link.near_addr, link.far_addr))) for link in links}
    return Counter(addr for pair in pairs for addr in pair)


def _address_order(addr: str) -> tuple[int, bytes]:
    """
    Order addresses as numbers, IPv4 first; anything else that a table may name comes last.

    >>> sorted(["2001:db8::1", "00:00:5e:00:53:01", "10.0.0.10", "10.0.0.9"], key=_address_order)
    ['10.0.0.9', '10.0.0.10', '2001:db8::1', '00:00:5e:00:53:01']
    """
    try:
        address = ip_address(addr)
    except ValueError:
        return 99, addr.encode()
    return address.version, address.packed


def vp_groups(names: Sequence[str], lines: Sequence[Line], most: int = 8) -> tuple[str, ...]:
    """
    Choose the vantage points that get a colour of their own: all, or those that alone saw most.

    >>> vp_groups(["us-0001", "jp-0001"], [])
    ('jp-0001', 'us-0001')
    """
    if len(names) <= most:
        return tuple(sorted(names))
    alone = Counter(line.vps[0] for line in lines if len(line.vps) == 1 and line.link)
    chosen = sorted(names, key=lambda name: (-alone[name], name))[:most]
    return tuple(sorted(chosen))


def as_groups(dots: Iterable[Dot], most: int = 8) -> tuple[int, ...]:
    """
    Choose the ASes that get a colour of their own: those with most router addresses.

    >>> as_groups([Dot("192.0.2.1", "router", 1, None, (), 1, 0, asn=64500)])
    (64500,)
    """
    sizes = Counter(dot.asn for dot in dots if dot.kind == "router" and dot.asn is not None)
    return tuple(sorted(sizes, key=lambda asn: (-sizes[asn], asn))[:most])
