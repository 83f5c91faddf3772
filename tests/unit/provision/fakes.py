"""A host made of answers: what it is asked is kept, what it says is chosen by the test."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from hitscanner.infra.remote import Done, RemoteError

Answer = Done | RemoteError | Callable[[], Done]
GOOD = Done(0, "", "")


@dataclass
class FakeRemote:
    """A `Remote`: the first of `answers` whose words are in a script gives its answer."""

    name: str = "us-0001"
    answers: list[tuple[str, Answer]] = field(default_factory=list)
    scripts: list[str] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    delay_s: float = 0.0

    async def run(self, script: str, *, stdin: bytes = b"", timeout_s: float = 60.0) -> Done:
        self.scripts.append(script)
        await asyncio.sleep(self.delay_s)
        for words, answer in self.answers:
            if words in script:
                if isinstance(answer, RemoteError):
                    raise answer
                return answer() if callable(answer) else answer
        return GOOD

    async def put(self, path: str, content: bytes | Path, mode: int = 0o644) -> None:
        for words, answer in self.answers:
            if words == path and isinstance(answer, RemoteError):
                raise answer
        self.files[path] = content if isinstance(content, bytes) else b"file"

    async def get(self, path: str) -> bytes | None:
        return self.files.get(path)

    def said(self, words: str) -> list[str]:
        """The scripts with these words."""
        return [script for script in self.scripts if words in script]


def opening(
    *remotes: FakeRemote | RemoteError, names: tuple[str, ...] = ()
) -> Callable[[str], AbstractAsyncContextManager[FakeRemote]]:
    """Open fakes by their names; an error in the place of one is raised."""
    known = dict(zip(names, remotes, strict=True)) if names else {}
    known = known or {r.name: r for r in remotes if isinstance(r, FakeRemote)}

    @asynccontextmanager
    async def open_one(name: str) -> AsyncIterator[FakeRemote]:
        found = known[name]
        if isinstance(found, RemoteError):
            raise found
        yield found

    return open_one
