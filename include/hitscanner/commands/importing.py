"""`cycles import`, `cycles reprocess`, `cycles prune`: what is done to finished cycles by hand."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from hitscanner.commands.answer import Json, answer, console
from hitscanner.commands.look import show
from hitscanner.domain.cycle import Cycle
from hitscanner.infra.transform import TransformProgram
from hitscanner.wiring import pipeline

Files = Annotated[
    list[Path],
    typer.Argument(help="warts or JSON lines (sc_warts2json, M-Lab): raw, gz, bz2, xz or zst."),
]
ListName = Annotated[str, typer.Option("--list", help="The list the cycle is of.")]
Vp = Annotated[str | None, typer.Option(help="Their vantage point; else what the file names.")]
At = Annotated[
    datetime | None, typer.Option(help="When they were measured, UTC; else what the file says.")
]
OneList = Annotated[str | None, typer.Option("--list", help="Only cycles of this list.")]
Since = Annotated[datetime | None, typer.Option(help="Cycles from this time on, UTC.")]
Until = Annotated[datetime | None, typer.Option(help="Cycles before this time, UTC.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Remove nothing.")]


def cycles_import(
    files: Files,
    list_name: ListName = "imported",
    vp: Vp = None,
    at: At = None,
    *,
    as_json: Json = False,
) -> None:
    """Take files of traces from elsewhere into a cycle, with tables and links like ours."""
    from hitscanner.pipeline.importing import Origin, import_files
    from hitscanner.pipeline.transform import convert, merge, transformable

    steps = pipeline()
    bench = steps.workbench()
    origin = Origin(list_name, vp, _utc(at))
    checker = TransformProgram(steps.settings.transform)
    cycle = import_files(steps.store, checker, bench.scratch, files, origin)
    for shard in transformable(steps.store, cycle):
        convert(bench, shard)
    merge(bench, cycle)
    _told(cycle, f"{len(files)} files are {cycle}", is_json=as_json)


def cycles_reprocess(
    list_name: OneList = None,
    since: Since = None,
    until: Until = None,
    *,
    as_json: Json = False,
) -> None:
    """Make tables and links anew by this version, beside those that are there."""
    from hitscanner.pipeline.reprocess import cycles_between, reprocess

    steps = pipeline()
    bench = steps.workbench()
    schema = bench.program.version()
    out = console(is_json=as_json)
    cycles = cycles_between(steps.store, list_name, _utc(since), _utc(until))
    for number, cycle in enumerate(cycles, 1):
        reprocess(bench, cycle, schema, say=out.print)
        out.print(f"{number} of {len(cycles)} cycles")
    answer({"schema": schema, "cycles": [str(cycle) for cycle in cycles]}, is_json=as_json)


def cycles_prune(*, dry_run: DryRun = False, as_json: Json = False) -> None:
    """Remove raw data here that every required drive holds and whose time is over."""
    rows = pipeline().prune(datetime.now(UTC), is_dry=dry_run)
    shown = [{"files": 0, "size_bytes": 0, "reason": "", **row} for row in rows]
    show(["cycle", "state", "files", "size_bytes", "reason"], shown, is_json=as_json)
    answer({"cycles": rows}, is_json=as_json)


def _told(cycle: Cycle, words: str, *, is_json: bool) -> None:
    console(is_json=is_json).print(words)
    answer({"list": cycle.list, "cycle": cycle.cycle}, is_json=is_json)


def _utc(time: datetime | None) -> datetime | None:
    return time.replace(tzinfo=UTC) if time else None
