"""What tests with real namespaces share."""

import os
import shutil
from pathlib import Path

import pytest

from hitscanner.simulator import lifecycle
from hitscanner.simulator.world import WorldSpec, generate

needs_root = [
    pytest.mark.root,
    pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root"),
    pytest.mark.skipif(not Path("/dev/net/tun").exists(), reason="/dev/net/tun is missing"),
]


def root(test):
    """Mark a test that makes namespaces."""
    for mark in needs_root:
        test = mark(test)
    return test


needs_scamper = pytest.mark.skipif(shutil.which("scamper") is None, reason="scamper is missing")

VPS = (f"t{os.getpid()}-a", f"t{os.getpid()}-b")
"""Names of this test run alone: a rehearsal may be under way on the same machine."""


@pytest.fixture
def world_file(tmp_path):
    generate(WorldSpec(5, 60, VPS, 60)).dump(tmp_path / "world.jsonl")
    return tmp_path / "world.jsonl"


@pytest.fixture
def state(tmp_path):
    """
    Where a test has its Internet, which is taken down afterwards.

    Nothing may have been sent to a prefix that opted out; the test that does so on purpose takes
    its Internet down itself.
    """
    yield tmp_path / "state"
    opted_out = lifecycle.status(tmp_path / "state").counts.get("opt_out", 0)
    lifecycle.down(tmp_path / "state")
    assert opted_out == 0
