"""A stop silences a running measurement in seconds; an opt-out takes a prefix out of it."""

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from hitscanner.errors import HitscannerError
from hitscanner.simulator import lifecycle
from tests.support.paths import REPOSITORY

from .conftest import Ended

pytestmark = [pytest.mark.root, pytest.mark.slow, pytest.mark.usefixtures("hs_transform")]

PATIENCE_S = 240.0


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.2)


def probes(installation) -> int:
    """Probes that the simulated Internet has seen, of all vantage points; 0 before it is up."""
    try:
        counts = lifecycle.counts(installation.home / "simulator")
    except HitscannerError:
        return 0
    return sum(vp["probes"] for vp in counts["vantage_points"].values())


@contextmanager
def demo(installation, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A demo that is on its way; it is waited for in the end."""
    running = subprocess.Popen(
        [".venv/bin/hitscanner", "demo", "--json", *arguments],
        cwd=REPOSITORY,
        env={**os.environ, "HITSCANNER_HOME": str(installation.home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        yield running
    finally:
        running.terminate()
        running.wait()


def test_a_stop_silences_everybody_and_nothing_starts_before_the_release(installation):
    with demo(installation, "--targets", "2000", "--rate-pps", "50") as running:
        until(lambda: probes(installation) > 300)

        began = time.monotonic()
        stopped = installation.hitscanner("stop", "--why", "a complaint", "--json")
        took_s = time.monotonic() - began
        before = probes(installation)

        assert stopped.code == 0, stopped.out
        assert {vp["state"] for vp in stopped.result["vantage_points"]} == {"silent"}
        time.sleep(1)
        assert probes(installation) == before, f"probes after a stop that took {took_s:.1f} s"
        out, _ = running.communicate(timeout=PATIENCE_S)
    result = Ended(running.returncode, out, "").result
    assert running.returncode in (2, 3)
    assert result["state"] in ("partial", "failed")
    parts = ("done", "failed", "excluded", "unassigned")
    assert result["assigned"] == sum(result[part] for part in parts)
    assert result["unassigned"] > 0

    refused = installation.hitscanner("run", "traceroute", "--conf", '{"list": "demo"}')
    assert refused.code == 3
    assert "a complaint" in refused.err
    assert "hitscanner release" in refused.err
    assert installation.hitscanner("release", "--json").code == 0
    records = installation.hitscanner("audit", "--json").result["records"]
    assert [record["action"] for record in records] == ["stop", "stopped", "release"]


def test_an_opt_out_reaches_probers_that_run_and_their_targets_are_excluded(installation):
    with demo(installation, "--targets", "700", "--rate-pps", "50") as running:
        until(lambda: probes(installation) > 300)
        jobs = installation.home.glob("spool/de-0001/jobs/demo/*/0000/targets.txt")
        job = max(jobs)  # the newest cycle's
        last = [line for line in job.read_text().split() if ":" not in line][-1]

        told = installation.hitscanner("lists", "opt-out", last, "--why", "asked", "--json")
        assert told.code == 0, told.err
        for copy in installation.home.glob("spool/*/dnp.txt"):
            assert last in copy.read_text()
        out, _ = running.communicate(timeout=PATIENCE_S)

    result = Ended(running.returncode, out, "").result
    assert running.returncode == 0, out
    assert result["state"] == "complete"
    assert result["excluded"] == 5
    parts = ("done", "failed", "excluded", "unassigned")
    assert result["assigned"] == sum(result[part] for part in parts)
