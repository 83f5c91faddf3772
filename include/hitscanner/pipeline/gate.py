"""Close a cycle: count exactly, list what is missing, decide, and write it into the manifest."""

import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Self

from hitscanner.domain.cycle import SECOND, Cycle, Shard
from hitscanner.domain.manifest import (
    CycleManifest,
    Missing,
    Outcome,
    PlannedShard,
    ShardOutcome,
    ShardRecord,
)
from hitscanner.domain.quorum import Counts, Quorum, State, decide
from hitscanner.errors import MeasurementFailedError, UsageError
from hitscanner.infra.files import sha256_hex
from hitscanner.infra.store import Store

NEVER_FETCHED = "nothing came back from the vantage point"


class QuorumError(MeasurementFailedError):
    """Less came back than may be published; the manifest says what."""


def close_cycle(store: Store, cycle: Cycle) -> CycleManifest:
    """
    Judge *cycle* by what the store holds and write its manifest and list of missing targets.

    The same store gives the same bytes.

    Raises:
        UsageError: when the cycle was never planned.
        QuorumError: when the state is `failed`, after the manifest was written.
    """
    manifest = read_manifest(store, cycle)
    moved = _moved(store, manifest)
    returns = [_Return.read(store, cycle, planned, moved) for planned in manifest.asked.shards]
    total = _total(manifest, returns)
    closed = manifest.model_copy(
        update={
            "state": decide(total, _are_whole(manifest, returns), _quorum(manifest)),
            "outcome": Outcome(
                counts=total.to_json(),
                packets=_packets(returns),
                shards=[returned.outcome() for returned in returns],
                missing=_write_missing(store, cycle, returns),
                tools=_tools(returns),
            ),
        }
    )
    store.write(cycle.manifest, closed.to_bytes())
    if closed.state is State.FAILED:
        raise QuorumError(_why_failed(closed))
    return closed


def read_manifest(store: Store, cycle: Cycle) -> CycleManifest:
    """Read a cycle's manifest; UsageError when there is none."""
    if not store.exists(cycle.manifest):
        raise UsageError(f"{cycle} has no manifest; see what there is: hitscanner cycles list")
    return CycleManifest.from_bytes(store.read(cycle.manifest))


def read_record(store: Store, shard: Shard) -> ShardRecord | None:
    """Read what was fetched of a shard, or None; a record without its raw file does not count."""
    if not store.exists(shard.record):
        return None
    record = ShardRecord.from_bytes(store.read(shard.record))
    if record.fetched and not (store.exists(shard.raw) or has_expired(store, shard)):
        return None
    return record


def expired_path(cycle: Cycle) -> str:
    """Name the list of files that are on the drives only (see `prune`)."""
    return f"{cycle.folder}/load/_expired.json"


def has_expired(store: Store, shard: Shard) -> bool:
    """Say whether a shard's raw file was removed here because the drives hold it."""
    path = expired_path(shard.of)
    return store.exists(path) and shard.raw in json.loads(store.read(path))


@dataclass(frozen=True)
class _Return:
    """A planned shard and what came back of it."""

    shard: Shard
    planned: PlannedShard
    record: ShardRecord | None
    missing: tuple[str, ...]
    """Its targets without a trace that no other shard was given."""

    counts: Counts
    is_whole: bool
    """Whether it measured all that it was asked, before anything was moved."""

    @classmethod
    def read(
        cls, store: Store, cycle: Cycle, planned: PlannedShard, moved: Collection[str]
    ) -> Self:
        shard = planned.of(cycle)
        record = read_record(store, shard)
        counts = record.counts if record else Counts(unassigned=planned.targets)
        wanting = missing_of(store, shard)
        kept = [t for t in wanting if shard.shard == SECOND or t not in moved]
        left = counts.without(len(wanting) - len(kept))
        return cls(shard, planned, record, tuple(kept), left, counts.missing == 0)

    def outcome(self) -> ShardOutcome:
        report = self.record.report if self.record else None
        fetched = self.record.fetched if self.record else None
        cause = self.record.cause if self.record else NEVER_FETCHED
        return ShardOutcome(
            vp=self.shard.vp,
            shard=self.shard.shard,
            state="failed" if cause else "done",
            cause=cause,
            counts=self.counts,
            sha256=fetched.sha256 if fetched else None,
            size_bytes=fetched.size_bytes if fetched else None,
            clock_offset_s=report.clock_offset_s if report else None,
            started_at=report.started_at if report else None,
            ended_at=report.ended_at if report else None,
        )


def missing_of(store: Store, shard: Shard) -> list[str]:
    """Give the targets of *shard* that have no trace; all of them if it never came home."""
    file = shard.missing if read_record(store, shard) else shard.targets
    return store.read(file).decode().splitlines() if store.exists(file) else []


def _moved(store: Store, manifest: CycleManifest) -> set[str]:
    """Give the targets that were dealt out a second time."""
    lists = [store.read(each.targets) for each in manifest.shards if each.shard == SECOND]
    return {target for data in lists for target in data.decode().splitlines()}


def _are_whole(manifest: CycleManifest, returns: list[_Return]) -> list[bool]:
    """Say for each vantage point whether nothing of what it was to do at first is missing."""
    asked = [returned.is_whole for returned in returns if returned.shard.shard != SECOND]
    return [*asked, *(False for _ in manifest.asked.unfit)]


def _total(manifest: CycleManifest, returns: list[_Return]) -> Counts:
    at_plan = Counts(excluded=manifest.asked.excluded_assignments)
    return sum((returned.counts for returned in returns), at_plan)


def _quorum(manifest: CycleManifest) -> Quorum:
    params = manifest.asked.params
    return Quorum(params["min_vp_ratio"], params["min_target_ratio"])


def _packets(returns: list[_Return]) -> dict[str, int]:
    fetched = [r.record.fetched for r in returns if r.record and r.record.fetched]
    sent = sum(f.packets_sent for f in fetched)
    received = sum(f.packets_received for f in fetched)
    return {"sent": sent, "received": received, "lost": sent - received}


def _tools(returns: list[_Return]) -> dict[str, str]:
    reports = {r.shard.vp: r.record.report for r in returns if r.record and r.record.report}
    return {
        vp: f"scamper {report.scamper_version}, prober {report.prober_version}"
        for vp, report in sorted(reports.items())
    }


def _write_missing(store: Store, cycle: Cycle, returns: list[_Return]) -> Missing | None:
    lines = [f"{r.shard.vp} {target}\n" for r in returns for target in r.missing]
    if not lines:
        return None
    data = "".join(lines).encode()
    store.write(cycle.missing, data)
    return Missing(count=len(lines), file=cycle.missing, sha256=sha256_hex(data))


def _why_failed(manifest: CycleManifest) -> str:
    assert manifest.outcome is not None
    causes = sorted({f"{s.vp}: {s.cause}" for s in manifest.outcome.shards if s.cause})
    counts = manifest.outcome.counts
    return (
        f"{manifest.list}/{manifest.cycle} failed: {counts['done']} of {counts['assigned']} targets"
        f" done, below the quorum; {'; '.join(causes)}"
    )
