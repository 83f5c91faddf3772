"""Packets as bytes: read a probe, build what routers and hosts send back."""

import struct
from dataclasses import dataclass

from hitscanner.simulator.addressing import Version

ICMP, TCP, UDP, ICMP6 = 1, 6, 17, 58
ETHER_BYTES = 14
ARP_TYPE, IP4_TYPE, IP6_TYPE = b"\x08\x06", b"\x08\x00", b"\x86\xdd"
ROUTER_MAC = bytes.fromhex("020000000001")
SYN, RST, ACK = 0x02, 0x04, 0x10
_QUOTE_LIMIT = {4: 548, 6: 1232}
"""RFC 1812 §4.3.2.3 (576 bytes in all) and RFC 4443 §2.4 (1280 in all)."""
_PADDED_QUOTE = 128
"""RFC 4884 §4: a quote before extensions has at least this many bytes."""


@dataclass(frozen=True, slots=True)
class Probe:
    """An IP packet as it left the vantage point."""

    version: Version
    src: int
    dst: int
    protocol: int
    ttl: int
    ip_id: int
    packet: bytes
    body_at: int
    """Where the transport header starts in *packet*."""

    @property
    def first_word(self) -> int:
        """First four transport bytes: ports, or ICMP type, code and checksum."""
        return int.from_bytes(self.packet[self.body_at : self.body_at + 4], "big")

    @property
    def sequence(self) -> int:
        """
        What tells the probes of one flow to one TTL apart, as scamper 20211212 numbers them.

        The identification in IPv4, and with it the sequence of an echo; in IPv6 that sequence, the
        checksum of UDP (its flow label is the kernel's), the flow label of TCP.
        """
        second_word = int.from_bytes(self.packet[self.body_at + 4 : self.body_at + 8], "big")
        if self.version == 4:
            return (
                self.ip_id | (second_word & 0xFFFF) << 16 if self.protocol == ICMP else self.ip_id
            )
        if self.protocol == TCP:
            return int.from_bytes(self.packet[1:4], "big") & 0xFFFFF
        return second_word & 0xFFFF


def checksum(data: bytes) -> int:
    """
    Return the Internet checksum (RFC 1071): the complement of the sum modulo 2^16 - 1.

    >>> hex(checksum(bytes.fromhex("0001f203f4f5f6f7")))
    '0x220d'
    """
    if len(data) % 2:
        data += b"\0"
    return 0xFFFF - int.from_bytes(data, "big") % 0xFFFF


def parse_ip(packet: bytes) -> Probe | None:
    """Read an IPv4 or IPv6 packet; None if it is neither, a fragment's tail, or cut short."""
    if len(packet) >= 20 and packet[0] >> 4 == 4:
        return _parse4(packet)
    if len(packet) >= 48 and packet[0] >> 4 == 6:
        return _parse6(packet)
    return None


def _parse4(packet: bytes) -> Probe | None:
    header = (packet[0] & 15) * 4
    length = int.from_bytes(packet[2:4], "big")
    offset = int.from_bytes(packet[6:8], "big") & 0x1FFF
    if header < 20 or offset or not header + 8 <= length <= len(packet):
        return None
    return Probe(
        4,
        int.from_bytes(packet[12:16], "big"),
        int.from_bytes(packet[16:20], "big"),
        packet[9],
        packet[8],
        int.from_bytes(packet[4:6], "big"),
        packet[:length],
        header,
    )


def _parse6(packet: bytes) -> Probe | None:
    length = 40 + int.from_bytes(packet[4:6], "big")
    if not 48 <= length <= len(packet):
        return None
    src, dst = int.from_bytes(packet[8:24], "big"), int.from_bytes(packet[24:40], "big")
    return Probe(6, src, dst, packet[6], packet[7], 0, packet[:length], 40)


def ip4(src: int, dst: int, protocol: int, ttl: int, ip_id: int, body: bytes) -> bytes:
    """Build an IPv4 packet."""
    ends = src.to_bytes(4, "big") + dst.to_bytes(4, "big")
    head = struct.pack("!BBHHHBB", 0x45, 0, 20 + len(body), ip_id, 0, ttl, protocol)
    return head + checksum(head + b"\0\0" + ends).to_bytes(2, "big") + ends + body


def ip6(src: int, dst: int, protocol: int, ttl: int, body: bytes) -> bytes:
    """Build an IPv6 packet."""
    head = struct.pack("!IHBB", 6 << 28, len(body), protocol, ttl)
    return head + src.to_bytes(16, "big") + dst.to_bytes(16, "big") + body


def with_checksum(
    version: Version, src: int, dst: int, protocol: int, at: int, body: bytes
) -> bytes:
    """Fill in the checksum at byte *at*, over a pseudo-header unless it is ICMP of IPv4."""
    if version == 4 and protocol == ICMP:
        pseudo = b""
    elif version == 4:
        pseudo = struct.pack("!IIBBH", src, dst, 0, protocol, len(body))
    else:
        pseudo = src.to_bytes(16, "big") + dst.to_bytes(16, "big")
        pseudo += struct.pack("!IBBBB", len(body), 0, 0, 0, protocol)
    return body[:at] + checksum(pseudo + body).to_bytes(2, "big") + body[at + 2 :]


def answer(probe: Probe, src: int, protocol: int, ttl: int, ip_id: int, body: bytes) -> bytes:
    """Build the packet from *src* back to the vantage point; *ip_id* is for IPv4 only."""
    if probe.version == 4:
        return ip4(src, probe.src, protocol, ttl, ip_id, body)
    return ip6(src, probe.src, protocol, ttl, body)


def icmp_error(
    probe: Probe, src: int, kind: tuple[int, int], quoted_ttl: int, labels: tuple[int, ...] = ()
) -> bytes:
    """
    Build the ICMP message, type and code *kind*, that quotes the probe.

    With *labels* the quote is padded and an MPLS extension follows (RFC 4884, RFC 4950).
    """
    quote = with_ttl(probe, quoted_ttl)[: _QUOTE_LIMIT[probe.version]]
    rest = bytearray(4)
    if labels:
        quote = quote[:_PADDED_QUOTE].ljust(_PADDED_QUOTE, b"\0")
        at, unit = (1, 4) if probe.version == 4 else (0, 8)
        rest[at] = _PADDED_QUOTE // unit
        quote += _mpls_extension(labels)
    body = bytes((*kind, 0, 0)) + bytes(rest) + quote
    return with_checksum(probe.version, src, probe.src, icmp_of(probe.version), 2, body)


def _mpls_extension(labels: tuple[int, ...]) -> bytes:
    stack = b"".join(
        struct.pack("!I", label << 12 | (i == len(labels) - 1) << 8 | 1)
        for i, label in enumerate(labels)
    )
    head, thing = b"\x20\0\0\0", struct.pack("!HBB", 4 + len(stack), 1, 1) + stack
    return b"\x20\0" + checksum(head + thing).to_bytes(2, "big") + thing


def with_ttl(probe: Probe, ttl: int) -> bytes:
    """Return the probe with another TTL, and in IPv4 the header checksum redone."""
    if probe.version == 6:
        return probe.packet[:7] + bytes((ttl,)) + probe.packet[8:]
    head = probe.packet[:8] + bytes((ttl,)) + probe.packet[9:10] + b"\0\0"
    head += probe.packet[12 : probe.body_at]
    sum_ = checksum(head).to_bytes(2, "big")
    return head[:10] + sum_ + head[12:] + probe.packet[probe.body_at :]


def icmp_of(version: Version) -> int:
    """Return the protocol number of ICMP in this family."""
    return ICMP if version == 4 else ICMP6


def is_echo_request(probe: Probe) -> bool:
    """Say whether the probe asks for an echo."""
    kind = probe.packet[probe.body_at]
    return (probe.protocol, kind) == ((ICMP, 8) if probe.version == 4 else (ICMP6, 128))


def echo_reply(probe: Probe) -> bytes:
    """Build the ICMP message that answers an echo request."""
    kind = 0 if probe.version == 4 else 129
    body = bytes((kind, 0, 0, 0)) + probe.packet[probe.body_at + 4 :]
    return with_checksum(probe.version, probe.dst, probe.src, icmp_of(probe.version), 2, body)


def tcp_reply(probe: Probe, *, is_open: bool) -> bytes | None:
    """Build what an idle TCP sends back (RFC 9293 §3.10.7): SYN-ACK, RST, or nothing to an RST."""
    segment = probe.packet[probe.body_at :]
    if len(segment) < 20 or segment[13] & RST:
        return None
    sport, dport, seq, ack = struct.unpack("!HHII", segment[:12])
    if segment[13] & ACK:
        seq, ack, flags = ack, 0, RST
    else:
        opens = is_open and bool(segment[13] & SYN)
        seq, ack, flags = (
            (1 if opens else 0),
            (seq + 1) % (1 << 32),
            SYN | ACK if opens else RST | ACK,
        )
    body = struct.pack(
        "!HHIIBBHHH", dport, sport, seq, ack, 5 << 4, flags, 65535 * (flags & SYN) // SYN, 0, 0
    )
    return with_checksum(probe.version, probe.dst, probe.src, TCP, 16, body)


def ethernet(to: bytes, kind: bytes, packet: bytes) -> bytes:
    """Put a packet into a frame from the router."""
    return to + ROUTER_MAC + kind + packet


def arp_reply(frame: bytes, own: bytes) -> bytes | None:
    """Answer "who has" for every address but *own*, that of the vantage point itself."""
    arp = frame[ETHER_BYTES : ETHER_BYTES + 28]
    asks = len(arp) == 28 and arp[6:8] == b"\0\x01"
    if not asks or arp[24:28] == own or arp[14:18] == b"\0\0\0\0":
        return None
    body = arp[:6] + b"\0\x02" + ROUTER_MAC + arp[24:28] + arp[8:18]
    return ethernet(frame[6:12], ARP_TYPE, body)


def is_neighbour_talk(frame: bytes) -> bool:
    """Say whether a frame is ARP or a neighbour advertisement, and so no answer to a probe."""
    return frame[12:14] == ARP_TYPE or (frame[12:14] == IP6_TYPE and frame[54] == 136)


def neighbour_advertisement(frame: bytes, own: bytes) -> bytes | None:
    """Answer a neighbour solicitation (RFC 4861), but not duplicate address detection."""
    packet = frame[ETHER_BYTES:]
    asks = len(packet) >= 64 and packet[6] == ICMP6 and packet[40] == 135
    asker, wanted = packet[8:24], packet[48:64]
    if not asks or wanted == own or asker == bytes(16):
        return None
    src, dst = int.from_bytes(wanted, "big"), int.from_bytes(asker, "big")
    body = b"\x88\0\0\0" + b"\xe0\0\0\0" + wanted + b"\x02\x01" + ROUTER_MAC
    body = with_checksum(6, src, dst, ICMP6, 2, body)
    return ethernet(frame[6:12], IP6_TYPE, ip6(src, dst, ICMP6, 255, body))
