"""
Have addresses tested for aliases, method after method, and join what the tests say.

Each method is a *stage*: a cycle of its own list (`sample-mercator`), with a plan, shards, a gate
and a manifest like any other, so that everything that holds for traces holds for it.  Later stages
ask only what the earlier ones left open.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from hitscanner.domain.alias_params import AliasParams, stage_list
from hitscanner.domain.alias_sets import Evidence, Resolution, address_key, resolve
from hitscanner.domain.alias_tasks import METHODS, AliasMethod
from hitscanner.domain.candidates import (
    SeenLink,
    router_addresses,
)
from hitscanner.domain.cycle import Cycle, Shard
from hitscanner.domain.iffinder import parse_iffinder
from hitscanner.domain.params import TracerouteParams
from hitscanner.errors import UsageError
from hitscanner.infra.files import scratch_folder
from hitscanner.infra.parquet import read_table, write_table
from hitscanner.infra.store import Store
from hitscanner.pipeline.alias_evidence import (
    Row,
    evidence_of,
    judge,
    read_records,
    read_rows,
    write_rows,
)
from hitscanner.pipeline.gate import read_manifest
from hitscanner.pipeline.plan import Request, name_cycle
from hitscanner.pipeline.transform import Workbench, transformable

TABLE = "aliases"


@dataclass(frozen=True)
class Asking:
    """One run of alias resolution: what is asked, for which cycles, by whom, when."""

    params: AliasParams
    cycles: tuple[Cycle, ...]
    """Whose addresses are tested; not empty."""

    run_id: str
    logical_time: datetime

    def stage(self, store: Store, method: AliasMethod) -> tuple[Cycle, bool]:
        """Name the cycle of a stage; say whether it was planned before."""
        request = Request(TracerouteParams(), self.run_id, self.logical_time)
        return name_cycle(store, stage_list(self.cycles[-1].list, method), request)


def wanted_cycles(store: Store, cycles: Iterable[Cycle]) -> list[Cycle]:
    """Give those of *cycles* whose traceroute run asked for alias resolution."""
    return [c for c in cycles if read_manifest(store, c).asked.params.get("dealias")]


def links_of(store: Store, cycle: Cycle) -> list[SeenLink]:
    """
    Read the merged links of a cycle.

    Raises:
        UsageError: when there are none.
    """
    path = f"{cycle.topology}/links.parquet"
    if not store.exists(path):
        raise UsageError(f"{cycle} has no links; run transform for it first")
    columns = ('"in"', '"out"', "is_dest", "stars", "ttl")
    rows = read_table([store.local(path)], columns)
    return [SeenLink(str(a), str(b), bool(d), int(s), int(t)) for a, b, d, s, t in rows]


def convert(bench: Workbench, shard: Shard) -> str:
    """
    Judge the tests of one shard of a stage into the table `aliases`; give its path.

    Raises:
        TransformError: when hs-transform fails.
    """
    with scratch_folder(bench.scratch, shard.list, shard.cycle, shard.vp, TABLE) as folder:
        jsonl, table = folder / "records.jsonl", folder / "aliases.parquet"
        bench.program.convert("jsonl", jsonl, [bench.store.local(shard.raw)], shard.vp)
        write_rows((row for r in read_records(jsonl) for row in judge(r, shard.vp)), table)
        bench.store.put(shard.table(TABLE), table)
    return shard.table(TABLE)


def resolve_cycle(
    bench: Workbench, asking: Asking, cycle: Cycle, files: Mapping[str, str]
) -> dict[str, Any]:
    """
    Join the evidence of all stages into alias sets, and write them beside the cycle's links.

    Writes `aliases.parquet` (evidence and counter-evidence), `alias_sets.parquet` and
    `alias_conflicts.parquet`.  *files* holds the iffinder output to be taken as well.
    """
    rows = rows_so_far(bench.store, asking)
    others = [pair for name, text in files.items() for pair in parse_iffinder(text, name)]
    seen = set(router_addresses(links_of(bench.store, cycle)))
    evidence = [*evidence_of(rows), *others]
    mine = [e for e in evidence if e.a in seen or e.b in seen]
    resolution = resolve(mine)
    with scratch_folder(bench.scratch, cycle.list, cycle.cycle, TABLE) as folder:
        _write(bench.store, cycle, folder, rows, others, resolution)
    return {
        "addresses": len(seen),
        "sets": len(resolution.sets),
        "in_sets": sum(map(len, resolution.sets)),
        "conflicts": len(resolution.conflicts),
    }


def _write(
    store: Store,
    cycle: Cycle,
    folder: Path,
    rows: Sequence[Row],
    others: Sequence[Evidence],
    resolution: Resolution,
) -> None:
    taken = [Row("iffinder", "", e.a, e.b, "aliases", "D", 1, 0, 0) for e in others]
    write_rows([*rows, *taken], folder / "aliases.parquet")
    sets = [
        (number, address)
        for number, members in enumerate(resolution.sets, start=1)
        for address in members
    ]
    write_table({"alias_set": "INTEGER", "addr": "VARCHAR"}, sets, folder / "alias_sets.parquet")
    names = ("a", "b", "method", "against_a", "against_b", "against_method")
    write_table(
        dict.fromkeys(names, "VARCHAR"),
        [tuple(getattr(c, name) for name in names) for c in resolution.conflicts],
        folder / "alias_conflicts.parquet",
    )
    for name in ("aliases", "alias_sets", "alias_conflicts"):
        store.put(f"{cycle.topology}/{name}.parquet", folder / f"{name}.parquet")


def alias_sets(store: Store, cycle: Cycle) -> list[list[str]]:
    """Read the alias sets of a cycle; none when alias resolution did not run for it."""
    path = f"{cycle.topology}/alias_sets.parquet"
    if not store.exists(path):
        return []
    sets: dict[int, list[str]] = {}
    for number, address in read_table([store.local(path)], ("alias_set", "addr")):
        sets.setdefault(number, []).append(address)
    return [sorted(sets[number], key=address_key) for number in sorted(sets)]


def rows_so_far(store: Store, asking: Asking) -> list[Row]:
    """Read the tables of the stages that this run has behind it."""
    found: list[str] = []
    for method in METHODS:
        stage, is_planned = asking.stage(store, method)
        if is_planned:
            tables = (shard.table(TABLE) for shard in transformable(store, stage))
            found += [table for table in tables if store.exists(table)]
    return read_rows([store.local(table) for table in found])
