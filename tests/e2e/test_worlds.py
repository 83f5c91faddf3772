"""
Ten simulated Internets, five clean and five dirty, each measured once by the real DAGs.

The figures are printed as a table; the last ones are in docs/simulator.md.
"""

from dataclasses import dataclass

import pytest

from hitscanner.infra.parquet import read_table
from hitscanner.settings import Settings
from hitscanner.simulator import score as scoring
from hitscanner.simulator.aliases import AliasScore, score_alias_tables
from hitscanner.simulator.world import World
from tests.support.rehearsals import Elsewhere, held, need_machine

pytestmark = [
    pytest.mark.long,
    pytest.mark.root,
    pytest.mark.slow,
    pytest.mark.timeout(3600),
    pytest.mark.usefixtures("hs_transform"),
]

CLEAN = (
    Elsewhere(seed=1, routers=200, vantage_points=4, targets=600, dealias=True),
    Elsewhere(seed=2, routers=300, vantage_points=6, targets=900, dealias=True),
    Elsewhere(seed=3, routers=500, vantage_points=6, targets=1500, dealias=True),
    Elsewhere(seed=4, routers=400, vantage_points=8, targets=1200, dealias=True),
    Elsewhere(seed=5, routers=5000, vantage_points=20, targets=8000, rate_pps=100, dealias=True),
)
DIRTY = (
    Elsewhere(seed=1, routers=300, vantage_points=6, targets=1500, world="dirty", dealias=True),
    Elsewhere(seed=2, routers=500, vantage_points=6, targets=2000, world="dirty", dealias=True),
    Elsewhere(seed=3, routers=200, vantage_points=6, targets=1000, world="dirty", dealias=True),
    Elsewhere(seed=4, routers=400, vantage_points=8, targets=1500, world="dirty", dealias=True),
    Elsewhere(seed=6, routers=100, vantage_points=4, targets=400, world="dirty", dealias=True),
)


UNEXPLAINED = ("no path", "swapped", "is not an address")
"""A reason with one of these says what is wrong with a link, not how it came about."""


@dataclass(frozen=True)
class Measured:
    """One Internet, and how well it was measured."""

    asked: Elsewhere
    links: scoring.Score
    aliases: AliasScore
    ambiguous_hops: float
    """Share of the hops where several addresses answered: no link leads to or from them."""

    wall_s: float

    @property
    def row(self) -> str:
        asked, links, aliases = self.asked, self.links, self.aliases
        v4, v6 = links.by_version[4], links.by_version[6]
        by_method = aliases.recall_by_method
        return (
            f"| {asked.world} {asked.seed} | {asked.routers} | {asked.vantage_points} "
            f"| {asked.targets} | {links.found} "
            f"| {v4.precision:.4f} / {v4.recall:.4f} | {v6.precision:.4f} / {v6.recall:.4f} "
            f"| {self.ambiguous_hops:.2%} | {aliases.precision:.4f} / {aliases.recall:.4f} "
            f"| {by_method['mercator']:.4f} | {by_method['ipid']:.4f} | {self.wall_s:.0f} |"
        )


HEAD = (
    "| world | routers | vps | targets | links | IPv4 links | IPv6 links "
    "| ambiguous hops | alias sets | mercator | ipid | wall s |\n" + "|---" * 12 + "|"
)


@pytest.fixture
def measure(tmp_path, capsys):
    """Measure one Internet and print its row."""
    need_machine()

    def measured(asked):
        settings = Settings(tmp_path)
        outcome = held(settings, asked)
        world = World.load(settings.simulator / "world.jsonl")
        traces = settings.store / outcome.run.cycle.table("traces")
        links = settings.store / outcome.run.cycle.topology / "links.parquet"
        sets = settings.store / outcome.run.cycle.topology / "alias_sets.parquet"
        hops = read_table(sorted(traces.rglob("*.parquet")), ("ambiguous_hops", "hop_count"))
        found = Measured(
            asked,
            scoring.score(world, [traces], links),
            score_alias_tables(world, sets, links),
            sum(row[0] for row in hops) / sum(row[1] or 0 for row in hops),
            outcome.wall_s,
        )
        with capsys.disabled():
            print(f"\n{HEAD}\n{found.row}")
        return found

    return measured


def assert_routers(aliases):
    assert aliases.precision >= 0.99, aliases.false_pairs
    assert aliases.recall >= 0.95, aliases.missed_pairs
    assert aliases.recall_by_method["mercator"] >= 0.95
    assert aliases.recall_by_method["ipid"] >= 0.95


@pytest.mark.parametrize("asked", CLEAN, ids=lambda asked: f"seed {asked.seed}")
def test_a_clean_internet_is_found_without_one_invented_link(asked, measure):
    found = measure(asked)

    assert found.links.false_links == ()
    assert found.links.precision == 1.0
    assert found.links.recall >= 0.98, found.links.missed_links
    assert all(part.recall >= 0.98 for part in found.links.by_version.values())
    assert_routers(found.aliases)


@pytest.mark.parametrize("asked", DIRTY, ids=lambda asked: f"seed {asked.seed}")
def test_a_dirty_internet_is_found_and_every_false_link_explained(asked, measure):
    found = measure(asked)

    assert found.links.precision >= 0.995, found.links.false_links
    assert all(part.precision >= 0.995 for part in found.links.by_version.values())
    assert found.links.recall >= 0.98, found.links.missed_links
    assert found.links.ambiguous <= 0.03 * found.links.found
    assert found.ambiguous_hops <= 0.03
    reasons = [link.reason for link in found.links.false_links]
    assert not [reason for reason in reasons if any(word in reason for word in UNEXPLAINED)]
    assert_routers(found.aliases)
