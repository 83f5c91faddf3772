"""Make a world from a seed: ASes with business relations, routers, diamonds, prefixes, faults."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import combinations
from random import Random
from typing import Literal

from hitscanner.errors import UsageError
from hitscanner.simulator import addressing
from hitscanner.simulator.behaviour import Behaviours
from hitscanner.simulator.objects import (
    AutonomousSystem,
    Event,
    Header,
    Link,
    Prefix,
    Relation,
    Router,
    VantagePoint,
    WorldObject,
    WorldSpec,
)

_ROUTERS_PER_AS = 25
_FIRST_ASN = 4_200_000_000
"""Private use (RFC 6996)."""
_TIER_WEIGHT = {1: 8, 2: 3, 3: 1}
_DIAMOND_SHARE = 0.2
_DIAMOND_WIDTHS = (2, 2, 2, 2, 3, 3, 4, 4, 5, 6, 8, 16)
_PARALLEL_SHARE = 0.05
_OPT_OUT_PREFIXES = 2


class ImpossibleWorldError(UsageError):
    """A world was asked for that cannot be made; the message says which number to change."""


@dataclass(slots=True)
class _As:
    """An AS while it is being built: routers are numbered from 0 within it."""

    asn: int
    tier: Literal[1, 2, 3]
    size: int
    inside: list[tuple[int, int, int]] = field(default_factory=list)
    """Links within: router, router, cost."""
    outside: list[tuple[int, int, int, Relation]] = field(default_factory=list)
    """Links to others, numbered from its block: own router, AS index, its router, relation."""
    first_router: int = 0
    first_link: int = 0


def world_objects(spec: WorldSpec) -> Iterator[WorldObject]:
    """
    Yield the objects of the world that *spec* asks for; the same spec gives the same objects.

    Raises:
        ImpossibleWorldError: if a number of the spec is out of range.
    """
    _check(spec)
    draw = Random(spec.seed)  # noqa: S311  (it makes worlds, not secrets)
    ases = _make_ases(draw, spec.routers)
    for here in ases:
        _wire_inside(draw, here)
    _wire_outside(draw, ases)
    _number(ases)
    yield Header(seed=spec.seed, kind=spec.kind)
    yield from (_as_line(here) for here in ases)
    yield from _dressed(draw, spec, ases)


def _check(spec: WorldSpec) -> None:
    most_targets = 2 * addressing.MAX_HOSTS * (addressing.MAX_PREFIXES - _OPT_OUT_PREFIXES)
    for what, value, least, most in (
        ("routers", spec.routers, 20, 50_000),
        ("vantage points", len(spec.vantage_points), 1, 100),
        ("targets", spec.targets, 1, most_targets),
    ):
        if not least <= value <= most:
            raise ImpossibleWorldError(f"{value} {what}: ask for {least} to {most}")


def _make_ases(draw: Random, routers: int) -> list[_As]:
    count = max(4, routers // _ROUTERS_PER_AS)
    top = max(2, min(8, count // 10))
    tiers: list[Literal[1, 2, 3]] = [
        1 if i < top else 2 if i < top + max(1, count // 4) else 3 for i in range(count)
    ]
    weights = [_TIER_WEIGHT[tier] * draw.uniform(0.6, 1.4) for tier in tiers]
    sizes = [max(2, int(routers * weight / sum(weights))) for weight in weights]
    sizes[0] += routers - sum(sizes)
    return [
        _As(_FIRST_ASN + i, tier, size)
        for i, (tier, size) in enumerate(zip(tiers, sizes, strict=True))
    ]


def _wire_inside(draw: Random, here: _As) -> None:
    """Grow the AS from its first router by single routers and by diamonds, then close rings."""
    ends = [0]
    made = 1
    while made < here.size:
        near = ends[_near_core(draw, len(ends))]
        width = draw.choice(_DIAMOND_WIDTHS)
        if draw.random() < _DIAMOND_SHARE and width < here.size - made:
            far = made + width
            for middle in range(made, far):
                here.inside += [(near, middle, 1), (middle, far, 1)]
            ends.append(far)
            made = far + 1
        else:
            here.inside += [(near, made, 1)] * (2 if draw.random() < _PARALLEL_SHARE else 1)
            ends.append(made)
            made += 1
    for _ in range(len(ends) // 4):
        near, far = draw.choice(ends), draw.choice(ends)
        if near != far:
            here.inside.append((near, far, draw.randint(1, 2)))


def _near_core(draw: Random, size: int) -> int:
    """Return a number below *size*, low ones more often: the core comes first."""
    return int(size * draw.random() ** 3)


def _wire_outside(draw: Random, ases: list[_As]) -> None:
    by_tier = {tier: [i for i, here in enumerate(ases) if here.tier == tier] for tier in (1, 2, 3)}
    for near, far in combinations(by_tier[1], 2):
        _connect(draw, ases, near, far, "peer", draw.randint(1, 3))
    for i in by_tier[2]:
        for up in _some(draw, by_tier[1], 2):
            _connect(draw, ases, up, i, "provider", draw.randint(1, 2))
    for i in by_tier[3]:
        for up in _some(draw, by_tier[2], 2):
            _connect(draw, ases, up, i, "provider", 1)
    for i in by_tier[2]:
        other = draw.choice(by_tier[2])
        if other > i:
            _connect(draw, ases, i, other, "peer", 1)


def _some(draw: Random, of: list[int], most: int) -> list[int]:
    return draw.sample(of, min(len(of), draw.randint(1, most)))


def _connect(
    draw: Random, ases: list[_As], near: int, far: int, relation: Relation, links: int
) -> None:
    for _ in range(links):
        ends = _near_core(draw, ases[near].size), _near_core(draw, ases[far].size)
        ases[near].outside.append((ends[0], far, ends[1], relation))


def _number(ases: list[_As]) -> None:
    """Give each AS aligned blocks of router and link numbers: its addresses are prefixes."""
    next_router = next_link = 0
    for here in ases:
        here.first_router, next_router = _block(next_router, here.size)
        here.first_link, next_link = _block(next_link, len(here.inside) + len(here.outside))


def _block(free: int, size: int) -> tuple[int, int]:
    """
    Return the first number of an aligned block at or after *free*, and the first after it.

    >>> _block(5, 3)
    (8, 12)
    """
    length = _power_of_two(size)
    first = -(-free // length) * length
    return first, first + length


def _power_of_two(size: int) -> int:
    return 1 << max(0, size - 1).bit_length()


def _as_line(here: _As) -> AutonomousSystem:
    return AutonomousSystem(
        asn=here.asn,
        tier=here.tier,
        first_link=here.first_link,
        links=_power_of_two(len(here.inside) + len(here.outside)),
        first_router=here.first_router,
        routers=_power_of_two(here.size),
    )


def _dressed(draw: Random, spec: WorldSpec, ases: list[_As]) -> Iterator[WorldObject]:
    """Yield routers, links, prefixes and vantage points with their behaviour."""
    habits = Behaviours(draw, spec.kind)
    vps = list(_vantage_points(draw, spec, ases))
    first_hops = {vp.router for vp in vps}
    routers = []
    for here in ases:
        mpls = habits.mpls() if here.tier < 3 else "none"
        for number in range(here.first_router, here.first_router + here.size):
            plain = Router(id=number, asn=here.asn)
            routers.append(habits.router(plain, mpls, first_hop=number in first_hops))
    yield from routers
    links = [habits.link(link) for here in ases for link in _links(draw, ases, here)]
    yield from links
    yield from _prefixes(draw, spec, habits, [router.id for router in routers if not router.silent])
    yield from vps
    if spec.kind == "dirty":
        yield from _events(draw, links)


def _links(draw: Random, ases: list[_As], here: _As) -> Iterator[Link]:
    number = here.first_link
    for near, far, cost in here.inside:
        a, b = here.first_router + near, here.first_router + far
        yield Link(id=number, a=a, b=b, cost=cost, delay_us=draw.randint(100, 1200))
        number += 1
    for near, other, far, relation in here.outside:
        a, b = here.first_router + near, ases[other].first_router + far
        yield Link(id=number, a=a, b=b, delay_us=draw.randint(500, 7000), relation=relation)
        number += 1


def _vantage_points(draw: Random, spec: WorldSpec, ases: list[_As]) -> Iterator[VantagePoint]:
    """Spread them over the ASes at the edge, two in one only if there are too few."""
    edge = [here for here in ases if here.tier == 3] or ases
    order = draw.sample(edge, len(edge))
    for i, name in enumerate(spec.vantage_points):
        here = order[i % len(order)]
        router = here.first_router + _near_core(draw, here.size)
        # One of many stands at home behind a translator.
        nat = spec.kind == "dirty" and 0 < i == len(spec.vantage_points) - 1
        delay_us = draw.randint(100, 1000)
        yield VantagePoint(id=i, name=name, router=router, delay_us=delay_us, nat=nat)


def _prefixes(
    draw: Random, spec: WorldSpec, habits: Behaviours, routers: list[int]
) -> Iterator[Prefix]:
    """Spread the targets evenly: half IPv4, half IPv6, in as many prefixes as there may be."""
    count = min(-(-spec.targets // 2), addressing.MAX_PREFIXES - _OPT_OUT_PREFIXES)
    hosts: list[dict[int, list[int]]] = [{4: [], 6: []} for _ in range(count)]
    for i in range(spec.targets):
        turn, prefix = divmod(i // 2, count)
        hosts[prefix][6 if i % 2 else 4].append(1 + turn)
    for number, end in enumerate(habits.prefix_ends(count)):
        plain = Prefix(
            id=number,
            router=draw.choice(routers),
            end=end,
            delay_us=draw.randint(100, 1500),
            targets_v4=tuple(hosts[number][4]),
            targets_v6=tuple(hosts[number][6]),
        )
        yield habits.prefix(plain)
    for number in range(count, count + _OPT_OUT_PREFIXES):
        plain = Prefix(id=number, router=draw.choice(routers), opt_out=True)
        yield replace(plain, targets_v4=(1,), targets_v6=(1,))


def _events(draw: Random, links: list[Link]) -> Iterator[Event]:
    """Take one of two parallel links down for a while: routes move, nothing is cut off."""
    seen: dict[tuple[int, int], int] = {}
    twins = [
        link
        for link in links
        if link.relation is None and seen.setdefault((link.a, link.b), link.id) != link.id
    ]
    for i, link in enumerate(draw.sample(twins, min(2, len(twins)))):
        yield Event(at_s=8.0 + 8 * i, action="link_down", link=link.id)
        yield Event(at_s=20.0 + 8 * i, action="link_up", link=link.id)
