"""
What every drive can do, and how it says that it cannot.

::

    DriveError            exit 1   drives.toml is wrong
    DriveFaultError       exit 3   base of what a drive says; another run goes on
    ├── UnreachableError           no answer, or "try later" for as long as we tried
    ├── CredentialsError           who we are is not accepted
    ├── ClockError                 this machine's clock is wrong, so our signature is not accepted
    ├── DriveFullError             no room or quota is left
    └── RefusedError               anything else, with the drive's own words
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Protocol

from hitscanner.errors import UnfinishedError, UsageError


class DriveError(UsageError):
    """The list of drives cannot be read as one, or a drive cannot be opened as it says."""


class DriveFaultError(UnfinishedError):
    """A drive did not take or give a file; what it holds is kept, and another run goes on."""

    cause = "failed"
    """One word for tables."""

    ends_all = False
    """Whether no further file need be tried now."""


class UnreachableError(DriveFaultError):
    """The drive gave no answer, or said "later" for as long as it was asked."""

    cause = "unreachable"
    ends_all = True


class CredentialsError(DriveFaultError):
    """The drive does not accept who we are."""

    cause = "credentials"
    ends_all = True


class ClockError(DriveFaultError):
    """The drive does not accept what time it is here."""

    cause = "clock"
    ends_all = True


class DriveFullError(DriveFaultError):
    """The drive has no room or quota left."""

    cause = "full"
    ends_all = True


class RefusedError(DriveFaultError):
    """The drive refused in words of its own."""

    cause = "refused"


LONGEST_WORDS = 400
"""Characters of what a drive said that are repeated."""

REMEDIES: dict[type[DriveFaultError], str] = {
    UnreachableError: "check the network and the drive; the next run goes on where this ended",
    CredentialsError: "renew its credentials, then run load again",
    ClockError: "set this machine's clock, then run load again",
    DriveFullError: "free some space there or buy more, then run load again",
    RefusedError: "see what it says, then run load again",
}


def fault(kind: type[DriveFaultError], drive: str, words: str) -> DriveFaultError:
    """
    Make the one line for what *drive* said.

    >>> print(fault(DriveFullError, "cloud", "quota exceeded"))
    drive cloud: full: quota exceeded; free some space there or buy more, then run load again
    """
    said = " ".join(words.split())
    if len(said) > LONGEST_WORDS:  # the kind of the error often stands at the end
        said = f"{said[: LONGEST_WORDS // 2]} … {said[-LONGEST_WORDS // 2 :]}"
    return kind(f"drive {drive}: {kind.cause}: {said}; {REMEDIES[kind]}")


@dataclass(frozen=True)
class RemoteFile:
    """A file as its drive describes it."""

    path: str
    digest: str | None
    """By the drive's algorithm, hexadecimal; None when the drive knows none for this file."""


@dataclass(frozen=True)
class Upload:
    """A local file and where it goes."""

    path: str
    source: Path
    sha256: str = ""
    """Of the local file, hexadecimal; empty when it is not known yet."""


class Drive(Protocol):
    """Whole files by relative path."""

    name: str

    @property
    def algorithm(self) -> str:
        """Of its checksums; a name of `digests.HASHERS`."""
        ...

    @property
    def may_hold_twins(self) -> bool:
        """Whether one path can name several files there."""
        ...

    def put(self, uploads: Sequence[Upload]) -> Iterator[RemoteFile]:
        """
        Copy files, several at once; give each as the drive describes it when it has arrived.

        When all have ended, what went wrong is raised.
        """
        ...

    def stat(self, paths: Sequence[str]) -> Iterator[RemoteFile]:
        """Describe those of *paths* that are there; a name that is there twice comes twice."""
        ...

    def list(self, folders: Sequence[str]) -> Iterator[RemoteFile]:
        """Describe the files below *folders*, likewise; a missing folder is an empty one."""
        ...

    def delete(self, path: str) -> None:
        """Remove *path*; a missing file is fine."""
        ...


def in_parallel(
    send: Callable[[Upload], RemoteFile], uploads: Sequence[Upload], transfers: int
) -> Iterator[RemoteFile]:
    """
    Give what *send* gives for each of *uploads* as soon as it has sent it, *transfers* at a time.

    A file that fails leaves the others alone; the first failure is raised when they have ended.
    A failure that ends all (no credentials, no room) lets nothing more begin.
    """
    first: Exception | None = None
    is_over = Event()

    def attempt(upload: Upload) -> RemoteFile | None:
        return None if is_over.is_set() else send(upload)

    with ThreadPoolExecutor(transfers) as pool:
        waiting = [pool.submit(attempt, upload) for upload in uploads]
        try:
            for future in as_completed(waiting):
                try:
                    arrived = future.result()
                except Exception as error:  # noqa: BLE001 raised below, when the others ended
                    first = first or error
                    if not isinstance(error, DriveFaultError) or error.ends_all:
                        is_over.set()
                else:
                    if arrived:
                        yield arrived
        finally:
            is_over.set()
    if first:
        raise first
