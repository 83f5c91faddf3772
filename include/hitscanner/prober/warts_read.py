"""Flags and parameters of a warts record (warts(5), "FLAGS"): what every record type shares."""

from __future__ import annotations

import struct


def read_flags(body: bytes, at: int = 0) -> tuple[set[int], int]:
    """
    Return the numbers of the set flags, from 1, and the offset behind the flag bytes.

    >>> read_flags(bytes([0b10000001, 0b0000010]))
    ({1, 9}, 2)
    """
    flags: set[int] = set()
    start = at
    while True:
        byte = body[at]
        flags.update(7 * (at - start) + bit + 1 for bit in range(7) if byte >> bit & 1)
        at += 1
        if not byte & 0x80:
            return flags, at


def skip_parameters(body: bytes, at: int) -> int:
    """
    Return the offset behind the flags and parameters that begin at *at*; no flags, no length.

    >>> skip_parameters(bytes([1, 0, 2, 7, 7, 9]), 0), skip_parameters(bytes([0, 9]), 0)
    (5, 1)
    """
    flags, end = read_flags(body, at)
    if not flags:
        return end
    (length,) = struct.unpack_from(">H", body, end)
    return end + 2 + int(length)
