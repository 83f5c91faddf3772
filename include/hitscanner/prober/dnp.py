"""
The do-not-probe list: prefixes that get no packet from us, read so that every doubt means silence.

Format: text; `#` starts a comment; one prefix or address a line; a list that is empty on purpose
says `none` on a line of its own.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path

from .errors import RefusedError
from .tasks import addresses_in

V4_MAPPED = bytes(10) + b"\xff\xff"
"""First bytes of an IPv6 address that means an IPv4 one (RFC 4291, 2.5.5.2)."""


@dataclass(frozen=True)
class DoNotProbe:
    """
    A parsed list. `packed in dnp` costs one binary search.

    A test of several addresses is listed if one of them is.

    `starts` and `ends` hold, for each address length in bytes, the first and last address of the
    listed ranges: sorted, not overlapping, ends included.
    """

    sha256: str
    starts: dict[int, list[bytes]]
    ends: dict[int, list[bytes]]

    def __contains__(self, packed: bytes) -> bool:
        if len(packed) not in {4, 16}:
            return any(address in self for address in addresses_in(packed))
        if packed.startswith(V4_MAPPED) and len(packed) == 16 and packed[12:] in self:
            return True
        starts = self.starts[len(packed)]
        at = bisect_right(starts, packed) - 1
        return at >= 0 and packed <= self.ends[len(packed)][at]


def parse_dnp(data: bytes) -> DoNotProbe:
    """
    Return the list in *data*.

    Raises:
        RefusedError: if a line is not understood, or there is neither an entry nor `none`.

    >>> dnp = parse_dnp(b"192.0.2.0/24  # asked on 2026-03-01")
    >>> bytes([192, 0, 2, 7]) in dnp, bytes([192, 0, 3, 7]) in dnp
    (True, False)
    >>> parse_dnp(b"# nothing yet")
    Traceback (most recent call last):
    hitscanner.prober.errors.RefusedError: the do-not-probe list has no entry; write 'none' ...
    """
    try:
        lines = data.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise RefusedError("the do-not-probe list is not UTF-8 text; replace it") from error
    entries = [(n, line.split("#", 1)[0].strip()) for n, line in enumerate(lines, start=1)]
    entries = [(number, entry) for number, entry in entries if entry]
    if not entries:
        raise RefusedError(
            "the do-not-probe list has no entry; write 'none' on a line if that is meant"
        )
    ranges = [_range(number, entry) for number, entry in entries if entry != "none"]
    starts: dict[int, list[bytes]] = {}
    ends: dict[int, list[bytes]] = {}
    for size in (4, 16):
        merged = _merge(r for r in ranges if len(r[0]) == size)
        starts[size] = [first for first, _ in merged]
        ends[size] = [last for _, last in merged]
    return DoNotProbe(hashlib.sha256(data).hexdigest(), starts, ends)


def load_dnp(path: Path) -> DoNotProbe:
    """
    Read the list *path*.

    Raises:
        RefusedError: if it is missing, unreadable or not understood.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise RefusedError(
            f"no do-not-probe list: {path}: {error.strerror}; stage it, or one that says 'none'"
        ) from error
    return parse_dnp(data)


def _range(number: int, entry: str) -> tuple[bytes, bytes]:
    try:
        # without the zone id, which ipaddress would take and forget, the rest is no prefix
        prefix = ip_network(entry.replace("%", " "))
    except ValueError as error:
        raise RefusedError(
            f"do-not-probe list line {number}: {entry!r} is no prefix ({error}); correct the line"
        ) from error
    return prefix[0].packed, prefix[-1].packed


def _merge(ranges: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    merged: list[tuple[bytes, bytes]] = []
    for first, last in sorted(ranges):
        if merged and first <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return merged
