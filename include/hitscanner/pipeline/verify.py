"""Believe a fetched file only for what its bytes say: whose it is, of when, with which traces."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hitscanner.domain.cycle import Shard, cycle_number, list_number
from hitscanner.errors import MeasurementFailedError
from hitscanner.prober.warts import (
    CYCLE_START,
    DEALIAS,
    LIST,
    TRACE,
    Record,
    WartsError,
    parse_dealias,
    parse_trace,
    walk,
)


class BadResultError(MeasurementFailedError):
    """A file came back that is not what was asked for, whatever the exit code said."""


@dataclass(frozen=True)
class Head:
    """What the list and cycle-start records of a warts file say (warts(5))."""

    list_number: int
    list_name: str
    monitor: str | None
    cycle_number: int


@dataclass(frozen=True)
class Contents:
    """What the traces, or alias tests, of a verified file amount to."""

    destinations: frozenset[str]
    """Lines of the shard's targets that have a record."""

    traces: int
    packets_sent: int
    packets_received: int


def verify(path: Path, shard: Shard, lines: Sequence[str] = ()) -> Contents:
    """
    Read a joined, raw warts file of *shard* to its end; *lines* are the shard's targets.

    Raises:
        BadResultError: for an empty, header-only or damaged file, one of another list or cycle
            (a stale one), or of another vantage point.
    """
    destinations: set[str] = set()
    traces = sent = received = 0
    try:
        with path.open("rb") as data:
            records = walk(data)
            _check_head(_read_head(next(records, None), next(records, None)), shard)
            for record in records:
                if record.kind == TRACE:
                    trace = parse_trace(record)
                    traces += 1
                    sent += trace.probe_count
                    received += trace.reply_count
                    destinations.add(trace.destination_text or "")
                elif record.kind == DEALIAS:
                    tested = parse_dealias(record)
                    traces += 1
                    sent += tested.probes
                    received += tested.replies
                    if 1 <= tested.user_id <= len(lines):
                        destinations.add(lines[tested.user_id - 1])
    except WartsError as error:
        raise BadResultError(f"{shard.vp}: the fetched file is damaged at {error}") from error
    if not traces:
        raise BadResultError(f"{shard.vp}: the fetched file holds no trace")
    return Contents(frozenset(destinations), traces, sent, received)


def _check_head(head: Head, shard: Shard) -> None:
    expected = Head(list_number(shard.list), shard.list, shard.vp, cycle_number(shard.cycle))
    if head.monitor != expected.monitor:
        raise BadResultError(f"{shard.vp}: the fetched file is of vantage point {head.monitor}")
    if head != expected:
        raise BadResultError(
            f"{shard.vp}: the fetched file is stale: of list {head.list_name} cycle"
            f" {head.cycle_number}, expected {shard.list} cycle {expected.cycle_number}"
        )


def _read_head(first: Record | None, second: Record | None) -> Head:
    """Read the two records that scamper begins every file with."""
    if first is None or second is None:
        raise WartsError(0, "its beginning: it is empty")
    if (first.kind, second.kind) != (LIST, CYCLE_START):
        raise WartsError(0, "its beginning: no list and cycle-start")
    try:
        name, monitor = _list_strings(first.body)
        return Head(
            struct.unpack_from(">I", first.body, 4)[0],
            name,
            monitor,
            struct.unpack_from(">I", second.body, 8)[0],
        )
    except (struct.error, ValueError, IndexError) as error:
        raise WartsError(0, f"its list record ({error})") from error


def _list_strings(body: bytes) -> tuple[str, str | None]:
    """Give name and monitor of a list: two ids, name, flags (1 description, 2 monitor), strings."""
    end = body.index(b"\0", 8)
    name = body[8:end].decode()
    flags = body[end + 1]
    strings = body[end + 4 :].split(b"\0")
    if not flags & 2:
        return name, None
    return name, strings[flags & 1].decode()
