"""
Rate leases: all probers of a vantage point together stay below its packets per second.

A lease is a file `leases/<job>.lease` that its owner keeps locked (flock(2)). The kernel drops the
lock when the owner dies, however it dies, so a lease that can be locked by somebody else is dead
and is removed. Counting and taking happen under the lock of `leases/lock`.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .files import disk_error

ENDING = ".lease"


@contextmanager
def lease(
    directory: Path, name: str, rate_pps: int, max_pps: int, wait: Callable[[str], None]
) -> Iterator[None]:
    """
    Hold *rate_pps* of the vantage point's budget while the block runs.

    The budget is the smallest `max_pps` of this and all living leases.

    Args:
        directory: the leases of this vantage point; made if missing.
        name: unique to the job on this machine.
        rate_pps: what the block will send, packets per second.
        max_pps: what all may send together.
        wait: called while the budget is used up, with a sentence that says so; it must pause,
            and may raise to give up.
    """
    directory.mkdir(parents=True, exist_ok=True)
    while True:
        fd, used_pps = _try_to_take(directory, name, rate_pps, max_pps)
        if fd is not None:
            break
        wait(f"waiting for {rate_pps} pps: {used_pps} of {max_pps} pps are leased on this host")
    try:
        yield
    finally:
        (directory / (name + ENDING)).unlink(missing_ok=True)
        os.close(fd)


def count_living(directory: Path) -> int:
    """Return how many probers of this vantage point hold a lease, and so may be sending."""
    if not directory.is_dir():
        return 0
    with _locked(directory / "lock"):
        return sum(_living(path) is not None for path in sorted(directory.glob("*" + ENDING)))


def _try_to_take(directory: Path, name: str, rate_pps: int, max_pps: int) -> tuple[int | None, int]:
    """Return the descriptor of the lease, or None if the budget does not allow it; and its use."""
    own = directory / (name + ENDING)
    with _locked(directory / "lock"):
        living = [_living(path) for path in sorted(directory.glob("*" + ENDING)) if path != own]
        budgets = [each for each in living if each is not None]
        used_pps = sum(rate for rate, _ in budgets)
        if used_pps + rate_pps > min([max_pps] + [most for _, most in budgets]):
            return None, used_pps
        return _write_locked(own, {"pid": os.getpid(), "rate_pps": rate_pps, "max_pps": max_pps}), 0


def _living(path: Path) -> tuple[int, int] | None:
    """Return (rate, budget) of the lease *path*, or remove it and return None if it is dead."""
    try:
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:  # its owner has just given it back
        return None
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        value = json.loads(os.read(fd, 4096))
        return int(value["rate_pps"]), int(value["max_pps"])
    else:
        path.unlink(missing_ok=True)
        return None
    finally:
        os.close(fd)


def _write_locked(path: Path, value: dict[str, int]) -> int:
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        os.write(fd, json.dumps(value, sort_keys=True).encode())
    except OSError as error:
        with suppress(OSError):
            path.unlink()
        os.close(fd)
        raise disk_error(path, error) from error
    return fd


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)
