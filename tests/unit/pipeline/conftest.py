"""A small measurement whose vantage points answer at once."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from hitscanner.domain.budget import Budget, Load
from hitscanner.domain.cycle import Cycle, Shard
from hitscanner.domain.do_not_probe import parse_do_not_probe
from hitscanner.domain.inventory import parse_inventory
from hitscanner.domain.manifest import CycleManifest
from hitscanner.domain.params import parse_traceroute_params
from hitscanner.domain.targets import parse_target_list
from hitscanner.infra.store import FolderStore
from hitscanner.pipeline import allot, gate, measure, plan
from hitscanner.pipeline.live_list import LiveList
from hitscanner.pipeline.plan import Plan, Request
from tests.support.vantage import FakeTransport

NAMES = ("de-0001", "jp-0001", "us-0001")
INVENTORY = "".join(
    f'[[vantage_point]]\nname = "{name}"\ntransport = "local"\nnetns = "hs-{name}"\n'
    for name in NAMES
)
TARGETS = "!allow_reserved\n100.64.0.0/28\n100.65.0.1\nfd00::1\n" + "".join(
    f"100.66.0.{i}\n" for i in range(1, 29)
)
OPTED_OUT = "100.66.0.5\n"


@dataclass
class Measurement:
    """One cycle on its way."""

    root: Path
    conf: dict[str, Any] = field(default_factory=dict)
    transport: FakeTransport = field(default_factory=FakeTransport)
    dnp: str = OPTED_OUT
    run_id: str = "manual__1"
    inventory: str = INVENTORY

    @property
    def store(self) -> FolderStore:
        return FolderStore(self.root / "store")

    def plan(self, running: Sequence[Load] = ()) -> tuple[Shard, ...]:
        params = parse_traceroute_params({"list": "lab", **self.conf})
        request = Request(params, self.run_id, datetime(2026, 11, 22, 3, tzinfo=UTC))
        cycle, known = plan.name_cycle(self.store, "lab", request)
        if known:
            return gate.read_manifest(self.store, cycle).shards
        planned = self.planned(request, cycle, running)
        plan.freeze(self.store, planned)
        return planned.shards

    def planned(self, request: Request, cycle: Cycle, running: Sequence[Load] = ()) -> Plan:
        sources = self.sources()
        allotment = allot.from_list(sources, request.params)
        budget = Budget(sources.inventory.limits, running)
        return plan.plan_cycle(allotment, sources.do_not_probe, request, cycle, budget)

    def sources(self) -> allot.Sources:
        return allot.Sources(
            parse_inventory(self.inventory, "inventory.toml"),
            parse_target_list(TARGETS, "lab"),
            parse_do_not_probe(self.dnp, "do-not-probe.txt"),
        )

    def lane(self, shard: Shard) -> measure.Lane:
        [vp] = parse_inventory(self.inventory, "inventory.toml").select([shard.vp])
        hours = iter(range(0, 10**9, 3600))
        return measure.Lane(
            store=self.store,
            transport=self.transport,
            vp=vp,
            do_not_probe=self.live_list(),
            scratch=self.root / "scratch",
            deadline_s=10**9,
            clock=measure.Clock(now=lambda: float(next(hours)), sleep=lambda _: None),
        )

    def live_list(self) -> LiveList:
        file = self.root / "do-not-probe.txt"
        file.write_text(self.dnp)
        return LiveList(file)

    def fetch_all(self) -> list[Shard]:
        """Plan, start and fetch; a lane that fails leaves the others alone."""
        shards = self.plan()
        for shard in shards:
            measure.start(self.lane(shard), shard)
        for shard in shards:
            with suppress(measure.ShardFailedError):
                measure.fetch(self.lane(shard), shard)
        return shards

    def close(self) -> CycleManifest:
        shards = self.fetch_all()
        return gate.close_cycle(self.store, shards[0].of)

    @property
    def cycle(self) -> Cycle:
        return Cycle("lab", "20261122T030000Z")


def tree(root: Path) -> dict[str, bytes]:
    """Every file below *root* with its bytes."""
    files = (path for path in sorted(root.rglob("*")) if path.is_file())
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in files}


@pytest.fixture
def measurement(tmp_path: Path) -> Measurement:
    return Measurement(tmp_path)
