"""Turn raw shards into tables and links: each shard alone, then merged; re-runs change no byte."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from hitscanner.domain.cycle import Cycle, Shard
from hitscanner.errors import UsageError
from hitscanner.infra.files import scratch_folder
from hitscanner.infra.store import Store
from hitscanner.infra.transform import Transform
from hitscanner.pipeline.gate import read_manifest, read_record

LINKS = "links"


@dataclass(frozen=True)
class Workbench:
    """Where transformation happens: a store, the program, a folder for what is not whole yet."""

    store: Store
    program: Transform
    scratch: Path


def transformable(store: Store, cycle: Cycle) -> list[Shard]:
    """Give the shards of *cycle* that brought traces, in the manifest's order."""
    return [shard for shard in read_manifest(store, cycle).shards if _has_traces(store, shard)]


def convert(bench: Workbench, shard: Shard) -> list[str]:
    """
    Write every table of one shard; give their paths.

    Raises:
        UsageError: when the shard has no raw file.
        TransformError: when the program fails.
    """
    if not bench.store.exists(shard.raw):
        raise UsageError(
            f"{shard.raw} is not there; copy it back from a drive"
            " or run traceroute for its cycle first"
        )
    with _scratch(bench, shard) as folder:
        raw = [bench.store.local(shard.raw)]
        bench.program.convert("parquet", folder, raw, shard.vp)
        bench.program.convert("links", folder / f"{LINKS}.parquet", raw, shard.vp)
        tables = sorted(folder.glob("*.parquet"))
        for table in tables:
            bench.store.put(shard.table(table.stem), table)
        return [shard.table(table.stem) for table in tables]


def merge(bench: Workbench, cycle: Cycle) -> list[str]:
    """
    Merge the links of a cycle's shards into its topology, as text and as Parquet.

    Raises:
        UsageError: when a shard was not converted or none brought traces.
    """
    shards = transformable(bench.store, cycle)
    parts = [shard.table(LINKS) for shard in shards]
    absent = [part for part in parts if not bench.store.exists(part)]
    if absent or not parts:
        raise UsageError(f"{cycle}: {absent or 'no shard'} to merge; run its conversion first")
    outputs = [f"{cycle.topology}/links.txt", f"{cycle.topology}/links.parquet"]
    with _scratch(bench, cycle) as folder:
        for output in outputs:
            merged = folder / Path(output).name
            bench.program.merge_links(merged, [bench.store.local(part) for part in parts])
            bench.store.put(output, merged)
    return outputs


def _has_traces(store: Store, shard: Shard) -> bool:
    record = read_record(store, shard)
    return record is not None and record.fetched is not None


def _scratch(bench: Workbench, of: Cycle | Shard) -> AbstractContextManager[Path]:
    part = [of.vp, of.shard] if isinstance(of, Shard) else ["merge"]
    return scratch_folder(bench.scratch, of.list, of.cycle, *part)
