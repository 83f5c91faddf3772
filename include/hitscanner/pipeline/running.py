"""What the cycles that run at this moment send, from their manifests."""

import time
from collections.abc import Iterator

from hitscanner.domain.budget import Load
from hitscanner.domain.cycle import Cycle
from hitscanner.domain.manifest import CycleManifest
from hitscanner.domain.params import LONGEST_DEADLINE_S, parse_duration_s
from hitscanner.domain.quorum import State
from hitscanner.infra.store import Store
from hitscanner.pipeline.gate import read_manifest

GRACE_S = 600
"""A prober may outlive its deadline by this, seconds."""


def running_loads(store: Store, now_s: float | None = None) -> list[Load]:
    """
    Give what each running cycle sends.

    A cycle runs from its plan until its gate, or until its deadline has passed: one whose Airflow
    died does not hold its share for ever.
    """
    now = time.time() if now_s is None else now_s
    return [
        Load(sum(manifest.asked.rate_pps.values()), manifest.asked.network_pps)
        for manifest in _planned(store, now)
    ]


def _planned(store: Store, now_s: float) -> Iterator[CycleManifest]:
    since_s = now_s - LONGEST_DEADLINE_S - 2 * GRACE_S  # folders are made before the manifest
    for name in store.folders("cycles"):
        for cycle in (Cycle(name, each) for each in store.folders(f"cycles/{name}", since_s)):
            if not store.exists(cycle.manifest):
                continue
            age_s = now_s - store.modified_at(cycle.manifest)
            manifest = read_manifest(store, cycle)
            deadline_s = parse_duration_s(manifest.asked.params.get("deadline", 0))
            if manifest.state is State.PLANNED and age_s <= deadline_s + GRACE_S:
                yield manifest
