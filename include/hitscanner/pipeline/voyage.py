"""
Make one drive hold a cycle, whatever it held before.

What it lacks is found by listing it, sent, and compared, until nothing is missing.  So a run that
was killed anywhere is finished by the next one, and what counts is only what the drive itself says.
Files whose names the drive does not know are sent while our own checksums are still being counted.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from hitscanner.domain.cycle import Cycle
from hitscanner.errors import HitscannerError
from hitscanner.infra.drives import Drive, DriveFaultError, RemoteFile, Upload
from hitscanner.infra.store import Store
from hitscanner.pipeline.cargo import Cargo, Piece, cycle_files, cycle_folders, sums_path
from hitscanner.pipeline.pace import Pace, Progress

ROUNDS = 3
"""How often what a drive holds is compared and mended in one run."""


class DriveMismatchError(DriveFaultError):
    """A drive holds other bytes than were sent to it."""

    cause = "mismatch"


class ChangedError(DriveFaultError):
    """A file of the store changed while it was sent."""

    cause = "changed"


class GoneError(DriveFaultError):
    """A file is missing on a drive, and here it has expired."""

    cause = "gone"


@dataclass(frozen=True)
class Stamp:
    """What tells that a file was written to, without reading it (stat(2))."""

    size_bytes: int
    modified_ns: int
    inode: int

    @classmethod
    def of(cls, file: Path) -> "Stamp":
        """Look at *file*."""
        found = file.stat()
        return cls(found.st_size, found.st_mtime_ns, found.st_ino)


@dataclass
class Voyage:
    """The copy of one cycle onto one drive: first `send_ahead`, then `converge`."""

    drive: Drive
    store: Store
    cycle: Cycle
    say: Callable[[str], None]
    note: Callable[[Progress], object] | None = None
    held: list[RemoteFile] = field(default_factory=list)
    """What the drive said that it holds before anything was sent."""

    ahead: dict[str, Stamp] = field(default_factory=dict)
    """What was sent before its checksum was known, by path."""

    arrived: list[RemoteFile] = field(default_factory=list)
    """What the drive said of what was sent in the round that is on its way, or was last."""

    refused: Exception | None = None
    pace: Pace | None = None

    def send_ahead(self) -> None:
        """
        Send the files whose names the drive does not know; what goes wrong, `converge` raises.

        Not where one path may name several files: such a drive keeps our checksum with a file.
        """
        try:
            self.held = [*self.drive.list(cycle_folders(self.store, self.cycle))]
            if not self.drive.may_hold_twins:
                self._send(self._unknown())
        except (HitscannerError, OSError) as error:
            self.refused = error

    def converge(self, wanted: Cargo) -> None:
        """
        Send what is missing until nothing is.

        What a drive says of a file when it has arrived counts; where it says nothing, or one path
        may name several files, it is asked again.

        Raises:
            DriveFaultError: what the drive said, or what is wrong with what it holds.
            OSError: when the store cannot be read.
        """
        if self.refused and not _is_of_one_file(self.refused):
            raise self.refused
        self._check_still()
        lacks = missing(wanted.pieces, self.drive.algorithm, self.held)
        if self.ahead:
            lacks = self._still_missing(lacks, self.ahead)
        for attempt in range(1 if self.ahead else 0, ROUNDS):
            if not lacks:
                break
            self._check_not_expired(lacks)
            if attempt:
                self._check_unchanged(lacks)
            self._try(lacks)
            lacks = self._still_missing(lacks, {piece.path for piece in lacks})
        if lacks:
            self._check_unchanged(lacks)
            raise self.refused or self._mismatch(lacks[0])
        if self.pace:
            self.pace.end()

    def _unknown(self) -> list[Upload]:
        """Give what is here and not there by name, but what says that all is there."""
        known = {file.path for file in self.held} | {self.cycle.manifest, sums_path(self.cycle)}
        new = [path for path in cycle_files(self.store, self.cycle) if path not in known]
        self.ahead = {path: Stamp.of(self.store.local(path)) for path in new}
        return [Upload(path, self.store.local(path)) for path in new]

    def _try(self, lacks: Sequence[Piece]) -> None:
        """Send *lacks*, the manifest when all else has arrived; keep a refusal for later."""
        self.arrived.clear()
        last = [piece for piece in lacks if piece.path == self.cycle.manifest]
        others = [piece for piece in lacks if piece.path != self.cycle.manifest]
        try:
            for part in (others, last):
                self._send([piece.upload(self.store) for piece in part])
        except DriveFaultError as error:
            if error.ends_all:
                raise
            self.refused = error

    def _send(self, uploads: Sequence[Upload]) -> None:
        """Send files and add what arrives to `arrived`, also when something goes wrong."""
        if not uploads:
            return
        sizes = {upload.path: upload.source.stat().st_size for upload in uploads}
        pace = self._pace(sizes.values())
        for file in self.drive.put(uploads):
            self.arrived.append(file)
            pace.add(sizes[file.path])

    def _pace(self, sizes: Iterable[int]) -> Pace:
        """Give what counts, with files of *sizes* bytes more to come."""
        if self.pace is None:
            pace = Pace(f"drive {self.drive.name}: {self.cycle}", 0, 0, self.say)
            if tell := self.note:
                pace.note = lambda: tell(pace.progress(str(self.cycle), self.drive.name))
            self.pace = pace
        self.pace.expect(len([*sizes]), sum(sizes))
        self.pace.note()
        return self.pace

    def _still_missing(self, lacks: Sequence[Piece], sent: Collection[str]) -> list[Piece]:
        """Give those of *lacks* that are not there as they should be, when *sent* was sent."""
        if self.drive.may_hold_twins:
            folders = cycle_folders(self.store, self.cycle)
            return missing(lacks, self.drive.algorithm, self.drive.list(folders))
        lacks = missing(lacks, self.drive.algorithm, self.arrived)
        doubtful = [piece.path for piece in lacks if piece.path in sent]
        described = self.drive.stat(doubtful) if doubtful else ()
        return missing(lacks, self.drive.algorithm, described)

    def _check_still(self) -> None:
        """See that what was sent ahead is as it was when that began."""
        for path, stamp in self.ahead.items():
            with suppress(FileNotFoundError):
                if Stamp.of(self.store.local(path)) == stamp:
                    continue
            raise self._changed(path)

    def _check_not_expired(self, lacks: Iterable[Piece]) -> None:
        for piece in lacks:
            if piece.has_expired:
                raise GoneError(
                    f"drive {self.drive.name}: gone: {piece.path} is not there and has expired"
                    " here; copy it back from another drive, then run load again"
                )

    def _check_unchanged(self, lacks: Iterable[Piece]) -> None:
        """See that what did not arrive as it was counted is here as it was counted."""
        for piece in lacks:
            with suppress(FileNotFoundError):
                if self.store.sha256(piece.path) == piece.sha256:
                    continue
            raise self._changed(piece.path)

    def _changed(self, path: str) -> ChangedError:
        return ChangedError(
            f"drive {self.drive.name}: changed: {path} changed while it was sent;"
            " run load again when nothing writes there"
        )

    def _mismatch(self, piece: Piece) -> DriveMismatchError:
        return DriveMismatchError(
            f"drive {self.drive.name}: mismatch: {piece.path} has another {self.drive.algorithm}"
            f" than was sent {ROUNDS} times; check the drive and run load again"
        )


def missing(
    pieces: Iterable[Piece], algorithm: str, described: Iterable[RemoteFile]
) -> list[Piece]:
    """Give those of *pieces* that are not *described* exactly once, with the right checksum."""
    held: dict[str, list[str | None]] = defaultdict(list)
    for file in described:
        held[file.path].append(file.digest)

    def is_whole(piece: Piece) -> bool:
        digest = piece.digests.get(algorithm)
        return digest is not None and held.get(piece.path) == [digest]

    return [piece for piece in pieces if not is_whole(piece)]


def _is_of_one_file(error: Exception) -> bool:
    return isinstance(error, DriveFaultError) and not error.ends_all
