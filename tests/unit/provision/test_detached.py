"""Detached work with real shells and a systemd made of two scripts: begun, found again, ended."""

import asyncio
import os
import subprocess
from pathlib import Path

import pytest

from hitscanner.infra.remote import Done
from hitscanner.provision import detached
from hitscanner.provision.detached import DetachedError, run_detached
from hitscanner.provision.model import Detached, Start

START = Start("k3s-agent.service", "us-0001", "v1.36.3")

SYSTEMCTL = """#!/bin/sh
case "$*" in *ActiveState*) cat {folder}/state 2>/dev/null || echo inactive ;; esac
"""
SYSTEMD_RUN = """#!/bin/sh
echo "$*" >>{folder}/begun
for script; do :; done
echo active >{folder}/state
( sh "$script"; echo inactive >{folder}/state ) >/dev/null 2>&1 &
"""


class Shell:
    """This machine with the two scripts in the place of systemd."""

    name = "us-0001"

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        programs = folder / "bin"
        programs.mkdir()
        for name, text in (("systemctl", SYSTEMCTL), ("systemd-run", SYSTEMD_RUN)):
            (programs / name).write_text(text.format(folder=folder))
            (programs / name).chmod(0o755)
        self.environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"}

    async def run(self, script: str, *, stdin: bytes = b"", timeout_s: float = 60.0) -> Done:
        done = await asyncio.to_thread(
            subprocess.run, ["sh", "-c", script], input=stdin, capture_output=True, check=False,
            timeout=timeout_s, env=self.environment,
        )  # fmt: skip
        return Done(done.returncode, done.stdout.decode(), done.stderr.decode())

    async def put(self, path: str, content: bytes | Path, mode: int = 0o644) -> None:
        assert isinstance(content, bytes)
        Path(path).parent.mkdir(exist_ok=True)
        Path(path).write_bytes(content)

    async def get(self, path: str) -> bytes | None:
        raise AssertionError(f"nobody reads {path} here")

    def begun(self) -> list[str]:
        return (self.folder / "begun").read_text().splitlines()


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    monkeypatch.setattr(detached, "FOLDER", str(tmp_path / "jobs"))
    monkeypatch.setattr(detached, "POLL_S", 0.02)
    return Shell(tmp_path)


def run(shell: Shell, script: str) -> None:
    asyncio.run(run_detached(shell, Detached("rotation", script, START)))


def test_a_script_runs_as_a_unit_after_which_systemd_starts_k3s(shell: Shell) -> None:
    run(shell, f"sleep 0.2\ntouch {shell.folder}/done")

    assert (shell.folder / "done").exists()
    [words] = shell.begun()
    assert "--unit=rotation" in words
    assert "--property=ExecStopPost=/bin/systemctl start --no-block k3s-agent.service" in words


def test_the_first_command_that_fails_ends_it_and_its_words_are_told(shell: Shell) -> None:
    with pytest.raises(DetachedError, match="rotation ended with 1: no more room"):
        run(shell, f"echo no more room >&2; false\ntouch {shell.folder}/done")

    assert not (shell.folder / "done").exists()


def test_a_unit_that_is_at_work_is_waited_for_and_not_begun_again(shell: Shell) -> None:
    async def twice() -> None:
        first = asyncio.create_task(run_detached(shell, Detached("rotation", "sleep 0.5", START)))
        while not (shell.folder / "begun").exists():
            await asyncio.sleep(0.02)
        first.cancel()  # as our own end would
        await run_detached(shell, Detached("rotation", ":", START))

    asyncio.run(twice())

    assert len(shell.begun()) == 1
    assert (shell.folder / "state").read_text() == "inactive\n"
