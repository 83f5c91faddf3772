"""
What a drive says about itself: `catalogue.parquet`, `index.html`, and a README with the schema.

All three are worked out anew from the manifests of the cycles that the drive holds; the same
cycles give the same bytes.
"""

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path
from statistics import median

import duckdb

from hitscanner.domain.cycle import Cycle
from hitscanner.domain.manifest import CycleManifest
from hitscanner.infra.digests import digest_of
from hitscanner.infra.drives import Drive, RefusedError, Upload
from hitscanner.infra.files import locked, scratch_folder, write_whole
from hitscanner.infra.store import Store
from hitscanner.pipeline.cargo import cycle_folders, finished_cycles
from hitscanner.pipeline.catalogue_pages import CatalogueRow, Table, page, readme
from hitscanner.pipeline.gate import read_manifest
from hitscanner.pipeline.load import VERIFIED, read_loaded
from hitscanner.pipeline.voyage import ROUNDS

ALARM_RATIO = 0.7
"""A cycle with less raw data than this part of the median of those before it is suspicious."""

ALARM_OF = 7
"""How many cycles before it are looked at."""

ALARM_FROM = 3
"""With fewer cycles before it nothing is said."""


def volume_alarm(raw_bytes: int, before: Sequence[int]) -> str | None:
    """
    Say that a cycle brought much less than the cycles before it, or None.

    >>> volume_alarm(60, [100, 100, 120, 90])
    '60 bytes of raw data are 60 % of the median of the 4 cycles before'
    >>> volume_alarm(80, [100, 100, 120, 90])
    """
    last = before[-ALARM_OF:]
    if len(last) < ALARM_FROM or raw_bytes >= ALARM_RATIO * (usual := median(last)):
        return None
    return (
        f"{raw_bytes} bytes of raw data are {100 * raw_bytes / usual:.0f} % of the median"
        f" of the {len(last)} cycles before"
    )


def alarm_of(store: Store, cycle: Cycle) -> str | None:
    """Compare a cycle with those of the same list before it."""
    before = [c for c in finished_cycles(store) if c.list == cycle.list and c.cycle < cycle.cycle]
    sizes = [_raw_bytes(read_manifest(store, each)) for each in before[-ALARM_OF:]]
    return volume_alarm(_raw_bytes(read_manifest(store, cycle)), sizes)


def rows(store: Store, drive: str, licence: str | None) -> list[CatalogueRow]:
    """Give a row for each cycle that *drive* holds, oldest first."""
    return [
        _row(store, cycle, loaded.files, loaded.size_bytes, loaded.sums_sha256, licence)
        for cycle in finished_cycles(store)
        if (loaded := read_loaded(store, cycle, drive)) and loaded.state == VERIFIED
    ]


def publish(store: Store, drive: Drive, scratch: Path, licence: str | None = None) -> None:
    """
    Write the three files to *drive*, each only if it holds another.

    Raises:
        RefusedError: when it holds something else afterwards.
    """
    lock = scratch / f"{drive.name}.catalogue.lock"  # of two at once the last one knows all
    with locked(lock), scratch_folder(scratch, drive.name, "catalogue") as folder:
        held = rows(store, drive.name, licence)
        write_parquet(held, folder / "catalogue.parquet")
        write_whole(folder / "index.html", page(held).encode())
        write_whole(folder / "README.md", readme(held, licence, schemas(store, held)).encode())
        files = sorted(folder.iterdir())
        uploads = [Upload(f.name, f, digest_of(f, "sha256")) for f in files]
        # What a killed run left may be seen late, beside what was written meanwhile; the next
        # round sees both and makes them one.
        for _ in range(ROUNDS):
            stale = _stale(drive, uploads)
            if not stale and not drive.may_hold_twins:
                break
            for _ in drive.put(stale) if stale else ():
                pass
        for upload in _stale(drive, uploads) if stale else ():
            raise RefusedError(f"drive {drive.name}: {upload.path} is not what was written")


def write_parquet(held: Sequence[CatalogueRow], file: Path) -> None:
    """Write the rows as Parquet."""
    kinds = {int: "BIGINT", str: "VARCHAR"}
    columns = ", ".join(f'"{f.name}" {kinds[f.type]}' for f in fields(CatalogueRow))  # type: ignore[index] # types, not names of types
    with duckdb.connect() as database:
        database.execute(f"CREATE TABLE catalogue ({columns})")
        marks = ", ".join("?" for _ in fields(CatalogueRow))
        for row in held:
            database.execute(f"INSERT INTO catalogue VALUES ({marks})", [*asdict(row).values()])  # noqa: S608 marks
        order = "SELECT * FROM catalogue ORDER BY list, cycle"
        database.execute(f"COPY ({order}) TO $file (FORMAT parquet)", {"file": str(file)})


def _row(
    store: Store, cycle: Cycle, files: int, size_bytes: int, sums: str, licence: str | None
) -> CatalogueRow:
    manifest = read_manifest(store, cycle)
    counts = manifest.outcome.counts if manifest.outcome else {}
    schemas = {f.split("/")[1] for f in cycle_folders(store, cycle) if f.startswith("reprocessed/")}
    return CatalogueRow(
        list=cycle.list,
        cycle=cycle.cycle,
        state=str(manifest.state),
        vantage_points=len(manifest.asked.vantage_points),
        assigned=counts.get("assigned", 0),
        done=counts.get("done", 0),
        failed=counts.get("failed", 0),
        excluded=counts.get("excluded", 0),
        unassigned=counts.get("unassigned", 0),
        raw_bytes=_raw_bytes(manifest),
        files=files,
        size_bytes=size_bytes,
        schemas=" ".join(sorted(schemas)),
        versions=json.dumps(manifest.asked.versions, sort_keys=True),
        licence=licence or "",
        alarm=alarm_of(store, cycle) or "",
        manifest_sha256=sums,
    )


def _raw_bytes(manifest: CycleManifest) -> int:
    shards = manifest.outcome.shards if manifest.outcome else ()
    return sum(shard.size_bytes or 0 for shard in shards)


def _stale(drive: Drive, uploads: Sequence[Upload]) -> list[Upload]:
    """Give the files that *drive* does not hold exactly once as they are."""
    held: dict[str, list[str | None]] = defaultdict(list)
    for file in drive.stat([upload.path for upload in uploads]):
        held[file.path].append(file.digest)

    def is_held(upload: Upload) -> bool:
        return held.get(upload.path) == [digest_of(upload.source, drive.algorithm)]

    return [upload for upload in uploads if not is_held(upload)]


def schemas(store: Store, held: Sequence[CatalogueRow]) -> list[Table]:
    """Give the columns and types of every table, of the newest file of each."""
    found: dict[str, str] = {}
    for row in held:
        cycle = Cycle(row.list, row.cycle)
        for table in store.folders("tables"):
            for file in store.files(cycle.table(table)):
                found[f"tables/{table}"] = file
        for file in store.files(cycle.topology):
            if file.endswith(".parquet"):
                found[f"topology/*/{Path(file).stem}"] = file
    with duckdb.connect() as database:
        query = "SELECT column_name, column_type FROM (DESCRIBE FROM read_parquet(?))"
        return [
            (name, database.execute(query, [str(store.local(file))]).fetchall())
            for name, file in sorted(found.items())
        ]
