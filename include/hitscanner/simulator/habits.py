"""
Habits of routers and links: IP-ID counters and rate limits, which have a memory; losses and queues.

What is drawn by lot is drawn from the seed and the probe, never from the order of arrival: the same
probes meet the same fate in every run.
"""

from collections.abc import Iterable

from hitscanner.simulator import flow
from hitscanner.simulator.objects import Router
from hitscanner.simulator.world import World


class Habits:
    """The changing state of a world, from its seed and the packets so far; no clock of its own."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._ids: dict[int, int] = {}
        self._buckets: dict[int, tuple[float, int]] = {}
        self._bad_links = {
            link.id: link for link in world.links.values() if link.loss or link.queue_us
        }

    def luck(self, flow_key: int, vp: int, ttl: int, sequence: int) -> int:
        """Return 64 bits that this probe draws by; a probe that is sent again draws anew."""
        return flow.mix(
            flow_key ^ flow.mix(self._world.header.seed << 16 ^ vp << 8 ^ ttl) ^ sequence
        )

    def ip_id(self, router: int, src: int, of_probe: int, luck: int) -> int:
        """Return the IPv4 identification of the next packet from *src*."""
        match self._world.routers[router].ip_id:
            case "zero":
                return 0
            case "echo":
                return of_probe
            case "random":
                return flow.mix(luck ^ router) & 0xFFFF
            case "interface":
                return self._next_id(src)
            case _:
                return self._next_id(router)

    def may_send(self, router: Router, now_us: int) -> bool:
        """Say whether the router's token bucket lets one more ICMP message out, and take it."""
        if not router.icmp_pps:
            return True
        tokens, at_us = self._buckets.get(router.id, (float(router.icmp_burst), now_us))
        tokens = min(router.icmp_burst, tokens + (now_us - at_us) * router.icmp_pps / 1_000_000)
        self._buckets[router.id] = (tokens - 1 if tokens >= 1 else tokens), now_us
        return tokens >= 1

    def crossing_us(self, links: Iterable[int], luck: int) -> int | None:
        """Return the delay by queues on these links, there and back; None if it was lost."""
        if not self._bad_links:
            return 0
        delay_us = 0
        for number in links:
            link = self._bad_links.get(number)
            if link is None:
                continue
            here = flow.mix(luck ^ number << 40)
            for way in (here & 0xFFFFFFFF, here >> 32):
                if way < link.loss * (1 << 32):
                    return None
                delay_us += (way >> 8) % (link.queue_us + 1)
        return delay_us

    def _next_id(self, counter: int) -> int:
        value = self._ids.get(counter, flow.mix(counter) & 0xFFFF)
        self._ids[counter] = (value + 1) & 0xFFFF
        return value
