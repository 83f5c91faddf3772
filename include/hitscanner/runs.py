"""Run the DAGs once and wait: a child process holds Airflow, this one shows what the files say."""

import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from hitscanner.domain.cycle import Cycle, cycle_name
from hitscanner.domain.manifest import CycleManifest
from hitscanner.domain.quorum import State
from hitscanner.infra.files import disk_errors
from hitscanner.infra.store import Store
from hitscanner.local_airflow import airflow_environment
from hitscanner.pipeline.gate import read_manifest
from hitscanner.report.progress import Progress
from hitscanner.settings import Settings, child_environment
from hitscanner.wiring import Pipeline

LOOK_S = 0.5
"""Between two looks at the files of a run, seconds."""

CHAIN = ("traceroute", "transform", "load")
"""The main job."""

DEALIAS_CHAIN = ("traceroute", "transform", "alias_resolution", "build_topology", "load")
"""The main job with routers: what is loaded last is all of it."""

RETRY_DELAY_S = 2
"""Before a failed task is tried again: nobody else waits for this machine."""


def chain_of(conf: Mapping[str, Any]) -> tuple[str, ...]:
    """
    Name the DAGs that a measurement runs.

    >>> chain_of({"dealias": True})[2]
    'alias_resolution'
    """
    return DEALIAS_CHAIN if conf.get("dealias") is True else CHAIN


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


class Airflow:
    """
    The child process that holds Airflow: it warms up at once and runs when it is told to.

    Use it as a context manager; leaving it early ends the child.
    """

    def __init__(self, settings: Settings, chain: Sequence[str], conf: Mapping[str, Any]):
        self.logical_time = datetime.now(UTC).replace(microsecond=0)
        self.conf = dict(conf)
        self._result = settings.airflow / "once.json"
        self._command = _command(chain, conf, self.logical_time, self._result)
        self._environment = _environment(settings)
        self._folder = settings.repository

    def __enter__(self) -> Self:
        with disk_errors(self._result):
            self._result.parent.mkdir(parents=True, exist_ok=True)
            self._result.unlink(missing_ok=True)
        self._child = subprocess.Popen(
            self._command, env=self._environment, cwd=self._folder, stdin=subprocess.PIPE
        )
        return self

    def __exit__(self, *_: object) -> None:
        assert self._child.stdin is not None
        with suppress(BrokenPipeError):
            self._child.stdin.close()
        self._child.wait()

    def go(self, look: Callable[[], None] = lambda: None) -> dict[str, Any]:
        """Let the DAGs run, call *look* every half second, and give the child's result."""
        assert self._child.stdin is not None
        with suppress(BrokenPipeError):
            self._child.stdin.write(b"go\n")
            self._child.stdin.flush()
        while _is_running(self._child):
            look()
        look()
        if not self._result.is_file():
            status = self._child.returncode
            return {"dags": [], "error": f"the Airflow process ended with exit code {status}"}
        found: dict[str, Any] = json.loads(self._result.read_bytes())
        return found


def run_traceroute(
    pipeline: Pipeline,
    airflow: Airflow,
    progress: Progress,
    watch: Callable[[Mapping[str, Path]], None] = lambda _: None,
) -> Run:
    """
    Run `traceroute`, `transform` and `load`, one after the other, in *airflow*.

    *watch* is called every half second while they run, with the probers' progress files.

    Raises:
        UsageError: for bad parameters, before anything is started.
    """
    planned = pipeline.preview(airflow.conf, airflow.logical_time)
    if not planned.manifest.asked.params["plan_only"]:
        pipeline.check_ready(planned)
    follower = _Follower(pipeline, planned.cycle.list, progress)
    follower.begin()

    def look() -> None:
        follower.look()
        watch(follower.files)

    return _judge(pipeline.store, planned.cycle.list, airflow, airflow.go(look))


def run_again(settings: Settings, dag_id: str, conf: Mapping[str, Any]) -> Run:
    """Run `transform` or `load` once, for the cycles that *conf* names."""
    with Airflow(settings, [dag_id], conf) as airflow:
        result = airflow.go()
    error = _error(result)
    return Run(None, None, error, _error_code(result) if error else 0)


def _command(
    chain: Sequence[str], conf: Mapping[str, Any], logical_time: datetime, result: Path
) -> list[str]:
    command = [sys.executable, "-m", "hitscanner_airflow.once", "--wait", "--dag", chain[0]]
    command += ["--conf", json.dumps(conf), "--logical-time", logical_time.isoformat()]
    command += [word for dag_id in chain[1:] for word in ("--then", dag_id)]
    return [*command, "--result", str(result)]


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


def _judge(store: Store, list_name: str, airflow: Airflow, result: Mapping[str, Any]) -> Run:
    run_id = result["dags"][0]["run_id"] if result["dags"] else None
    cycle = find_cycle(store, list_name, airflow.logical_time, run_id)
    manifest = read_manifest(store, cycle) if cycle else None
    error = _error(result)
    code = EXIT_CODES[manifest.state] if manifest else 0
    if error and code in (0, 2):
        code = _error_code(result)
    return Run(cycle, manifest, error, code)


def _error(result: Mapping[str, Any]) -> str | None:
    failed = _failed(result)
    return (failed["error"] or f"{failed['dag_id']} failed") if failed else result.get("error")


def _error_code(result: Mapping[str, Any]) -> int:
    failed = _failed(result)
    return int(failed["exit_code"]) if failed else 3


def _failed(result: Mapping[str, Any]) -> Mapping[str, Any] | None:
    return next((dag for dag in result["dags"] if dag["state"] != "success"), None)


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

    STEPS = ("plan", "probe", "transform", "routers", "load")

    def __init__(self, pipeline: Pipeline, list_name: str, progress: Progress):
        self.pipeline = pipeline
        self.progress = progress
        self.list_name = list_name
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
                shards = read_manifest(self.pipeline.store, cycle).shards
                self.files = {shard.vp: self.pipeline.progress_file(shard) for shard in shards}
                self.progress.watch(self.files)

    def _step(self) -> str:
        store = self.pipeline.store
        if self.cycle is None:
            return "plan"
        manifest = read_manifest(store, self.cycle)
        if manifest.state is State.PLANNED:
            return "probe"
        if not store.exists(f"{self.cycle.topology}/links.parquet"):
            return "transform"
        wants_routers = manifest.asked.params.get("dealias")
        if wants_routers and not store.exists(f"{self.cycle.topology}/topology.json"):
            return "routers"
        return "load"


def probing_s(manifest: CycleManifest) -> float:
    """Give the time from the first prober's start to the last one's end, by their own clocks."""
    if manifest.outcome is None:
        return 0.0
    began = [shard.started_at for shard in manifest.outcome.shards if shard.started_at]
    ended = [shard.ended_at for shard in manifest.outcome.shards if shard.ended_at]
    return max(ended) - min(began) if began and ended else 0.0
