"""
Everything Airflow does for these tests happens in two processes of its own, once per session.

Airflow changes warnings, logging, signals and the environment on import, and its first
`dag.test()` costs ten seconds; so the tests read what those processes wrote.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hitscanner.local_airflow import airflow_environment

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[1]


def python(home: Path, *argv: str, hash_seed: int = 0) -> subprocess.CompletedProcess[str]:
    """Run Python in a private Airflow; an error of it is shown whole."""
    airflow = airflow_environment(home, REPOSITORY, retry_delay_s=1, search_path=os.environ["PATH"])
    done = subprocess.run(
        [sys.executable, *argv],
        env={**os.environ, **airflow, "PYTHONHASHSEED": str(hash_seed)},
        capture_output=True,
        text=True,
        check=False,
        timeout=540,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    return done


def read_facts(home: Path, hash_seed: int) -> dict[str, Any]:
    done = python(home, str(HERE / "facts.py"), str(REPOSITORY / "dags"), hash_seed=hash_seed)
    [line] = [line for line in done.stdout.splitlines() if line.startswith("FACTS ")]
    return json.loads(line.removeprefix("FACTS "))


@pytest.fixture(scope="session")
def facts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What `facts.py` saw while it parsed the DAGs folder."""
    return read_facts(tmp_path_factory.mktemp("facts"), hash_seed=1)


@pytest.fixture(scope="session")
def facts_of_another_process(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The same in a process that orders its sets differently."""
    return read_facts(tmp_path_factory.mktemp("facts"), hash_seed=2)


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Scenario → what `once` wrote, its exit code, the calls that the fake pipeline saw."""
    folder = tmp_path_factory.mktemp("once")
    python(folder / "home", str(HERE / "once_scenarios.py"), str(folder))
    codes = json.loads((folder / "exit_codes.json").read_text())
    calls = json.loads((folder / "calls.json").read_text())
    return {
        name: {
            **json.loads((folder / f"{name}.json").read_text()),
            "exit_code": code,
            "calls": calls[name],
        }
        for name, code in codes.items()
    }
