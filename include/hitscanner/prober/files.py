"""Files that appear whole or not at all."""

from __future__ import annotations

import errno
import hashlib
import json
import os
from pathlib import Path
from typing import Any

from .errors import FailedError

CHUNK_BYTES = 1 << 20
"""How much of a file is read at a time, bytes."""

RESERVE_BYTES = 256 << 10
"""Free space of the spool, bytes, below which no packet is sent: a slice's records need a place."""


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of the file *path*, in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        for chunk in iter(lambda: stream.read(CHUNK_BYTES), b""):
            digest.update(chunk)
    return digest.hexdigest()


def sync(path: Path) -> None:
    """Wait until the file or directory *path* is on the disk."""
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def write_whole(path: Path, data: bytes) -> None:
    """
    Write *data* to *path* so that a reader sees the old file or the new one, never a part.

    Raises:
        FailedError: if there is no room; neither *path* nor a temporary file is touched then.
    """
    temporary = path.with_name(path.name + ".tmp")
    try:
        with temporary.open("wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        rename_whole(temporary, path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise disk_error(path, error) from error


def rename_whole(source: Path, target: Path) -> None:
    """Rename *source* to *target* in one directory, and make the new name last."""
    source.replace(target)
    sync(target.parent)


def write_json(path: Path, value: Any) -> None:
    """Write *value* as JSON with sorted keys, whole or not at all."""
    write_whole(path, (json.dumps(value, sort_keys=True, indent=1) + "\n").encode())


def check_room(directory: Path) -> None:
    """Raise FailedError when the file system of *directory* is full, or nearly."""
    stat = os.statvfs(directory)
    free_bytes = stat.f_bavail * stat.f_frsize
    if free_bytes < RESERVE_BYTES:
        raise FailedError(
            f"disk full: {free_bytes} bytes are free in {directory}, {RESERVE_BYTES} are needed; "
            "free some space and run the job again, its finished slices are kept"
        )


def disk_error(path: Path, error: OSError) -> FailedError:
    """
    Turn *error* of writing *path* into the line that a user reads.

    >>> print(disk_error(Path("shard.json"), OSError(errno.ENOSPC, "No space left on device")))
    disk full: cannot write shard.json; free some space and run the job again
    """
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return FailedError(f"disk full: cannot write {path}; free some space and run the job again")
    return FailedError(f"cannot write {path}: {error.strerror}; repair the spool and run again")
