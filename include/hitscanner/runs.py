"""Run the DAGs once and wait: a child process holds Airflow, this one shows what the files say."""

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from hitscanner.domain.cycle import Cycle, cycle_name
from hitscanner.domain.manifest import CycleManifest
from hitscanner.domain.params import parse_traceroute_params
from hitscanner.domain.quorum import State
from hitscanner.infra.store import Store
from hitscanner.local_airflow import airflow_environment
from hitscanner.pipeline.gate import read_manifest
from hitscanner.pipeline.plan import shards_of
from hitscanner.report.progress import Progress
from hitscanner.settings import Settings, child_environment
from hitscanner.wiring import Pipeline

LOOK_S = 0.5
"""Between two looks at the files of a run, seconds."""

RETRY_DELAY_S = 2
"""Before a failed task is tried again: nobody else waits for this machine."""

EXIT_CODES = {State.COMPLETE: 0, State.PARTIAL: 2, State.FAILED: 3, State.PLANNED: 3}
"""What a state means on the command line (design §4.1)."""


@dataclass(frozen=True)
class Run:
    """How one run of `traceroute`, `transform` and `load` ended."""

    cycle: Cycle | None
    """None when nothing was planned."""

    manifest: CycleManifest | None
    error: str | None
    """The line that says why it did not go to its end."""

    exit_code: int


def run_traceroute(
    pipeline: Pipeline,
    conf: Mapping[str, Any],
    logical_time: datetime,
    progress: Progress,
    watch: Callable[[Mapping[str, Path]], None] = lambda _: None,
) -> Run:
    """
    Run the three DAGs, one after the other, on what *conf* asks for.

    *watch* is called every half second while they run, with the probers' progress files.

    Raises:
        UsageError: for bad parameters, before anything is started.
    """
    planned = pipeline.preview(dict(conf), logical_time)
    if not planned.manifest.asked.params["plan_only"]:
        pipeline.check_ready(planned)
    settings = pipeline.settings
    result = settings.airflow / "once.json"
    result.parent.mkdir(parents=True, exist_ok=True)
    result.unlink(missing_ok=True)
    follower = _Follower(pipeline, conf, logical_time, progress)
    follower.begin()
    with subprocess.Popen(
        _command(conf, logical_time, result), env=_environment(settings), cwd=settings.repository
    ) as child:
        while _is_running(child):
            follower.look()
            watch(follower.files)
        follower.look()
    return _judge(pipeline.store, conf, logical_time, _read_result(result, child.returncode))


def _command(conf: Mapping[str, Any], logical_time: datetime, result: Path) -> list[str]:
    command = [sys.executable, "-m", "hitscanner_airflow.once", "--dag", "traceroute"]
    command += ["--conf", json.dumps(conf), "--logical-time", logical_time.isoformat()]
    return [*command, "--then", "transform", "--then", "load", "--result", str(result)]


def _environment(settings: Settings) -> dict[str, str]:
    ours = child_environment(settings)
    theirs = airflow_environment(
        settings.airflow,
        settings.repository,
        retry_delay_s=RETRY_DELAY_S,
        search_path=ours.get("PATH", ""),
    )
    return {**ours, **theirs}


def _is_running(child: subprocess.Popen[bytes]) -> bool:
    try:
        child.wait(LOOK_S)
    except subprocess.TimeoutExpired:
        return True
    return False


def _read_result(result: Path, status: int) -> dict[str, Any]:
    if not result.is_file():
        return {"dags": [], "error": f"the Airflow process ended with {status}", "exit_code": 3}
    found: dict[str, Any] = json.loads(result.read_bytes())
    return found


def _judge(
    store: Store, conf: Mapping[str, Any], logical_time: datetime, result: Mapping[str, Any]
) -> Run:
    failed = next((dag for dag in result["dags"] if dag["state"] != "success"), None)
    error = failed["error"] or f"{failed['dag_id']} failed" if failed else result.get("error")
    run_id = result["dags"][0]["run_id"] if result["dags"] else None
    cycle = find_cycle(store, parse_traceroute_params(conf).cycle_list, logical_time, run_id)
    manifest = read_manifest(store, cycle) if cycle else None
    code = EXIT_CODES[manifest.state] if manifest else 0
    if error and code in (0, 2):
        code = failed["exit_code"] if failed else 3
    return Run(cycle, manifest, error, code)


def find_cycle(
    store: Store, list_name: str, logical_time: datetime, run_id: str | None
) -> Cycle | None:
    """Find the cycle that *run_id* planned for *logical_time*."""
    for rerun in range(1000):
        cycle = Cycle(list_name, cycle_name(logical_time, rerun))
        if not store.exists(cycle.manifest):
            return None
        if read_manifest(store, cycle).asked.run_id == run_id:
            return cycle
    return None


class _Follower:
    """Tell the steps of a run from the files that appear in its store."""

    STEPS = ("plan", "probe", "transform", "load")

    def __init__(
        self,
        pipeline: Pipeline,
        conf: Mapping[str, Any],
        logical_time: datetime,
        progress: Progress,
    ):
        self.pipeline = pipeline
        self.progress = progress
        self.list_name = parse_traceroute_params(conf).cycle_list
        self.logical_time = logical_time
        self.before = set(self._cycles())
        self.cycle: Cycle | None = None
        self.step = "plan"
        self.files: dict[str, Path] = {}

    def begin(self) -> None:
        self.progress.step(self.step)

    def look(self) -> None:
        """Go on to the step whose beginning is visible."""
        if self.cycle is None:
            self._find()
        step = self._step()
        if self.STEPS.index(step) > self.STEPS.index(self.step):
            self.step = step
            self.progress.step(step)

    def _cycles(self) -> list[str]:
        return self.pipeline.store.folders(f"cycles/{self.list_name}")

    def _find(self) -> None:
        for name in self._cycles():
            cycle = Cycle(self.list_name, name)
            if name not in self.before and self.pipeline.store.exists(cycle.manifest):
                self.cycle = cycle
                shards = shards_of(read_manifest(self.pipeline.store, cycle))
                self.files = {shard.vp: self.pipeline.progress_file(shard) for shard in shards}
                self.progress.watch(self.files)

    def _step(self) -> str:
        store = self.pipeline.store
        if self.cycle is None:
            return "plan"
        if read_manifest(store, self.cycle).state is State.PLANNED:
            return "probe"
        if not store.exists(f"{self.cycle.topology}/links.parquet"):
            return "transform"
        return "load"


def probing_s(manifest: CycleManifest) -> float:
    """Give the time from the first prober's start to the last one's end, by their own clocks."""
    if manifest.outcome is None:
        return 0.0
    began = [shard.started_at for shard in manifest.outcome.shards if shard.started_at]
    ended = [shard.ended_at for shard in manifest.outcome.shards if shard.ended_at]
    return max(ended) - min(began) if began and ended else 0.0
