"""One open host that many tasks use side by side: no more at once than sshd allows."""

import asyncio
from pathlib import Path

from hitscanner.infra.remote import Done, Remote

SESSIONS = 6
"""Below sshd_config's MaxSessions, 10 by default, with room for others on the connection."""


class SharedRemote:
    """A `Remote` whose commands wait for each other beyond `SESSIONS`."""

    def __init__(self, remote: Remote) -> None:
        self.name = remote.name
        self._remote = remote
        self._slots = asyncio.Semaphore(SESSIONS)

    async def run(self, script: str, *, stdin: bytes = b"", timeout_s: float = 60.0) -> Done:
        """Run a script when it is its turn."""
        async with self._slots:
            return await self._remote.run(script, stdin=stdin, timeout_s=timeout_s)

    async def put(self, path: str, content: bytes | Path, mode: int = 0o644) -> None:
        """Put a file when it is its turn."""
        async with self._slots:
            await self._remote.put(path, content, mode)

    async def get(self, path: str) -> bytes | None:
        """Read a file when it is its turn."""
        async with self._slots:
            return await self._remote.get(path)
