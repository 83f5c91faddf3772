"""The platform: what Helm installs, planned and applied."""

from typing import Annotated, Any

import typer

from hitscanner.commands.answer import Json, answer, console
from hitscanner.wiring_platform import installer

app = typer.Typer(no_args_is_help=True, help="What Helm installs in the cluster, up to Airflow.")

Only = Annotated[
    list[str] | None, typer.Option("--only", help="A release; may be given several times.")
]


@app.command("plan")
def platform_plan(only: Only = None, *, as_json: Json = False) -> None:
    """Show what would change in the cluster, object by object; nothing is touched."""
    plans = installer().plan(only or [])
    for plan in plans:
        for line in plan.describe():
            console(is_json=as_json).print(line, markup=False, highlight=False)
    rows = [plan.to_json() for plan in plans]
    changed = sum(not plan.is_done for plan in plans)
    answer({"state": "planned", "to_change": changed, "releases": rows}, is_json=as_json)


@app.command("apply")
def platform_apply(only: Only = None, *, as_json: Json = False) -> None:
    """Install what differs, in order of need, until all is ready; a second run changes nothing."""
    out = console(is_json=as_json)
    rows = installer().apply(
        only or [], say=lambda line: out.print(line, markup=False, highlight=False)
    )
    answer({"state": state_of(rows), "releases": rows}, is_json=as_json, code=code_of(rows))


def state_of(rows: list[dict[str, Any]]) -> str:
    """
    Sum the rows up.

    >>> state_of([{"state": "changed"}, {"state": "unchanged"}])
    'changed'
    """
    states = {row["state"] for row in rows}
    return next((s for s in ("failed", "changed") if s in states), "unchanged")


def code_of(rows: list[dict[str, Any]]) -> int:
    """
    Give the exit code: 0 all is as wanted, 2 some of it, 3 nothing.

    >>> code_of([{"state": "unchanged"}, {"state": "failed"}])
    2
    """
    failed = sum(row["state"] in {"failed", "waits"} for row in rows)
    return 0 if not failed else 3 if failed == len(rows) else 2
