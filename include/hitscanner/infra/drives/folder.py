"""The drive that is a folder: a disk, or anything that is mounted."""

import errno
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from hitscanner.infra.digests import digest_of
from hitscanner.infra.drives.base import (
    CredentialsError,
    DriveFullError,
    RefusedError,
    RemoteFile,
    UnreachableError,
    Upload,
    fault,
    in_parallel,
)
from hitscanner.infra.drives.throttle import Throttle
from hitscanner.infra.files import copy_whole

KINDS = {
    errno.ENOSPC: DriveFullError,
    errno.EDQUOT: DriveFullError,
    errno.EACCES: CredentialsError,
    errno.EPERM: CredentialsError,
    errno.EROFS: RefusedError,
    errno.EIO: UnreachableError,
    errno.ESTALE: UnreachableError,
    errno.ENOTCONN: UnreachableError,
    errno.ETIMEDOUT: UnreachableError,
}
"""What an error of a mounted drive means."""


class FileDrive:
    """Any mounted folder; every checksum is read back from it."""

    algorithm = "sha256"
    may_hold_twins = False

    def __init__(self, name: str, root: Path, transfers: int = 2, throttle: Throttle | None = None):
        self.name = name
        self.root = root
        self.transfers = transfers
        self.throttle = throttle or Throttle()

    def put(self, uploads: Sequence[Upload]) -> Iterator[RemoteFile]:
        """Copy files; each appears by rename, when it is whole, and is read back."""
        return in_parallel(self._put, uploads, self.transfers)

    def stat(self, paths: Sequence[str]) -> Iterator[RemoteFile]:
        """Describe those of *paths* that are there."""
        with self._faults():
            yield from self._describe(self.root / path for path in paths)

    def list(self, folders: Sequence[str]) -> Iterator[RemoteFile]:
        """Describe the files below *folders*."""
        with self._faults():
            for folder in folders:
                yield from self._describe(sorted((self.root / folder).rglob("*")))

    def delete(self, path: str) -> None:
        """Remove *path*; a missing file is fine."""
        with self._faults():
            (self.root / path).unlink(missing_ok=True)

    def _put(self, upload: Upload) -> RemoteFile:
        with self._faults():
            there = self.root / upload.path
            copy_whole(upload.source, there, self.throttle.open)
            return RemoteFile(upload.path, digest_of(there, self.algorithm))

    def _describe(self, files: Iterable[Path]) -> Iterator[RemoteFile]:
        for file in files:
            if file.is_file() and not file.name.endswith(".partial"):
                path = file.relative_to(self.root).as_posix()
                yield RemoteFile(path, digest_of(file, self.algorithm))

    @contextmanager
    def _faults(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            kind = KINDS.get(error.errno or 0)
            if kind is None:
                raise
            raise fault(kind, self.name, f"{error.strerror} at {self.root}") from error
