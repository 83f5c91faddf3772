"""
What one line of `targets.txt` asks for: an address to trace, or a test of some addresses.

Everything else handles it as bytes: an address by its 4 or 16 bytes, a test by a zero, the number
of its method, the size of its addresses, and the addresses.  No test is 4 or 16 bytes long.
"""

from __future__ import annotations

import socket

DEALIAS_METHODS = {"mercator": 1, "ally": 2, "radargun": 3}
"""Methods of `scamper -I dealias` that make sense for given addresses, by their warts number."""

_MOST = {"mercator": 1, "ally": 2, "radargun": 100}
_LEAST = {"mercator": 1, "ally": 2, "radargun": 2}
_HEAD = 3


def pack(text: str) -> bytes | None:
    r"""
    Return the bytes of the address *text*, or None if it is none: 4 bytes for IPv4, 16 for IPv6.

    >>> pack("192.0.2.1"), len(pack("2001:db8::1") or b""), pack("router")
    (b'\xc0\x00\x02\x01', 16, None)
    """
    try:
        return socket.inet_pton(socket.AF_INET6 if ":" in text else socket.AF_INET, text)
    except (OSError, ValueError):
        return None


def unpack(packed: bytes) -> str:
    """
    Return the text of an address of 4 or 16 bytes.

    >>> unpack(bytes([192, 0, 2, 1]))
    '192.0.2.1'
    """
    return socket.inet_ntop(socket.AF_INET if len(packed) == 4 else socket.AF_INET6, packed)


def pack_test(line: str) -> bytes | None:
    """
    Return the bytes of a test of aliases, or None if *line* is none.

    >>> key = pack_test("ally 192.0.2.1 192.0.2.2") or b""
    >>> len(key), [unpack(address) for address in addresses_in(key)]
    (11, ['192.0.2.1', '192.0.2.2'])
    >>> pack_test("ally 192.0.2.1"), pack_test("ping 192.0.2.1"), pack_test("ally 192.0.2.1 ::1")
    (None, None, None)
    """
    method, *words = line.split(" ")
    packed = [pack(word) for word in words]
    found = [address for address in packed if address is not None]
    sizes = {len(address) for address in found}
    is_whole = method in DEALIAS_METHODS and len(found) == len(packed) and len(sizes) == 1
    if not is_whole or not _LEAST[method] <= len(found) <= _MOST[method]:
        return None
    if len(set(found)) < len(found):
        return None
    return bytes([0, DEALIAS_METHODS[method], sizes.pop()]) + b"".join(found)


def addresses_in(key: bytes) -> list[bytes]:
    """
    Return the packed addresses that *key*, an address or a test, sends packets to.

    >>> addresses_in(bytes([192, 0, 2, 1])) == [bytes([192, 0, 2, 1])]
    True
    """
    if len(key) in {4, 16}:
        return [key]
    size = key[2]
    return [key[at : at + size] for at in range(_HEAD, len(key), size)]


def method_of(key: bytes) -> str:
    """
    Return the method of a test.

    >>> method_of(pack_test("mercator 192.0.2.1") or b"")
    'mercator'
    """
    return next(name for name, number in DEALIAS_METHODS.items() if number == key[1])
