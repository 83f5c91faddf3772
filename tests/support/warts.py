"""Write small warts files by hand: list, cycle-start, traces with hops, cycle-stop (warts(5))."""

import struct
from collections.abc import Iterable
from ipaddress import ip_address

from hitscanner.domain.cycle import Shard, cycle_number, list_number

LIST, CYCLE_START, CYCLE_STOP, TRACE = 1, 2, 4, 6
COMPLETED = 1
SOURCE = "100.127.0.2"


def record(kind: int, body: bytes) -> bytes:
    return struct.pack(">HHI", 0x1205, kind, len(body)) + body


def head(shard: Shard) -> bytes:
    """The list (flag 2: monitor) and cycle-start records that scamper begins with."""
    strings = shard.vp.encode() + b"\0"
    name = shard.list.encode() + b"\0"
    listed = struct.pack(">II", 1, list_number(shard.list)) + name
    listed += b"\x02" + struct.pack(">H", len(strings)) + strings
    cycle = struct.pack(">IIIIB", 1, 1, cycle_number(shard.cycle), 1_700_000_000, 0)
    return record(LIST, listed) + record(CYCLE_START, cycle)


def stop() -> bytes:
    return record(CYCLE_STOP, struct.pack(">IIB", 1, 1_700_000_100, 0))


def _flags(numbers: Iterable[int]) -> bytes:
    """Seven flags a byte, the top bit says that another byte follows."""
    wanted = sorted(numbers)
    count = -(-wanted[-1] // 7)
    out = bytearray(count)
    for number in wanted:
        out[(number - 1) // 7] |= 1 << ((number - 1) % 7)
    for index in range(count - 1):
        out[index] |= 0x80
    return bytes(out)


def _address(text: str) -> bytes:
    packed = ip_address(text).packed
    return struct.pack(">BB", len(packed), 1 if len(packed) == 4 else 2) + packed


def _hop(address: str, ttl: int, rtt_us: int) -> bytes:
    """A time-exceeded reply: flags 2 probe ttl, 5 probe id, 6 rtt, 7 ICMP, 18 address."""
    numbers = [2, 5, 6, 7, 18]
    params = struct.pack(">BBIH", ttl, 0, rtt_us, 0x0B00) + _address(address)
    return _flags(numbers) + struct.pack(">H", len(params)) + params


def trace(target: str, hops: Iterable[str] = (), started_s: int = 1_700_000_001) -> bytes:
    """A udp-paris trace whose hops answered at TTL 1, 2, …; no hops: silence."""
    hops = list(hops)
    numbers = [1, 2, 5, 6, 11, 12, 13, 14, 15, 19, 23, 26, 27]
    params = struct.pack(">IIIIB", 1, 1, started_s, 0, COMPLETED if hops else 5)
    params += struct.pack(">BHHHBHH", 5, 44, 40000, 33435, 1, len(hops), len(hops) + 1)
    params += _address(SOURCE) + _address(target)
    body = _flags(numbers) + struct.pack(">H", len(params)) + params
    body += struct.pack(">H", len(hops))
    body += b"".join(_hop(hop, ttl, 1000 * ttl) for ttl, hop in enumerate(hops, 1))
    return record(TRACE, body + b"\0\0")


def slice_file(shard: Shard, targets: Iterable[str], hops: Iterable[str] = ()) -> bytes:
    """A whole slice."""
    hops = list(hops)
    return head(shard) + b"".join(trace(t, [*hops, t]) for t in targets) + stop()
