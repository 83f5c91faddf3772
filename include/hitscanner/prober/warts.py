"""
As much of the warts format as a prober needs: walk records, see whom a trace went to, join files.

Sources: warts(5), "WARTS HEADER", "LIST", "CYCLE" and "TRACEROUTE", checked against bytes written
by scamper 20211212. All integers are big-endian. A record is `u16 0x1205, u16 type, u32 length`
and *length* bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from .dealias import Tested, parse_tested
from .tasks import unpack
from .warts_read import read_flags

MAGIC = 0x1205
LIST, CYCLE_START, CYCLE_DEFINITION, CYCLE_STOP, ADDRESS, TRACE = 1, 2, 3, 4, 5, 6
DEALIAS = 9

LONGEST_BYTES = 64 << 20
"""A record that claims more is damage, not data (the largest seen in practice is below 1 MiB)."""

_HEADER = struct.Struct(">HHI")

_TRACE_SIZES = (4, 4, 4, 4, 8, 1, 1, 1, 1, 1, 1, 2, 2, 2, 1, 1, 1, 1, 2, 1, 1, 1, 2, 1, 1)
"""Bytes of the trace parameters 1 (list) to 25 (confidence); 26 and 27 are addresses."""

_STOP_REASON, _PROBE_COUNT, _SOURCE, _DESTINATION = 6, 23, 26, 27


class WartsError(Exception):
    """Bytes that are not what warts(5) says, with their offset."""

    def __init__(self, at: int, what: str) -> None:
        super().__init__(f"byte {at}: {what}")
        self.at = at


@dataclass(frozen=True)
class Record:
    """One whole record."""

    at: int
    """Offset of the header in the stream, bytes."""

    kind: int
    body: bytes

    @property
    def end(self) -> int:
        """Offset of the byte after the record."""
        return self.at + _HEADER.size + len(self.body)

    def to_bytes(self) -> bytes:
        """Return the record as it is in a file."""
        return _HEADER.pack(MAGIC, self.kind, len(self.body)) + self.body


@dataclass(frozen=True)
class Trace:
    """What a trace record says without its hops."""

    source: bytes | None
    """Packed address the probes left from; None if the record names none."""

    destination: bytes | None
    """Packed address, 4 or 16 bytes; None if the record names none (files before 2010)."""

    probe_count: int
    """Packets sent."""

    reply_count: int
    """Hop records: answers to the probes."""

    stop_reason: int

    @property
    def destination_text(self) -> str | None:
        """The destination as text."""
        return None if self.destination is None else unpack(self.destination)


def walk(stream: BinaryIO, at: int = 0) -> Iterator[Record]:
    """
    Yield the records of *stream*, whose first byte is offset *at*.

    Raises:
        WartsError: at the first byte that does not begin a whole record.

    >>> [r.kind for r in walk(BytesIO(Record(0, 6, b"x").to_bytes()))]
    [6]
    """
    while True:
        header = stream.read(_HEADER.size)
        if not header:
            return
        if len(header) < _HEADER.size:
            raise WartsError(at, f"a record header is cut after {len(header)} bytes")
        magic, kind, length = _HEADER.unpack(header)
        if magic != MAGIC or length > LONGEST_BYTES:
            raise WartsError(at, f"no record starts here (found {magic:#06x})")
        body = stream.read(length)
        if len(body) < length:
            raise WartsError(at, f"the record claims {length} bytes, {len(body)} are there")
        record = Record(at, kind, body)
        yield record
        at = record.end


def read_traces(path: Path) -> Iterator[Trace]:
    """
    Yield the trace records of the raw warts file *path*, in order; other records are passed over.

    Raises:
        WartsError: at the first damaged record.
    """
    with path.open("rb") as stream:
        for record in walk(stream):
            if record.kind == TRACE:
                yield parse_trace(record)


def parse_trace(record: Record) -> Trace:
    """
    Return what a trace *record* says without its hops.

    Raises:
        WartsError: if a field reaches beyond the record.
    """
    try:
        return _parse_trace(record.body)
    except (IndexError, struct.error, ValueError) as error:
        raise WartsError(record.at, f"a trace record contradicts itself ({error})") from error


def parse_dealias(record: Record) -> Tested:
    """
    Return what a dealias *record* is about.

    Raises:
        WartsError: if it contradicts itself.
    """
    try:
        return parse_tested(record.body)
    except (IndexError, struct.error, ValueError) as error:
        raise WartsError(record.at, f"a dealias record contradicts itself ({error})") from error


def _parse_trace(body: bytes) -> Trace:
    flags, at = read_flags(body)
    if not flags:
        return Trace(None, None, 0, struct.unpack_from(">H", body, at)[0], 0)
    (length,) = struct.unpack_from(">H", body, at)
    at += 2
    end = at + length
    (replies,) = struct.unpack_from(">H", body, end)
    numbers: dict[int, int] = {}
    for parameter, size in enumerate(_TRACE_SIZES, start=1):
        if parameter in flags:
            numbers[parameter] = int.from_bytes(body[at : at + size], "big")
            at += size
    addresses: dict[int, bytes] = {}
    table: list[bytes] = []
    for parameter in (_SOURCE, _DESTINATION):
        if parameter in flags:
            addresses[parameter], at = _read_address(body, at, table)
    if at > end:
        raise ValueError("its parameters are longer than they claim")
    return Trace(
        addresses.get(_SOURCE),
        addresses.get(_DESTINATION),
        numbers.get(_PROBE_COUNT, 0),
        replies,
        numbers.get(_STOP_REASON, 0),
    )


def _read_address(body: bytes, at: int, table: list[bytes]) -> tuple[bytes, int]:
    """Read an embedded address, or a reference into *table*, which is of this record only."""
    length = body[at]
    if length == 0:
        (index,) = struct.unpack_from(">I", body, at + 1)
        return table[index], at + 5
    address = body[at + 2 : at + 2 + length]
    if length not in {4, 16} or len(address) != length:
        raise ValueError(f"an address of {len(address)} bytes")
    table.append(address)
    return address, at + 2 + length


@dataclass
class Tail:
    """
    Follow a warts file that is still being written.

    Only whole records are looked at; each is counted once, however often `read` is called.
    """

    path: Path
    lines: Sequence[bytes] = ()
    """The job's tests in the order of `targets.txt`: a dealias record tells the number of its."""

    at: int = 0
    """Offset behind the last whole record, bytes."""

    destinations: set[bytes] = field(default_factory=set)
    sources: set[bytes] = field(default_factory=set)
    probes: int = 0
    replies: int = 0
    has_cycle_stop: bool = False
    damage: str | None = None
    """Why reading stopped before the end, at the last `read`."""

    def read(self) -> None:
        """Take in what was added since the last time; a missing file is an empty one."""
        self.damage = None
        try:
            with self.path.open("rb") as stream:
                stream.seek(self.at)
                for record in walk(stream, self.at):
                    self._take(record)
        except FileNotFoundError:
            return
        except WartsError as error:  # the record is not yet whole, or the disk lied
            self.damage = str(error)

    def _take(self, record: Record) -> None:
        if record.kind == TRACE:
            trace = parse_trace(record)
            self.probes += trace.probe_count
            self.replies += trace.reply_count
            if trace.destination is not None:
                self.destinations.add(trace.destination)
            if trace.source is not None:
                self.sources.add(trace.source)
        elif record.kind == DEALIAS:
            tested = parse_dealias(record)
            self.probes += tested.probes
            self.replies += tested.replies
            if 1 <= tested.user_id <= len(self.lines):
                self.destinations.add(self.lines[tested.user_id - 1])
        self.has_cycle_stop = self.has_cycle_stop or record.kind == CYCLE_STOP
        self.at = record.end


def join(parts: Sequence[bytes]) -> bytes:
    """
    Join files of one list and cycle into one file.

    The result holds list and cycle-start once (the first part's), all other records in order, and
    the last part's cycle-stop, but only if every part has one: otherwise a part was interrupted,
    and so is the whole. Parts must come from separate runs of scamper with the same list, cycle and
    monitor; their records then refer to list 1 and cycle 1 and need no rewriting. (Plain
    concatenation does not do: readers stop where the list ids start again.)

    Raises:
        WartsError: if a part is damaged, or is of another list, cycle or monitor.

    >>> head = Record(0, LIST, b"L").to_bytes() + Record(0, CYCLE_START, bytes(16)).to_bytes()
    >>> one, two = Record(0, TRACE, b"1").to_bytes(), Record(0, TRACE, b"2").to_bytes()
    >>> join([head + one, head + two]) == head + one + two
    True
    """
    out = BytesIO()
    join_to(out, [BytesIO(part) for part in parts])
    return out.getvalue()


def join_to(out: BinaryIO, parts: Sequence[BinaryIO]) -> None:
    """Join *parts* as `join` does, a record at a time, into *out*."""
    head: list[Record] = []
    stops: list[Record | None] = []
    for part in parts:
        part_head, stop = _copy_part(out, part, head)
        head = head or part_head
        stops.append(stop)
    last = stops[-1] if stops else None
    if last is not None and None not in stops:
        out.write(last.to_bytes())


def _copy_part(
    out: BinaryIO, part: BinaryIO, expected: list[Record]
) -> tuple[list[Record], Record | None]:
    """Copy data records of *part*, and its head if it is the first; return head and cycle-stop."""
    records = walk(part)
    head = list(islice(records, 2))
    if [record.kind for record in head] != [LIST, CYCLE_START]:
        raise WartsError(0, "the file does not begin with a list and a cycle-start")
    if expected and _identity(head) != _identity(expected):
        raise WartsError(0, "the file is of another list, cycle or monitor than the first")
    if not expected:
        out.write(b"".join(record.to_bytes() for record in head))
    stop = None
    for record in records:
        if stop is not None or record.kind in {LIST, CYCLE_START, CYCLE_DEFINITION, ADDRESS}:
            raise WartsError(record.at, "the file holds more than one cycle")
        if record.kind == CYCLE_STOP:
            stop = record
        else:
            out.write(record.to_bytes())
    return head, stop


def _identity(head: list[Record]) -> tuple[bytes, bytes, bytes]:
    """Return what must not differ: a cycle-start is id, list, cycle id, start time, flags."""
    listed, cycle = head
    return listed.body, cycle.body[:12], cycle.body[16:]
