"""Frames in, delays and frames out: what the simulated Internet answers. No clock, no I/O."""

from dataclasses import dataclass, replace

from hitscanner.simulator import addressing, flow, packets
from hitscanner.simulator.addressing import Owner, Version
from hitscanner.simulator.counts import Counts
from hitscanner.simulator.habits import Habits
from hitscanner.simulator.objects import Balance, Prefix, Protocol, VantagePoint
from hitscanner.simulator.packets import (
    ETHER_BYTES,
    ICMP,
    ICMP6,
    IP4_TYPE,
    IP6_TYPE,
    TCP,
    UDP,
    Probe,
)
from hitscanner.simulator.route import VP_LINK, Ended, Expired, Hop, Route, Routes, at_ttl
from hitscanner.simulator.world import World

_CACHED_ROUTES = 8192
"""A trace uses one flow: so many may be under way before a route is worked out twice."""
_ROUTER_TTL, _HOST_TTL = 255, 64
_OPEN_PORTS = (80, 443)
_PROTOCOLS: dict[int, Protocol] = {ICMP: "icmp", ICMP6: "icmp", UDP: "udp", TCP: "tcp"}
_TIME_EXCEEDED: dict[Version, tuple[int, int]] = {4: (11, 0), 6: (3, 0)}
_UNREACHABLE: dict[str, dict[Version, tuple[int, int]]] = {
    "no_net": {4: (3, 0), 6: (1, 0)},
    "no_host": {4: (3, 1), 6: (1, 3)},
    "filtered": {4: (3, 13), 6: (1, 1)},
    "port": {4: (3, 3), 6: (1, 4)},
}
"""ICMP type and code: RFC 792, RFC 1812 §5.2.7.1, RFC 4443 §3.1."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A frame that reaches a vantage point some time after the probe left."""

    delay_us: int
    vp: int
    """Id of the vantage point that gets it: the prober, unless the probe was for another one."""
    frame: bytes


def vp_mac(vp: int) -> bytes:
    """
    Return the hardware address of a vantage point's device.

    >>> vp_mac(5).hex(":")
    '02:68:73:00:00:05'
    """
    return bytes.fromhex("02687300") + vp.to_bytes(2, "big")


class Responder:
    """Answers for every router and host of one world."""

    def __init__(self, world: World, counts: Counts) -> None:
        self._world = world
        self._counts = counts
        self._epochs = list(reversed(_epochs(world)))
        """Those to come, the nearest last."""
        self._routes = self._epochs.pop()[1]
        self._habits = Habits(world)
        self._cache: dict[int, Route] = {}
        self._luck = 0
        """Of the probe that is being answered."""

    def answer(self, vp: VantagePoint, frame: bytes, now_us: int) -> list[Reply]:
        """
        Return the frames that one frame of a vantage point brings about; often one, or none.

        Args:
            vp: who sent the frame.
            frame: Ethernet, as read from its device.
            now_us: any clock that runs evenly; rate limits count by it.
        """
        kind = frame[12:14]
        if kind == packets.ARP_TYPE:
            return _at_once(vp, packets.arp_reply(frame, vp.address_v4.packed))
        if kind == IP6_TYPE and frame[20:21] == b"\x3a" and frame[54:55] == b"\x87":
            return _at_once(vp, packets.neighbour_advertisement(frame, vp.address_v6.packed))
        if frame[0] & 1 or kind not in (IP4_TYPE, IP6_TYPE):
            return []
        probe = packets.parse_ip(frame[ETHER_BYTES:])
        return [] if probe is None else self._answer_probe(vp, probe, now_us)

    def _answer_probe(self, vp: VantagePoint, probe: Probe, now_us: int) -> list[Reply]:
        while self._epochs and now_us >= self._epochs[-1][0]:
            self._routes.forget()
            self._routes = self._epochs.pop()[1]
            self._cache.clear()
        owner = addressing.owner_of(probe.version, probe.dst)
        self._counts.probe(vp, owner, probe, now_us)
        if probe.src != vp.address(probe.version) or probe.ttl == 0:
            return []
        if vp.is_translated(probe.version):
            if probe.ttl == 1 or probe.dst == vp.gateway(4):
                return self._from_translator(vp, probe)
            probe = replace(probe, ttl=probe.ttl - 1)
        key = flow.flow_key(probe.src, probe.dst, probe.protocol, probe.first_word)
        self._luck = self._habits.luck(key, vp.id, probe.ttl, probe.sequence)
        route = self._route(vp, owner, probe, key)
        what = at_ttl(route, probe.ttl)
        if self._is_firewalled(owner, route, probe):
            return []
        if isinstance(what, Expired):
            reply = self._time_exceeded(vp, probe, what, now_us)
        elif what.ending == "vp":
            return self._passed_on(owner, route, probe)
        else:
            reply = self._at_end(vp, probe, owner, route, what, now_us)
        if reply is None:
            return []
        crossed = route.links[: probe.ttl - 1]
        extra_us = self._habits.crossing_us(crossed, self._luck)
        if extra_us is None:
            return []
        delay_us, packet = reply
        return [Reply(delay_us + extra_us, vp.id, _framed(vp.id, probe.version, packet))]

    def _route(self, vp: VantagePoint, owner: Owner | None, probe: Probe, key: int) -> Route:
        # Vantage points behind translators have one and the same address.
        key_of_vp = key | vp.id << 64
        route = self._cache.get(key_of_vp)
        if route is None or not route.fixed:
            keys: dict[Balance, int] = {
                "flow": key,
                "destination": flow.destination_key(probe.dst),
                "packet": self._luck,
            }
            route = self._routes.route(vp, owner, keys)
            if len(self._cache) >= _CACHED_ROUTES:
                self._cache.clear()
            self._cache[key_of_vp] = route
        return route

    def _is_firewalled(self, owner: Owner | None, route: Route, probe: Probe) -> bool:
        prefix = self._prefix(owner)
        blocked = prefix is not None and _PROTOCOLS.get(probe.protocol) in prefix.firewall
        return blocked and probe.ttl >= len(route.hops)

    def _time_exceeded(
        self, vp: VantagePoint, probe: Probe, what: Expired, now_us: int
    ) -> tuple[int, bytes] | None:
        hop = what.hop
        return self._error(vp, probe, hop, what.position, _TIME_EXCEEDED, hop.quoted_ttl, now_us)

    def _error(
        self,
        vp: VantagePoint,
        probe: Probe,
        hop: Hop,
        position: int,
        kind: dict[Version, tuple[int, int]],
        quoted_ttl: int,
        now_us: int,
    ) -> tuple[int, bytes] | None:
        """Build an ICMP error of the router at *hop*, if it sends one."""
        router = self._world.routers[hop.router]
        if router.silent or not self._habits.may_send(router, now_us):
            return None
        src = self._source(vp, probe.version, hop)
        labels = () if hop.label is None else (hop.label,)
        body = packets.icmp_error(probe, src, kind[probe.version], quoted_ttl, labels)
        return 2 * hop.delay_us, self._from_router(hop.router, probe, src, position, body)

    def _source(self, vp: VantagePoint, version: Version, hop: Hop) -> int:
        router = self._world.routers[hop.router]
        if router.reply_from == "loopback":
            return addressing.router_address(version, hop.router)
        link = hop.link
        if router.reply_from == "egress":
            link = self._routes.link_towards(hop.router, vp)
        if link == VP_LINK:
            return addressing.vp_address(version, vp.id, 0)
        return addressing.link_address(version, link, self._world.links[link].end_of(hop.router))

    def _from_router(
        self, router: int, probe: Probe, src: int, position: int, body: bytes, protocol: int = 0
    ) -> bytes:
        ip_id = (
            self._habits.ip_id(router, src, probe.ip_id, self._luck) if probe.version == 4 else 0
        )
        ttl = max(1, _ROUTER_TTL + 1 - position)
        protocol = protocol or packets.icmp_of(probe.version)
        return packets.answer(probe, src, protocol, ttl, ip_id, body)

    def _at_end(
        self,
        vp: VantagePoint,
        probe: Probe,
        owner: Owner | None,
        route: Route,
        what: Ended,
        now_us: int,
    ) -> tuple[int, bytes] | None:
        last, position = route.hops[-1], len(route.hops)
        if what.ending in _UNREACHABLE:
            kind, ttl_left = _UNREACHABLE[what.ending], probe.ttl - position + 1
            return self._error(vp, probe, last, position, kind, ttl_left, now_us)
        if what.ending == "host":
            return self._from_host(probe, owner, route)
        if what.ending == "router":
            return self._from_destination_router(probe, last, position, now_us)
        return None

    def _from_host(
        self, probe: Probe, owner: Owner | None, route: Route
    ) -> tuple[int, bytes] | None:
        prefix = self._prefix(owner)
        protocol = _PROTOCOLS.get(probe.protocol)
        if prefix is None or protocol not in prefix.answers:
            return None
        body = _answer_of_host(probe, probe.dst, probe.ttl - len(route.hops))
        if body is None:
            return None
        number, message = body
        ip_id = self._luck & 0xFFFF
        ttl = max(1, _HOST_TTL - len(route.hops))
        packet = packets.answer(probe, probe.dst, number, ttl, ip_id, message)
        return 2 * route.end_delay_us, packet

    def _from_destination_router(
        self, probe: Probe, last: Hop, position: int, now_us: int
    ) -> tuple[int, bytes] | None:
        """Answer for one of a router's own addresses; mercator looks at who answers UDP."""
        router = self._world.routers[last.router]
        src = probe.dst
        if probe.protocol == UDP and router.port_unreachable_from == "loopback":
            src = addressing.router_address(probe.version, router.id)
        mute = probe.protocol == UDP and router.port_unreachable_from == "none"
        body = _answer_of_host(probe, src, max(1, probe.ttl - position + 1))
        if router.silent or mute or body is None or not self._habits.may_send(router, now_us):
            return None
        packet = self._from_router(router.id, probe, src, position, body[1], body[0])
        return 2 * last.delay_us, packet

    def _passed_on(self, owner: Owner | None, route: Route, probe: Probe) -> list[Reply]:
        """Hand a packet for another vantage point to that one's own kernel."""
        if owner is None or probe.ttl <= len(route.hops) or self._is_hidden(owner, probe):
            return []
        packet = packets.with_ttl(probe, probe.ttl - len(route.hops))
        frame = _framed(owner.number, probe.version, packet)
        return [Reply(route.end_delay_us, owner.number, frame)]

    def _is_hidden(self, owner: Owner, probe: Probe) -> bool:
        """Say whether a translator stands before that vantage point and knows of no such flow."""
        vps = self._world.vantage_points
        return any(vp.id == owner.number and vp.is_translated(probe.version) for vp in vps)

    def _from_translator(self, vp: VantagePoint, probe: Probe) -> list[Reply]:
        """
        Answer as the box between a vantage point and its router.

        Behind it all is as elsewhere: it turns the addresses of replies and of what they quote
        back, so that the vantage point reads its own address in the quote.
        """
        src = vp.gateway(probe.version)
        if probe.dst == src:
            said = _answer_of_host(probe, src, probe.ttl)
        else:
            error = packets.icmp_error(probe, src, _TIME_EXCEEDED[probe.version], 1)
            said = packets.icmp_of(probe.version), error
        if said is None:
            return []
        packet = packets.answer(probe, src, said[0], _HOST_TTL, 0, said[1])
        return [Reply(0, vp.id, _framed(vp.id, probe.version, packet))]

    def _prefix(self, owner: Owner | None) -> Prefix | None:
        if owner is None or owner.kind != "prefix":
            return None
        return self._world.prefixes.get(owner.number)


def _epochs(world: World) -> list[tuple[int, Routes]]:
    epochs: list[tuple[int, Routes]] = []
    for at_us, then in world.epochs():
        epochs.append((at_us, Routes(then, epochs[-1][1] if epochs else None)))
    return epochs


def _answer_of_host(probe: Probe, src: int, quoted_ttl: int) -> tuple[int, bytes] | None:
    """Return (protocol, message) that a host sends for a probe that reached it."""
    if probe.protocol == UDP:
        body = packets.icmp_error(probe, src, _UNREACHABLE["port"][probe.version], quoted_ttl)
        return packets.icmp_of(probe.version), body
    if probe.protocol == TCP:
        dport = probe.first_word & 0xFFFF
        segment = packets.tcp_reply(probe, is_open=dport in _OPEN_PORTS)
        return None if segment is None else (TCP, segment)
    if packets.is_echo_request(probe):
        return packets.icmp_of(probe.version), packets.echo_reply(probe)
    return None


def _framed(vp: int, version: Version, packet: bytes) -> bytes:
    return packets.ethernet(vp_mac(vp), IP4_TYPE if version == 4 else IP6_TYPE, packet)


def _at_once(vp: VantagePoint, frame: bytes | None) -> list[Reply]:
    return [] if frame is None else [Reply(0, vp.id, frame)]
