"""The real DAG `canary` takes out a vantage point that is cut off, and lets it in again."""

from datetime import UTC, datetime

import pytest

from hitscanner.domain.do_not_probe import parse_do_not_probe
from hitscanner.pipeline.canary import read_fitness
from hitscanner.rehearsal import prepare, simulated
from hitscanner.runs import run_again
from hitscanner.settings import Settings
from hitscanner.simulator import lifecycle
from hitscanner.wiring import pipeline
from tests.support.rehearsals import Elsewhere, need_machine

pytestmark = [
    pytest.mark.long,
    pytest.mark.root,
    pytest.mark.slow,
    pytest.mark.timeout(1800),
    pytest.mark.usefixtures("hs_transform"),
]

HERE = {"list": "demo", "vantage_points": ["all"]}


def unfit(settings: Settings) -> dict[str, str]:
    """Hold a canary; give who is left out then."""
    assert run_again(settings, "canary", {}).error is None
    return read_fitness(settings.fitness).reasons(datetime.now(UTC))


def test_who_is_cut_off_is_left_out_until_it_is_back(tmp_path):
    need_machine()
    settings = Settings(tmp_path)
    asked = Elsewhere(seed=3, routers=60, vantage_points=3, targets=60)
    world = prepare(settings, asked)
    dnp = parse_do_not_probe(settings.do_not_probe.read_bytes(), "dnp")
    known = [t for t in world.targets() if t.version == 4 and dnp.covers(t) is None][:8]
    canary = "!allow_reserved\n" + "".join(f"{target}\n" for target in known)
    (settings.lists / "canary.txt").write_text(canary)
    cut, *others = asked.names

    with simulated(settings):
        assert unfit(settings) == {}

        lifecycle.fault(settings.simulator, {"kind": "blackhole", "vp": cut})
        assert list(unfit(settings)) == [cut]
        plan = pipeline(settings).preview(HERE, datetime.now(UTC))
        assert plan.manifest.asked.vantage_points == sorted(others)
        assert "no probe was answered" in plan.manifest.asked.unfit[cut]

        lifecycle.fault(settings.simulator, {"kind": "clear", "vp": cut})
        assert unfit(settings) == {}
