"""
Copy a finished cycle to every drive: once, verified there by checksum, the manifest last.

What a drive lacks is found by listing it, sent, and listed again, until nothing is missing.  So a
run that was killed anywhere is finished by the next one, and what counts is only what the drive
itself says.  Each drive has a thread and an outcome of its own.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Protocol

from hitscanner.domain.cycle import Cycle
from hitscanner.errors import HitscannerError, UnfinishedError
from hitscanner.infra.drives import (
    Connections,
    Drive,
    DriveFaultError,
    FileConnections,
    RemoteFile,
)
from hitscanner.infra.store import Store
from hitscanner.pipeline.cargo import (
    Cargo,
    Piece,
    Pier,
    check_publishable,
    cycle_folders,
    load_folder,
)
from hitscanner.pipeline.pace import Pace, Progress

ROUNDS = 3
"""How often what a drive holds is compared and mended in one run."""

VERIFIED = "verified"
FAILED = "failed"


class DriveMismatchError(DriveFaultError):
    """A drive holds other bytes than were sent to it."""

    cause = "mismatch"


class ChangedError(DriveFaultError):
    """A file of the store changed while it was sent."""

    cause = "changed"


class GoneError(DriveFaultError):
    """A file is missing on a drive, and here it has expired."""

    cause = "gone"


class NotLoadedError(UnfinishedError):
    """A required drive does not hold the cycle; the message names each and why."""


class Berth(Protocol):
    """A drive as `drives.toml` names it, not opened yet."""

    @property
    def name(self) -> str: ...

    @property
    def required(self) -> bool: ...

    def open(self, connections: Connections, scratch: Path) -> Drive: ...


@dataclass(frozen=True)
class Dock:
    """From where and to where cycles are loaded."""

    store: Store
    berths: Sequence[Berth]
    scratch: Path
    connections: Connections = field(default_factory=FileConnections)
    say: Callable[[str], None] = print
    after: Callable[[Drive], None] | None = None
    """Done with each drive that holds the cycle: its catalogue."""

    note: Callable[[Progress], object] | None = None
    """Told how far each drive is, every few seconds and at the end."""


@dataclass(frozen=True)
class Loaded:
    """What one drive holds of a cycle."""

    drive: str
    state: str
    """`verified` or `failed`."""

    required: bool
    files: int
    size_bytes: int
    sums_sha256: str
    """Of the `manifest.sha256` that was compared."""

    cause: str | None = None

    def to_bytes(self) -> bytes:
        """Give JSON for a file; the same outcome, the same bytes."""
        return json.dumps(asdict(self), indent=2, sort_keys=True).encode() + b"\n"


def load(dock: Dock, cycle: Cycle) -> list[Loaded]:
    """
    Copy *cycle* to each drive; what is already there, byte for byte, is not sent again.

    A drive that fails leaves the others alone; its outcome says why.

    Raises:
        UsageError: when the cycle is not finished.
    """
    check_publishable(dock.store, cycle)
    pier = Pier(dock.store, cycle)
    with ThreadPoolExecutor(len(dock.berths)) as pool:
        return [*pool.map(lambda berth: _load_one(dock, berth, pier), dock.berths)]


def require(cycle: Cycle, outcomes: Iterable[Loaded]) -> None:
    """
    See that every required drive holds *cycle*.

    Raises:
        NotLoadedError: naming each that does not, and its cause.
    """
    lacking = [each.cause or each.drive for each in outcomes if each.required and is_failed(each)]
    if lacking:
        raise NotLoadedError(f"{cycle}: {' | '.join(lacking)}")


def is_failed(outcome: Loaded) -> bool:
    """Say whether a drive does not hold the cycle."""
    return outcome.state != VERIFIED


def read_loaded(store: Store, cycle: Cycle, drive: str) -> Loaded | None:
    """Give what is known of *cycle* on *drive*, or None."""
    path = _record(cycle, drive)
    return Loaded(**json.loads(store.read(path))) if store.exists(path) else None


def lacking(store: Store, cycle: Cycle, berths: Iterable[Berth]) -> list[str]:
    """Name the drives that are not known to hold *cycle*."""
    known = {berth.name: read_loaded(store, cycle, berth.name) for berth in berths}
    return [name for name, loaded in known.items() if loaded is None or is_failed(loaded)]


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


def _load_one(dock: Dock, berth: Berth, pier: Pier) -> Loaded:
    outcome = Loaded(berth.name, FAILED, berth.required, files=0, size_bytes=0, sums_sha256="")
    try:
        drive = berth.open(dock.connections, dock.scratch)
        wanted = pier.cargo(drive.algorithm)
        outcome = replace(
            outcome,
            state=VERIFIED,
            files=len(wanted.pieces),
            size_bytes=wanted.size_bytes,
            sums_sha256=wanted.sums_sha256,
        )
        _converge(dock, drive, wanted)
        _write(dock.store, pier.cycle, outcome)
        if dock.after:
            dock.after(drive)
    except (HitscannerError, OSError) as error:
        words = str(error) if isinstance(error, HitscannerError) else f"{berth.name}: {error}"
        outcome = replace(outcome, state=FAILED, cause=words)
        dock.say(f"{pier.cycle}: {words}")
        _write(dock.store, pier.cycle, outcome)
    if dock.note:
        dock.note(_ended(pier.cycle, outcome))
    return outcome


def _ended(cycle: Cycle, end: Loaded) -> Progress:
    held = (0, 0) if is_failed(end) else (end.files, end.size_bytes)
    about = (str(cycle), end.drive, end.state, end.files, end.size_bytes)
    return Progress(*about, *held, cause=end.cause)


def _converge(dock: Dock, drive: Drive, wanted: Cargo) -> None:
    """
    Send what is missing until nothing is.

    What a drive says of a file when it has arrived counts; where it says nothing, or one path may
    name several files, it is asked again.
    """
    refused: DriveFaultError | None = None
    lacks = _missing_there(dock, drive, wanted)
    for attempt in range(ROUNDS):
        if not lacks:
            return
        _check_not_expired(drive, lacks)
        if attempt:
            _check_unchanged(dock.store, drive, lacks)
        arrived: list[RemoteFile] = []
        try:
            _send(dock, drive, wanted, lacks, arrived)
        except DriveFaultError as error:
            if error.ends_all:
                raise
            refused = error
        if drive.may_hold_twins:
            lacks = _missing_there(dock, drive, wanted)
        elif lacks := missing(lacks, drive.algorithm, arrived):
            paths = [piece.path for piece in lacks]
            lacks = missing(lacks, drive.algorithm, drive.stat(paths))
    if lacks:
        _check_unchanged(dock.store, drive, lacks)
        raise refused or _mismatch(drive, lacks[0])


def _missing_there(dock: Dock, drive: Drive, wanted: Cargo) -> list[Piece]:
    folders = cycle_folders(dock.store, wanted.cycle)
    return missing(wanted.pieces, drive.algorithm, drive.list(folders))


def _check_not_expired(drive: Drive, lacks: Iterable[Piece]) -> None:
    for piece in lacks:
        if piece.has_expired:
            raise GoneError(
                f"drive {drive.name}: gone: {piece.path} is not there and has expired here;"
                " copy it back from another drive, then run load again"
            )


def _check_unchanged(store: Store, drive: Drive, lacks: Iterable[Piece]) -> None:
    """See that what did not arrive as it was counted is here as it was counted."""
    for piece in lacks:
        with suppress(FileNotFoundError):
            if store.sha256(piece.path) == piece.sha256:
                continue
        raise ChangedError(
            f"drive {drive.name}: changed: {piece.path} changed while it was sent;"
            " run load again when nothing writes there"
        )


def _send(
    dock: Dock, drive: Drive, wanted: Cargo, lacks: Sequence[Piece], arrived: list[RemoteFile]
) -> None:
    """Send *lacks*, and add what arrives to *arrived*, also when something goes wrong."""
    sizes = {piece.path: piece.size_bytes for piece in lacks}
    what = f"drive {drive.name}: {wanted.cycle}"
    pace = Pace(what, len(lacks), _bytes(lacks), dock.say)
    pace.note = lambda: dock.note and dock.note(pace.progress(str(wanted.cycle), drive.name))
    pace.note()
    for part in _in_order(wanted.cycle, lacks):
        uploads = [piece.upload(dock.store) for piece in part]
        for file in drive.put(uploads) if uploads else ():
            arrived.append(file)
            pace.add(sizes[file.path])
    pace.end()


def _in_order(cycle: Cycle, lacks: Sequence[Piece]) -> tuple[list[Piece], list[Piece]]:
    """Give all but the manifest, then the manifest."""
    last = [piece for piece in lacks if piece.path == cycle.manifest]
    return [piece for piece in lacks if piece.path != cycle.manifest], last


def _bytes(pieces: Iterable[Piece]) -> int:
    return sum(piece.size_bytes for piece in pieces)


def _mismatch(drive: Drive, piece: Piece) -> DriveMismatchError:
    return DriveMismatchError(
        f"drive {drive.name}: mismatch: {piece.path} has another {drive.algorithm} than was sent"
        f" {ROUNDS} times; check the drive and run load again"
    )


def _record(cycle: Cycle, drive: str) -> str:
    return f"{load_folder(cycle)}/{drive}.json"


def _write(store: Store, cycle: Cycle, outcome: Loaded) -> None:
    store.write(_record(cycle, outcome.drive), outcome.to_bytes())
