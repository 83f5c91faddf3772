"""Look at what a canary run brought home, and judge the vantage points by it."""

import json
import shutil
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from hitscanner.domain.cycle import Cycle, Shard
from hitscanner.domain.fitness import CANARY, REMEMBERED, Fitness, Sighting, judge
from hitscanner.infra.files import scratch_folder
from hitscanner.infra.store import Store
from hitscanner.pipeline.gate import NEVER_FETCHED, read_manifest, read_record
from hitscanner.pipeline.transform import Workbench

STOPPED = 2
"""Exit code of a prober that was told to end (docs/prober.md): nobody's fault."""

_SEEN = TypeAdapter(dict[str, Sighting])


def read_fitness(file: Path) -> Fitness:
    """Read the verdicts; nobody is unfit where no canary has run."""
    return Fitness.model_validate_json(file.read_bytes()) if file.is_file() else Fitness()


def judge_cycle(bench: Workbench, cycle: Cycle, before: Fitness, at: datetime) -> Fitness:
    """
    Judge every vantage point of a canary cycle by it and by those before it.

    What was seen is kept in `cycles/canary/<cycle>/seen.json`, so that raw files are read once.

    Raises:
        TransformError: when a raw file cannot be read.
    """
    seen = {shard.vp: _sighting(bench, shard) for shard in read_manifest(bench.store, cycle).shards}
    bench.store.write(_seen_path(cycle), _SEEN.dump_json(seen, indent=1) + b"\n")
    past = [_read_seen(bench.store, each) for each in _runs_before(bench.store, cycle)]
    reasons = {
        vp: before.reason(vp) if mine.was_stopped else judge(mine, [r[vp] for r in past if vp in r])
        for vp, mine in seen.items()
    }
    return before.after(cycle.cycle, at, reasons)


def forget(store: Store, cycle: Cycle) -> None:
    """Remove the canary cycles that are too long before *cycle* to be remembered."""
    for old in _cycles_before(store, cycle)[:-REMEMBERED]:
        for folder in (old.raw, old.folder):
            shutil.rmtree(store.local(folder), ignore_errors=True)


def _cycles_before(store: Store, cycle: Cycle) -> list[Cycle]:
    cycles = [Cycle(CANARY, name) for name in store.folders(f"cycles/{CANARY}")]
    return [each for each in cycles if each.cycle < cycle.cycle]


def _runs_before(store: Store, cycle: Cycle) -> list[Cycle]:
    judged = [c for c in _cycles_before(store, cycle) if store.exists(_seen_path(c))]
    return judged[-REMEMBERED:]


def _seen_path(cycle: Cycle) -> str:
    return f"{cycle.folder}/seen.json"


def _read_seen(store: Store, cycle: Cycle) -> dict[str, Sighting]:
    return _SEEN.validate_json(store.read(_seen_path(cycle)))


def _sighting(bench: Workbench, shard: Shard) -> Sighting:
    record = read_record(bench.store, shard)
    if record is None:
        return Sighting(cause=NEVER_FETCHED)
    report = record.report
    about = Sighting(
        cause=record.cause,
        was_stopped=report is not None and report.exit_code == STOPPED,
        clock_offset_s=report.clock_offset_s if report else None,
    )
    if record.fetched is None:
        return about
    with scratch_folder(bench.scratch, shard.list, shard.cycle, shard.vp, "seen") as folder:
        jsonl = folder / "traces.jsonl"
        bench.program.convert("jsonl", jsonl, [bench.store.local(shard.raw)], shard.vp)
        traces = [json.loads(line) for line in jsonl.read_text().splitlines()]
    return about.model_copy(update=_met(t for t in traces if t["type"] == "trace"))


def _met(traces: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Count what answered, and name the routers on the way."""
    replies, reached, routers = 0, 0, set[str]()
    for trace in traces:
        hops = trace.get("hops") or []
        replies += len(hops)
        reached += any(hop["addr"] == trace["dst"] for hop in hops)
        routers |= {hop["addr"] for hop in hops} - {trace["dst"]}
    return {"replies": replies, "reached": reached, "routers": tuple(sorted(routers))}
