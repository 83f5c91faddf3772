"""Take files of traces from elsewhere into a cycle: they become tables and links like ours."""

import bz2
import gzip
import lzma
import shutil
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, Protocol, cast

import duckdb
import zstandard

from hitscanner import __version__
from hitscanner.domain.cycle import Cycle, Shard, cycle_name
from hitscanner.domain.manifest import Asked, CycleManifest, Fetched, PlannedShard, ShardRecord
from hitscanner.domain.names import check_list_name, check_vp_name
from hitscanner.domain.quorum import Counts, State
from hitscanner.errors import UsageError
from hitscanner.infra.files import scratch_folder, sha256_hex, sha256_of
from hitscanner.infra.store import Store
from hitscanner.infra.transform import Format, TransformError
from hitscanner.pipeline.gate import close_cycle, read_manifest

ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
UNPACKERS: Mapping[bytes, Callable[[Path], Any]] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ": lzma.open,
    ZSTD_MAGIC: lambda path: zstandard.open(path, "rb"),
}
"""By the first bytes of a file."""

IMPORTED = "imported"
"""The parameter of a cycle that was not measured here: SHA-256 of each file → its name."""


class ImportedFileError(UsageError):
    """A file cannot be taken in; nothing was written."""


@dataclass(frozen=True)
class Foreign:
    """A file from elsewhere, read to its end."""

    path: Path
    sha256: str
    vp: str
    destinations: tuple[str, ...]
    """Different ones, in order of appearance."""

    traces: int
    packets_sent: int
    packets_received: int
    started_at: datetime


@dataclass(frozen=True)
class Contents:
    """What the tables of a file say."""

    traces: int
    packets_sent: int
    packets_received: int
    destinations: tuple[str, ...]
    vps: tuple[str, ...]
    first_at: datetime | None
    """Start of the first trace, UTC without saying so."""


class Reader(Protocol):
    """Reads files and makes tables of them: `TransformProgram`."""

    def check(self, file: Path) -> dict[str, Any]: ...

    def convert(self, to: Format, out: Path, inputs: Sequence[Path], vp: str | None) -> None: ...


@dataclass(frozen=True)
class Origin:
    """What is known of files beyond what they say."""

    list_name: str
    vp: str | None = None
    """Name of the vantage point; None takes the monitor or host that the file names."""

    at: datetime | None = None
    """When they were measured; None takes the start of the file's first cycle."""


def import_files(
    store: Store, reader: Reader, scratch: Path, files: Sequence[Path], origin: Origin
) -> Cycle:
    """
    Make one cycle of *files*, named after their start; the same files give the same cycle.

    *files* are what `hs-transform` reads: warts, or JSON lines as `sc_warts2json` prints them and
    M-Lab publishes them; raw or packed (gzip, bzip2, xz, zstd).  Their bytes stay what they are.

    Raises:
        ImportedFileError: for a file that cannot be read, is damaged, or holds no trace.
        InvalidNameError: for a list or vantage point that cannot be a name.
    """
    check_list_name(origin.list_name)
    with scratch_folder(scratch, "import", origin.list_name) as folder:
        foreign = [_read(file, origin, reader, folder / "tables") for file in files]
        cycle = _name(store, origin.list_name, foreign)
        shards = _shards(cycle, foreign)
        for number, (shard, file) in enumerate(shards):
            _keep(store, shard, file, folder / f"{number}.zst")
    if not store.exists(cycle.manifest):
        store.write(cycle.manifest, _planned(cycle, shards).to_bytes())
    close_cycle(store, cycle)
    return cycle


def _read(path: Path, origin: Origin, reader: Reader, tables: Path) -> Foreign:
    """Read a file to its end, through the program that will make its tables."""
    if not path.is_file():
        raise ImportedFileError(f"there is no file {path}")
    try:
        report = reader.check(path)
        _check_whole(path, report)
        reader.convert("parquet", tables, [path], origin.vp)
    except TransformError as error:
        raise ImportedFileError(f"{path} is no whole file of traces: {error}") from error
    contents = _contents(tables)
    shutil.rmtree(tables)
    if not contents.traces:
        raise ImportedFileError(f"{path} holds no trace")
    return Foreign(
        path=path,
        sha256=sha256_of(path),
        vp=check_vp_name(origin.vp or _vantage_point(path, contents.vps)),
        destinations=contents.destinations,
        traces=contents.traces,
        packets_sent=contents.packets_sent,
        packets_received=contents.packets_received,
        started_at=origin.at or _started_at(path, report, contents),
    )


def _check_whole(path: Path, report: Mapping[str, Any]) -> None:
    for damage in report["damage"]:
        raise ImportedFileError(
            f"{path} is no whole file of traces: byte {damage['offset']}: {damage['reason']}"
        )


def _contents(tables: Path) -> Contents:
    """Count what the tables of one file hold."""
    traces, replies = str(tables / "traces.parquet"), str(tables / "replies.parquet")
    with duckdb.connect() as database:
        counted = database.execute(
            "SELECT count(*), coalesce(sum(probe_count), 0)::BIGINT, min(start_at)"
            " FROM read_parquet(?)",
            [traces],
        ).fetchone()
        received = database.execute("SELECT count(*) FROM read_parquet(?)", [replies]).fetchone()
        destinations = database.execute(
            "SELECT dst_addr FROM read_parquet(?) WHERE dst_addr IS NOT NULL"
            " GROUP BY dst_addr ORDER BY min(trace_id)",
            [traces],
        ).fetchall()
        vps = database.execute(
            "SELECT DISTINCT vp FROM read_parquet(?) WHERE vp IS NOT NULL ORDER BY vp", [traces]
        ).fetchall()
    assert counted is not None
    assert received is not None
    return Contents(
        traces=counted[0],
        packets_sent=counted[1],
        packets_received=received[0],
        destinations=tuple(address for (address,) in destinations),
        vps=tuple(vp for (vp,) in vps),
        first_at=counted[2],
    )


def _vantage_point(path: Path, vps: Sequence[str]) -> str:
    """Give the one that the file names: a list's or a trace's monitor, else a cycle's host."""
    if len(vps) != 1:
        raise ImportedFileError(
            f"{path} names {len(vps)} vantage points; say which it is of: --vp NAME"
        )
    return vps[0]


def _started_at(path: Path, report: Mapping[str, Any], contents: Contents) -> datetime:
    """Give the start of the first cycle, else of the first trace."""
    found = [cycle["started_at"] for cycle in report["cycles"] if cycle.get("started_at")]
    if found:
        return datetime.fromtimestamp(min(found), UTC)
    if contents.first_at is None:
        raise ImportedFileError(f"{path} does not say when it was measured; say it: --at TIME")
    return contents.first_at.replace(microsecond=0, tzinfo=UTC)


def _unpacked(path: Path) -> BinaryIO:
    with path.open("rb") as data:
        magic = data.read(6)
    opener = next((o for start, o in UNPACKERS.items() if magic.startswith(start)), None)
    return cast("BinaryIO", opener(path) if opener else path.open("rb"))


def _name(store: Store, list_name: str, foreign: Sequence[Foreign]) -> Cycle:
    """Give the cycle of these files: one that exists, or a name that is free."""
    first = min(file.started_at for file in foreign)
    wanted = _imported(foreign)
    for rerun in range(1000):
        cycle = Cycle(list_name, cycle_name(first, rerun))
        if not store.exists(cycle.manifest):
            return cycle
        if read_manifest(store, cycle).asked.params.get(IMPORTED) == wanted:
            return cycle
    raise ImportedFileError(f"{list_name} has 1000 cycles of {first}; use another list")


def _shards(cycle: Cycle, foreign: Sequence[Foreign]) -> list[tuple[Shard, Foreign]]:
    """Number the files of each vantage point."""
    numbers: dict[str, int] = defaultdict(int)
    shards = []
    for file in foreign:
        shards.append((Shard(cycle.list, cycle.cycle, file.vp, f"{numbers[file.vp]:04d}"), file))
        numbers[file.vp] += 1
    return shards


def _keep(store: Store, shard: Shard, file: Foreign, packed: Path) -> None:
    """Put one file into the store; what is zstd already stays as it is."""
    with file.path.open("rb") as data:
        is_packed = data.read(4) == ZSTD_MAGIC
    if not is_packed:
        compressor = zstandard.ZstdCompressor(level=10, write_checksum=True)
        with _unpacked(file.path) as raw, packed.open("wb") as out:
            compressor.copy_stream(raw, out)
    source = file.path if is_packed else packed
    store.put(shard.raw, source)
    store.write(shard.targets, _targets(file))
    fetched = Fetched(
        sha256=sha256_of(source),
        size_bytes=source.stat().st_size,
        traces=file.traces,
        packets_sent=file.packets_sent,
        packets_received=file.packets_received,
    )
    record = ShardRecord(report=None, fetched=fetched, counts=Counts(done=len(file.destinations)))
    store.write(shard.record, record.to_bytes())


def _planned(cycle: Cycle, shards: Sequence[tuple[Shard, Foreign]]) -> CycleManifest:
    foreign = [file for _, file in shards]
    everything = {target for file in foreign for target in file.destinations}
    asked = Asked(
        params={IMPORTED: _imported(foreign), "min_vp_ratio": 0.0, "min_target_ratio": 0.0},
        run_id=IMPORTED,
        logical_time=min(file.started_at for file in foreign).isoformat(),
        list_sha256=sha256_hex("".join(sorted(everything)).encode()),
        dnp_sha256=sha256_hex(b""),  # nothing was sent from here
        vantage_points=sorted({file.vp for file in foreign}),
        targets=len(everything),
        excluded={},
        excluded_assignments=0,
        shards=[
            PlannedShard(
                vp=shard.vp,
                shard=shard.shard,
                targets=len(file.destinations),
                targets_sha256=sha256_hex(_targets(file)),
            )
            for shard, file in shards
        ],
        versions={"hitscanner": __version__},
    )
    return CycleManifest(list=cycle.list, cycle=cycle.cycle, state=State.PLANNED, asked=asked)


def _targets(file: Foreign) -> bytes:
    return "".join(f"{target}\n" for target in file.destinations).encode()


def _imported(foreign: Sequence[Foreign]) -> dict[str, str]:
    return {file.sha256: file.path.name for file in foreign}
