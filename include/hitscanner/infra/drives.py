"""Where finished cycles are copied: one small Protocol, and the drive that is a folder."""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pydantic import BaseModel, ConfigDict, ValidationError

from hitscanner.errors import UsageError
from hitscanner.infra.files import copy_whole, disk_errors, sha256_of


class DriveError(UsageError):
    """The list of drives cannot be read as one."""


@dataclass(frozen=True)
class RemoteFile:
    """A file as its drive describes it."""

    path: str
    size_bytes: int
    sha256: str


class Drive(Protocol):
    """Whole files by relative path."""

    name: str

    def put(self, path: str, source: Path) -> RemoteFile: ...

    def stat(self, path: str) -> RemoteFile | None: ...

    def list(self, folder: str) -> Iterator[str]: ...

    def delete(self, path: str) -> None: ...


class FileDrive:
    """Any mounted folder."""

    def __init__(self, name: str, root: Path):
        self.name = name
        self.root = root

    def put(self, path: str, source: Path) -> RemoteFile:
        """Copy *source* to *path* and say what the drive holds then."""
        with disk_errors(self.root / path):
            copy_whole(source, self.root / path)
        return self._describe(path)

    def stat(self, path: str) -> RemoteFile | None:
        """Describe the file at *path*; its checksum is read back from the drive."""
        return self._describe(path) if (self.root / path).is_file() else None

    def list(self, folder: str) -> Iterator[str]:
        """Give the paths below *folder*, sorted."""
        for found in sorted((self.root / folder).rglob("*")):
            if found.is_file() and not found.name.endswith(".partial"):
                yield found.relative_to(self.root).as_posix()

    def delete(self, path: str) -> None:
        """Remove *path*; a missing file is fine."""
        (self.root / path).unlink(missing_ok=True)

    def _describe(self, path: str) -> RemoteFile:
        file = self.root / path
        return RemoteFile(path, file.stat().st_size, sha256_of(file))


class _DriveEntry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str
    kind: str
    path: Path


def read_drives(file: Path) -> tuple[Drive, ...]:
    """
    Read `drives.toml`: `[[drive]]` tables with `name`, `kind = "file"` and an absolute `path`.

    Raises:
        DriveError: naming the file, what is wrong and the fix.
    """
    if not file.is_file():
        raise DriveError(f"{file} is missing; list at least one [[drive]] with name, kind and path")
    try:
        tables = tomllib.loads(file.read_text()).get("drive", [])
        entries = [_DriveEntry.model_validate(table) for table in tables]
    except (tomllib.TOMLDecodeError, ValidationError) as error:
        raise DriveError(f"{file}: {' '.join(str(error).split())}") from error
    if not entries:
        raise DriveError(f"{file} names no [[drive]]; add one with name, kind and path")
    return tuple(_open(file, entry) for entry in entries)


def _open(file: Path, entry: _DriveEntry) -> Drive:
    if entry.kind != "file":
        raise DriveError(f'{file}: drive {entry.name}: kind {entry.kind!r} is unknown; use "file"')
    if not entry.path.is_absolute():
        raise DriveError(f"{file}: drive {entry.name}: path {entry.path} must be absolute")
    return FileDrive(entry.name, entry.path)


def sha256_lines(files: dict[str, str]) -> bytes:
    r"""
    Give the text that `sha256sum --check` reads, sorted by path.

    >>> sha256_lines({"b": "02", "a": "01"})
    b'01  a\n02  b\n'
    """
    return "".join(f"{digest}  {path}\n" for path, digest in sorted(files.items())).encode()
