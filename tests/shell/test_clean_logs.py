"""The log groomer of the Airflow image."""

import os
import subprocess
import time
from pathlib import Path

import pytest

from tests.support.paths import REPOSITORY

SCRIPT = REPOSITORY / "docker" / "airflow" / "clean-logs"
DAY_S = 86_400


@pytest.fixture
def home(tmp_path: Path) -> Path:
    for age_days in (0, 5, 40):
        file = tmp_path / "logs" / f"dag_id=a{age_days}" / "task.log"
        file.parent.mkdir(parents=True)
        file.write_bytes(b"x" * 4096)
        then = time.time() - age_days * DAY_S - 60
        os.utime(file, (then, then))
        os.utime(file.parent, (then, then))
    return tmp_path


def clean(home: Path, disk_kb: int = 10**9, **limits: str) -> str:
    """Run it once, on a disk of that size."""
    df = home / "bin" / "df"
    df.parent.mkdir()
    df.write_text(f"#!/bin/sh\necho 1K-blocks\necho {disk_kb}\n")
    df.chmod(0o755)
    given = {f"AIRFLOW__LOG_{name.upper()}": value for name, value in limits.items()}
    path = f"{df.parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", str(SCRIPT), "--once"],
        env={"PATH": path, "AIRFLOW_HOME": str(home), **given},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout


def kept(home: Path) -> list[str]:
    return sorted(path.parent.name for path in home.glob("logs/*/task.log"))


def test_what_is_older_than_the_days_given_goes_and_its_empty_folder_at_the_next_round(home):
    clean(home, retention_days="30")

    assert kept(home) == ["dag_id=a0", "dag_id=a5"]


def test_days_are_taken_off_until_all_logs_are_a_small_part_of_the_disk(home):
    said = clean(home, disk_kb=200, retention_days="60", max_size_percent="10")

    assert kept(home) == ["dag_id=a0"]
    assert "deleting those older than 4 days" in said


def test_a_full_disk_that_is_full_of_other_things_costs_no_log(home):
    clean(home, disk_kb=10**6, retention_days="60", max_size_percent="10")

    assert kept(home) == ["dag_id=a0", "dag_id=a40", "dag_id=a5"]


def test_without_limits_fifteen_days_are_kept(home):
    clean(home)

    assert kept(home) == ["dag_id=a0", "dag_id=a5"]
