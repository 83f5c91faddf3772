"""Write files so that a reader sees all of one or nothing: partial name, fsync, rename, fsync."""

import errno
import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from hitscanner.errors import HitscannerError

REMEDIES = {
    errno.ENOSPC: "free some space or set HITSCANNER_HOME to a larger disk, then run it again",
    errno.EDQUOT: "free some of your quota or set HITSCANNER_HOME elsewhere, then run it again",
    errno.EROFS: "the file system is read-only; set HITSCANNER_HOME elsewhere",
    errno.EACCES: "check who owns it, or set HITSCANNER_HOME elsewhere",
}
"""What a user can do about what a disk says."""


class DiskError(HitscannerError):
    """A file could not be written; nothing half-written was left."""


def write_whole(path: Path, data: bytes) -> None:
    """
    Put *data* at *path*; a crash leaves the old file or the new one, never a part.

    Raises:
        OSError: when the disk is full or not writable; what was begun is removed.
    """
    with _partial(path) as partial, partial.open("wb") as out:
        out.write(data)
        _flush(out.fileno())


def copy_whole(
    source: Path,
    path: Path,
    open_source: Callable[[Path], IO[bytes]] = lambda source: source.open("rb"),
) -> None:
    """Copy *source*, read by *open_source*, to *path* with the promise of `write_whole`."""
    with _partial(path) as partial, open_source(source) as data, partial.open("wb") as out:
        shutil.copyfileobj(data, out, 1 << 20)
        _flush(out.fileno())


def sha256_of(path: Path) -> str:
    """Give the SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as data:
        return hashlib.file_digest(data, "sha256").hexdigest()


def sha256_hex(data: bytes) -> str:
    """Give the SHA-256 of *data*, in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


@contextmanager
def scratch_folder(root: Path, *names: str) -> Iterator[Path]:
    """Give an empty folder; its name is derived, so that a killed run's remains are cleared."""
    folder = root.joinpath(*names)
    with disk_errors(folder):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def check_room(folder: Path, needed_bytes: int) -> None:
    """
    Refuse to begin what the disk of *folder*, or of its nearest parent, has no room for.

    Raises:
        DiskError: with both numbers.
    """
    there = next(each for each in (folder, *folder.absolute().parents) if each.exists())
    free_bytes = shutil.disk_usage(there).free
    if free_bytes < needed_bytes:
        raise DiskError(
            f"{folder} has {free_bytes / 1e6:.0f} MB free and {needed_bytes / 1e6:.0f} MB are"
            f" needed; {REMEDIES[errno.ENOSPC]}"
        )


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock of this machine while the block runs; the kernel drops it if we die."""
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn what a disk says of *path* into one line with the remedy."""
    try:
        yield
    except OSError as error:
        remedy = REMEDIES.get(error.errno or 0)
        if remedy is None:
            raise
        raise DiskError(f"cannot write {path}: {error.strerror}; {remedy}") from error


@contextmanager
def _partial(path: Path) -> Iterator[Path]:
    """
    Give the name that *path* has until it is whole: derived, so that a second try replaces the
    first, and locked, so that two at once take turns.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    descriptor = _lock_named(partial)
    try:
        yield partial
        partial.replace(path)
        _flush_folder(path.parent)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)


def _lock_named(path: Path) -> int:
    """Lock the file that has the name *path*; who held it before may have renamed it away."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(descriptor), path.stat()):
                return descriptor
        os.close(descriptor)


def _flush(descriptor: int) -> None:
    os.fsync(descriptor)


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
