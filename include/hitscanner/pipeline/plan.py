"""Decide who is asked for what, before a packet is sent, and freeze it in the cycle's manifest."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from hitscanner import __version__
from hitscanner.domain.addresses import Address
from hitscanner.domain.budget import Budget, fit, load_of
from hitscanner.domain.cycle import Cycle, Shard, cycle_name
from hitscanner.domain.do_not_probe import DoNotProbe
from hitscanner.domain.manifest import Asked, CycleManifest, PlannedShard
from hitscanner.domain.params import TracerouteParams
from hitscanner.domain.quorum import State
from hitscanner.infra.files import sha256_hex
from hitscanner.infra.store import Store
from hitscanner.pipeline.allot import Allotment
from hitscanner.pipeline.gate import read_manifest
from hitscanner.pipeline.jobs import trace_job

PACKETS_PER_TRACE = 16
"""Probes of a typical trace, for estimates only (median path 13 hops, a few silent ones)."""

BYTES_PER_TRACE = 600
"""Size of a typical trace in warts, for estimates only (557 bytes in the 50,000-trace sample)."""


@dataclass(frozen=True)
class Request:
    """Who asks for what, and for when."""

    params: TracerouteParams
    run_id: str
    logical_time: datetime


@dataclass(frozen=True)
class VantagePointPlan:
    """One line of the plan as people read it."""

    vp: str
    targets: int
    rate_pps: int
    expected_s: int
    expected_bytes: int


@dataclass(frozen=True)
class Plan:
    """Everything that a cycle will ask; nothing has been sent or written."""

    cycle: Cycle
    manifest: CycleManifest
    files: dict[str, bytes]
    """Frozen lists and jobs by path in the store."""

    vantage_points: tuple[VantagePointPlan, ...]

    @property
    def shards(self) -> tuple[Shard, ...]:
        """The parts of the cycle, sorted by vantage point."""
        return self.manifest.shards

    def describe(self) -> list[str]:
        """Give the plan as lines: vantage point, targets, rate, minutes, bytes."""
        head = f"{self.cycle}: {self.manifest.asked.targets} targets"
        dropped = [f"{n} excluded ({why})" for why, n in self.manifest.asked.excluded.items()]
        lines = [
            f"{line.vp}: {line.targets} targets at {line.rate_pps} pps,"
            f" about {line.expected_s / 60:.1f} min and {line.expected_bytes / 1e6:.1f} MB"
            for line in self.vantage_points
        ]
        left_out = [f"{vp} is left out: {why}" for vp, why in self.manifest.asked.unfit.items()]
        slowed = [f"slowed down: {cap}" for cap in [self.manifest.asked.slowed_by] if cap]
        return [", ".join([head, *dropped]), *lines, *left_out, *slowed]

    def to_json(self) -> dict[str, Any]:
        """Give the plan as people and programs read it."""
        asked = self.manifest.asked
        return {
            "list": self.cycle.list,
            "cycle": self.cycle.cycle,
            "targets": asked.targets,
            "excluded": asked.excluded,
            "vantage_points": [vars(line) for line in self.vantage_points],
            "expected_s": max(line.expected_s for line in self.vantage_points),
            "expected_bytes": sum(line.expected_bytes for line in self.vantage_points),
            "slowed_by": asked.slowed_by,
            "unfit": asked.unfit,
            "params": asked.params,
        }


def plan_cycle(
    allotment: Allotment,
    dnp: DoNotProbe,
    request: Request,
    cycle: Cycle,
    budget: Budget,
) -> Plan:
    """
    Freeze who is asked for what and how fast, within the caps that running cycles leave.

    Pure: the same arguments give the same bytes.

    Raises:
        BudgetError: when the caps leave nothing; nothing is planned then.
    """
    params = request.params
    lists = {vp: lines_of(part) for vp, part in allotment.parts.items() if part}
    wanted_pps = {vp.name: min(params.rate_pps, vp.max_pps) for vp in allotment.crew.vps}
    rates_pps, cap = fit(allotment.parts, wanted_pps, budget)
    load = load_of(allotment.parts, rates_pps)
    manifest = CycleManifest(
        list=cycle.list,
        cycle=cycle.cycle,
        state=State.PLANNED,
        asked=Asked(
            params=params.as_conf(),
            run_id=request.run_id,
            logical_time=request.logical_time.astimezone(UTC).isoformat(),
            list_sha256=allotment.list_sha256,
            dnp_sha256=dnp.sha256,
            vantage_points=allotment.crew.names,
            unfit=dict(allotment.crew.unfit),
            targets=allotment.targets,
            excluded=dict(allotment.excluded),
            excluded_assignments=allotment.excluded_assignments,
            shards=[
                PlannedShard(
                    vp=vp,
                    shard="0000",
                    targets=len(allotment.parts[vp]),
                    targets_sha256=sha256_hex(data),
                )
                for vp, data in sorted(lists.items())
            ],
            versions={"hitscanner": __version__},
            rate_pps={vp: rates_pps[vp] for vp in sorted(lists)},
            network_pps=load.rounded(),
            slowed_by=cap,
        ),
    )
    named = {vp.name: vp for vp in allotment.crew.vps}
    files = {cycle.do_not_probe: dnp.text.encode()}
    for planned in manifest.asked.shards:
        shard, vp = planned.of(cycle), named[planned.vp]
        files[shard.targets] = lists[vp.name]
        files[shard.job] = trace_job(cycle, planned, vp, manifest.asked, params)
    lines = tuple(
        _line(vp.name, len(allotment.parts.get(vp.name, ())), rates_pps[vp.name], params)
        for vp in allotment.crew.vps
    )
    return Plan(cycle, manifest, files, lines)


def name_cycle(store: Store, list_name: str, request: Request) -> tuple[Cycle, bool]:
    """Name the request's cycle, never another request's; say whether it was planned before."""
    for rerun in itertools.count():
        cycle = Cycle(list_name, cycle_name(request.logical_time, rerun))
        if not store.exists(cycle.manifest):
            return cycle, False
        if read_manifest(store, cycle).asked.run_id == request.run_id:
            return cycle, True
    raise AssertionError("itertools.count() does not end")


def freeze(store: Store, plan: Plan) -> None:
    """Write the plan; the manifest last, so that a manifest stands for a whole plan."""
    for path, data in plan.files.items():
        store.write(path, data)
    store.write(plan.cycle.manifest, plan.manifest.to_bytes())


def lines_of(targets: Sequence[Address]) -> bytes:
    """Write targets as the prober reads them, one a line."""
    return "".join(f"{target}\n" for target in targets).encode()


def _line(vp: str, targets: int, rate_pps: int, params: TracerouteParams) -> VantagePointPlan:
    times = params.attempts if params.confirm else 1
    expected_s = -(-targets * PACKETS_PER_TRACE * times // max(1, rate_pps))
    return VantagePointPlan(vp, targets, rate_pps, expected_s, targets * BYTES_PER_TRACE * times)
