"""Which AS each AS sends packets to: valley-free routes, worked out from the destination."""

from array import array
from collections.abc import Iterable
from functools import lru_cache

from hitscanner.simulator.objects import Link, Router

_NONE = -1


class AsRoutes:
    """
    Next AS towards any destination AS, by the rules of Gao and Rexford (ToN 2001).

    An AS prefers routes by customers, then peers, then providers; then the shorter path; then the
    lower number. Routes by peers and providers are told to customers only: no path has a valley.
    """

    def __init__(self, routers: dict[int, Router], links: Iterable[Link]) -> None:
        self._asns = sorted({router.asn for router in routers.values()})
        self._place = {asn: i for i, asn in enumerate(self._asns)}
        providers: list[set[int]] = [set() for _ in self._asns]
        customers: list[set[int]] = [set() for _ in self._asns]
        peers: list[set[int]] = [set() for _ in self._asns]
        for link in links:
            near, far = (self._place[routers[end].asn] for end in (link.a, link.b))
            if link.relation == "provider":
                providers[far].add(near)
                customers[near].add(far)
            elif link.relation == "peer":
                peers[near].add(far)
                peers[far].add(near)
        # Sorted, so that the first neighbour found at a distance is the one of lowest number.
        self._providers = [sorted(some) for some in providers]
        self._customers = [sorted(some) for some in customers]
        self._peers = [sorted(some) for some in peers]
        self.business = self._asns, self._providers, self._peers
        """Who does business with whom: where it is the same, routes are the same."""
        # Four bytes an AS: 2,000 destinations among 2,000 ASes take 16 MB.
        self._table = lru_cache(maxsize=2048)(self._towards)

    def next_as(self, asn: int, destination: int) -> int | None:
        """Return the AS that *asn* hands packets for *destination* to; None without a route."""
        via = self._table(self._place[destination])[self._place[asn]]
        return None if via == _NONE else self._asns[via]

    def _towards(self, destination: int) -> "array[int]":
        """Return, by place, the place of each AS's next AS."""
        via = array("i", [_NONE]) * len(self._asns)
        length = self._up_from(destination, via)
        self._across(length, via)
        self._down(length, via)
        return via

    def _up_from(self, destination: int, via: "array[int]") -> dict[int, int]:
        """Customer routes: ring by ring from the destination to providers of providers."""
        length = {destination: 0}
        ring = [destination]
        while ring:
            outer = []
            for here in sorted(ring):
                for up in self._providers[here]:
                    if up not in length:
                        length[up] = length[here] + 1
                        via[up] = here
                        outer.append(up)
            ring = outer
        return length

    def _across(self, length: dict[int, int], via: "array[int]") -> None:
        """Peer routes: one step sideways from an AS that has a customer route."""
        found: dict[int, tuple[int, int]] = {}
        for here, steps in length.items():
            for peer in self._peers[here]:
                if peer not in length:
                    found[peer] = min(found.get(peer, (steps + 1, here)), (steps + 1, here))
        for peer, (steps, here) in found.items():
            length[peer] = steps
            via[peer] = here

    def _down(self, length: dict[int, int], via: "array[int]") -> None:
        """Provider routes: shortest first, from everybody who has a route to their customers."""
        rings: dict[int, list[int]] = {}
        for here, steps in length.items():
            rings.setdefault(steps, []).append(here)
        steps, last = 0, max(rings)
        while steps <= last:
            for here in sorted(rings.pop(steps, ())):
                for down in self._customers[here]:
                    if down not in length:
                        length[down] = steps + 1
                        via[down] = here
                        rings.setdefault(steps + 1, []).append(down)
                        last = max(last, steps + 1)
            steps += 1
