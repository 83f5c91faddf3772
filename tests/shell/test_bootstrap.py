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


def prepared(home: Path, **files: str) -> dict[str, str]:
    """Lay out a home for `cluster` with the files given; slashes are written as two underscores."""
    for name, text in files.items():
        path = home / name.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return {"HITSCANNER_HOME": str(home)}


SERVER = '[server]\nname = "centre"\n'


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({}, "inventory.toml is missing; copy inventory.sample.toml there and edit it"),
        ({"inventory_dot_toml": "# none\n"}, "has no [server]; add one"),
        ({"inventory_dot_toml": SERVER}, "put the release files of k3s v1."),
        (
            {"inventory_dot_toml": SERVER, "bundle__k3s-amd64": "k3s"},
            "bundle/SHA256SUMS is missing; run in",
        ),
    ],
    ids=["no inventory", "no server", "no bundle", "no sums"],
)
def test_a_cluster_without_what_it_needs_is_refused_with_the_remedy(tmp_path, files, words):
    refused = bootstrap("cluster", **prepared(tmp_path, **files))

    assert refused.returncode == 1
    [line] = refused.stderr.strip().splitlines()
    assert words in line


def test_a_step_of_the_cluster_that_does_not_exist_is_told_with_those_that_do():
    refused = bootstrap("cluster", "--only", "coffee")

    assert refused.returncode == 1
    assert (
        "unknown step 'coffee' of cluster; there are: preflight, packages, venv" in refused.stderr
    )


def test_a_preflight_alone_touches_nothing(tmp_path):
    files = {"inventory_dot_toml": SERVER, "bundle__k3s-amd64": "", "bundle__SHA256SUMS": ""}
    environment = prepared(tmp_path, **files)
    before = sorted(tmp_path.rglob("*"))
    done = bootstrap("cluster", "--only", "preflight", **environment)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert before == sorted(tmp_path.rglob("*"))


REGISTRY = SERVER + '[platform]\nregistry = "registry.example.net"\n'


def test_images_and_airflow_are_steps_only_where_there_is_a_registry(tmp_path):
    files = {"bundle__k3s-amd64": "", "bundle__SHA256SUMS": ""}
    plain = prepared(tmp_path / "plain", inventory_dot_toml=SERVER, **files)
    whole = prepared(tmp_path / "whole", inventory_dot_toml=REGISTRY, **files)

    for step in ("images", "platform"):
        without = bootstrap("cluster", "--only", step, "--dry-run", **plain)
        with_one = bootstrap("cluster", "--only", step, "--dry-run", **whole)
        assert (without.returncode, without.stderr) == (0, "")
        assert with_one.returncode == 0
        assert "would run:" in with_one.stderr
        assert step in with_one.stderr


@pytest.mark.parametrize("status", [0, 1, 3])
def test_down_ends_as_what_it_calls_ends(tmp_path: Path, status: int):
    for name in ("bootstrap.sh", "versions.env"):
        (tmp_path / name).write_bytes((REPOSITORY / name).read_bytes())
    program = tmp_path / ".venv/bin/hitscanner"
    program.parent.mkdir(parents=True)
    program.write_text(f"#!/bin/sh\nexit {status}\n")
    program.chmod(0o755)

    ended = subprocess.run(
        ["sh", str(tmp_path / "bootstrap.sh"), "down"],
        env={**os.environ, "HITSCANNER_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (ended.returncode, ended.stderr) == (status, "")
