"""
Two locks against two runs at once: one file per host at the centre, one on the host itself.

The centre's is flock(2), gone with its process.  The host's has an end, so that a centre that
vanished blocks nobody for longer than a deadline; the same centre, which holds its own lock,
takes it over.
"""

import fcntl
import hashlib
import os
import platform
import shlex
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

from hitscanner.infra.remote import Remote, RemoteError

HOST_FOLDER = "/run/hitscanner"
"""Gone with a restart of the host, and the lock in it."""

HELD = 45
"""Exit status of the script below when another centre holds the lock."""

_TAKE = """set -eu
mkdir -p {folder}
exec 9>{folder}/mutex
flock -w 10 9
now=$(date +%s)
if [ -s {folder}/lock ]; then
    read -r until owner who < {folder}/lock
    if [ "$until" -gt "$now" ] && [ "$owner" != {owner} ]; then
        echo "$who"
        exit 45
    fi
fi
printf '%s %s %s\\n' "$((now + {seconds}))" {owner} {who} > {folder}/lock
"""
_GIVE = "grep -qs {owner} {folder}/lock && rm -f {folder}/lock; exit 0"


class LockedError(RemoteError):
    """Another run is at work on the host."""

    cause = "locked"


@contextmanager
def centre_lock(folder: Path, host: str, actor: str) -> Iterator[None]:
    """
    Keep other runs of this centre away from *host*.

    Raises:
        LockedError: at once, when one is there; with who it is.
    """
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder / f"{host}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 500, 0).decode(errors="replace").strip()
            raise _locked(host, holder or "another run on this machine") from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, _who(actor).encode(), 0)
        yield
    finally:
        os.close(descriptor)


@asynccontextmanager
async def host_lock(
    remote: Remote, folder: Path, actor: str, deadline_s: float
) -> AsyncIterator[None]:
    """
    Keep other centres away from a host; *folder* is that of our own locks and makes our name.

    Raises:
        LockedError: when another centre is at work there; with who it is.
    """
    owner = _centre(folder)
    take = _TAKE.format(
        folder=HOST_FOLDER, owner=owner, who=shlex.quote(_who(actor)), seconds=int(deadline_s) + 30
    )
    done = await remote.run(take, timeout_s=30)
    if done.status == HELD:
        raise _locked(remote.name, done.out.strip())
    if not done.is_good:
        raise _locked(remote.name, f"nobody, but it cannot be taken: {done.err.strip()[-200:]}")
    try:
        yield
    finally:
        with suppress(RemoteError):
            await remote.run(_GIVE.format(owner=owner, folder=HOST_FOLDER), timeout_s=15)


def _locked(host: str, holder: str) -> LockedError:
    return LockedError(host, f"the lock is held by {holder}", "wait for it to end, then run again")


def _centre(folder: Path) -> str:
    name = f"{platform.node()} {folder.absolute()}"
    return hashlib.sha256(name.encode()).hexdigest()[:16]


def _who(actor: str) -> str:
    since = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return f"{actor} (pid {os.getpid()} on {platform.node()}) since {since}"
