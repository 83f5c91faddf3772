"""Keep a drive from taking the whole line: at most so many bytes a second, over all its files."""

import io
import time
from collections.abc import Callable
from pathlib import Path
from threading import Lock


class Throttle:
    """
    Lets bytes through at a rate; who takes more than is due waits first.

    >>> waits: list[float] = []
    >>> throttle = Throttle(2.0, now=lambda: 0.0, sleep=waits.append)
    >>> throttle.take(1_000_000), throttle.take(3_000_000), throttle.take(1)
    (None, None, None)
    >>> waits
    [0.5, 2.0]
    """

    def __init__(
        self,
        max_mb_per_s: float | None = None,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.max_mb_per_s = max_mb_per_s
        self.now = now
        self.sleep = sleep
        self.lock = Lock()
        self.free_at: float | None = None
        """When what was taken so far has passed."""

    def take(self, size_bytes: int) -> None:
        """Wait until all that was taken before has passed at the rate; then count *size_bytes*."""
        if self.max_mb_per_s is None:
            return
        with self.lock:
            now = self.now()
            begin = max(now, self.free_at or now)
            self.free_at = begin + size_bytes / (self.max_mb_per_s * 1e6)
        if begin > now:
            self.sleep(begin - now)

    def open(self, file: Path) -> "PacedFile":
        """Open *file* for reading at the rate."""
        return PacedFile(file, self)


class PacedFile(io.FileIO):
    """A file whose reader waits."""

    def __init__(self, file: Path, throttle: Throttle) -> None:
        super().__init__(file, "rb")
        self.throttle = throttle

    def read(self, size: int | None = -1, /) -> bytes:
        """Read as any file, when it is time."""
        data = super().read(-1 if size is None else size) or b""
        self.throttle.take(len(data))
        return data
