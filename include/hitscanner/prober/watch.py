"""What may end a slice early: a signal, the stop flag, the deadline, an opt-out, a full disk."""

from __future__ import annotations

import signal
import time
from dataclasses import dataclass
from types import FrameType

from .dnp import DoNotProbe, load_dnp
from .errors import RefusedError, StoppedError
from .files import check_room
from .spool import JobDir

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
"""Those that mean: end the slice, keep what is finished, go."""


class StopRequest:
    """Remembers the first signal that asked us to stop."""

    def __init__(self) -> None:
        self.name: str | None = None

    def install(self) -> None:
        """Listen, except to what was ignored from the start (nohup(1) ignores SIGHUP)."""
        for number in SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, self._take)

    def _take(self, number: int, _frame: FrameType | None) -> None:
        self.name = self.name or signal.Signals(number).name


@dataclass
class Watch:
    """Looks at everything that can change while a job runs."""

    paths: JobDir
    stop: StopRequest
    deadline: float
    """`time.monotonic()` at which the go-ahead ends."""

    dnp: DoNotProbe
    dnp_stamp: tuple[int, int, int]
    """Inode, change time and size of the list as it was read."""

    def check(self) -> bool:
        """
        Return whether the do-not-probe list has changed; `dnp` is the new one then.

        Raises:
            StoppedError: if a signal came, the stop flag is set or the deadline has passed.
            RefusedError: if the do-not-probe list is gone or not understood.
            FailedError: if the disk is full.
        """
        self.check_stop()
        check_room(self.paths.path)
        stamp = stamp_of_dnp(self.paths)
        if stamp == self.dnp_stamp:
            return False
        self.dnp, self.dnp_stamp = load_dnp(self.paths.dnp), stamp
        return True

    def check_stop(self) -> None:
        """Raise StoppedError if we are to stop."""
        if self.stop.name is not None:
            raise StoppedError(f"stopped by {self.stop.name}; run the job again to finish it")
        if self.paths.stop_flag.exists():
            raise StoppedError(
                f"the stop flag {self.paths.stop_flag} is set; remove it to measure again"
            )
        if time.monotonic() > self.deadline:
            raise StoppedError("the deadline has passed; run the job again to finish it")


def stamp_of_dnp(paths: JobDir) -> tuple[int, int, int]:
    """Return what changes when the do-not-probe list does, whether replaced or rewritten."""
    try:
        stat = paths.dnp.stat()
    except OSError as error:
        raise RefusedError(
            f"no do-not-probe list: {paths.dnp}: {error.strerror}; stage it, or one with 'none'"
        ) from error
    return stat.st_ino, stat.st_ctime_ns, stat.st_size
