"""The log of a job: one event a line, on the disk and on standard error."""

from __future__ import annotations

import os
import sys
import time
from contextlib import suppress
from pathlib import Path


class EventLog:
    """Appends to a file that scamper's output goes to as well."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
        self._echoes = not _is_standard_error(self.fd)

    def event(self, what: str) -> None:
        """Record *what*, and say it on standard error."""
        self.record(what)
        if not self._echoes:
            return
        with suppress(OSError, ValueError):
            sys.stderr.write(f"prober: {what}\n")
            sys.stderr.flush()

    def record(self, what: str) -> None:
        """Write *what* with the time; a full disk does not stop us from stopping properly."""
        line = f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} {what}\n"
        with suppress(OSError):
            os.write(self.fd, line.encode())

    def size(self) -> int:
        """Return the length of the log, bytes: a place to read from later."""
        return os.fstat(self.fd).st_size

    def last_line_since(self, at: int) -> str:
        """Return the last line written after the byte *at*, or ''."""
        with self.path.open("rb") as stream:
            stream.seek(at)
            lines = stream.read().decode("utf-8", "replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "")


def _is_standard_error(fd: int) -> bool:
    """Return whether who started us sends our standard error to the file *fd* already."""
    try:
        return os.path.samestat(os.fstat(fd), os.fstat(2))
    except OSError:  # standard error is closed
        return False
