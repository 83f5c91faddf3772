"""Write `job.json`, all that a prober is told (docs/prober.md)."""

import json
from typing import Any

from hitscanner.domain.alias_params import AliasParams
from hitscanner.domain.cycle import Cycle, cycle_number, list_number
from hitscanner.domain.hosts import VantagePoint
from hitscanner.domain.manifest import Asked, PlannedShard
from hitscanner.domain.params import TracerouteParams

MAX_CLOCK_OFFSET_S = 30
"""A prober whose clock is further off sends nothing."""


def trace_job(
    cycle: Cycle, planned: PlannedShard, vp: VantagePoint, asked: Asked, params: TracerouteParams
) -> bytes:
    """Write the job of a shard of traces."""
    own = {
        "method": params.method,
        "first_hop": params.first_hop,
        "gap": params.gap,
        "confirm": params.confirm,
    }
    return _to_bytes({**_head(cycle, planned, vp, asked, params), **own})


def alias_job(
    cycle: Cycle, planned: PlannedShard, vp: VantagePoint, asked: Asked, params: AliasParams
) -> bytes:
    """Write the job of a shard of alias tests."""
    own = {"kind": "dealias", "method": asked.params["method"], "rounds": params.rounds}
    return _to_bytes({**_head(cycle, planned, vp, asked, params), **own})


def _head(
    cycle: Cycle,
    planned: PlannedShard,
    vp: VantagePoint,
    asked: Asked,
    params: TracerouteParams | AliasParams,
) -> dict[str, Any]:
    """Give what every job holds; no clock in it, so that planning again changes nothing."""
    return {
        "version": 1,
        **planned.of(cycle).to_json(),
        "list_id": list_number(cycle.list),
        "cycle_id": cycle_number(cycle.cycle),
        "source_addresses": {
            "4": str(vp.source_v4) if vp.source_v4 else None,
            "6": str(vp.source_v6) if vp.source_v6 else None,
        },
        "targets_sha256": planned.targets_sha256,
        "dnp_sha256": asked.dnp_sha256,
        "attempts": params.attempts,
        "wait_s": params.wait_s,
        "rate_pps": asked.rate_pps[vp.name],
        "max_pps": vp.max_pps,
        "slice_s": params.slice_s,
        "max_clock_offset_s": MAX_CLOCK_OFFSET_S,
        "deadline_s": params.deadline_s,
    }


def _to_bytes(job: dict[str, Any]) -> bytes:
    return json.dumps(job, indent=2, sort_keys=True).encode() + b"\n"
