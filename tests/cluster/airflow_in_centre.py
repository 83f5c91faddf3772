"""
Start a private Airflow, trigger one DAG, wait for its end, and stop it: run in the centre.

`python -m tests.cluster.airflow_in_centre AIRFLOW_HOME DAG CONF` prints one JSON object.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from hitscanner.local_airflow import airflow_environment, start, stop
from tests.cluster.lab import REPOSITORY

RUN_ID = "lab"
LONGEST_S = 900.0


def main(home: Path, dag: str, conf: str) -> None:
    """Print the state of the run and of each task instance of *dag*."""
    environment = {
        **os.environ,
        **airflow_environment(home, REPOSITORY, retry_delay_s=5, search_path=os.environ["PATH"]),
    }
    start(environment, timeout_s=600)
    try:
        airflow(home, "dags", "trigger", dag, "--run-id", RUN_ID, "--conf", conf)
        state = wait(home, dag)
        tasks = rows(airflow(home, "tasks", "states-for-dag-run", dag, RUN_ID, "-o", "json"))
    finally:
        stop(home)
    print(json.dumps({"state": state, "tasks": tasks}))


def wait(home: Path, dag: str) -> str:
    """Return the state that the run ends in."""
    end = time.monotonic() + LONGEST_S
    while time.monotonic() < end:
        found = rows(airflow(home, "dags", "list-runs", dag, "-o", "json"))
        [state] = [row["state"] for row in found if row["run_id"] == RUN_ID]
        if state in ("success", "failed"):
            return str(state)
        time.sleep(2.0)
    raise TimeoutError(f"{dag} did not end within {LONGEST_S:.0f} s")


def rows(said: str) -> list[dict[str, str]]:
    """Read the table at the end of *said*; Airflow may log to standard output before it."""
    return list(json.loads(said[said.index("[{") :]))


def airflow(home: Path, *words: str) -> str:
    """Run the command line of this Airflow."""
    program = str(home / "bin" / "airflow")
    done = subprocess.run([program, *words], capture_output=True, text=True, timeout=300)
    if done.returncode:
        raise RuntimeError(f"airflow {' '.join(words[:3])}: {done.stderr[-1500:]}")
    return done.stdout


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
