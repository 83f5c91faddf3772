"""The built file is the same bytes wherever and whenever it is built, and it runs."""

import hashlib
import os
import subprocess
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from hitscanner.prober import build
from hitscanner.prober.build import build_pyz


def test_two_builds_are_the_same_bytes_and_the_digest_is_theirs(tmp_path):
    one, other = tmp_path / "one.pyz", tmp_path / "other.pyz"
    os.utime(Path(build.__file__).parent / "cli.py")

    digests = build_pyz(one), build_pyz(other)

    assert one.read_bytes() == other.read_bytes()
    assert (hashlib.sha256(one.read_bytes()).hexdigest(),) * 2 == digests


def test_lanes_that_begin_together_may_all_build_it(tmp_path):
    out = tmp_path / "prober.pyz"

    with ThreadPoolExecutor(8) as pool:
        digests = set(pool.map(build_pyz, [out] * 200))

    assert digests == {hashlib.sha256(out.read_bytes()).hexdigest()}


def test_it_holds_sources_only_sorted_and_dated_1980(tmp_path):
    build_pyz(tmp_path / "prober.pyz")

    entries = zipfile.ZipFile(tmp_path / "prober.pyz").infolist()

    names = [entry.filename for entry in entries]
    assert sorted(names) == names
    assert {".py"} == {Path(name).suffix for name in names}
    assert {(1980, 1, 1, 0, 0, 0)} == {entry.date_time for entry in entries}


def test_it_runs_by_itself_without_any_other_package(tmp_path):
    build_pyz(tmp_path / "prober.pyz")

    said = subprocess.run(
        [sys.executable, "-I", "-S", tmp_path / "prober.pyz", "--help"],
        capture_output=True,
        text=True,
        check=True,
        cwd="/",
    )

    assert os.access(tmp_path / "prober.pyz", os.X_OK)
    assert "exit status of run" in said.stdout


def test_the_package_runs_as_a_module_too():
    said = subprocess.run(
        [sys.executable, "-m", "hitscanner.prober", "--version"],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(Path(build.__file__).parents[2])},
    )

    assert said.stdout == "hitscanner prober 0.1.0\n"
