"""The centre as people use it: `bootstrap.sh`, `hitscanner` and Airflow, in the lab's namespace."""

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Any

from tests.cluster.commands import attempt
from tests.cluster.lab import REPOSITORY, Lab

PORT = 8093
"""Of Airflow, inside the centre's namespace: nobody else is there."""

RUN_S = 900.0
"""Longest wait for a run of a DAG on a busy machine."""

NODES = """
import json
from hitscanner.infra.kube import KubeApi, nodes
from hitscanner.settings import Settings
api = KubeApi(Settings.from_environment().cluster / "kubeconfig")
print(json.dumps({n.name: {"ready": n.is_ready, "version": n.version, "labels": dict(n.labels),
    "cordoned": n.is_cordoned} for n in nodes(api).values()}))
"""

ASK = """
import json, sys, urllib.request
method, path, body = sys.argv[1], sys.argv[2], sys.stdin.read()
request = urllib.request.Request(path, body.encode() or None, method=method)
request.add_header("Content-Type", "application/json")
print(urllib.request.urlopen(request, timeout=60).read().decode())
"""


@dataclass(frozen=True)
class Run:
    """How one run of a fleet DAG ended."""

    run_id: str
    state: str
    rows: dict[str, dict[str, Any]]
    """Host -> its row, as the summary has it."""


@dataclass(frozen=True)
class Console:
    """What a person at the centre can do."""

    lab: Lab

    def run(
        self, *command: str, stdin: str = "", timeout_s: float = 900.0
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in the centre's namespace, with the lab's HITSCANNER_HOME."""
        return attempt(*self.lab.in_centre(list(command)), stdin=stdin, timeout_s=timeout_s)

    def bootstrap(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run ./bootstrap.sh."""
        return self.run(str(REPOSITORY / "bootstrap.sh"), *arguments)

    def fleet(self, *arguments: str) -> tuple[int, dict[str, dict[str, Any]]]:
        """Run `hitscanner fleet … --json`; give its exit code, and host -> row."""
        done = self.run(sys.executable, "-m", "hitscanner.cli", "fleet", *arguments, "--json")
        lines = done.stdout.strip().splitlines()
        assert lines, f"fleet {' '.join(arguments)}: {done.returncode}: {done.stderr[-2000:]}"
        return done.returncode, {row["host"]: row for row in json.loads(lines[-1])["hosts"]}

    def nodes(self) -> dict[str, dict[str, Any]]:
        """Ask the cluster's API for its nodes."""
        return json.loads(self._python(NODES))

    def start_airflow(self) -> None:
        """Bring Airflow up, as `hitscanner local` does."""
        done = self.run(sys.executable, "-m", "hitscanner.cli", "local", "--port", str(PORT))
        assert done.returncode == 0, done.stderr[-2000:]

    def stop_airflow(self) -> None:
        """Stop Airflow and nothing else."""
        from hitscanner import local_airflow

        local_airflow.stop(self.lab.home / "airflow")

    def trigger(self, dag: str, conf: dict[str, Any]) -> Run:
        """Run a DAG by `airflow dags trigger`, wait for its end, and read its summary."""
        run_id = f"test-{time.monotonic_ns()}"
        airflow = str(self.lab.home / "airflow/bin/airflow")
        arguments = ("dags", "trigger", dag, "--conf", json.dumps(conf), "--run-id", run_id)
        done = self.run(airflow, *arguments)
        assert done.returncode == 0, done.stderr[-2000:]
        where = f"dags/{dag}/dagRuns/{run_id}"
        end = time.monotonic() + RUN_S
        while (state := self.get(where)["state"]) in ("queued", "running"):
            assert time.monotonic() < end, f"{dag} is still {state}: {self.tasks(where)}"
            time.sleep(1)
        path = f"{where}/taskInstances/summarise/xcomEntries/rows"
        return Run(run_id, state, {row["host"]: row for row in self.get(path)["value"]})

    def tasks(self, where: str) -> dict[str, str]:
        """Task and map index -> state, of one run."""
        found = self.get(f"{where}/taskInstances")["task_instances"]
        return {f"{each['task_id']}[{each['map_index']}]": each["state"] for each in found}

    def get(self, path: str) -> Any:
        """Ask Airflow's REST API."""
        return json.loads(self._python(ASK, "GET", f"http://127.0.0.1:{PORT}/api/v2/{path}"))

    def _python(self, script: str, *arguments: str) -> str:
        done = self.run(sys.executable, "-c", script, *arguments)
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout
