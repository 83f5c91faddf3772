"""An installation of its own for each end-to-end test, and the command line as users call it."""

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.paths import REPOSITORY
from tests.support.rehearsals import packets_to_the_opted_out


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def result(self) -> dict[str, Any]:
        """The JSON object on the last line of standard output."""
        found: dict[str, Any] = json.loads(self.out.splitlines()[-1])
        # Whatever a test looks at: a prefix that opted out got no packet.
        assert found.get("network", {}).get("opt_out", 0) == 0
        return found


@dataclass(frozen=True)
class Installation:
    """A `HITSCANNER_HOME`."""

    home: Path

    def run(self, *argv: str, **environment: str) -> Ended:
        """Run a program of the checkout with this home."""
        variables = {**os.environ, "HITSCANNER_HOME": str(self.home), **environment}
        ended = subprocess.run(
            argv, cwd=REPOSITORY, env=variables, capture_output=True, text=True, check=False
        )
        return Ended(ended.returncode, ended.stdout, ended.stderr)

    def bootstrap(self, *arguments: str) -> Ended:
        return self.run("./bootstrap.sh", *arguments)

    def hitscanner(self, *arguments: str, **environment: str) -> Ended:
        return self.run(".venv/bin/hitscanner", *arguments, **environment)

    @property
    def store(self) -> Path:
        return self.home / "store"


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """
    One home for the tests of a module; whatever it left running is taken down.

    Whatever they looked at: a prefix that opted out got no packet.
    """
    made = Installation(tmp_path_factory.mktemp("home"))
    yield made
    opted_out = packets_to_the_opted_out(made.home)
    made.hitscanner("down")
    assert opted_out == 0
