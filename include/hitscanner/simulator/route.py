"""
From vantage point, destination and flow to what happens at each TTL: no packets here.

The rules are those of docs/simulator.md; `truth` applies them too, with code of its own.
"""

import heapq
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from hitscanner.simulator import flow
from hitscanner.simulator.addressing import Owner
from hitscanner.simulator.aspaths import AsRoutes
from hitscanner.simulator.objects import Balance, PrefixEnd, VantagePoint
from hitscanner.simulator.world import World

VP_LINK = -1
"""Stands for the access link of the vantage point that probes."""

Ending = Literal["host", "router", "vp", "silent", "no_net", "no_host", "filtered", "loop"]
_END_OF_PREFIX: dict[PrefixEnd, Ending] = {
    "answer": "host",
    "silent": "silent",
    "no_net": "no_net",
    "no_host": "no_host",
    "filtered": "filtered",
    "loop": "loop",
}
_NextLinks = dict[int, tuple[tuple[int, int], ...]]
"""Router → its equal links (link, far router), sorted by link; empty where the packet leaves."""


@dataclass(frozen=True, slots=True)
class Hop:
    """A router on the way, as a probe that expires there meets it."""

    router: int
    link: int
    """The link the probe came by, or `VP_LINK`."""
    delay_us: int
    """From the vantage point to here, one way."""
    label: int | None = None
    """MPLS label on the probe as it arrived, if the router shows it."""
    quoted_ttl: int = 1


@dataclass(frozen=True, slots=True)
class Route:
    """Every hop of one flow, and what happens behind the last."""

    hops: tuple[Hop, ...]
    ending: Ending
    end_delay_us: int
    """From the vantage point to the destination, one way."""
    fixed: bool
    """False if a router on the way decides for each packet anew."""
    links: tuple[int, ...]
    """Links crossed, for their losses and queues."""


@dataclass(frozen=True, slots=True)
class Expired:
    """The probe ran out of hops."""

    hop: Hop
    position: int
    """Counted from 1; above the length of the route inside a loop."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The probe reached the end of its route."""

    ending: Ending


class Routes:
    """Routes of a world; answers are cached by destination and by pairs of ASes, in bounds."""

    def __init__(self, world: World, before: "Routes | None" = None) -> None:
        self._world = world
        self.as_routes = AsRoutes(world.routers, world.links.values())
        # Events seldom touch links between ASes: what ASes agreed on stays then.
        if before is not None and before.as_routes.business == self.as_routes.business:
            self.as_routes = before.as_routes
        self._members: dict[int, list[int]] = {}
        for router in world.routers.values():
            self._members.setdefault(router.asn, []).append(router.id)
        self._inside = lru_cache(maxsize=2048)(self._links_to_router)
        self._leaving = lru_cache(maxsize=4096)(self._links_to_as)

    def route(self, vp: VantagePoint, owner: Owner | None, keys: Mapping[Balance, int]) -> Route:
        """
        Return the route of one flow.

        Args:
            vp: who probes.
            owner: what the destination address belongs to; None outside the simulated Internet.
            keys: what balancers of each sort go by: `flow.flow_key` and `flow.destination_key`
                of the probe, and a number that is new for each packet.
        """
        target = None if owner is None else self._world.attachment(owner)
        hops, links, arrived, fixed = self._walk(vp, target, keys)
        ending, extra_us = self._ending(owner, len(hops)) if arrived else ("no_net", 0)
        return Route(self._labelled(hops), ending, hops[-1].delay_us + extra_us, fixed, links)

    def forget(self) -> None:
        """Free the caches; they hold on to this object, and nobody looks for such rings."""
        self._inside.cache_clear()
        self._leaving.cache_clear()

    def link_towards(self, router: int, vp: VantagePoint) -> int:
        """Return the link by which a router answers: the first of the equal ones, or `VP_LINK`."""
        if router == vp.router:
            return VP_LINK
        choices = self._choices(router, vp.router)
        return choices[0][0] if choices else VP_LINK

    def _walk(
        self, vp: VantagePoint, target: int | None, keys: Mapping[Balance, int]
    ) -> tuple[list[Hop], tuple[int, ...], bool, bool]:
        routers, links = self._world.routers, self._world.links
        here, delay_us, fixed = vp.router, vp.delay_us, True
        hops = [Hop(here, VP_LINK, delay_us)]
        crossed: list[int] = []
        while here != target:
            choices = self._choices(here, target) if target is not None else ()
            if not choices:
                return hops, tuple(crossed), False, fixed
            balance = routers[here].balance
            fixed = fixed and (balance != "packet" or len(choices) == 1)
            link, here = choices[flow.choose(keys[balance], here, len(choices))]
            delay_us += links[link].delay_us
            hops.append(Hop(here, link, delay_us))
            crossed.append(link)
        return hops, tuple(crossed), True, fixed

    def _choices(self, here: int, target: int) -> tuple[tuple[int, int], ...]:
        asn, target_asn = self._world.routers[here].asn, self._world.routers[target].asn
        if asn == target_asn:
            return self._inside(target).get(here, ())
        next_asn = self.as_routes.next_as(asn, target_asn)
        return () if next_asn is None else self._leaving(asn, next_asn).get(here, ())

    def _links_to_router(self, target: int) -> _NextLinks:
        return self._equal_links(self._world.routers[target].asn, {target: ()})

    def _links_to_as(self, asn: int, next_asn: int) -> _NextLinks:
        """Hot potato: to the nearest router with a link into the next AS."""
        routers = self._world.routers
        exits = {
            here: tuple(
                (near.link, near.router)
                for near in self._world.neighbours[here]
                if routers[near.router].asn == next_asn
            )
            for here in self._members[asn]
        }
        return self._equal_links(asn, {here: links for here, links in exits.items() if links})

    def _equal_links(self, asn: int, ends: _NextLinks) -> _NextLinks:
        """Dijkstra backwards from *ends*, inside one AS, keeping every link of a shortest path."""
        neighbours, routers = self._world.neighbours, self._world.routers
        distance = dict.fromkeys(ends, 0)
        heap = [(0, router) for router in ends]
        while heap:
            so_far, here = heapq.heappop(heap)
            if so_far > distance[here]:
                continue
            for near in neighbours[here]:
                steps = so_far + near.cost
                if routers[near.router].asn == asn and steps < distance.get(near.router, steps + 1):
                    distance[near.router] = steps
                    heapq.heappush(heap, (steps, near.router))
        return dict(ends) | {
            here: tuple(
                (near.link, near.router)
                for near in neighbours[here]
                if routers[near.router].asn == asn
                and near.router in distance
                and distance[near.router] + near.cost == steps
            )
            for here, steps in distance.items()
            if here not in ends
        }

    def _ending(self, owner: Owner | None, length: int) -> tuple[Ending, int]:
        if owner is None:
            return "no_net", 0
        if owner.kind == "vp" and owner.part == 1:
            return "vp", next(
                v.delay_us for v in self._world.vantage_points if v.id == owner.number
            )
        if owner.kind != "prefix":
            return "router", 0
        prefix = self._world.prefixes[owner.number]
        ending = _END_OF_PREFIX[prefix.end]
        return ("silent" if ending == "loop" and length < 2 else ending), prefix.delay_us

    def _labelled(self, hops: list[Hop]) -> tuple[Hop, ...]:
        """Mark hops inside a label-switched path: neither first nor last of their AS."""
        routers = self._world.routers
        if all(routers[hop.router].mpls == "none" for hop in hops):
            return tuple(hops)
        asns = [routers[hop.router].asn for hop in hops]
        marked, depth = [], 0
        for i, hop in enumerate(hops):
            inside = 0 < i < len(hops) - 1 and asns[i - 1] == asns[i] == asns[i + 1]
            depth = depth + 1 if inside else 0
            mpls = routers[hop.router].mpls if inside else "none"
            label = label_of(hop.router, hops[-1].router) if mpls == "explicit" else None
            quoted = 1 + depth if mpls == "implicit" else 1
            marked.append(Hop(hop.router, hop.link, hop.delay_us, label, quoted))
        return tuple(marked)


def label_of(router: int, last: int) -> int:
    """
    Return the MPLS label a router expects for packets that leave by *last*; 0-15 are reserved.

    >>> 16 <= label_of(3, 9) < 1 << 20
    True
    """
    return 16 + flow.mix(router << 20 | last) % ((1 << 20) - 16)


def at_ttl(route: Route, ttl: int) -> Expired | Ended:
    """
    Return what happens to a probe sent with this TTL.

    Routers that refuse a whole network do so before they look at the TTL; a missing host is found
    out after it, so that router answers at its own TTL and at the next.
    """
    length = len(route.hops)
    early = route.ending in ("no_net", "filtered", "router")
    if ttl < length or (ttl == length and not early):
        return Expired(route.hops[ttl - 1], ttl)
    if route.ending == "loop":
        return _in_loop(route, ttl)
    return Ended(route.ending)


def _in_loop(route: Route, ttl: int) -> Expired:
    """The last two routers send the probe to and fro over the link between them."""
    before, last = route.hops[-2], route.hops[-1]
    step_us = last.delay_us - before.delay_us
    turns = ttl - len(route.hops)
    router = before.router if turns % 2 else last.router
    return Expired(Hop(router, last.link, last.delay_us + turns * step_us), ttl)


def links_used(route: Route, hops: int) -> Iterable[int]:
    """Return the links a probe crosses to reach that many hops."""
    return route.links[: hops - 1]
