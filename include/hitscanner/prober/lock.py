"""One prober per job: a lock that the kernel drops when its owner dies."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep

from .errors import RefusedError

ORPHAN_S = 10
"""Seconds to wait for a dead prober's warden, which holds the lock until scamper is gone."""

GLANCE_S = 0.5
"""Seconds to wait in any case: `status` holds the lock for an instant when it looks."""


@contextmanager
def job_lock(path: Path) -> Iterator[None]:
    """
    Hold the lock *path*, with our process id in it, while the block runs.

    Raises:
        RefusedError: if a living prober holds it.
    """
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        _take(fd)
        os.ftruncate(fd, 0)
        os.write(fd, b"%d" % os.getpid())
        yield
    finally:
        os.close(fd)


def running_pid(path: Path) -> int | None:
    """Return the process id of the prober that holds the lock *path*; None if nobody does."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _pid_in(fd)
    else:
        return None
    finally:
        os.close(fd)


def _take(fd: int) -> None:
    began = monotonic()
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = _pid_in(fd)
            if monotonic() - began > (GLANCE_S if pid and _is_alive(pid) else ORPHAN_S):
                raise RefusedError(
                    f"another prober (process {pid}) runs this job; wait for it, or stop it first"
                ) from None
            sleep(0.05)
        else:
            return


def _pid_in(fd: int) -> int:
    return int(os.pread(fd, 32, 0) or b"0")


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
