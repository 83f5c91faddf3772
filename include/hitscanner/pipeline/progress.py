"""Where a load notes how far it is, so that a page can show it while the task runs."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from hitscanner.infra.files import write_whole
from hitscanner.pipeline.pace import Progress


def write_progress(folder: Path, run_id: str, progress: Progress) -> None:
    """Keep the newest note of a cycle and drive, and whose run it was."""
    name = f"{progress.cycle.replace('/', '.')}.{progress.drive}.json"
    note = {"run_id": run_id, **asdict(progress)}
    write_whole(folder / name, json.dumps(note, sort_keys=True).encode())


def read_progress(folder: Path, run_id: str | None = None) -> Iterator[Progress]:
    """Give the notes of one run, or of all, newest cycle first; what cannot be read is left out."""
    for file in sorted(folder.glob("*.json"), reverse=True):
        try:
            found = json.loads(file.read_text())
            whose = found.pop("run_id")
            progress = Progress(**found)
        except (OSError, ValueError, KeyError, TypeError):
            continue
        if run_id in (None, whose):
            yield progress
