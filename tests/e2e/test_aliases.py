"""
A rehearsal with alias resolution: real scamper tests the addresses of a simulated Internet, and
the routers that come out are compared with those that are there.
"""

import pytest

from hitscanner.domain.cycle import Cycle
from hitscanner.domain.quorum import State
from hitscanner.infra.parquet import read_table
from hitscanner.infra.store import FolderStore
from hitscanner.infra.views import open_store
from hitscanner.pipeline.gate import read_manifest
from hitscanner.settings import Settings
from tests.support.rehearsals import Elsewhere, held, need_machine

pytestmark = [
    pytest.mark.long,
    pytest.mark.root,
    pytest.mark.slow,
    pytest.mark.usefixtures("hs_transform"),
]

METHODS = ("mercator", "ally", "radargun")


@pytest.fixture(scope="module", params=["clean", "dirty"])
def rehearsed(request, tmp_path_factory):
    """The settings and how the rehearsal ended."""
    need_machine()
    settings = Settings(tmp_path_factory.mktemp("home"))
    asked = Elsewhere(seed=4, routers=200, targets=400, world=request.param, dealias=True)
    return settings, held(settings, asked)


def test_alias_sets_are_those_of_the_simulated_internet(rehearsed):
    _, outcome = rehearsed

    assert outcome.score.alias_precision >= 0.99
    assert outcome.score.alias_recall >= 0.95
    assert outcome.score.alias_recall_by_method["mercator"] >= 0.95


def test_every_stage_is_a_cycle_whose_account_adds_up(rehearsed):
    settings, outcome = rehearsed
    for method in METHODS:
        stage = Cycle(f"demo-{method}", outcome.run.cycle.cycle)
        manifest = read_manifest(FolderStore(settings.store), stage)
        counts = manifest.outcome.counts
        parts = ("done", "failed", "excluded", "unassigned")
        assert manifest.state is State.COMPLETE
        assert counts["assigned"] == sum(counts[part] for part in parts) == manifest.asked.targets


def test_routers_of_several_addresses_reach_files_tables_and_drive(rehearsed):
    settings, outcome = rehearsed
    cycle = outcome.run.cycle
    folder = settings.store / cycle.topology

    rows = read_table([folder / "nodes.parquet"], ("node", "addr"))
    assert len({node for node, _ in rows}) < len(rows)
    for ending in ("nodes", "links", "ifaces"):
        file = f"{cycle.topology}/{cycle.list}-{cycle.cycle}.{ending}"
        held = (settings.home / "drive" / file).read_bytes()
        assert held == (settings.store / file).read_bytes()


def test_evidence_and_counter_evidence_can_be_asked_for_in_sql(rehearsed):
    settings, _ = rehearsed
    with open_store(settings.store) as database:
        found = database.execute("SELECT DISTINCT method, verdict FROM alias_evidence").fetchall()

    assert {("mercator", "aliases"), ("ally", "not-aliases"), ("radargun", "aliases")} <= set(found)
