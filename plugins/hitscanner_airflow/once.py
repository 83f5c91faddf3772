r"""
Run the real DAG files once, in this process, without scheduler and ports: `dag.test()`.

    python -m hitscanner_airflow.once --dag traceroute --conf JSON --then transform --then load \
        --result FILE [--logical-time ISO] [--log FILE] [--wait]

The environment says which Airflow (see `hitscanner.local_airflow.airflow_environment`); its
database is made when missing.  Mapped tasks run one after another here.  Everything that Airflow
prints goes to the log file.  A DAG named by `--then` gets the cycles of the asset events that the
DAG before it emitted, and is left out when there are none.  With `--wait` it does what takes long
(10 s) and needs nothing of the run, then waits for a line on standard input.

Result: {"dags": [{"dag_id", "state", "run_id", "error", "exit_code", "cycles": ["LIST/CYCLE", …],
"tasks": [{"task_id", "map_index", "name", "state", "error"}, …]}, …]}.

Exit codes: 0 every run succeeded, 1 wrong usage, 3 a run failed.
"""

import argparse
import gc
import json
import logging
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hitscanner.errors import HitscannerError, UsageError
from hitscanner.local_airflow import refuse_running


@dataclass(frozen=True)
class TaskResult:
    """How one task instance ended."""

    task_id: str
    map_index: int
    """-1 for a task that is not mapped."""

    name: str
    """Of a mapped task: the vantage point or cycle; else empty."""

    state: str | None
    error: str | None
    """First line of the last error, also of one that a retry cured."""


@dataclass(frozen=True)
class RunResult:
    """How one DAG run ended."""

    dag_id: str
    state: str
    run_id: str
    error: str | None
    """First line of the error that decided, None of a successful run."""

    exit_code: int
    """What that error means on a command line: 1 bad input, 3 a measurement that failed."""

    cycles: list[str]
    """`LIST/CYCLE` that the run published."""

    tasks: list[TaskResult]


@dataclass
class Failures:
    """A listener of Airflow's that keeps the errors of a run's tasks, in order of time."""

    seen: dict[tuple[str, int], BaseException] = field(default_factory=dict)

    def line(self, task_id: str, map_index: int) -> str | None:
        """Give the first line of a task instance's last error."""
        error = self.seen.get((task_id, map_index))
        return None if error is None else first_line(error)

    def last(self) -> BaseException | None:
        """Give the error of the task that failed last by itself: the one that decided."""
        from hitscanner_airflow.bridge import ConsequenceError

        deciding = (e for e in reversed(self.seen.values()) if not isinstance(e, ConsequenceError))
        return next(deciding, None)


def main(argv: Sequence[str] | None = None) -> int:
    """Run what the arguments ask for; see the module."""
    args = _parser().parse_args(argv)
    try:
        conf = _conf(args.conf)
        if "AIRFLOW_HOME" not in os.environ:
            raise UsageError("AIRFLOW_HOME is not set: start this by `hitscanner run`")
        refuse_running(Path(os.environ["AIRFLOW_HOME"]))
        _send_output_to(args.log or Path(os.environ["AIRFLOW_HOME"], "logs", "once.log"))
        warm_up()
        if args.wait and not sys.stdin.readline():
            raise UsageError("told to wait for a line on standard input, and it was closed")
        runs = run_chain([args.dag, *args.then], conf, args.logical_time)
    except HitscannerError as error:
        args.result.write_text(json.dumps({"dags": [], "error": str(error)}) + "\n")
        return error.exit_code
    args.result.write_text(json.dumps({"dags": [asdict(run) for run in runs]}, indent=1) + "\n")
    return 0 if all(run.state == "success" for run in runs) else 3


def run_chain(
    dag_ids: Sequence[str], conf: dict[str, Any], logical_time: datetime
) -> list[RunResult]:
    """Run the first DAG with *conf* and each further one on what its predecessor published."""
    runs: list[RunResult] = []
    for dag_id in dag_ids:
        if runs:
            if runs[-1].state != "success" or not runs[-1].cycles:
                break
            conf = {"cycles": runs[-1].cycles}
        runs.append(run_once(dag_id, conf, logical_time))
    return runs


def run_once(dag_id: str, conf: dict[str, Any], logical_time: datetime) -> RunResult:
    """
    Run one DAG of the DAGs folder to its end; a former run of the same time is replaced.

    Raises:
        UsageError: if there is no such DAG or its file cannot be read, or a value has a wrong type.
    """
    from airflow.sdk.exceptions import ParamValidationError
    from airflow.sdk.listener import get_listener_manager

    failures = _listener()
    dag = _dag(dag_id)
    listeners = get_listener_manager()
    listeners.add_listener(failures)  # type: ignore[no-untyped-call] # Airflow's lack
    try:
        run = dag.test(logical_date=logical_time, run_conf=conf)
    except ParamValidationError as error:
        raise UsageError(first_line(error)) from error
    finally:
        listeners.pm.unregister(failures)
    return _result(run, failures)


def warm_up() -> None:
    """Prepare what every run needs: the database, and the server that answers the tasks."""
    gc.disable()  # thousands of models are built and kept; looking for garbage costs a second
    _prepare_database()
    import httpx
    from airflow.sdk.execution_time.supervisor import in_process_api_server

    with httpx.Client(
        transport=in_process_api_server().transport, base_url="http://in-process.invalid."
    ) as client:
        client.get("/health")  # the first request builds all versions of the API
    gc.freeze()
    gc.enable()


def _prepare_database() -> None:
    """Create the tables of this Airflow version unless that was done before."""
    from airflow import __version__, settings

    marker = Path(os.environ["AIRFLOW_HOME"], f"database-{__version__}")
    settings.configure_orm()  # type: ignore[no-untyped-call] # Airflow's lack
    if marker.exists():
        return
    from airflow.utils.db import initdb

    initdb()
    marker.touch()


def first_line(error: BaseException) -> str:
    r"""
    Give the first line of an error's message, or its class where there is no message.

    >>> first_line(ValueError("a\nb")), first_line(KeyError())
    ('a', 'KeyError')
    """
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _listener() -> Failures:
    from airflow.listeners import hookimpl

    class Listener(Failures):
        @hookimpl
        def on_task_instance_failed(self, task_instance: Any, error: Any) -> None:
            key = (task_instance.task_id, task_instance.map_index)
            self.seen.pop(key, None)  # so that the order is that of the last errors
            self.seen[key] = error

    return Listener()


def _dag(dag_id: str) -> Any:
    from airflow.configuration import conf
    from airflow.dag_processing.dagbag import DagBag

    file = Path(conf.get_mandatory_value("core", "dags_folder"), f"{dag_id}.py")
    if not file.is_file():
        raise UsageError(f"no DAG {dag_id!r}: {file.name} is not in {file.parent}")
    bag = DagBag(dag_folder=file)
    for problem in bag.import_errors.values():
        raise UsageError(f"{file.name}: {problem.strip().splitlines()[-1]}")
    return bag.dags[dag_id]


def _result(run: Any, failures: Failures) -> RunResult:
    from airflow.utils.session import create_session

    with create_session() as session:
        tasks = [_task_result(ti, failures) for ti in run.get_task_instances(session=session)]
        cycles = _published(run, session)
    succeeded = str(run.state) == "success"
    error = None if succeeded else failures.last()
    return RunResult(
        dag_id=run.dag_id,
        state=str(run.state),
        run_id=run.run_id,
        error=None if error is None else first_line(error),
        exit_code=0 if succeeded else _exit_code(error),
        cycles=cycles,
        tasks=sorted(tasks, key=lambda task: (task.task_id, task.map_index)),
    )


def _task_result(ti: Any, failures: Failures) -> TaskResult:
    return TaskResult(
        task_id=ti.task_id,
        map_index=ti.map_index,
        name=(ti.rendered_map_index or "") if ti.map_index >= 0 else "",
        state=None if ti.state is None else str(ti.state),
        error=failures.line(ti.task_id, ti.map_index),
    )


def _exit_code(error: BaseException | None) -> int:
    while error is not None:
        if isinstance(error, HitscannerError):
            return error.exit_code
        error = error.__cause__
    return 3


def _published(run: Any, session: Any) -> list[str]:
    """Name the cycles of the run's asset events, and take back the runs these would start."""
    from airflow.models.asset import AssetDagRunQueue, AssetEvent
    from sqlalchemy import delete, select

    events = session.scalars(
        select(AssetEvent).where(
            AssetEvent.source_dag_id == run.dag_id, AssetEvent.source_run_id == run.run_id
        )
    ).all()
    session.execute(delete(AssetDagRunQueue))  # `--then` runs them; a later scheduler must not
    return sorted({f"{event.extra['list']}/{event.extra['cycle']}" for event in events})


def _conf(text: str) -> dict[str, Any]:
    try:
        conf = json.loads(text)
    except json.JSONDecodeError as error:
        raise UsageError(f"--conf is not JSON: {error}") from error
    if not isinstance(conf, dict):
        raise UsageError(f"--conf is {type(conf).__name__}: give a JSON object")
    return conf


def _send_output_to(log: Path) -> None:
    """Append what this process and its children print to *log*, whatever library prints it."""
    log.parent.mkdir(parents=True, exist_ok=True)
    sys.stdout.flush()
    sys.stderr.flush()
    with log.open("ab") as file:
        os.dup2(file.fileno(), sys.stdout.fileno())
        os.dup2(file.fileno(), sys.stderr.fileno())


def _time(text: str) -> datetime:
    """
    Read an ISO time; one without offset is UTC.

    >>> _time("2026-11-22T03:00:00").isoformat()
    '2026-11-22T03:00:00+00:00'
    """
    time = datetime.fromisoformat(text)
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="hitscanner_airflow.once", description=__doc__)
    parser.add_argument("--dag", required=True, metavar="ID")
    parser.add_argument("--conf", default="{}", metavar="JSON")
    parser.add_argument("--then", action="append", default=[], metavar="ID")
    parser.add_argument("--logical-time", type=_time, metavar="ISO")
    parser.add_argument("--result", type=Path, required=True, metavar="FILE")
    parser.add_argument("--log", type=Path, metavar="FILE")
    parser.add_argument("--wait", action="store_true", help="for a line on standard input")
    parser.set_defaults(logical_time=datetime.now(UTC).replace(microsecond=0))
    return parser


if __name__ == "__main__":
    code = main()
    logging.shutdown()
    os._exit(code)  # taking down what Airflow built costs 3 s, and everything is written
