"""Small worlds by hand, and probes for them."""

import struct
from itertools import pairwise

from hitscanner.simulator import addressing, packets
from hitscanner.simulator.counts import Counts
from hitscanner.simulator.objects import Link, Prefix, Router, VantagePoint
from hitscanner.simulator.reply import Responder, vp_mac
from hitscanner.simulator.world import World

VP = VantagePoint(id=0, name="us-0001", router=1, delay_us=100)


def line(*routers, prefix=None, more=(), vp=VP):
    """Routers 1, 2, 3 … in a row, a prefix behind the last: VP - 1 - 2 - 3 - hosts."""
    links = [Link(id=a.id, a=a.id, b=b.id, delay_us=1000) for a, b in pairwise(routers)]
    behind = prefix or Prefix(id=0, router=routers[-1].id, delay_us=500, targets_v4=(1,))
    return World([*routers, *links, behind, vp, *more])


def plain_line(length=3, **prefix):
    """A row of routers without habits."""
    behind = Prefix(id=0, router=length, delay_us=500, **prefix)
    return line(*(Router(id=i) for i in range(1, length + 1)), prefix=behind)


def responder(world):
    """Return what answers for a world."""
    return Responder(world, Counts(world))


def source(version, vp=0):
    """Return the address of a vantage point as an integer."""
    return addressing.vp_address(version, vp, 1)


def host(version, number=1, prefix=0):
    """Return the address of a host as an integer."""
    return addressing.host_address(version, prefix, number)


def probe(version, dst, ttl, body, protocol, vp=0, ip_id=7):
    """Return a frame with one IP packet from a vantage point."""
    src = source(version, vp)
    if version == 4:
        packet = packets.ip4(src, dst, protocol, ttl, ip_id, body)
    else:
        packet = packets.ip6(src, dst, protocol, ttl, body)
    kind = packets.IP4_TYPE if version == 4 else packets.IP6_TYPE
    return packets.ROUTER_MAC + vp_mac(vp) + kind + packet


def from_source(frame, src):
    """Make the probe one of another source; checksums are left, nobody on the way looks."""
    at, size = (14 + 12, 4) if frame[12:14] == packets.IP4_TYPE else (14 + 8, 16)
    return frame[:at] + src.to_bytes(size, "big") + frame[at + size :]


def udp(version, dst, ttl, sport=0x8001, dport=33435, size=12, ip_id=7):
    """Return a frame with a UDP probe; *ip_id* numbers the probes of a trace."""
    body = struct.pack("!HHHH", sport, dport, 8 + size, 0) + bytes(size)
    body = packets.with_checksum(version, source(version), dst, packets.UDP, 6, body)
    return probe(version, dst, ttl, body, packets.UDP, ip_id=ip_id)


def echo(version, dst, ttl, number=1):
    """Return a frame with an echo request."""
    kind = 8 if version == 4 else 128
    body = struct.pack("!BBHHH", kind, 0, 0, 99, number) + bytes(8)
    protocol = packets.icmp_of(version)
    body = packets.with_checksum(version, source(version), dst, protocol, 2, body)
    return probe(version, dst, ttl, body, protocol)


def tcp(version, dst, ttl, flags=packets.SYN, dport=80):
    """Return a frame with a TCP segment."""
    body = struct.pack("!HHIIBBHHH", 0x8001, dport, 1000, 2000, 5 << 4, flags, 100, 0, 0)
    body = packets.with_checksum(version, source(version), dst, packets.TCP, 16, body)
    return probe(version, dst, ttl, body, packets.TCP)


def answers(world, frame, now_us=0):
    """Return the IP packets that a fresh responder sends back, parsed."""
    replies = responder(world).answer(world.vantage_points[0], frame, now_us)
    return [packets.parse_ip(reply.frame[packets.ETHER_BYTES :]) for reply in replies]


def icmp(answer):
    """Return (type, code, what follows the eight bytes of the ICMP header)."""
    body = answer.packet[answer.body_at :]
    return body[0], body[1], body[8:]


def is_sound(answer):
    """Say whether both checksums of a packet are right, added up the long way."""
    body = answer.packet[answer.body_at :]
    if answer.version == 4:
        head = answer.packet[: answer.body_at]
        pseudo = (
            b""
            if answer.protocol == 1
            else head[12:20] + struct.pack("!HH", answer.protocol, len(body))
        )
        return _adds_up(head) and _adds_up(pseudo + body)
    return _adds_up(answer.packet[8:40] + struct.pack("!II", len(body), answer.protocol) + body)


def _adds_up(data):
    total = sum(struct.unpack(f"!{len(data + b'0') // 2}H", data + bytes(len(data) % 2)))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total == 0xFFFF
