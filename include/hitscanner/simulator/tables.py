"""Read the tables that a cycle leaves: the one place of the simulator that knows their columns."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb

from hitscanner.errors import UsageError
from hitscanner.simulator import addressing
from hitscanner.simulator.addressing import VERSIONS, Version
from hitscanner.simulator.truth import Flow, flow_of
from hitscanner.simulator.world import World


class TableError(UsageError):
    """A table is missing or has not the columns that docs/formats.md promises."""


@dataclass(frozen=True, slots=True)
class Trace:
    """What the score needs of a row of `traces`."""

    vp: str
    named: str
    """The vantage point as the table has it."""
    version: Version
    src: int
    dst: int
    method: str
    sport: int
    dport: int
    first_hop: int
    gap_limit: int
    """0 is no limit."""
    stop_reason: str
    hop_count: int | None

    @property
    def flow(self) -> Flow:
        """The flow of its probes."""
        ports = self.sport, self.dport
        return flow_of(self.vp, self.version, self.src, self.dst, self.method, *ports)


@dataclass(frozen=True, slots=True)
class FoundHop:
    """What the score needs of a row of `replies`."""

    named: str
    version: Version
    dst: int
    ttl: int
    address: int


@dataclass(frozen=True, slots=True)
class FoundLink:
    """What the score needs of a row of `links`."""

    version: Version
    near: int
    far: int
    stars: int
    freq: int
    ambiguous: bool


def read_traces(paths: Sequence[Path]) -> list[Trace]:
    """
    Return the traces of files, or of all `*.parquet` below folders.

    Raises:
        TableError: naming the file or the column that is missing.
    """
    files = [file for path in paths for file in _files(path)]
    if not files:
        raise TableError("no traces: give the Parquet files of the table `traces`")
    columns = (
        "vp, src_addr, dst_addr, type, sport, dport, first_hop, gap_limit, stop_reason, hop_count"
    )
    return [_trace(row) for row in _select(columns, files)]


def read_hops(paths: Sequence[Path]) -> list[FoundHop]:
    """
    Return the replies to the probes of traces, of files or of all `*.parquet` below folders.

    Raises:
        TableError: naming the file or the column that is missing.
    """
    files = [file for path in paths for file in _files(path)]
    if not files:
        raise TableError("no replies: give the Parquet files of the table `replies`")
    of_hops = "where section = 'hop' and addr is not null"
    rows = _select("distinct vp, dst_addr, probe_ttl, addr", files, of_hops)
    return [
        FoundHop(str(vp), *addressing.parse(dst), ttl, addressing.parse(address)[1])
        for vp, dst, ttl, address in rows
    ]


def read_links(path: Path) -> list[FoundLink]:
    """
    Return the links of a merged table.

    Raises:
        TableError: naming the file or the column that is missing.
    """
    files = _files(path)
    marks = [name for name in _columns(files) if name.startswith("ambiguous")]
    mark = " or ".join(f"coalesce({name} <> 0, false)" for name in marks) or "false"
    rows = _select(f'"in", "out", stars, freq, {mark}', files)
    return [_link(row) for row in rows]


def known_traces(world: World, traces: Iterable[Trace]) -> tuple[list[Trace], set[str]]:
    """
    Return traces of the world's vantage points, and the names of others.

    A file that scamper wrote without `-M` has the machine's name: the source address helps then.
    """
    by_source: dict[tuple[Version, int], set[str]] = {}
    for vp in world.vantage_points:
        for version in VERSIONS:
            by_source.setdefault((version, vp.address(version)), set()).add(vp.name)
    names = {vp.name for vp in world.vantage_points}
    known, strangers = [], set()
    for trace in traces:
        here = {trace.vp} & names or by_source.get((trace.version, trace.src), set())
        if len(here) == 1:
            known.append(replace(trace, vp=min(here)))
        else:
            strangers.add(trace.vp)
    return known, strangers


def read_routers(path: Path) -> list[str]:
    """
    Return the addresses of routers in a merged table of links: all but destinations.

    Raises:
        TableError: naming the file or the column that is missing.
    """
    files = _files(path)
    near, far = _select('"in"', files), _select('case when is_dest then null else "out" end', files)
    return sorted({str(row[0]) for row in [*near, *far] if row[0] is not None})


def read_alias_sets(path: Path) -> list[list[str]]:
    """
    Return the sets of a table `alias_sets`: rows of set number and address.

    Raises:
        TableError: naming the file or the column that is missing.
    """
    sets: dict[int, list[str]] = {}
    for number, address in _select("alias_set, addr", _files(path)):
        sets.setdefault(number, []).append(str(address))
    return list(sets.values())


def _trace(row: tuple[Any, ...]) -> Trace:
    vp, src, dst, method, sport, dport, first_hop, gap_limit, stop_reason, hop_count = row
    version, dst_value = addressing.parse(str(dst))
    src_value = addressing.parse(str(src))[1] if src else 0
    return Trace(
        str(vp),
        str(vp),
        version,
        src_value,
        dst_value,
        str(method),
        sport or 0,
        dport or 0,
        1 if first_hop is None else first_hop,
        gap_limit or 0,
        str(stop_reason),
        hop_count,
    )


def _link(row: tuple[Any, ...]) -> FoundLink:
    near, far, stars, freq, is_ambiguous = row
    version, near_value = addressing.parse(str(near))
    return FoundLink(version, near_value, addressing.parse(str(far))[1], stars, freq, is_ambiguous)


def _files(path: Path) -> list[Path]:
    files = sorted(path.rglob("*.parquet")) if path.is_dir() else [path]
    for file in files:
        if not file.is_file():
            raise TableError(f"{file} is missing; run the transform of this cycle first")
    return files


def _columns(files: Sequence[Path]) -> list[str]:
    described = _run("describe select * from read_parquet(?, union_by_name => true)", files)
    return [str(row[0]) for row in described]


def _select(columns: str, files: Sequence[Path], where: str = "") -> list[tuple[Any, ...]]:
    # The columns are ours, the files are bound: nothing of this comes from outside.
    source = "read_parquet(?, union_by_name => true, hive_partitioning => false)"
    query = f"select {columns} from {source} {where}"  # noqa: S608  (as said above)
    return _run(query, files)


def _run(query: str, files: Sequence[Path]) -> list[tuple[Any, ...]]:
    try:
        with duckdb.connect() as database:
            return database.execute(query, [[str(file) for file in files]]).fetchall()
    except duckdb.Error as error:
        first_line = str(error).splitlines()[0]
        raise TableError(f"{files[0]}: {first_line}; transform the cycle again") from error
