"""
Parse the DAGs folder twice without network and say what came out, as JSON on standard output.

It runs in a process of its own: Airflow changes warnings, logging and the environment on import.
"""

import doctest
import importlib
import json
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any, NoReturn

PLUGIN_MODULES = (
    "assets",
    "bridge",
    "cycles_page",
    "docs",
    "drives_page",
    "once",
    "params",
    "policy",
    "rows",
    "secrets",
)


class OutsideTouchedError(Exception):
    """Parsing a DAG file tried to reach something outside."""


def refuse(*_: object, **__: object) -> NoReturn:
    raise OutsideTouchedError("a DAG file did I/O while it was parsed")


def parsed(folder: str) -> Any:
    from airflow.dag_processing.dagbag import DagBag

    return DagBag(dag_folder=folder)


def serialised(bag: Any) -> dict[str, Any]:
    from airflow.serialization.serialized_objects import DagSerialization

    return {dag_id: DagSerialization.to_dict(dag) for dag_id, dag in sorted(bag.dags.items())}


def seconds(delay: Any) -> float | None:
    return None if delay is None else float(delay.total_seconds())


def page(dag: Any) -> dict[str, Any]:
    """Give what the policy tests look at, read from the DAG object itself."""
    tasks = {
        task_id: {
            "doc": task.doc_md or getattr(task, "python_callable", None).__doc__,
            "owner": task.owner,
            "retries": task.retries,
            "execution_timeout_s": task.execution_timeout
            and task.execution_timeout.total_seconds(),
            "retry_delay_s": seconds(task.retry_delay),
            "trigger_rule": task.trigger_rule.value,
            "upstream": sorted(task.upstream_task_ids),
            "outlets": [asset.name for asset in task.outlets],
            "is_mapped": task.is_mapped or task.get_closest_mapped_task_group() is not None,
            "map_index_template": getattr(task, "partial_kwargs", {}).get("map_index_template")
            or getattr(task, "map_index_template", None),
        }
        for task_id, task in sorted(dag.task_dict.items())
    }
    return {
        "file": Path(dag.fileloc).name,
        "doc": dag.doc_md,
        "tags": sorted(dag.tags),
        "catchup": dag.catchup,
        "max_active_runs": dag.max_active_runs,
        "dagrun_timeout_s": seconds(dag.dagrun_timeout),
        "schedule": str(dag.schedule),
        "params": {name: dag.params.get_param(name).dump() for name in dag.params},
        "tasks": tasks,
    }


def cycles_of_three_events() -> list[dict[str, str]]:
    """Ask a run that three events of one asset have started, as they gather while a run is busy."""
    from types import SimpleNamespace

    from hitscanner_airflow import bridge

    names = ("20261122T030000Z", "20261123T030000Z", "20261122T030000Z")
    events = [SimpleNamespace(extra={"list": "sample", "cycle": name}) for name in names]
    run = SimpleNamespace(conf=None, logical_date=None, run_after="then", run_id="asset")
    context = {
        "dag_run": run,
        "dag": SimpleNamespace(params={"cycles": []}),
        "params": {"cycles": []},
        "triggering_asset_events": {"raw_traces": events},
    }
    bridge.get_current_context = lambda: context  # type: ignore[assignment,return-value] # a fake
    return bridge.cycles_asked()


def cycles_page() -> dict[str, Any]:
    """Ask our page for itself, as nobody and as somebody; and for the other pages it might have."""
    import warnings

    warnings.simplefilter("ignore")  # Airflow's own libraries complain about each other here
    from airflow.api_fastapi.core_api.security import get_user
    from fastapi.testclient import TestClient

    from hitscanner.pipeline.pace import Progress
    from hitscanner_airflow import cycles_page, drives_page

    rows = [cycles_page.Row("demo/20261122T030000Z", "partial", {"done": 7}, "by-hand")]
    cycles_page.manifests = list
    app = cycles_page.build()
    client = TestClient(app)
    anonymous = {
        path: client.get(path).status_code
        for path in ("/cycles", "/drives", "/docs", "/openapi.json")
    }
    app.dependency_overrides[get_user] = lambda: None
    known = client.get("/cycles")
    asked: list[str | None] = []

    def of_run(run: str | None) -> list[Progress]:
        asked.append(run)
        return [Progress("lab/20261122T030000Z", "box", "loading", 4, 8_000_000, 1, 2_000_000)]

    drives_page.drives = of_run
    drives = [client.get("/drives?run=manual__1").text, client.get("/drives").text]
    return {
        "anonymous": anonymous,
        "known": known.status_code,
        "drives": drives,
        "drives_asked": asked,
        "empty": known.text,
        "page": cycles_page.page(rows),
    }


def main(folder: str) -> None:
    # Airflow's own start is not what is watched here.
    import airflow.dag_processing.dagbag
    import airflow.serialization.serialized_objects  # noqa: F401  # imported for later, see above

    page_facts = cycles_page()
    socket.socket.connect = refuse  # type: ignore[method-assign]
    subprocess.Popen.__init__ = refuse  # type: ignore[method-assign]
    before = set(sys.modules)
    first, second = parsed(folder), parsed(folder)
    facts = {
        "import_errors": first.import_errors,
        "modules": sorted({name.split(".")[0] for name in set(sys.modules) - before}),
        "ours": sorted(name for name in sys.modules if name.startswith("hitscanner")),
        "dags": {dag_id: page(dag) for dag_id, dag in sorted(first.dags.items())},
        "serialised": serialised(first),
        "serialised_again": serialised(second),
    }
    facts["doctests"] = {
        name: doctest.testmod(importlib.import_module(f"hitscanner_airflow.{name}"))._asdict()
        for name in PLUGIN_MODULES
    }
    facts["cycles_page"] = page_facts
    facts["cycles_of_three_events"] = cycles_of_three_events()
    print("FACTS " + json.dumps(facts, default=str))


if __name__ == "__main__":
    main(sys.argv[1])
