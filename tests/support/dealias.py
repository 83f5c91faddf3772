"""Write dealias records by hand, as scamper 20211212 does; their layout is known from its bytes."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address

from tests.support.warts import _flags, record

DEALIAS = 9
METHODS = {"mercator": 1, "ally": 2, "radargun": 3}
RESULTS = {"none": 0, "aliases": 1, "not-aliases": 2}
PORT_UNREACHABLE, ECHO_REPLY = 0x0303, 0x0000
START_S = 1_700_000_001


@dataclass(frozen=True)
class Answer:
    """A reply: who sent it, when after the record's start, and its IP identifier."""

    src: str
    at_us: int
    ip_id: int = 0
    icmp: int = ECHO_REPLY


@dataclass(frozen=True)
class Asked:
    """A probe to the definition of that number."""

    definition: int
    at_us: int
    answers: Sequence[Answer] = field(default_factory=list)


def _parameters(values: dict[int, bytes]) -> bytes:
    if not values:
        return b"\0"
    body = b"".join(values[number] for number in sorted(values))
    return _flags(values) + struct.pack(">H", len(body)) + body


def _address(text: str) -> bytes:
    packed = ip_address(text).packed
    return struct.pack(">BB", len(packed), 1 if len(packed) == 4 else 2) + packed


def _time(at_us: int) -> bytes:
    return struct.pack(">II", START_S + at_us // 1_000_000, at_us % 1_000_000)


def _options(method: str, targets: Sequence[str]) -> dict[int, bytes]:
    if method == "mercator":
        return {1: b"\x02", 2: b"\x01"}
    if method == "ally":
        return {1: struct.pack(">H", 150), 2: b"\x01", 3: b"\x02", 4: struct.pack(">H", 200)}
    return {1: struct.pack(">I", len(targets)), 2: struct.pack(">H", 10)}


def _definition(number: int, target: str, method: str) -> bytes:
    kind = 3 if method == "mercator" else 1
    return _parameters(
        {3: struct.pack(">I", number), 4: bytes([kind]), 5: b"\xff", 10: _address(target)}
    )


def _reply(answer: Answer) -> bytes:
    return _parameters(
        {
            2: _time(answer.at_us),
            3: struct.pack(">H", answer.ip_id),
            4: b"\x3f",
            5: struct.pack(">H", answer.icmp),
            10: _address(answer.src),
        }
    )


def _probe(number: int, asked: Asked) -> bytes:
    head = {
        1: struct.pack(">I", asked.definition),
        2: _time(asked.at_us),
        3: struct.pack(">H", len(asked.answers)),
        4: struct.pack(">H", 65535 - number),
        5: struct.pack(">I", number),
    }
    return _parameters(head) + b"".join(_reply(answer) for answer in asked.answers)


def dealias(
    method: str,
    targets: Sequence[str],
    user_id: int,
    probes: Sequence[Asked] = (),
    result: str = "none",
) -> bytes:
    """One whole record."""
    head = {
        1: struct.pack(">I", 1),
        2: struct.pack(">I", 1),
        3: _time(0),
        4: bytes([METHODS[method]]),
        5: bytes([RESULTS[result]]),
        6: struct.pack(">I", len(probes)),
        7: struct.pack(">I", user_id),
    }
    body = _parameters(head) + _parameters(_options(method, targets))
    body += b"".join(_definition(i, target, method) for i, target in enumerate(targets))
    return record(DEALIAS, body + b"".join(_probe(i, probe) for i, probe in enumerate(probes)))


def mercator(target: str, user_id: int, answers_from: str | None) -> bytes:
    """A mercator test: *answers_from* sends the port unreachable, or nobody does."""
    answers = [Answer(answers_from, 5000, 7, PORT_UNREACHABLE)] if answers_from else []
    result = "aliases" if answers_from not in (None, target) else "none"
    return dealias("mercator", [target], user_id, [Asked(0, 0, answers)], result)


def in_turn(targets: Sequence[str], ip_ids: Sequence[Sequence[int]]) -> list[Asked]:
    """Rounds of probes: *ip_ids* holds the identifiers of each round's answers."""
    return [
        Asked(i, at, [Answer(target, at + 5000, ip_id)])
        for turn, ids in enumerate(ip_ids)
        for i, (target, ip_id) in enumerate(zip(targets, ids, strict=True))
        for at in [turn * 500_000 + i * 20_000]
    ]
