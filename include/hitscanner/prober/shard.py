"""`shard.json`: what a run of a job came to."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from . import __version__
from .errors import ProberError
from .files import sha256_of, write_json
from .job import JobSpec
from .ledger import Ledger
from .spool import JobDir


@dataclass
class Facts:
    """What a run learns about its machine, as far as it came."""

    started_at: float
    """Epoch seconds of this machine's clock."""

    scamper_version: str | None = None
    clock_offset_s: float | None = None


def describe(
    spec: JobSpec, ledger: Ledger, facts: Facts, error: ProberError | None, ended_at: float
) -> dict[str, Any]:
    """Return the content of `shard.json` for a run that ended with *error*, or well."""
    slices = [
        {key: value for key, value in note.items() if key != "failed_targets"}
        for note in ledger.slices
    ]
    return {
        "version": 1,
        "list": spec.list,
        "cycle": spec.cycle,
        "vp": spec.vp,
        "shard": spec.shard,
        "state": error.state if error else "done",
        "cause": str(error) if error else None,
        "exit_code": error.exit_code if error else 0,
        "prober_version": __version__,
        "scamper_version": facts.scamper_version,
        "source_addresses": spec.source_addresses,
        "clock_offset_s": facts.clock_offset_s,
        "started_at": min([facts.started_at] + [note["started_at"] for note in slices]),
        "ended_at": ended_at,
        **ledger.counts(),
        "targets_sha256": spec.targets_sha256,
        "dnp_sha256": spec.dnp_sha256,
        "slices": slices,
    }


def write_shard(paths: JobDir, shard: Mapping[str, Any]) -> None:
    """Write `shard.json`."""
    write_json(paths.shard, shard)


def finished_shard(paths: JobDir, spec: JobSpec) -> dict[str, Any] | None:
    """
    Return the `shard.json` of a job that is done, or None.

    A job whose slices are not all there as they were is not done, whatever the file says.
    """
    try:
        shard = json.loads(paths.shard.read_text("utf-8"))
        is_done = shard["state"] == "done" and shard["targets_sha256"] == spec.targets_sha256
        is_whole = is_done and all(
            sha256_of(paths.slices / note["name"]) == note["sha256"] for note in shard["slices"]
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return dict(shard) if is_whole else None
