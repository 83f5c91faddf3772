"""What runs on this machine alone: the demo, rehearsals, Airflow for the browser, and their end."""

import os
import shutil
import subprocess
from collections.abc import Callable
from typing import Annotated

import typer

from hitscanner import local_airflow
from hitscanner.commands.answer import Json, answer, console
from hitscanner.errors import UsageError
from hitscanner.settings import REPOSITORY, Settings, child_environment
from hitscanner.wiring import fleet, pipeline

# The simulator's libraries and the report's cost a second: imported by the commands that need them.

Seed = Annotated[int, typer.Option(help="Which world; the same seed gives the same.")]
Routers = Annotated[int, typer.Option(help="Routers of the world.", min=100, max=50_000)]
VantagePoints = Annotated[int, typer.Option(help="How many trace it.", min=1, max=100)]
Targets = Annotated[int, typer.Option(help="Destinations to trace.", min=1)]
World = Annotated[str, typer.Option(help="clean, or dirty: with loss and rate limits.")]
RatePps = Annotated[int, typer.Option(help="Packets per second and vantage point.", min=1)]
Ratio = Annotated[float, typer.Option(help="Whole vantage points needed.", min=0, max=1)]
Break = Annotated[str | None, typer.Option("--break", help="Kill this one's scamper half-way.")]
Port = Annotated[int, typer.Option(help="Of the UI on 127.0.0.1.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done.")]


def demo(
    seed: Seed = 1,
    routers: Routers = 500,
    vantage_points: VantagePoints = 4,
    targets: Targets = 2000,
    world: World = "clean",
    rate_pps: RatePps = 250,
    break_vp: Break = None,
    min_vp_ratio: Ratio = 0.5,
    *,
    dealias: bool = False,
    as_json: Json = False,
) -> None:
    """Trace a simulated Internet by the real DAGs, score the result, write the report."""
    from hitscanner.outcome import present
    from hitscanner.rehearsal import Rehearsal, rehearse

    if world not in ("clean", "dirty"):
        raise UsageError(f"--world {world}: there are clean and dirty")
    rehearsal = Rehearsal(
        seed=seed,
        routers=routers,
        vantage_points=vantage_points,
        targets=targets,
        world="dirty" if world == "dirty" else "clean",
        rate_pps=rate_pps,
        dealias=dealias,
        break_vp=break_vp,
        min_vp_ratio=min_vp_ratio,
    )
    settings = Settings.from_environment()
    out = console(is_json=as_json)
    ended = rehearse(settings, rehearsal, out)
    result = present(pipeline(settings), ended.run, ended.wall_s, out, ended.score)
    out.print(
        f"probes to opted-out prefixes, by the network's own count: {ended.network['opt_out']}"
    )
    out.print("\nthe same in a browser: ./bootstrap.sh local")
    answer(result | {"network": ended.network}, is_json=as_json, code=ended.run.exit_code)


def local(port: Port = local_airflow.DEFAULT_PORT, *, as_json: Json = False) -> None:
    """Start Airflow on 127.0.0.1 beside the simulated Internet, and leave both running."""
    from hitscanner.rehearsal import Rehearsal, prepare
    from hitscanner.simulator import lifecycle

    settings = Settings.from_environment()
    if local_airflow.running(settings.airflow) is None:
        local_airflow.refuse_taken_port(port)
    if not settings.inventory.is_file():
        prepare(settings, Rehearsal())
    if _is_simulated(settings):
        lifecycle.up(settings.simulator / "world.jsonl", settings.simulator)
    url = local_airflow.start(_airflow_environment(settings, port))
    out = console(is_json=as_json)
    out.print(f"Airflow is up: {url}")
    out.print(f"Trigger it: {settings.airflow}/bin/airflow dags trigger traceroute --conf @example")
    answer({"url": url, "home": str(settings.home)}, is_json=as_json)


def down(*, dry_run: DryRun = False, as_json: Json = False) -> None:
    """Stop Airflow, take the simulated Internet and the k3s server down; results stay."""
    from hitscanner.simulator import lifecycle

    settings = Settings.from_environment()
    out = console(is_json=as_json)
    steps: dict[str, Callable[[], object]] = {
        "stop Airflow": lambda: local_airflow.stop(settings.airflow),
        "take the simulated Internet down": lambda: lifecycle.down(settings.simulator),
        "remove scratch files": lambda: shutil.rmtree(settings.scratch, ignore_errors=True),
    }
    if (settings.cluster / "kubeconfig").is_file():
        steps["take the k3s server down"] = lambda: fleet(settings).take_down()
    for says, step in steps.items():
        out.print(f"would {says}" if dry_run else says)
        if not dry_run:
            step()
    answer({"down": not dry_run, "home": str(settings.home)}, is_json=as_json)


def airflow(context: typer.Context) -> None:
    """Run Airflow's own command line on this installation; --conf takes @FILE too."""
    settings = Settings.from_environment()
    arguments = local_airflow.expand_conf(context.args, REPOSITORY / "include" / "examples")
    program = shutil.which("airflow", path=str(REPOSITORY / ".venv" / "bin")) or "airflow"
    ended = subprocess.run([program, *arguments], env=_airflow_environment(settings), check=False)
    raise typer.Exit(ended.returncode)


def _airflow_environment(
    settings: Settings, port: int = local_airflow.DEFAULT_PORT
) -> dict[str, str]:
    ours = child_environment(settings)
    path = ours.get("PATH", os.defpath)
    theirs = local_airflow.airflow_environment(
        settings.airflow, settings.repository, port, search_path=path
    )
    return {**ours, **theirs}


def _is_simulated(settings: Settings) -> bool:
    points = pipeline(settings).inventory().vantage_points
    return any("simulated" in vp.tags for vp in points)
