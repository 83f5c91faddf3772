"""Canary runs are kept apart, judged by what came home, and remembered for a while."""

import json
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hitscanner.canaries import PARAMS
from hitscanner.domain.budget import Budget, Limits
from hitscanner.domain.cycle import Cycle, cycle_name
from hitscanner.domain.fitness import CANARY, REMEMBERED, Fitness
from hitscanner.domain.params import parse_traceroute_params
from hitscanner.domain.targets import parse_target_list
from hitscanner.infra.transform import TransformProgram
from hitscanner.infra.transport import Look
from hitscanner.pipeline import allot, canary, measure, plan
from hitscanner.pipeline.gate import QuorumError, close_cycle
from hitscanner.pipeline.transform import Workbench
from hitscanner.settings import REPOSITORY, Settings
from tests.support import warts
from tests.support.vantage import FakeTransport

from .conftest import Measurement

PROGRAM = Settings(Path("/"), REPOSITORY).transform
pytestmark = pytest.mark.skipif(not PROGRAM.is_file(), reason="needs hs-transform: make transform")
KNOWN = "!allow_reserved\n" + "".join(f"100.66.0.{n}\n" for n in range(10, 16))
FIRST = datetime(2026, 11, 23, 3, 17, tzinfo=UTC)

Change = Callable[[FakeTransport], None]


class Watch(Measurement):
    """Canary runs, an hour apart."""

    hour = 0
    fitness = Fitness()

    def hold(self, change: Change = lambda transport: None) -> dict[str, str]:
        """Run once over a transport that *change* has made worse; give who is unfit and why."""
        at = FIRST + timedelta(hours=self.hour)
        self.hour += 1
        cycle = Cycle(CANARY, cycle_name(at))
        self.transport = FakeTransport()
        change(self.transport)
        for shard in self._frozen(cycle, at).shards:
            measure.start(self.lane(shard), shard)
            with suppress(measure.ShardFailedError):
                measure.fetch(self.lane(shard), shard)
        with suppress(QuorumError):
            close_cycle(self.store, cycle)
        bench = Workbench(self.store, TransformProgram(PROGRAM), self.root / "scratch")
        self.fitness = canary.judge_cycle(bench, cycle, self.fitness, at)
        canary.forget(self.store, cycle)
        return self.fitness.reasons(at)

    def _frozen(self, cycle: Cycle, at: datetime) -> plan.Plan:
        request = plan.Request(parse_traceroute_params(PARAMS), "run", at)
        known = parse_target_list(KNOWN, CANARY)
        sources = allot.Sources(self.sources().inventory, known, self.live_list().current)
        made = plan.plan_cycle(
            allot.from_list(sources, request.params),
            sources.do_not_probe,
            request,
            cycle,
            Budget(Limits(network_pps=1000)),
        )
        plan.freeze(self.store, made)
        return made


@pytest.fixture
def watch(tmp_path: Path) -> Watch:
    return Watch(tmp_path)


def silent(transport: FakeTransport) -> None:
    transport.silent.add("jp-0001")


def other_way(transport: FakeTransport) -> None:
    transport.tampers["jp-0001"] = lambda s, t: warts.slice_file(s, t, ["100.127.9.1"])


def cut_short(transport: FakeTransport) -> None:
    """Every trace from there ends at the first router."""
    transport.tampers["jp-0001"] = lambda shard, targets: (
        warts.head(shard)
        + b"".join(warts.trace(target, ["100.127.0.1"]) for target in targets)
        + warts.stop()
    )


def test_everybody_who_answers_is_fit_from_the_first_run_on(watch):
    assert watch.hold() == {}
    assert watch.hold() == {}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (silent, "its prober is not running: prober: no such namespace"),
        (other_way, "its ways are new: 0 of 2 usual routers; another uplink, or NAT?"),
        (cut_short, "0 of its known destinations answered, 6 usually do"),
    ],
)
def test_who_is_worse_than_usual_goes_out_with_the_reason_and_comes_back(watch, change, words):
    watch.hold()

    assert watch.hold(change) == {"jp-0001": words}
    assert watch.hold() == {}


def test_a_run_that_was_broken_off_leaves_the_verdict_as_it_was(watch, monkeypatch):
    watch.hold(silent)
    monkeypatch.setattr(FakeTransport, "look", _stopped)

    assert list(watch.hold()) == ["jp-0001"]


def _stopped(transport, vp, shard):
    report = json.loads(transport.reports[shard])
    told = {"state": "failed", "cause": "the stop flag is set", "exit_code": canary.STOPPED}
    return Look(is_running=False, report=json.dumps(report | told).encode(), words="")


def test_only_the_runs_that_are_remembered_are_kept(watch):
    for _ in range(REMEMBERED + 3):
        watch.hold()

    kept = watch.store.folders(f"cycles/{CANARY}")
    assert len(kept) == REMEMBERED + 1
    assert watch.store.folders(f"raw/{CANARY}") == kept
