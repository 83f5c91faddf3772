"""Run `hitscanner fleet` in the centre and read its result table."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cluster.errors import LabError
from tests.cluster.lab import REPOSITORY, Lab

LONGEST_S = 900.0
"""No run may take longer, whatever is broken."""


@dataclass(frozen=True)
class Outcome:
    """The last line of a run."""

    status: int
    rows: dict[str, dict[str, Any]]
    """Host -> its row of the result table."""
    wall_s: float
    said: str
    """Everything the run printed."""

    def cause(self, host: str) -> str:
        """Return why *host* did not become what it should."""
        return str(self.rows[host]["cause"])


def command(lab: Lab, *words: str, home: Path | None = None) -> list[str]:
    """Return the command line of `hitscanner WORDS` in the centre."""
    program = Path(sys.executable).with_name("hitscanner")
    inside = lab.in_centre([str(program), *words])
    return [word if home is None else word.replace(str(lab.home), str(home)) for word in inside]


def fleet(lab: Lab, *words: str, home: Path | None = None) -> Outcome:
    """Run `hitscanner fleet WORDS --json` and wait for its end."""
    return finish(begin(lab, *words, home=home))


def begin(lab: Lab, *words: str, home: Path | None = None) -> "subprocess.Popen[str]":
    """Start such a run."""
    return subprocess.Popen(
        command(lab, "fleet", *words, "--json", home=home),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=REPOSITORY,
        env={**os.environ, "NO_COLOR": "1"},
    )


def finish(run: "subprocess.Popen[str]") -> Outcome:
    """Wait for the end of a run and read what it says."""
    said, _ = run.communicate(timeout=LONGEST_S)
    lines = said.strip().splitlines()
    try:
        answer = json.loads(lines[-1])
    except (IndexError, ValueError):
        raise LabError(f"hitscanner ended with {run.returncode}: {said[-1500:]}") from None
    rows = {row["host"]: row for row in answer.get("hosts", [])}
    return Outcome(run.returncode, rows, float(answer.get("wall_s", 0.0)), said)
