"""bootstrap.sh says what it would do, refuses what it does not know, stops at a failing step."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.support.paths import REPOSITORY


def bootstrap(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["./bootstrap.sh", *arguments],
        cwd=REPOSITORY,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def empty_path(tmp_path: Path) -> str:
    """A PATH that has the shell's own tools and nothing else."""
    for name in ("sh", "id", "dirname", "cat", "cut", "env", "sha256sum", "sort", "head", "grep"):
        (tmp_path / name).symlink_to(_which(name))
    return str(tmp_path)


def _which(name: str) -> str:
    found = subprocess.run(["which", name], capture_output=True, text=True, check=True)
    return found.stdout.strip()


def test_help_names_every_command_and_exit_code():
    told = bootstrap("--help")

    assert told.returncode == 0
    for word in ("demo", "local", "setup", "down", "--dry-run", "--only", "2 done in part"):
        assert word in told.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["dmeo"], "unknown command 'dmeo'; see ./bootstrap.sh --help"),
        (["setup", "--only", "coffee"], "unknown step 'coffee'; there are: packages, venv"),
        (["setup", "--quick"], "unknown option '--quick' of setup"),
        (["down", "--all"], "unknown option '--all' of down"),
    ],
)
def test_what_it_does_not_know_is_one_line_and_exit_1(arguments, words):
    refused = bootstrap(*arguments)

    assert refused.returncode == 1
    [line] = refused.stderr.strip().splitlines()
    assert words in line


def test_a_dry_run_of_the_demo_changes_nothing_and_says_the_command():
    before = sorted(path.name for path in REPOSITORY.iterdir())
    dry = bootstrap("demo", "--seed", "3", "--dry-run")

    assert dry.returncode == 0
    assert "would run: hitscanner demo --seed 3" in dry.stderr
    assert before == sorted(path.name for path in REPOSITORY.iterdir())


def test_what_is_missing_is_named_where_there_is_no_package_manager(empty_path):
    refused = bootstrap("setup", "--only", "packages", PATH=empty_path)

    assert refused.returncode == 1
    assert "missing: scamper iproute2 gcc" in refused.stderr
    assert "install them with this system's package manager" in refused.stderr


def test_it_is_plain_sh():
    subprocess.run(["dash", "-n", "bootstrap.sh"], cwd=REPOSITORY, check=True)
