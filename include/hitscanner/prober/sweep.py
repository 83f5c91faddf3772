"""Free the spool of jobs that nobody came for."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from .lock import running_pid
from .spool import JobDir

KEPT_S = 30 * 86_400
"""A job that nothing was written to for this long is removed, seconds: its cycle is long closed."""


def sweep(spool: Path, now_s: float) -> int:
    """
    Remove forgotten jobs from *spool*, never one that a prober works on, and count them.

    What is fetched whole is removed by whoever fetched it; this is for the rest: jobs that failed,
    and those of a centre that is gone.
    """
    old = [job for job in _jobs(spool) if now_s - _written_at(job) > KEPT_S]
    idle = [job for job in old if running_pid(JobDir(job).lock) is None]
    for job in idle:
        shutil.rmtree(job, ignore_errors=True)
        for folder in (job.parent, job.parent.parent):  # a cycle, a list
            with suppress(OSError):
                folder.rmdir()
    return len(idle)


def _jobs(spool: Path) -> Iterator[Path]:
    return (path for path in spool.glob("jobs/*/*/*") if path.is_dir())


def _written_at(job: Path) -> float:
    """Return when something last changed in a job; now-ish if it changes as we look."""
    with suppress(OSError):
        return max(path.stat().st_mtime for path in [job, *job.rglob("*")])
    return float("inf")
