"""Which AS each AS sends packets to: valley-free routes, worked out from the destination."""

import heapq
from collections import defaultdict, deque
from collections.abc import Iterable
from functools import lru_cache

from hitscanner.simulator.objects import Link, Router


class AsRoutes:
    """
    Next AS towards any destination AS, by the rules of Gao and Rexford (ToN 2001).

    An AS prefers routes by customers, then peers, then providers; then the shorter path; then the
    lower number. Routes by peers and providers are told to customers only: no path has a valley.
    """

    def __init__(self, routers: dict[int, Router], links: Iterable[Link]) -> None:
        self._providers: dict[int, set[int]] = defaultdict(set)
        self._customers: dict[int, set[int]] = defaultdict(set)
        self._peers: dict[int, set[int]] = defaultdict(set)
        for link in links:
            near, far = routers[link.a].asn, routers[link.b].asn
            if link.relation == "provider":
                self._providers[far].add(near)
                self._customers[near].add(far)
            elif link.relation == "peer":
                self._peers[near].add(far)
                self._peers[far].add(near)
        self.next_as = lru_cache(maxsize=4096)(self._next_as)

    def _next_as(self, destination: int) -> dict[int, int]:
        """Return AS → next AS; an AS without a route is absent, as is the destination."""
        next_as: dict[int, int] = {}
        length = self._up_from(destination, next_as)
        self._across(length, next_as)
        self._down(length, next_as)
        return next_as

    def _up_from(self, destination: int, next_as: dict[int, int]) -> dict[int, int]:
        """Customer routes: breadth first from the destination to providers of providers."""
        length = {destination: 0}
        queue = deque([destination])
        while queue:
            here = queue.popleft()
            for up in self._providers[here]:
                if up not in length:
                    length[up] = length[here] + 1
                    next_as[up] = here
                    queue.append(up)
                elif length[up] == length[here] + 1:
                    next_as[up] = min(next_as[up], here)
        return length

    def _across(self, length: dict[int, int], next_as: dict[int, int]) -> None:
        """Peer routes: one step sideways from an AS that has a customer route."""
        found: dict[int, tuple[int, int]] = {}
        for here, steps in length.items():
            for peer in self._peers[here]:
                if peer not in length:
                    found[peer] = min(found.get(peer, (steps + 1, here)), (steps + 1, here))
        for peer, (steps, via) in found.items():
            length[peer] = steps
            next_as[peer] = via

    def _down(self, length: dict[int, int], next_as: dict[int, int]) -> None:
        """Provider routes: shortest first, from everybody who has a route to their customers."""
        heap = [
            (steps + 1, here, down)
            for here, steps in length.items()
            for down in self._customers[here]
        ]
        heapq.heapify(heap)
        while heap:
            steps, via, here = heapq.heappop(heap)
            if here in length:
                continue
            length[here] = steps
            next_as[here] = via
            for down in self._customers[here]:
                heapq.heappush(heap, (steps + 1, here, down))
