"""Say how far a copy is: files, bytes, speed, and the time that is left."""

import time
from collections.abc import Callable
from dataclasses import dataclass

EVERY_S = 5.0
"""A line at most this often."""


@dataclass(frozen=True)
class Progress:
    """How far the copy of one cycle onto one drive is."""

    cycle: str
    """`LIST/CYCLE`."""

    drive: str
    state: str
    """`loading`, and at the end `verified` or `failed`."""

    files: int
    size_bytes: int
    done_files: int = 0
    done_bytes: int = 0
    bytes_per_s: float | None = None
    left_s: float | None = None
    cause: str | None = None


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
        self.note: Callable[[], object] = bool
        """Called as often as a line is said, for who else wants to know."""

        self.what = what
        self.files = files
        self.size_bytes = size_bytes
        self.say = say
        self.now = now
        self.done_files = 0
        self.done_bytes = 0
        self.began_at = self.told_at = now()

    def expect(self, files: int, size_bytes: int) -> None:
        """Count files that are to be copied as well."""
        self.files += files
        self.size_bytes += size_bytes

    def add(self, size_bytes: int) -> None:
        """Count one more file."""
        self.done_files += 1
        self.done_bytes += size_bytes
        if self.now() - self.told_at >= EVERY_S:
            self.told_at = self.now()
            self.say(self.line())
            self.note()

    def end(self) -> None:
        """Say the last line."""
        self.say(self.line())
        self.note()

    @property
    def bytes_per_s(self) -> float | None:
        """Speed since the copy began."""
        taken_s = self.now() - self.began_at
        return self.done_bytes / taken_s if taken_s > 0 else None

    def left_s(self, bytes_per_s: float | None) -> float | None:
        """Tell how long the rest takes at this speed."""
        return (self.size_bytes - self.done_bytes) / bytes_per_s if bytes_per_s else None

    def progress(self, cycle: str, drive: str) -> Progress:
        """Describe the copy for a page."""
        speed = self.bytes_per_s
        sizes = (self.files, self.size_bytes, self.done_files, self.done_bytes)
        return Progress(cycle, drive, "loading", *sizes, speed, self.left_s(speed))

    def line(self) -> str:
        """
        Describe the copy as it is now.

        >>> times = iter([0.0, 0.0, 10.0])
        >>> pace = Pace("drive box", 4, 40_000_000, print, lambda: next(times))
        >>> pace.add(10_000_000)
        >>> pace.line()
        'drive box: 1 of 4 files, 10.0 of 40.0 MB, 1.0 MB/s, 30 s left'
        """
        speed = self.bytes_per_s or 0.0
        left_s = self.left_s(speed)
        left = "?" if left_s is None else f"{left_s:.0f} s left"
        return (
            f"{self.what}: {self.done_files} of {self.files} files,"
            f" {self.done_bytes / 1e6:.1f} of {self.size_bytes / 1e6:.1f} MB,"
            f" {speed / 1e6:.1f} MB/s, {left}"
        )
