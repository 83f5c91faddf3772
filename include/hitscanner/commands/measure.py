"""`plan` and `run`: look at a measurement, or have it done."""

import time
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from hitscanner.commands.answer import Json, answer, console, read_conf
from hitscanner.errors import MeasurementFailedError, UsageError
from hitscanner.pipeline.plan import Plan
from hitscanner.wiring import pipeline

Conf = Annotated[str, typer.Option("--conf", help="JSON, or @FILE. The keys: docs/DAGS.md.")]
Measurement = Annotated[str, typer.Argument(help="What to measure: traceroute.")]
Dag = Annotated[
    str,
    typer.Argument(help="traceroute, or again: transform, alias_resolution, build_topology, load."),
]

Replay = Annotated[
    str | None,
    typer.Option("--replay", help="Measure LIST/CYCLE again: same targets, hosts, parameters."),
]

AGAIN = ("transform", "alias_resolution", "build_topology", "load")
"""DAGs that work on finished cycles."""


def plan(measurement: Measurement, conf: Conf = "{}", *, as_json: Json = False) -> None:
    """Validate the parameters and print who would be asked for what; send nothing."""
    _check(measurement)
    planned = pipeline().preview(read_conf(conf), _now())
    console(is_json=as_json).print(_plan_table(planned))
    answer(planned.to_json(), is_json=as_json)


def run(
    dag: Dag = "traceroute", conf: Conf = "{}", replay: Replay = None, *, as_json: Json = False
) -> None:
    """Run the DAG once in this process and wait; exit 2 when it was done in part."""
    from hitscanner.runs import run_again

    out = console(is_json=as_json)
    if dag in AGAIN:
        ended = run_again(pipeline().settings, dag, read_conf(conf))
        if ended.error:
            raise MeasurementFailedError(ended.error)
        answer({"dag": dag, "state": "success"}, is_json=as_json)
    _check(dag)
    repeated = {"replay": replay} if replay else {}
    result, code = _traceroute(read_conf(conf) | repeated, out)
    answer(result, is_json=as_json, code=code)


def _traceroute(conf: dict[str, Any], out: Console) -> tuple[dict[str, object], int]:
    from hitscanner.outcome import present
    from hitscanner.report.progress import Progress
    from hitscanner.runs import Airflow, chain_of, run_traceroute

    began_at = time.monotonic()
    steps = pipeline()
    planned = steps.preview(conf, _now())  # refuses what is wrong before Airflow costs seconds
    if not planned.manifest.asked.params["plan_only"]:
        steps.check_ready(planned)
    with Progress(out) as progress, Airflow(steps.settings, chain_of(conf), conf) as airflow:
        ended = run_traceroute(steps, airflow, progress)
    return present(steps, ended, time.monotonic() - began_at, out), ended.exit_code


def _check(measurement: str) -> None:
    if measurement != "traceroute":
        raise UsageError(f"{measurement} is not a measurement; there is: traceroute")


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


def _plan_table(planned: Plan) -> Table:
    asked = planned.manifest.asked
    dropped = ", ".join(f"{n} excluded ({why})" for why, n in asked.excluded.items())
    caption = f"{asked.targets} targets{', ' if dropped else ''}{dropped}; nothing was sent"
    table = Table("vantage point", title=f"plan of {planned.cycle}", caption=caption)
    for heading in ("targets", "pps", "minutes", "MB"):
        table.add_column(heading, justify="right")
    for line in planned.vantage_points:
        minutes, megabytes = f"{line.expected_s / 60:.1f}", f"{line.expected_bytes / 1e6:.1f}"
        table.add_row(line.vp, str(line.targets), str(line.rate_pps), minutes, megabytes)
    return table
