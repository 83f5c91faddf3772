"""hs-transform's memory does not grow with its input: runs under a limit of the address space."""

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.support.paths import REPOSITORY

LAB = REPOSITORY / "transform_rs/tests/data/lab-50k-traces.warts.zst"
LIMITED = 'ulimit -v "$1"; shift; exec "$@"'
# The allocator reserves 64 MiB of addresses for each thread otherwise.
ONE_ARENA = {**os.environ, "MALLOC_ARENA_MAX": "1"}


def run_within(mib: int, *argv: Any) -> None:
    command = ["sh", "-c", LIMITED, "sh", str(mib * 1024), *map(str, argv)]
    subprocess.run(command, check=True, env=ONE_ARENA, stdout=subprocess.DEVNULL)


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """The large sample, unpacked: 28 MB."""
    raw: Path = tmp_path_factory.mktemp("lab") / "lab.warts"
    subprocess.run(["zstd", "-q", "-d", LAB, "-o", raw], check=True)
    return raw


def test_a_hundred_megabytes_are_read_in_the_memory_that_was_promised(hs_transform, lab, tmp_path):
    inputs = [lab] * 4
    run_within(32, hs_transform, "check", "--threads", 1, *inputs)
    to_lines = ["--threads", 1, "--to", "jsonl", "-o", "/dev/null"]
    run_within(32, hs_transform, "convert", *to_lines, *inputs)
    to_tables = ["--threads", 2, "--to", "parquet", "-o", tmp_path / "tables"]
    run_within(192, hs_transform, "convert", *to_tables, *inputs)


@pytest.mark.parametrize(
    ("command", "mib"),
    [(["convert", "--to", "links"], 16), (["graph"], 24)],
    ids=["links", "graph"],
)
def test_what_memory_does_not_hold_is_spilled_and_the_bytes_are_the_same(
    hs_transform, lab, tmp_path, command, mib
):
    roomy, tight = tmp_path / "roomy", tmp_path / "tight"
    one = [hs_transform, *command, "--threads", 1]
    subprocess.run([*map(str, one), "-o", roomy, lab], check=True)
    run_within(mib, *one, "--memory", 2, "-o", tight, lab)
    names = sorted(p.name for p in roomy.iterdir()) if roomy.is_dir() else [""]
    for name in names:
        assert (roomy / name).read_bytes() == (tight / name).read_bytes(), name
