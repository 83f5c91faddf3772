"""Say how far a copy is: files, bytes, speed, and the time that is left."""

import time
from collections.abc import Callable

EVERY_S = 5.0
"""A line at most this often."""


class Pace:
    """Counts what arrived of one copy."""

    def __init__(
        self,
        what: str,
        files: int,
        size_bytes: int,
        say: Callable[[str], None],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.what = what
        self.files = files
        self.size_bytes = size_bytes
        self.say = say
        self.now = now
        self.done_files = 0
        self.done_bytes = 0
        self.began_at = self.told_at = now()

    def add(self, size_bytes: int) -> None:
        """Count one more file."""
        self.done_files += 1
        self.done_bytes += size_bytes
        if self.now() - self.told_at >= EVERY_S:
            self.told_at = self.now()
            self.say(self.line())

    def end(self) -> None:
        """Say the last line."""
        self.say(self.line())

    def line(self) -> str:
        """
        Describe the copy as it is now.

        >>> times = iter([0.0, 0.0, 10.0])
        >>> pace = Pace("drive box", 4, 40_000_000, print, lambda: next(times))
        >>> pace.add(10_000_000)
        >>> pace.line()
        'drive box: 1 of 4 files, 10.0 of 40.0 MB, 1.0 MB/s, 30 s left'
        """
        taken_s = self.now() - self.began_at
        speed = self.done_bytes / taken_s if taken_s > 0 else 0.0
        left = f"{(self.size_bytes - self.done_bytes) / speed:.0f} s left" if speed else "?"
        return (
            f"{self.what}: {self.done_files} of {self.files} files,"
            f" {self.done_bytes / 1e6:.1f} of {self.size_bytes / 1e6:.1f} MB,"
            f" {speed / 1e6:.1f} MB/s, {left}"
        )
