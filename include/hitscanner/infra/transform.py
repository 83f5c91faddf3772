"""Run `hs-transform`: Python and Rust meet at files and this command line only."""

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal, Protocol

from hitscanner.errors import MeasurementFailedError, UsageError

Format = Literal["parquet", "jsonl", "links"]
EXIT_DAMAGED = 2
"""Damaged input; the output is complete up to the damage (design §4.3)."""


class TransformError(MeasurementFailedError):
    """The program ended with an error; the message has its last line."""


class Transform(Protocol):
    """Pure functions of files: the same input gives the same bytes."""

    def convert(self, to: Format, out: Path, inputs: Sequence[Path], vp: str) -> None: ...

    def merge_links(self, out: Path, inputs: Sequence[Path]) -> None: ...

    def graph(self, out: Path, name: str, inputs: Sequence[Path], aliases: Path) -> None: ...

    def version(self) -> str: ...


class TransformProgram:
    """The binary at *path*."""

    def __init__(self, path: Path):
        self.path = path

    def convert(self, to: Format, out: Path, inputs: Sequence[Path], vp: str | None) -> None:
        """Write traces as *to*; *vp* names the vantage point where a file does not."""
        named = ("--vp", vp) if vp else ()
        self._run("convert", "--to", to, *named, "-o", str(out), *map(str, inputs))

    def merge_links(self, out: Path, inputs: Sequence[Path]) -> None:
        """Write the sorted union of link files."""
        self._run("merge-links", "-o", str(out), *map(str, inputs))

    def check(self, file: Path) -> dict[str, Any]:
        """Read a file to its end and give the report: records, cycles, damage (design §4.3)."""
        with TemporaryDirectory() as folder:
            report = Path(folder, "report.json")
            self._run("check", "--report", str(report), str(file))
            return dict(json.loads(report.read_text()))

    def graph(self, out: Path, name: str, inputs: Sequence[Path], aliases: Path) -> None:
        """
        Write routers and links into the folder *out*: ITDK files called *name*, and Parquet.

        *aliases* holds what is already judged, so private addresses are joined as it says.
        """
        options = ("-o", str(out), "--name", name, "--merge-private", "--aliases", str(aliases))
        self._run("graph", *options, "--", *map(str, inputs))

    def version(self) -> str:
        """Give the program's version."""
        return self._run("--version").split()[-1]

    def _run(self, *arguments: str) -> str:
        if not self.path.is_file():
            raise UsageError(f"{self.path} is missing; build it with: make transform")
        ended = subprocess.run([self.path, *arguments], capture_output=True, text=True, check=False)
        if ended.returncode not in (0, EXIT_DAMAGED):
            raise TransformError(_last_line(arguments[0], ended))
        return ended.stdout


def _last_line(command: str, ended: subprocess.CompletedProcess[str]) -> str:
    lines = ended.stderr.strip().splitlines() or ["no message"]
    return f"hs-transform {command}: exit {ended.returncode}: {lines[-1]}"
