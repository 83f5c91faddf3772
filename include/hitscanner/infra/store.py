"""Where cycles live: a tree of whole files under one root."""

import os
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Protocol

from hitscanner.infra.files import copy_whole, disk_errors, sha256_of, write_whole


class Store(Protocol):
    """Whole files by relative path (design §4.2); nothing is ever seen half-written."""

    def read(self, path: str) -> bytes: ...

    def write(self, path: str, data: bytes) -> None: ...

    def put(self, path: str, source: Path) -> None: ...

    def exists(self, path: str) -> bool: ...

    def files(self, folder: str) -> Iterator[str]: ...

    def folders(self, folder: str, since_s: float = 0.0) -> list[str]: ...

    def sha256(self, path: str) -> str: ...

    def modified_at(self, path: str) -> float: ...

    def local(self, path: str) -> Path: ...


class FolderStore:
    """A store in a folder of this machine, or of anything mounted on it."""

    def __init__(self, root: Path):
        self.root = root

    def read(self, path: str) -> bytes:
        """Give the bytes of *path*; FileNotFoundError if it is not there."""
        return self.local(path).read_bytes()

    def write(self, path: str, data: bytes) -> None:
        """Make *path* hold *data*; an equal file is left as it is."""
        target = self.local(path)
        if not (target.is_file() and target.read_bytes() == data):
            with disk_errors(target):
                write_whole(target, data)

    def put(self, path: str, source: Path) -> None:
        """Copy the local file *source* to *path*; an equal file is left as it is."""
        target = self.local(path)
        if not (target.is_file() and sha256_of(target) == sha256_of(source)):
            with disk_errors(target):
                copy_whole(source, target)

    def exists(self, path: str) -> bool:
        """Say whether a file is there."""
        return self.local(path).is_file()

    def files(self, folder: str) -> Iterator[str]:
        """Give the paths of all whole files below *folder*, sorted."""
        for found in sorted(self.local(folder).rglob("*")):
            if found.is_file() and not found.name.endswith(".partial"):
                yield found.relative_to(self.root).as_posix()

    def folders(self, folder: str, since_s: float = 0.0) -> list[str]:
        """Give the names of the folders directly in *folder* that changed since then, sorted."""
        root = self.local(folder)
        with os.scandir(root) if root.is_dir() else nullcontext(()) as found:
            return sorted(e.name for e in found if e.is_dir() and e.stat().st_mtime >= since_s)

    def sha256(self, path: str) -> str:
        """Give the SHA-256 of a file's bytes."""
        return sha256_of(self.local(path))

    def modified_at(self, path: str) -> float:
        """Give when a file was written, epoch seconds."""
        return self.local(path).stat().st_mtime

    def local(self, path: str) -> Path:
        """Give a path that local programs can read."""
        return self.root / path
