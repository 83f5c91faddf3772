"""
Let raw data expire here, once every required drive was seen to hold it and its time is over.

What a drive is said to hold counts for nothing: it is asked again, file by file, before a file is
removed.  What is removed is written down first, so that a later load still knows what the drives
must hold.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from hitscanner.domain.cycle import Cycle
from hitscanner.errors import HitscannerError
from hitscanner.infra.digests import HASHERS, digests_of
from hitscanner.infra.store import Store
from hitscanner.pipeline.cargo import (
    PUBLISHABLE,
    finished_cycles,
    read_expired,
    sums_path,
)
from hitscanner.pipeline.gate import expired_path, read_manifest
from hitscanner.pipeline.load import VERIFIED, Berth, Dock, read_loaded

RAW_SUFFIX = ".warts.zst"
"""Only these expire: they are large, and their records (`.json`) stay."""


@dataclass(frozen=True)
class Kept:
    """Why a cycle's raw data is still here."""

    cycle: Cycle
    reason: str

    def to_json(self) -> dict[str, Any]:
        """Give the outcome as it travels between tasks."""
        return {"cycle": str(self.cycle), "state": "kept", "reason": self.reason}


@dataclass(frozen=True)
class Pruned:
    """What was removed, or would be."""

    cycle: Cycle
    files: tuple[str, ...]
    size_bytes: int

    def to_json(self) -> dict[str, Any]:
        """Give the outcome as it travels between tasks."""
        removed = {"files": len(self.files), "size_bytes": self.size_bytes}
        return {"cycle": str(self.cycle), "state": "removed", **removed}


def prune(
    dock: Dock, retention_days: int | None, now: datetime, *, is_dry: bool = False
) -> list[Pruned | Kept]:
    """
    Remove the raw files of every finished cycle that may expire; *now* is the run's logical time.

    One outcome per cycle that has raw files here.  With *is_dry* nothing is removed.
    """
    cycles = [cycle for cycle in finished_cycles(dock.store) if raw_files(dock.store, cycle)]
    return [prune_cycle(dock, cycle, retention_days, now, is_dry=is_dry) for cycle in cycles]


def prune_cycle(
    dock: Dock, cycle: Cycle, retention_days: int | None, now: datetime, *, is_dry: bool = False
) -> Pruned | Kept:
    """Remove the raw files of one cycle, or say why not."""
    reason = _too_early(cycle, retention_days, now) or _not_loaded(dock, cycle)
    if reason:
        return Kept(cycle, reason)
    files = {path: _described(dock.store, path) for path in raw_files(dock.store, cycle)}
    for berth in _required(dock.berths):
        if reason := _not_held(dock, berth, cycle, files):
            return Kept(cycle, reason)
    size_bytes = sum(each["size_bytes"] for each in files.values())
    if not is_dry:
        _write_down(dock.store, cycle, files)
        for path in files:
            dock.store.local(path).unlink(missing_ok=True)
    return Pruned(cycle, tuple(files), size_bytes)


def raw_files(store: Store, cycle: Cycle) -> list[str]:
    """Give the raw files of a cycle that are here."""
    return [path for path in store.files(cycle.raw) if path.endswith(RAW_SUFFIX)]


def cycle_time(cycle: Cycle) -> datetime:
    """
    Give the logical time in a cycle's name.

    >>> cycle_time(Cycle("lab", "20261122T030000Z-2")).isoformat()
    '2026-11-22T03:00:00+00:00'
    """
    return datetime.strptime(cycle.cycle[:16], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)


def _too_early(cycle: Cycle, retention_days: int | None, now: datetime) -> str | None:
    if retention_days is None:
        return "drives.toml sets no retention_days"
    age = now - cycle_time(cycle)
    if age < timedelta(days=retention_days):
        return f"{age.days} of {retention_days} days old"
    return None


def _not_loaded(dock: Dock, cycle: Cycle) -> str | None:
    """Say which required drive was not loaded with what the cycle is now."""
    berths = _required(dock.berths)
    if not berths:
        return "no drive is required"
    if read_manifest(dock.store, cycle).state not in PUBLISHABLE:
        return "it is not finished"
    for berth in berths:
        loaded = read_loaded(dock.store, cycle, berth.name)
        if loaded is None or loaded.state != VERIFIED:
            return f"drive {berth.name} does not hold it"
        if loaded.sums_sha256 != dock.store.sha256(sums_path(cycle)):
            return f"drive {berth.name} holds an older state of it"
    return None


def _not_held(
    dock: Dock, berth: Berth, cycle: Cycle, files: Mapping[str, dict[str, Any]]
) -> str | None:
    """Ask a drive for every raw file; say what is missing there."""
    try:
        drive = berth.open(dock.connections, dock.scratch)
        held = {file.path: file.digest for file in drive.list([cycle.raw])}
        algorithm = drive.algorithm
    except (HitscannerError, OSError) as error:
        return f"drive {berth.name} cannot be asked: {error}"
    for path, file in files.items():
        if held.get(path) != file["digests"][algorithm]:
            return f"drive {berth.name} does not hold {path}"
    return None


def _required(berths: Iterable[Berth]) -> list[Berth]:
    return [berth for berth in berths if berth.required]


def _described(store: Store, path: str) -> dict[str, Any]:
    """Give size and all checksums: a drive that is added later may compute any of them."""
    file = store.local(path)
    return {"size_bytes": file.stat().st_size, "digests": digests_of(file, HASHERS)}


def _write_down(store: Store, cycle: Cycle, files: Mapping[str, dict[str, Any]]) -> None:
    before = {
        path: {"size_bytes": piece.size_bytes, "digests": dict(piece.digests)}
        for path, piece in read_expired(store, cycle).items()
    }
    text = json.dumps({**before, **files}, indent=2, sort_keys=True)
    store.write(expired_path(cycle), text.encode() + b"\n")
