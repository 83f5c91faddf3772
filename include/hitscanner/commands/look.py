"""Look at what there is: cycles, inventory, lists. Nothing here changes anything."""

import json
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.table import Table

from hitscanner.commands.answer import Json, answer, console
from hitscanner.domain.cycle import Cycle
from hitscanner.domain.manifest import CycleManifest
from hitscanner.domain.sampling import Sample, count_sampled
from hitscanner.errors import UsageError
from hitscanner.pipeline.canary import read_fitness
from hitscanner.pipeline.gate import read_manifest
from hitscanner.wiring import Pipeline, pipeline

cycles = typer.Typer(no_args_is_help=True, help="Finished and running cycles.")
inventory = typer.Typer(no_args_is_help=True, help="The vantage points.")
lists = typer.Typer(no_args_is_help=True, help="Target lists and the do-not-probe list.")


@cycles.command("list")
def cycles_list(*, as_json: Json = False) -> None:
    """List the cycles with their states."""
    manifests = read_manifests(pipeline())
    rows = [_cycle_row(manifest) for manifest in manifests]
    show(["list", "cycle", "state", "assigned", "done", "missing"], rows, is_json=as_json)
    answer({"cycles": rows}, is_json=as_json)


@cycles.command("show")
def cycles_show(
    cycle: Annotated[str, typer.Argument(help="LIST/CYCLE, as `cycles list` names it.")],
    *,
    as_json: Json = False,
) -> None:
    """Show a cycle's manifest: what was asked, sent, received and lost."""
    try:
        wanted = Cycle.parse(cycle)
    except ValueError as error:
        raise UsageError(str(error)) from error
    manifest = read_manifest(pipeline().store, wanted).model_dump(mode="json")
    if not as_json:
        console(is_json=False).print_json(json.dumps(manifest))
    answer(manifest, is_json=as_json)


@inventory.command("list")
def inventory_list(*, as_json: Json = False) -> None:
    """Read and check the inventory, and list its vantage points."""
    points = pipeline().inventory().vantage_points
    rows = [
        {
            "name": vp.name,
            "transport": vp.transport,
            "address": str(vp.address or vp.netns or "this machine"),
            "place": vp.place or "",
            "tags": " ".join(vp.tags),
            "max_pps": vp.max_pps,
        }
        for vp in points
    ]
    show(["name", "transport", "address", "place", "tags", "max_pps"], rows, is_json=as_json)
    answer({"vantage_points": rows}, is_json=as_json)


@inventory.command("fitness")
def inventory_fitness(*, as_json: Json = False) -> None:
    """List the vantage points that the canary took out, and why."""
    steps = pipeline()
    fitness = read_fitness(steps.settings.fitness)
    valid = fitness.reasons(datetime.now(UTC))
    rows = [
        {"name": vp, "since": verdict.since, "reason": verdict.reason}
        for vp, verdict in fitness.unfit.items()
        if vp in valid
    ]
    at = fitness.judged_at.isoformat() if fitness.judged_at else None
    show(["name", "since", "reason"], rows, is_json=as_json)
    console(is_json=as_json).print(f"judged at {at}" if at else "no canary has run yet")
    answer({"judged_at": at, "unfit": rows}, is_json=as_json)


@lists.command("list")
def lists_list(*, as_json: Json = False) -> None:
    """List the target lists with their sizes."""
    steps = pipeline()
    rows = [_list_row(steps, name) for name in steps.list_names()]
    show(["name", "entries", "targets", "allow_reserved"], rows, is_json=as_json)
    answer({"lists": rows}, is_json=as_json)


@lists.command("check")
def lists_check(*, as_json: Json = False) -> None:
    """Read every list and the do-not-probe list; the first mistake ends it."""
    steps = pipeline()
    rows = [_list_row(steps, name) for name in steps.list_names()]
    avoided = steps.do_not_probe()
    result = {"lists": len(rows), "do_not_probe": len(avoided.prefixes), "sha256": avoided.sha256}
    console(is_json=as_json).print(
        f"{len(rows)} lists and {len(avoided.prefixes)} do-not-probe prefixes are well-formed"
    )
    answer(result, is_json=as_json)


def read_manifests(steps: Pipeline) -> list[CycleManifest]:
    """Give all manifests, oldest first."""
    found = [
        read_manifest(steps.store, cycle)
        for name in steps.store.folders("cycles")
        for cycle in (Cycle(name, each) for each in steps.store.folders(f"cycles/{name}"))
        if steps.store.exists(cycle.manifest)
    ]
    return sorted(found, key=lambda manifest: manifest.cycle)


def _cycle_row(manifest: CycleManifest) -> dict[str, Any]:
    counts = manifest.outcome.counts if manifest.outcome else {}
    missing = manifest.outcome.missing if manifest.outcome else None
    return {
        "list": manifest.list,
        "cycle": manifest.cycle,
        "state": str(manifest.state),
        "assigned": counts.get("assigned"),
        "done": counts.get("done"),
        "missing": missing.count if missing else 0,
    }


def _list_row(steps: Pipeline, name: str) -> dict[str, Any]:
    found = steps.target_list(name)
    return {
        "name": name,
        "entries": len(found.entries),
        "targets": count_sampled(found.entries, Sample()),
        "allow_reserved": found.allow_reserved,
    }


def show(columns: list[str], rows: list[dict[str, Any]], *, is_json: bool) -> None:
    """Print a table of *rows*."""
    table = Table(*columns)
    for row in rows:
        table.add_row(*("" if row[column] is None else str(row[column]) for column in columns))
    console(is_json=is_json).print(table)
