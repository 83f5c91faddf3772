"""
Alias resolution with scamper: the command of a test, and what its record says.

scamper takes pairs only as whole commands, one a line (`-O cmdfile`, scamper(1)); given two
addresses a line it writes an empty file and exits 0.  Each command carries its line's number as
user id (`-U`), and the record brings it back: so it is certain what a record is about.

No page specifies the record; its layout was found by looking at bytes of scamper 20211212, and is
read here only as far as counting needs (the tables are `hs-transform`'s work).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from .job import JobSpec
from .tasks import addresses_in, method_of, unpack
from .warts_read import read_flags, skip_parameters

ALLY_WAIT_MS = 150
"""Between the probes of a pair, so that replies come in the order in which they were sent."""

RADARGUN_WAIT_MS = 20
"""Between the probes of a round."""

RADARGUN_ROUND_MS = 500
"""From one round to the next: longer than nearly every round-trip time."""

ALLY_PACKETS = 5
"""Probes of an ally test; it ends with the first two that are out of order."""

SILENT_SHARE = 0.25
"""Part of the addresses that do not answer and so cost every attempt."""


@dataclass(frozen=True)
class Tested:
    """What a dealias record says without its probes."""

    user_id: int
    probes: int
    replies: int


def command(key: bytes, number: int, spec: JobSpec, port: int) -> str:
    """
    Return scamper's command for the test *key*, which is line *number* of the targets.

    Only mercator takes a source *port*; scamper 20211212 refuses an ICMP identifier for the others
    (`-F`) without a word, and gives all their probes one ICMP checksum: their flows are fixed too.

    >>> from types import SimpleNamespace
    >>> from .tasks import pack_test
    >>> spec = SimpleNamespace(attempts=2, wait_s=1, rounds=10)
    >>> command(pack_test("mercator 192.0.2.1") or b"", 7, spec, 61000)
    'dealias -m mercator -U 7 -q 2 -w 1 -s 61000 192.0.2.1'
    """
    method = method_of(key)
    options = {
        "mercator": f"-q {spec.attempts} -w {spec.wait_s} -s {port}",
        "ally": f"-q {ALLY_PACKETS} -w {spec.wait_s} -W {ALLY_WAIT_MS} -p '-P icmp-echo'",
        "radargun": f"-q {spec.rounds} -w {spec.wait_s} -W {RADARGUN_WAIT_MS}"
        f" -r {RADARGUN_ROUND_MS} -p '-P icmp-echo'",
    }[method]
    addresses = " ".join(unpack(address) for address in addresses_in(key))
    return f"dealias -m {method} -U {number} {options} {addresses}"


def packets_of(key: bytes, spec: JobSpec) -> float:
    """
    Return how many packets a test takes, about.

    >>> from types import SimpleNamespace
    >>> from .tasks import pack_test
    >>> packets_of(pack_test("radargun 192.0.2.1 192.0.2.2") or b"", SimpleNamespace(rounds=10))
    20
    """
    method = method_of(key)
    if method == "radargun":
        return spec.rounds * len(addresses_in(key))
    if method == "ally":
        return ALLY_PACKETS
    return 1 + (spec.attempts - 1) * SILENT_SHARE


def parse_tested(body: bytes) -> Tested:
    """
    Return what the *body* of a dealias record is about.

    Parameters 6 and 7 are the number of probes and the user id; then come the method's options, the
    probe definitions, and the probes with their replies.

    Raises:
        ValueError, IndexError, struct.error: if it contradicts itself.
    """
    flags, at = read_flags(body)
    (length,) = struct.unpack_from(">H", body, at)
    values = _numbers(body, at + 2, flags, (4, 4, 8, 1, 1, 4, 4))
    method, probes = values.get(4, 0), values.get(6, 0)
    at += 2 + length
    definitions, at = _definitions(body, at, method)
    for _ in range(definitions):
        at = skip_parameters(body, at)
    replies = 0
    for _ in range(probes):
        count, at = _replies(body, at)
        replies += count
        for _ in range(count):
            at = skip_parameters(body, at)
    if at != len(body):
        raise ValueError("its probes do not fill it")
    return Tested(values.get(7, 0), probes, replies)


def _numbers(body: bytes, at: int, flags: set[int], sizes: tuple[int, ...]) -> dict[int, int]:
    """Read the first parameters, which are numbers of known size."""
    found: dict[int, int] = {}
    for parameter, size in enumerate(sizes, start=1):
        if parameter in flags:
            found[parameter] = int.from_bytes(body[at : at + size], "big")
            at += size
    return found


def _definitions(body: bytes, at: int, method: int) -> tuple[int, int]:
    """Return how many probe definitions follow the method's options, and where."""
    if method not in {1, 2, 3}:
        raise ValueError(f"it is of method {method}")
    flags, values_at = read_flags(body, at)
    count = {1: 1, 2: 2}.get(method) or _numbers(body, values_at + 2, flags, (4,)).get(1, 0)
    return count, skip_parameters(body, at)


def _replies(body: bytes, at: int) -> tuple[int, int]:
    """Return how many replies a probe has (parameter 3), and where they begin."""
    flags, values_at = read_flags(body, at)
    return _numbers(body, values_at + 2, flags, (4, 8, 2)).get(3, 0), skip_parameters(body, at)
