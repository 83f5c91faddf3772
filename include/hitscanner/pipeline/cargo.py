"""What a finished cycle consists of: the files that are published, and their checksums."""

import json
import os
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Lock, get_native_id

from hitscanner.domain.cycle import Cycle
from hitscanner.domain.quorum import State
from hitscanner.errors import UsageError
from hitscanner.infra.digests import digests_of
from hitscanner.infra.drives import Upload
from hitscanner.infra.files import sha256_hex
from hitscanner.infra.store import Store
from hitscanner.pipeline.gate import expired_path, read_manifest

HASHERS_AT_ONCE = 2
"""Files that are read at once for their checksums."""

HASHERS_NICE = 5
"""How far those who count step back behind those who send, which they do at the same time."""

PUBLISHABLE = (State.COMPLETE, State.PARTIAL)


@dataclass(frozen=True)
class Piece:
    """One published file."""

    path: str
    size_bytes: int
    digests: Mapping[str, str]
    """Checksums by algorithm, of the same bytes: SHA-256 and what the drives compute."""

    has_expired: bool = False
    """Whether it is on the drives only."""

    @property
    def sha256(self) -> str:
        """The checksum by which `manifest.sha256` names it."""
        return self.digests["sha256"]

    def upload(self, store: Store) -> Upload:
        """Say what to send."""
        return Upload(self.path, store.local(self.path), self.sha256)


@dataclass(frozen=True)
class Cargo:
    """All files of a cycle, the manifest last: it appears when all else is there."""

    cycle: Cycle
    pieces: tuple[Piece, ...]
    sums_sha256: str
    """Of `manifest.sha256`: another value is another content."""

    @property
    def size_bytes(self) -> int:
        """Everything together."""
        return sum(piece.size_bytes for piece in self.pieces)


def check_publishable(store: Store, cycle: Cycle) -> None:
    """
    See that *cycle* may be published.

    Raises:
        UsageError: when it is not finished, or a name cannot stand in a list of checksums.
    """
    state = read_manifest(store, cycle).state
    if state not in PUBLISHABLE:
        raise UsageError(f"{cycle} is {state}; only a complete or partial cycle is published")
    for path in cycle_files(store, cycle):
        if "\n" in path or "\r" in path:
            raise UsageError(f"{cycle}: the name of {path!r} holds a line break; rename the file")


def cargo(store: Store, cycle: Cycle, algorithm: str = "sha256") -> Cargo:
    """
    List what *cycle* consists of and write its `manifest.sha256`; the same files, the same bytes.

    Each file is read once, for SHA-256 and *algorithm* together.
    """
    expired = read_expired(store, cycle)
    here = cycle_files(store, cycle)
    away = [piece for path, piece in expired.items() if path not in here]
    wanted = {"sha256", algorithm}
    with ThreadPoolExecutor(HASHERS_AT_ONCE, initializer=_step_back) as pool:
        found = pool.map(lambda path: _piece(store, path, wanted), here)
        pieces = [*away, *found]
    lines = sha256_lines({piece.path: piece.sha256 for piece in pieces})
    store.write(sums_path(cycle), lines)
    sums = _piece(store, sums_path(cycle), wanted)
    return Cargo(cycle, (sums, *pieces), sha256_hex(lines))


class Pier:
    """The cargo of one cycle, read once for each algorithm whatever the number of drives."""

    def __init__(self, store: Store, cycle: Cycle) -> None:
        self.store = store
        self.cycle = cycle
        self.lock = Lock()
        self.found: dict[str, Cargo] = {}

    def cargo(self, algorithm: str) -> Cargo:
        """Give the cargo with the checksums of *algorithm*."""
        with self.lock:
            if algorithm not in self.found:
                self.found[algorithm] = cargo(self.store, self.cycle, algorithm)
            return self.found[algorithm]


def cycle_files(store: Store, cycle: Cycle) -> list[str]:
    """Give the paths that are here and published, the manifest last."""
    found = sorted({file for folder in cycle_folders(store, cycle) for file in store.files(folder)})
    ours = {cycle.manifest, sums_path(cycle)}
    published = [f for f in found if f not in ours and not f.startswith(f"{load_folder(cycle)}/")]
    return [*published, cycle.manifest]


def cycle_folders(store: Store, cycle: Cycle) -> list[str]:
    """Give the folders in which a cycle's files are, those of later schemas included."""
    places = ["", *(f"{REPROCESSED}/{version}/" for version in store.folders(REPROCESSED))]
    derived = [
        f"{place}{folder}"
        for place in places
        for folder in (cycle.topology, *_tables(store, cycle, place))
    ]
    return [cycle.raw, cycle.folder, *derived]


REPROCESSED = "reprocessed"
"""Folder of `schema=VERSION` folders: tables that a later program made of the same raw data."""


def sums_path(cycle: Cycle) -> str:
    """Name the file that `sha256sum --check` reads."""
    return f"{cycle.folder}/manifest.sha256"


def load_folder(cycle: Cycle) -> str:
    """Name the folder of what each drive holds; it is not published."""
    return f"{cycle.folder}/load"


def read_expired(store: Store, cycle: Cycle) -> dict[str, Piece]:
    """Give the files that may have been removed here, by path."""
    if not store.exists(expired_path(cycle)):
        return {}
    found = json.loads(store.read(expired_path(cycle)))
    return {
        path: Piece(path, each["size_bytes"], each["digests"], has_expired=True)
        for path, each in sorted(found.items())
    }


def finished_cycles(store: Store) -> list[Cycle]:
    """Give the cycles that are published, oldest first."""
    cycles = [
        Cycle(name, cycle)
        for name in store.folders("cycles")
        for cycle in store.folders(f"cycles/{name}")
    ]
    finished = [
        cycle
        for cycle in cycles
        if store.exists(cycle.manifest) and read_manifest(store, cycle).state in PUBLISHABLE
    ]
    return sorted(finished, key=lambda cycle: (cycle.cycle, cycle.list))


def sha256_lines(files: Mapping[str, str]) -> bytes:
    r"""
    Give the text that `sha256sum --check` reads, sorted by path.

    >>> sha256_lines({"b": "02", "a": "01"})
    b'01  a\n02  b\n'
    """
    return "".join(f"{digest}  {path}\n" for path, digest in sorted(files.items())).encode()


def _step_back() -> None:
    """Lower the priority of this thread alone (sched(7): on Linux each thread has its own)."""
    thread = get_native_id()
    nice = os.getpriority(os.PRIO_PROCESS, thread) + HASHERS_NICE
    os.setpriority(os.PRIO_PROCESS, thread, nice)  # the kernel takes 19 for more


def _piece(store: Store, path: str, algorithms: Collection[str]) -> Piece:
    file = store.local(path)
    return Piece(path, file.stat().st_size, digests_of(file, algorithms))


def _tables(store: Store, cycle: Cycle, place: str) -> list[str]:
    return [cycle.table(table) for table in store.folders(f"{place}tables")]
