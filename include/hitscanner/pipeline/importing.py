"""Take warts files from elsewhere into a cycle, so that they become tables and links like ours."""

import bz2
import gzip
import lzma
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, Protocol, cast

import zstandard

from hitscanner import __version__
from hitscanner.domain.cycle import Cycle, Shard, cycle_name
from hitscanner.domain.manifest import Asked, CycleManifest, Fetched, PlannedShard, ShardRecord
from hitscanner.domain.names import check_list_name, check_vp_name
from hitscanner.domain.quorum import Counts, State
from hitscanner.errors import UsageError
from hitscanner.infra.files import scratch_folder, sha256_hex, sha256_of
from hitscanner.infra.store import Store
from hitscanner.pipeline.gate import close_cycle, read_manifest
from hitscanner.prober.warts import WartsError, read_traces

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


class Checker(Protocol):
    """Reads a file to its end: `TransformProgram`."""

    def check(self, file: Path) -> dict[str, Any]: ...


@dataclass(frozen=True)
class Origin:
    """What is known of files beyond what they say."""

    list_name: str
    vp: str | None = None
    """Name of the vantage point; None takes the monitor or host that the file names."""

    at: datetime | None = None
    """When they were measured; None takes the start of the file's first cycle."""


def import_files(
    store: Store, checker: Checker, scratch: Path, files: Sequence[Path], origin: Origin
) -> Cycle:
    """
    Make one cycle of *files*, named after their start; the same files give the same cycle.

    *files* are warts, raw or packed (gzip, bzip2, xz, zstd).

    Raises:
        ImportedFileError: for a file that is not warts, is damaged, or holds no trace.
        InvalidNameError: for a list or vantage point that cannot be a name.
    """
    check_list_name(origin.list_name)
    with scratch_folder(scratch, "import", origin.list_name) as folder:
        raw = folder / "unpacked.warts"
        foreign = [_read(file, origin, checker, raw) for file in files]
        cycle = _name(store, origin.list_name, foreign)
        shards = _shards(cycle, foreign)
        for number, (shard, file) in enumerate(shards):
            _keep(store, shard, file, folder / f"{number}.zst")
    if not store.exists(cycle.manifest):
        store.write(cycle.manifest, _planned(cycle, shards).to_bytes())
    close_cycle(store, cycle)
    return cycle


def _read(path: Path, origin: Origin, checker: Checker, raw: Path) -> Foreign:
    """Unpack a file and read every trace of it."""
    if not path.is_file():
        raise ImportedFileError(f"there is no file {path}")
    destinations: dict[str, None] = {}
    traces = sent = received = 0
    try:
        with _unpacked(path) as data, raw.open("wb") as out:
            while chunk := data.read(1 << 20):
                out.write(chunk)
        for trace in read_traces(raw):
            traces += 1
            sent += trace.probe_count
            received += trace.reply_count
            if trace.destination_text:
                destinations[trace.destination_text] = None
        report = checker.check(raw) if traces else {}
    except (WartsError, OSError, EOFError, lzma.LZMAError, zstandard.ZstdError) as error:
        raise ImportedFileError(f"{path} is no whole warts file: {error}") from error
    finally:
        raw.unlink(missing_ok=True)
    if not traces:
        raise ImportedFileError(f"{path} holds no trace")
    return Foreign(
        path=path,
        sha256=sha256_of(path),
        vp=check_vp_name(origin.vp or _monitor(path, report)),
        destinations=tuple(destinations),
        traces=traces,
        packets_sent=sent,
        packets_received=received,
        started_at=origin.at or _started_at(path, report),
    )


def _monitor(path: Path, report: Mapping[str, Any]) -> str:
    """Give the monitor of the list, else the host of the cycle."""
    names = {cycle.get("monitor") or cycle.get("hostname") for cycle in report["cycles"]} - {None}
    if len(names) != 1:
        raise ImportedFileError(
            f"{path} names {len(names)} vantage points; say which it is of: --vp NAME"
        )
    return str(names.pop())


def _started_at(path: Path, report: Mapping[str, Any]) -> datetime:
    found = [cycle["started_at"] for cycle in report["cycles"] if cycle.get("started_at")]
    if not found:
        raise ImportedFileError(f"{path} does not say when it was measured; say it: --at TIME")
    return datetime.fromtimestamp(min(found), UTC)


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
