"""Copy a finished cycle to every drive, once, verified by checksum; the manifest goes last."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from hitscanner.domain.cycle import Cycle
from hitscanner.domain.quorum import State
from hitscanner.errors import UnfinishedError, UsageError
from hitscanner.infra.drives import Drive, sha256_lines
from hitscanner.infra.store import Store
from hitscanner.pipeline.gate import read_manifest

PUBLISHABLE = (State.COMPLETE, State.PARTIAL)


class DriveMismatchError(UnfinishedError):
    """A drive holds other bytes than were sent to it."""


@dataclass(frozen=True)
class Loaded:
    """What one drive holds of a cycle."""

    drive: str
    files: int
    size_bytes: int


def load(store: Store, drives: Sequence[Drive], cycle: Cycle) -> list[Loaded]:
    """
    Copy *cycle* to each of *drives*; what is already there, byte for byte, is not sent again.

    Raises:
        UsageError: when the cycle is not finished.
        DriveMismatchError: when a copy's checksum differs from the store's.
    """
    state = read_manifest(store, cycle).state
    if state not in PUBLISHABLE:
        raise UsageError(f"{cycle} is {state}; only a complete or partial cycle is published")
    return [_load_one(store, drive, cycle) for drive in drives]


def cycle_files(store: Store, cycle: Cycle) -> list[str]:
    """Give the paths that are published, the manifest last: it appears when all else is there."""
    folders = [cycle.raw, cycle.topology, cycle.folder, *_tables(store, cycle)]
    found = sorted({file for folder in folders for file in store.files(folder)})
    ours = {cycle.manifest, _sums(cycle)}
    published = [f for f in found if f not in ours and not f.startswith(f"{cycle.folder}/load/")]
    return [*published, cycle.manifest]


def _tables(store: Store, cycle: Cycle) -> list[str]:
    return [cycle.table(table) for table in store.folders("tables")]


def _sums(cycle: Cycle) -> str:
    return f"{cycle.folder}/manifest.sha256"


def _load_one(store: Store, drive: Drive, cycle: Cycle) -> Loaded:
    files = cycle_files(store, cycle)
    digests = {file: store.sha256(file) for file in files}
    store.write(_sums(cycle), sha256_lines(digests))
    digests[_sums(cycle)] = store.sha256(_sums(cycle))
    sizes = [_copy(store, drive, file, digests[file]) for file in [_sums(cycle), *files]]
    loaded = Loaded(drive.name, len(sizes), sum(sizes))
    record = json.dumps(asdict(loaded), sort_keys=True).encode() + b"\n"
    store.write(f"{cycle.folder}/load/{drive.name}.json", record)
    return loaded


def _copy(store: Store, drive: Drive, path: str, sha256: str) -> int:
    held = drive.stat(path)
    if held is None or held.sha256 != sha256:
        held = drive.put(path, store.local(path))
    if held.sha256 != sha256:
        raise DriveMismatchError(
            f"drive {drive.name}: {path} has sha256 {held.sha256}, sent {sha256};"
            " check the drive and run load again"
        )
    return held.size_bytes
