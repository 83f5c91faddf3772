"""Name a cycle and its files: one logical time, one name; every path is derived from names."""

import re
import zlib
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Self

CYCLE_NAME = re.compile(r"(?P<time>\d{8}T\d{6}Z)(-(?P<rerun>[1-9]\d*))?")
"""`YYYYMMDDTHHMMSSZ` of the run's logical time, `-N` for the N-th re-run by hand."""

CYCLE_PATTERN = r"^[a-z0-9][a-z0-9_-]*/[0-9]{8}T[0-9]{6}Z(-[1-9][0-9]*)?$"
"""A cycle as people write it, `LIST/CYCLE`, for JSON schemas: `sample/20261122T030000Z`."""


def cycle_name(logical_time: datetime, rerun: int = 0) -> str:
    """
    Name the cycle of a logical time; *rerun* counts the cycles of the same time before it.

    Raises:
        ValueError: if *logical_time* is naive.

    >>> cycle_name(datetime(2026, 11, 22, 3, tzinfo=UTC))
    '20261122T030000Z'
    >>> cycle_name(datetime(2026, 11, 22, 3, tzinfo=UTC), rerun=2)
    '20261122T030000Z-2'
    """
    if logical_time.tzinfo is None:
        raise ValueError("a logical time needs a time zone")
    name = logical_time.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    return f"{name}-{rerun}" if rerun else name


def cycle_number(cycle: str) -> int:
    """
    Give the number that scamper stores as the cycle id: epoch seconds plus the re-run (u32).

    >>> cycle_number("19700101T000010Z-3")
    13
    """
    match = CYCLE_NAME.fullmatch(cycle)
    if match is None:
        raise ValueError(f"{cycle!r} is no cycle; expected YYYYMMDDTHHMMSSZ or YYYYMMDDTHHMMSSZ-N")
    at = datetime.strptime(match["time"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    return int(at.timestamp()) + int(match["rerun"] or 0)


def list_number(name: str) -> int:
    """
    Give the number that scamper stores as the list id: a checksum of the name, 1 to 2³¹.

    >>> list_number("sample") == list_number("sample") > 0
    True
    """
    return (zlib.crc32(name.encode()) & 0x7FFFFFFF) + 1


@dataclass(frozen=True, order=True)
class Cycle:
    """One pass over a list; every path is relative to the store's root (design §4.2)."""

    list: str
    cycle: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """
        Read `LIST/CYCLE`.

        >>> Cycle.parse("sample/20261122T030000Z").cycle
        '20261122T030000Z'
        """
        name, _, cycle = text.partition("/")
        if not name or CYCLE_NAME.fullmatch(cycle) is None:
            raise ValueError(f"{text!r} is no cycle; expected LIST/YYYYMMDDTHHMMSSZ")
        return cls(name, cycle)

    def __str__(self) -> str:
        return f"{self.list}/{self.cycle}"

    @property
    def folder(self) -> str:
        """Everything that says what was asked and what came of it."""
        return f"cycles/{self.list}/{self.cycle}"

    @property
    def manifest(self) -> str:
        """What was asked, sent, received and lost."""
        return f"{self.folder}/manifest.json"

    @property
    def do_not_probe(self) -> str:
        """The do-not-probe list as it was when the cycle was planned."""
        return f"{self.folder}/plan/do-not-probe.txt"

    @property
    def missing(self) -> str:
        """`vantage point, target` of every target without a trace."""
        return f"{self.folder}/missing.txt"

    @property
    def raw(self) -> str:
        """Folder of the raw measurements."""
        return f"raw/{self.list}/{self.cycle}"

    @property
    def topology(self) -> str:
        """Folder of the links, nodes and interfaces."""
        return f"topology/{self.list}/{self.cycle}"

    def table(self, table: str) -> str:
        """Give the folder of one table's partition."""
        return f"tables/{table}/list={self.list}/cycle={self.cycle}"


FIRST, SECOND = "0000", "0001"
"""A vantage point's own shard, and one of targets that were moved to it from another."""


@dataclass(frozen=True, order=True)
class Shard:
    """A vantage point's part of a list in a cycle."""

    list: str
    cycle: str
    vp: str
    shard: str = "0000"

    @property
    def of(self) -> Cycle:
        """The cycle it is part of."""
        return Cycle(self.list, self.cycle)

    @property
    def targets(self) -> str:
        """The targets in probing order, one a line."""
        return f"{self.of.folder}/plan/{self.vp}/{self.shard}.targets.txt"

    @property
    def job(self) -> str:
        """What the prober is asked."""
        return f"{self.of.folder}/plan/{self.vp}/{self.shard}.job.json"

    @property
    def missing(self) -> str:
        """Those of its targets that have no trace, one a line."""
        return f"{self.of.folder}/missing/{self.vp}/{self.shard}.txt"

    @property
    def raw(self) -> str:
        """The traces as scamper wrote them, compressed."""
        return f"{self.of.raw}/{self.vp}/{self.shard}.warts.zst"

    @property
    def record(self) -> str:
        """How they were measured: tool, arguments, times, counts."""
        return f"{self.of.raw}/{self.vp}/{self.shard}.json"

    def table(self, table: str) -> str:
        """Give this shard's file of *table*."""
        return f"{self.of.table(table)}/vp={self.vp}/{self.shard}.parquet"

    def to_json(self) -> dict[str, str]:
        """Give the four names, as they travel between tasks."""
        return asdict(self)

    @classmethod
    def from_json(cls, names: dict[str, str]) -> Self:
        """Read the four names; other keys are ignored."""
        return cls(names["list"], names["cycle"], names["vp"], names["shard"])
