"""What every way to a host shares: scripts for `sh`, files by standard input, sizes checked."""

import shlex
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from hitscanner.infra.remote import Done, RemoteError, TimedOutError

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
CHUNK_BYTES = 1 << 18
GRACE_S = 10.0
"""What a host gets beyond a script's time to end it by itself and say so."""

TIMED_OUT = (124, 137)
"""How timeout(1) of coreutils exits when it had to end a command, by TERM or by KILL."""

NO_FILE = 44

LONGEST_ARGUMENT = 30_000
"""Characters; Linux takes 128 KiB in one argument (execve(2)), quoting may treble a script."""

_PUT = """set -eu
folder=$(dirname -- {path})
[ -d "$folder" ] || (umask 022; mkdir -p -- "$folder")
new=$(mktemp -- "$folder/.$(basename -- {path}).XXXXXX")  # two runs may put the same file at once
trap 'rm -f -- "$new"' EXIT
umask 077
cat > "$new"
got=$(wc -c < "$new")
[ "$got" -eq {size} ] || {{ echo "cut off at $got of {size} bytes" >&2; exit 1; }}
chmod {mode:04o} "$new"
sync "$new"
mv -f -- "$new" {path}
sync "$folder"
"""
"""Whole or not at all: a cut connection gives too few bytes, which the size tells."""

_GET = "if [ -e {path} ]; then cat -- {path}; else exit 44; fi"


@dataclass(frozen=True)
class Raw:
    """How a command ended, in bytes."""

    status: int
    out: bytes
    err: bytes


class PutFailedError(RemoteError):
    """A file could not be written on a host; nothing half-written was left."""

    cause = "put-failed"


def command(script: str, timeout_s: float, *, is_root: bool) -> tuple[str, ...]:
    """
    Give the argument list that runs *script* as root and is ended by the host after *timeout_s*.

    >>> command("true", 5, is_root=False)[:7]
    ('sudo', '-n', '--', 'timeout', '-k', '5', '5')
    """
    sudo = () if is_root else ("sudo", "-n", "--")
    seconds = f"{timeout_s:g}"
    settings = ("env", "LC_ALL=C", f"PATH={PATH}")
    return (*sudo, "timeout", "-k", "5", seconds, *settings, "sh", "-c", script)


async def chunks(content: bytes | Path) -> AsyncIterator[bytes]:
    """Give *content*, or that file's, in pieces."""
    if isinstance(content, bytes):
        for start in range(0, len(content), CHUNK_BYTES):
            yield content[start : start + CHUNK_BYTES]
        return
    with content.open("rb") as data:
        while piece := data.read(CHUNK_BYTES):
            yield piece


class ShellRemote(ABC):
    """A `Remote` made of one way to run a command with an input."""

    name: str

    @abstractmethod
    async def _exec(self, script: str, content: bytes | Path, timeout_s: float) -> Raw:
        """Run *script* with that input; exit status and output in bytes."""

    async def run(self, script: str, *, stdin: bytes = b"", timeout_s: float = 60.0) -> Done:
        """Run a POSIX sh script as root; a very long one has no *stdin* of its own."""
        if len(script) > LONGEST_ARGUMENT and not stdin:
            script, stdin = "exec sh", script.encode()
        raw = await self._timed(script, stdin, timeout_s)
        return Done(raw.status, _text(raw.out), _text(raw.err))

    async def put(self, path: str, content: bytes | Path, mode: int = 0o644) -> None:
        """Make *path* hold *content* or that local file: parents made, then whole or not."""
        size = len(content) if isinstance(content, bytes) else content.stat().st_size
        script = _PUT.format(path=shlex.quote(path), size=size, mode=mode)
        raw = await self._timed(script, content, 60.0 + size / 200_000)
        if raw.status:
            said = _last_line(raw.err) or f"exit status {raw.status}"
            remedy = "free some space there" if "No space" in said else "look at that folder"
            raise PutFailedError(self.name, f"cannot write {path}: {said}", remedy)

    async def get(self, path: str) -> bytes | None:
        """Give the content of a file, or None where there is none."""
        raw = await self._timed(_GET.format(path=shlex.quote(path)), b"", 60.0)
        if raw.status == NO_FILE:
            return None
        if raw.status:
            raise PutFailedError(self.name, f"cannot read {path}: {_last_line(raw.err)}", "look")
        return raw.out

    async def _timed(self, script: str, content: bytes | Path, timeout_s: float) -> Raw:
        raw = await self._exec(script, content, timeout_s)
        if raw.status in TIMED_OUT:
            raise timed_out(self.name, timeout_s)
        return raw


def timed_out(host: str, timeout_s: float) -> TimedOutError:
    """Say that a command did not end."""
    return TimedOutError(
        host,
        f"a command did not end within {timeout_s:g} s",
        "see what the host is busy with, then run it again",
    )


def _text(data: bytes) -> str:
    return data.decode(errors="replace")


def _last_line(data: bytes) -> str:
    lines = _text(data).strip().splitlines()
    return lines[-1] if lines else ""
