"""Run the machine's tools, and say what they said when they fail."""

import subprocess
from collections.abc import Sequence

from tests.cluster.errors import LabError


def run(*command: str, stdin: str | None = None, timeout_s: float = 300.0) -> str:
    """
    Run *command* and return its standard output.

    Raises:
        LabError: it failed or took longer than *timeout_s*; with the end of its standard error.
    """
    done = attempt(*command, stdin=stdin, timeout_s=timeout_s)
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip())[-600:]
        raise LabError(f"{_short(command)} failed with {done.returncode}: {said}")
    return done.stdout


def attempt(
    *command: str, stdin: str | None = None, timeout_s: float = 300.0
) -> subprocess.CompletedProcess[str]:
    """
    Run *command*, whose failure the caller judges.

    Raises:
        LabError: it took longer than *timeout_s*.
    """
    try:
        return subprocess.run(
            command, input=stdin, capture_output=True, text=True, timeout=timeout_s
        )
    except subprocess.TimeoutExpired:
        raise LabError(f"{_short(command)} did not end within {timeout_s:.0f} s") from None


def _short(command: Sequence[str]) -> str:
    return " ".join(command)[:200]
