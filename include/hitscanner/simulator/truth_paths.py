"""
Paths of a world by enumeration: the second opinion that the answering code is checked against.

Nothing here calls `route` or `aspaths`. ASes agree on routes by telling each other, as BGP does,
until nobody changes; inside an AS distances are taken to each end apart, and the least counts.
"""

import heapq
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from hitscanner.simulator import flow
from hitscanner.simulator.world import World

_MOST_PATHS = 4096
"""Branches of one destination that are followed; two diamonds of width 16 in a row make 256."""


@dataclass(frozen=True, slots=True)
class Step:
    """A router on a path and the link that leads to it (None: the access link)."""

    router: int
    link: int | None


@dataclass(frozen=True, slots=True)
class Offer:
    """A route as an AS holds it; smaller is better."""

    rank: int
    """0 by a customer (or its own), 1 by a peer, 2 by a provider."""
    length: int
    path: tuple[int, ...]
    """From the neighbour to the destination; empty at the destination."""

    @property
    def order(self) -> tuple[int, int, int]:
        """What ASes compare: kind of neighbour, length, number of the neighbour."""
        return self.rank, self.length, self.path[0] if self.path else -1


class Paths:
    """Enumerates every path that a world's routers could use."""

    def __init__(self, world: World, before: "Paths | None" = None) -> None:
        self._world = world
        self.business = _business(world)
        self._members: dict[int, list[int]] = defaultdict(list)
        for router in world.routers.values():
            self._members[router.asn].append(router.id)
        self.offers = lru_cache(maxsize=2048)(self._agree)
        # Agreement takes the longest: as long as no link between ASes goes, it stays.
        if before is not None and before.business == self.business:
            self.offers = before.offers
        self._from = lru_cache(maxsize=8192)(self._distances)
        self._away = lru_cache(maxsize=8192)(self._nearest)
        self._borders = lru_cache(maxsize=8192)(self._border_routers)
        self._next = lru_cache(maxsize=100_000)(self._next_links)

    def between(
        self, first: int, target: int | None, key: int | None, by_destination: int
    ) -> Iterator[tuple[tuple[Step, ...], bool]]:
        """
        Yield (path, whether it arrives) for a flow from router *first*.

        Args:
            first: the router of the vantage point.
            target: the router that owns the destination; None if nobody does.
            key: `flow.flow_key`, or None for probes that change their flow: every branch.
            by_destination: `flow.destination_key`.
        """
        unfinished: list[tuple[Step, ...]] = [(Step(first, None),)]
        found = 0
        while unfinished and found < _MOST_PATHS:
            path = unfinished.pop()
            here = path[-1].router
            ways = () if target is None or here == target else self._next(here, target)
            if not ways:
                found += 1
                yield path, here == target
                continue
            unfinished.extend(
                (*path, Step(self._world.links[link].far(here), link))
                for link in self._taken(here, ways, key, by_destination)
            )

    def equal_links(self, here: int, target: int) -> tuple[int, ...]:
        """Return the links that a router considers equal towards another one, sorted."""
        return self._next(here, target)

    def _taken(
        self, here: int, ways: tuple[int, ...], key: int | None, by_destination: int
    ) -> tuple[int, ...]:
        balance = self._world.routers[here].balance
        if balance == "destination":
            return (ways[flow.choose(by_destination, here, len(ways))],)
        if balance == "packet" or key is None:
            return ways
        return (ways[flow.choose(key, here, len(ways))],)

    def _next_links(self, here: int, target: int) -> tuple[int, ...]:
        routers = self._world.routers
        asn, target_asn = routers[here].asn, routers[target].asn
        if asn == target_asn:
            return self._towards(here, (target,))
        offer = self.offers(target_asn).get(asn)
        if offer is None:
            return ()
        crossing = tuple(
            near.link
            for near in self._world.neighbours[here]
            if routers[near.router].asn == offer.path[0]
        )
        return crossing or self._towards(here, self._borders(asn, offer.path[0]))

    def _border_routers(self, asn: int, next_asn: int) -> tuple[int, ...]:
        routers = self._world.routers
        return tuple(
            router
            for router in self._members[asn]
            if any(routers[n.router].asn == next_asn for n in self._world.neighbours[router])
        )

    def _towards(self, here: int, ends: tuple[int, ...]) -> tuple[int, ...]:
        """Links of *here* on a shortest path to the nearest of *ends*."""
        routers, away = self._world.routers, self._away(ends)
        return tuple(
            near.link
            for near in self._world.neighbours[here]
            if routers[near.router].asn == routers[here].asn
            and near.router in away
            and near.cost + away[near.router] == away[here]
        )

    def _nearest(self, ends: tuple[int, ...]) -> dict[int, int]:
        """Return router → metric to the nearest of *ends*: the least of the distances to each."""
        away: dict[int, int] = {}
        for end in ends:
            for router, steps in self._from(end).items():
                away[router] = min(steps, away.get(router, steps))
        return away

    def _distances(self, start: int) -> dict[int, int]:
        """Return router → metric from *start*, inside its AS."""
        routers, asn = self._world.routers, self._world.routers[start].asn
        done: dict[int, int] = {}
        heap = [(0, start)]
        while heap:
            away, here = heapq.heappop(heap)
            if here in done:
                continue
            done[here] = away
            for near in self._world.neighbours[here]:
                if near.router not in done and routers[near.router].asn == asn:
                    heapq.heappush(heap, (away + near.cost, near.router))
        return done

    def _agree(self, destination: int) -> dict[int, Offer]:
        """Let every AS tell its neighbours until nobody changes its mind; no valleys."""
        held = {destination: Offer(0, 0, ())}
        changed = {destination}
        while changed:
            told = changed
            changed = set()
            for asn in sorted({near for teller in told for near in self.business[teller]}):
                best = self._best(asn, destination, held)
                if best is not None and best != held.get(asn):
                    held[asn] = best
                    changed.add(asn)
        return held

    def _best(self, asn: int, destination: int, held: dict[int, Offer]) -> Offer | None:
        if asn == destination:
            return held[asn]
        best: Offer | None = None
        for near, rank in self.business[asn].items():
            theirs = held.get(near)
            # rank 2: near is our provider and tells its customers everything.
            if theirs is None or (rank != 2 and theirs.rank != 0) or asn in theirs.path:
                continue
            offer = Offer(rank, theirs.length + 1, (near, *theirs.path))
            if best is None or offer.order < best.order:
                best = offer
        return best


def _business(world: World) -> dict[int, dict[int, int]]:
    """Return AS → neighbour → what the neighbour is to it: 0 customer, 1 peer, 2 provider."""
    business: dict[int, dict[int, int]] = defaultdict(dict)
    for link in world.links.values():
        near, far = world.routers[link.a].asn, world.routers[link.b].asn
        if link.relation == "peer":
            business[near][far] = business[far][near] = 1
        elif link.relation == "provider":
            business[near][far], business[far][near] = 0, 2
    return business
