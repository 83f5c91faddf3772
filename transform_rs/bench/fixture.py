#!/usr/bin/env python3
"""
Multiply a warts file: keep list and cycle-start once, write its traces N times, cycle-stop last.

Router addresses (IPv4, in hop records) are rewritten by a keyed hash of copy, router and
destination bucket: hops 1 to 4 are shared, 5 to 8 have 16 variants, deeper ones 4,096, which gives
realistic numbers of distinct addresses. The destination's own address changes with the copy only.

Usage: fixture.py COPIES < lab.warts > fixture.warts
"""

import struct
import sys
import zlib

HEADER = struct.Struct(">HHI")
TRACE = 6


def records(data: bytes):
    """Yield (type, record bytes with header)."""
    at = 0
    while at < len(data):
        _, kind, size = HEADER.unpack_from(data, at)
        yield kind, data[at : at + 8 + size]
        at += 8 + size


def block(data: bytes, at: int) -> tuple[int, int]:
    """Return start and end of the parameters of the flag block at *at*."""
    if data[at] == 0:
        return at + 1, at + 1
    while data[at] & 0x80:
        at += 1
    (size,) = struct.unpack_from(">H", data, at + 1)
    return at + 3, at + 3 + size


def addresses(record: bytes) -> list[tuple[int, int]]:
    """Return (offset, ttl) of each IPv4 address that a hop defines; the destination's has ttl 0."""
    _start, end = block(record, 8)
    found = []
    mark = record.find(b"\x04\x01", end - 12, end)
    if mark >= 0:
        found.append((end - 4, 0))
    (count,) = struct.unpack_from(">H", record, end)
    at = end + 2
    for _ in range(count):
        first, last = block(record, at)
        # scamper lays hops out so: TTL first, the address, then the transmit time (8 bytes).
        if record[last - 14 : last - 12] == b"\x04\x01":
            found.append((last - 12, record[first]))
        at = last
    return found


def rewrite(record: bytes, places: list[tuple[int, int]], copy: int) -> bytes:
    """Return *record* with the addresses of copy *copy*."""
    out = bytearray(record)
    dst = record[places[0][0] : places[0][0] + 4]
    for at, ttl in places:
        old = record[at : at + 4]
        if ttl == 0:
            # A target of its own in each copy: the top octet moves, 100.64/10 stays recognisable.
            out[at] = 100 + copy
            continue
        variants = 1 if ttl <= 4 else 16 if ttl <= 8 else 4096
        bucket = zlib.crc32(dst + bytes([copy])) % variants if variants > 1 else 0
        key = zlib.crc32(old + struct.pack(">HB", bucket, copy if variants > 1 else 0))
        out[at : at + 4] = bytes([20 + key % 80]) + struct.pack(">I", key)[1:]
    return bytes(out)


def main() -> None:
    """Read standard input, write standard output."""
    copies = int(sys.argv[1])
    everything = list(records(sys.stdin.buffer.read()))
    traces = [(record, addresses(record)) for kind, record in everything if kind == TRACE]
    write = sys.stdout.buffer.write
    for kind, record in everything:
        if kind in (1, 2):
            write(record)
    for copy in range(copies):
        for record, places in traces:
            write(rewrite(record, places, copy))
    for kind, record in everything:
        if kind == 4:
            write(record)


if __name__ == "__main__":
    main()
