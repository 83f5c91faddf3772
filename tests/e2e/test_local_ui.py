"""
`hitscanner local`: Airflow on 127.0.0.1 runs the three DAGs over the simulated Internet, and a
browser sees the run succeed.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from tests.support.rehearsals import packets_to_the_opted_out

pytestmark = [pytest.mark.root, pytest.mark.slow]

CHROMIUM = shutil.which("chromium")
DAGS = ("traceroute", "transform", "load")
VANTAGE_POINTS = ("nz-0001", "at-0001")  # the demo's are others: both may be up at once


@dataclass(frozen=True)
class Local:
    """A running installation."""

    url: str
    home: Path

    def get(self, path: str) -> Any:
        """Ask Airflow's REST API."""
        with urllib.request.urlopen(f"{self.url}/api/v2/{path}", timeout=30) as reply:
            return json.load(reply)

    def runs(self, dag_id: str) -> dict[str, str]:
        """Run id → state."""
        return {
            run["dag_run_id"]: run["state"]
            for run in self.get(f"dags/{dag_id}/dagRuns")["dag_runs"]
        }

    def airflow(self, *argv: str) -> str:
        """Run the installation's own `airflow`."""
        done = subprocess.run(
            [self.home / "airflow" / "bin" / "airflow", *argv],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout


def missing() -> str | None:
    """Say what this test needs and has not got."""
    from hitscanner.settings import Settings

    needs = {
        "root": os.geteuid() == 0,
        "/dev/net/tun": Path("/dev/net/tun").exists(),
        "scamper": shutil.which("scamper") is not None,
        "hs-transform (cargo build --release)": Settings(Path("/")).transform.is_file(),
        "chromium (apt-get install chromium)": CHROMIUM is not None,
    }
    lacks = [name for name, is_there in needs.items() if not is_there]
    return f"needs {', '.join(lacks)}" if lacks else None


def hitscanner(home: Path, *argv: str) -> None:
    """Run our command line on the installation in *home*."""
    done = subprocess.run(
        [sys.executable, "-m", "hitscanner.cli", *argv],
        env={**os.environ, "HITSCANNER_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
        timeout=400,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    """A small simulated Internet, and Airflow beside it; both are taken down."""
    if reason := missing():
        pytest.skip(reason)
    from hitscanner.rehearsal import Rehearsal, prepare
    from hitscanner.settings import Settings

    class Elsewhere(Rehearsal):
        names = VANTAGE_POINTS

    home, port = tmp_path_factory.mktemp("local"), free_port()
    prepare(Settings(home), Elsewhere(routers=100, targets=60))
    # After three o'clock Airflow adds the daily run: without its list it measures nothing.
    (Settings(home).lists / "sample.txt").unlink()
    try:
        hitscanner(home, "local", "--port", str(port))
        yield Local(f"http://127.0.0.1:{port}", home)
        assert packets_to_the_opted_out(home) == 0
    finally:
        hitscanner(home, "down")


def wait_until(condition: Callable[[], bool], what: Callable[[], object]) -> None:
    end = time.monotonic() + 240
    while not condition():
        assert time.monotonic() < end, what()
        time.sleep(1)


@pytest.fixture(scope="module")
def run_id(local: Local) -> str:
    """The run that `airflow dags trigger traceroute --conf @example` made, and all it started."""
    local.airflow("dags", "trigger", "traceroute", "--conf", "@example", "--run-id", "by-hand")

    def states() -> dict[str, str]:
        """DAG → state; after three o'clock Airflow adds the daily run, which is not ours."""
        ours = {dag_id: local.runs(dag_id) for dag_id in DAGS}
        ours["traceroute"] = {"by-hand": ours["traceroute"]["by-hand"]}
        return {dag_id: state for dag_id, runs in ours.items() for state in runs.values()}

    def are_over() -> bool:
        now = states()
        assert "failed" not in now.values(), now
        return now == dict.fromkeys(DAGS, "success")

    wait_until(are_over, states)
    return "by-hand"


SHOWN = {
    "run": "Success",
    "plan": "Success",
    **{f"{task} {vp}": "Success" for task in ("start", "fetch") for vp in VANTAGE_POINTS},
    "reshard": "Success",
    "second_chance.start": "Skipped",
    "second_chance.fetch": "Skipped",
    "gate": "Success",
}
"""The badges of the run's page: nobody failed, so nobody gets a second chance."""


class Badges(HTMLParser):
    """Collect what the state badges of a page say: the run's first, then its tasks'."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.depth = 0
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if ("data-testid", "state-badge") in attrs:
            self.words.append("")
            self.depth = 1
        elif self.depth:
            self.depth += 1

    def handle_endtag(self, tag: str) -> None:
        self.depth = max(0, self.depth - 1)

    def handle_data(self, data: str) -> None:
        if self.depth:
            self.words[-1] += data


def browse(page: str, folder: Path, *flags: str) -> str:
    """Open *page* in a headless browser; give what it prints."""
    assert CHROMIUM is not None
    quiet = (
        "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --hide-scrollbars"
        " --disable-background-networking --disable-component-update --disable-sync"
        " --disable-dev-shm-usage --window-size=1400,900 --virtual-time-budget=20000"
    )
    done = subprocess.run(
        [CHROMIUM, *quiet.split(), f"--user-data-dir={folder / 'profile'}", *flags, page],
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_the_whole_chain_ran_and_its_cycle_is_on_the_drive(local: Local, run_id: str) -> None:
    [gate] = [
        task
        for task in local.get(f"dags/traceroute/dagRuns/{run_id}/taskInstances")["task_instances"]
        if task["task_id"] == "gate"
    ]

    assert gate["state"] == "success"
    assert list((local.home / "drive").rglob("links.parquet"))


def test_lanes_are_shown_by_the_names_of_their_vantage_points(local: Local, run_id: str) -> None:
    path = f"dags/traceroute/dagRuns/{run_id}/taskInstances/one_vantage_point.fetch/listMapped"
    names = {task["rendered_map_index"] for task in local.get(path)["task_instances"]}

    assert names == set(VANTAGE_POINTS)


def test_the_run_is_seen_to_succeed_in_a_browser(local: Local, run_id: str, tmp_path: Path) -> None:
    page = f"{local.url}/dags/traceroute/runs/{run_id}"
    seen: list[list[str]] = []

    def is_complete() -> bool:
        seen.append(Badges(browse(page, tmp_path, "--dump-dom")).words)
        return len(seen[-1]) == len(SHOWN)

    wait_until(is_complete, lambda: seen)
    picture = Path(os.environ.get("HITSCANNER_SCREENSHOT", tmp_path / "run.png"))
    browse(page, tmp_path, f"--screenshot={picture}")

    assert Counter(seen[-1]) == Counter(SHOWN.values())
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_the_cycle_is_seen_on_our_own_page(local: Local, run_id: str, tmp_path: Path) -> None:
    page = browse(f"{local.url}/hitscanner/cycles", tmp_path, "--dump-dom")

    assert '<td class="complete">complete</td>' in page
    assert f'href="../dags/traceroute/runs/{run_id}"' in page
    assert local.get("plugins/importErrors")["import_errors"] == []
