"""Whatever kills a load, the next one leaves each file once, byte for byte."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time

import pytest

from hitscanner.pipeline.load import lacking
from tests.support import rclone_serve
from tests.support.drive_fake import DriveFake, serving
from tests.support.drives import Given
from tests.support.paths import REPOSITORY
from tests.unit.pipeline.conftest import Measurement, tree

KILLS = 20
CATALOGUE = {"README.md", "catalogue.parquet", "index.html"}


class Child:
    """A load in a process group of its own."""

    def __init__(self, home):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.load_once", str(home)],
            cwd=REPOSITORY,
            env={**os.environ, "PYTHONPATH": "include:plugins:."},
            stdout=subprocess.PIPE,
            start_new_session=True,
            text=True,
        )
        assert self.process.stdout.readline() == "ready\n"

    def kill(self):
        """End it and what it started, as a lost power supply would."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.communicate()

    def end(self):
        return self.process.communicate()[0], self.process.returncode


def trial_s(home):
    """How long an undisturbed load takes, on drives of its own."""
    child = Child(home)
    began = time.monotonic()
    assert child.end() == ("done\n", 0)
    return time.monotonic() - began


@pytest.mark.chaos
@pytest.mark.slow
def test_twenty_kills_and_one_calm_run_leave_each_file_once(tmp_path):
    rclone_serve.needs_rclone()
    home = tmp_path / "home"
    measurement = Measurement(home)
    measurement.close()
    shutil.copytree(home, tmp_path / "trial")
    longest_s = trial_s(tmp_path / "trial")
    port = rclone_serve.free_port()
    rclone_serve.configuration("webdav", port, home)
    moments = random.Random(7)
    with (
        serving(DriveFake(blind=1)) as fake,
        rclone_serve.served("webdav", tmp_path / "served", port, tmp_path),
    ):
        (home / "google").write_text(fake.url)
        for _ in range(KILLS):
            child = Child(home)
            time.sleep(moments.uniform(0, 3 * longest_s))
            child.kill()
        assert Child(home).end() == ("done\n", 0)

    held = tree(home / "drive")
    published = {p: held[p] for p in held if p not in CATALOGUE}
    assert all(measurement.store.read(path) == data for path, data in published.items())
    assert fake.paths() == sorted(held)
    assert len(fake.folders()) == len(set(fake.folders()))
    assert {path: fake.read(path) for path in published} == published
    served = tree(tmp_path / "served")
    assert {path: served[path] for path in published} == published
    assert sorted(served) == sorted(held)
    berths = [Given(type("D", (), {"name": name})()) for name in ("folder", "google", "box")]
    assert lacking(measurement.store, measurement.cycle, berths) == []
