"""`cycles diff` and `cycles query`: compare cycles, and ask their tables in SQL."""

from typing import Annotated, Any

import duckdb
import typer
from rich.console import Console
from rich.table import Table

from hitscanner.commands.answer import Json, answer, console
from hitscanner.domain.cycle import Cycle
from hitscanner.domain.cycle_diff import CycleDiff
from hitscanner.errors import UsageError
from hitscanner.infra.views import open_store
from hitscanner.pipeline import topology
from hitscanner.pipeline.gate import read_manifest
from hitscanner.wiring import pipeline

SHOWN = 20
"""Changes that are printed; all of them are in the JSON object."""

Name = Annotated[str, typer.Argument(help="LIST/CYCLE, as `cycles list` names it.")]


def cycles_diff(before: Name, after: Name, *, as_json: Json = False) -> None:
    """Compare the links of two cycles: new, gone, moved; vantage points are taken into account."""
    store = pipeline().store
    old, new = _parse(before), _parse(after)
    for cycle in (old, new):
        read_manifest(store, cycle)
    found = topology.diff(store, old, new)
    warnings = topology.warnings_of(store, old, new, found)
    summary = topology.summarise(old, new, found, warnings)
    _print(found, summary, console(is_json=as_json))
    changes = [
        {
            "change": c.change,
            "near": c.near,
            "far": c.far,
            "was_near": c.was_near,
            "by_vantage_points": c.by_vantage_points,
        }
        for c in found.changes
    ]
    answer(summary | {"changes": changes}, is_json=as_json)


def cycles_query(
    sql: Annotated[str, typer.Argument(help="A SELECT; the views: docs/queries-topology.md.")],
    *,
    as_json: Json = False,
) -> None:
    """Ask the tables of all cycles in SQL (DuckDB)."""
    with open_store(pipeline().settings.store) as database:
        try:
            asked = database.execute(sql)
            columns = [column[0] for column in asked.description or ()]
            rows = [list(row) for row in asked.fetchall()]
        except duckdb.Error as error:
            raise UsageError(
                f"{str(error).splitlines()[0]}; see docs/queries-topology.md"
            ) from error
    table = Table(*columns)
    for row in rows:
        table.add_row(*("" if value is None else str(value) for value in row))
    console(is_json=as_json).print(table)
    answer({"columns": columns, "rows": rows}, is_json=as_json)


def _parse(name: str) -> Cycle:
    try:
        return Cycle.parse(name)
    except ValueError as error:
        raise UsageError(str(error)) from error


def _print(found: CycleDiff, summary: dict[str, Any], out: Console) -> None:
    out.print(f"{summary['before']} -> {summary['after']}: {found.common} links in both")
    for warning in summary["warnings"]:
        out.print(f"careful: {warning}")
    numbers = ", ".join(f"{summary[kind]} {kind}" for kind in ("new", "gone", "moved"))
    blamed = summary["by_vantage_points"]
    out.print(f"{numbers}; explained by vantage points: {blamed['new']} new, {blamed['gone']} gone")
    real = [c for c in found.changes if not c.by_vantage_points]
    table = Table("change", "near", "far", "was behind")
    for change in real[:SHOWN]:
        table.add_row(change.change, change.near, change.far, change.was_near or "")
    if real:
        out.print(table)
    if len(real) > SHOWN:
        out.print(f"and {len(real) - SHOWN} more: --json")
