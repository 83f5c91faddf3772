"""
Copy a finished cycle to every drive: once, verified there by checksum, the manifest last.

Each drive has a thread and an outcome of its own; how one comes to hold the cycle: `voyage`.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Protocol

from hitscanner.domain.cycle import Cycle
from hitscanner.errors import HitscannerError, UnfinishedError
from hitscanner.infra.drives import Connections, Drive, FileConnections
from hitscanner.infra.store import Store
from hitscanner.pipeline.cargo import Pier, check_publishable, load_folder
from hitscanner.pipeline.pace import Progress
from hitscanner.pipeline.voyage import Voyage

VERIFIED = "verified"
FAILED = "failed"


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


def _load_one(dock: Dock, berth: Berth, pier: Pier) -> Loaded:
    outcome = Loaded(berth.name, FAILED, berth.required, files=0, size_bytes=0, sums_sha256="")
    try:
        drive = berth.open(dock.connections, dock.scratch)
        voyage = Voyage(drive, dock.store, pier.cycle, dock.say, dock.note)
        with ThreadPoolExecutor(1) as pool:
            counting = pool.submit(pier.cargo, drive.algorithm)
            voyage.send_ahead()
            wanted = counting.result()
        outcome = replace(
            outcome,
            state=VERIFIED,
            files=len(wanted.pieces),
            size_bytes=wanted.size_bytes,
            sums_sha256=wanted.sums_sha256,
        )
        voyage.converge(wanted)
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


def _record(cycle: Cycle, drive: str) -> str:
    return f"{load_folder(cycle)}/{drive}.json"


def _write(store: Store, cycle: Cycle, outcome: Loaded) -> None:
    store.write(_record(cycle, outcome.drive), outcome.to_bytes())
