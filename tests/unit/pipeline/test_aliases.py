"""Stages ask what is open, within the rules for packets; what they find is kept whole."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hitscanner.domain.alias_params import parse_alias_params
from hitscanner.domain.budget import Budget, BudgetError, Limits
from hitscanner.domain.crew import Crew
from hitscanner.domain.cycle import Cycle, Shard
from hitscanner.domain.do_not_probe import parse_do_not_probe
from hitscanner.domain.iffinder import parse_iffinder
from hitscanner.domain.inventory import parse_inventory
from hitscanner.errors import UsageError
from hitscanner.infra.parquet import read_table, write_table
from hitscanner.infra.transform import TransformProgram
from hitscanner.pipeline import aliases, gate, measure, plan
from hitscanner.pipeline.alias_evidence import judge, read_rows
from hitscanner.pipeline.alias_plan import plan_stage
from hitscanner.pipeline.running import running_loads
from hitscanner.pipeline.transform import Workbench
from hitscanner.prober.job import parse_job
from hitscanner.prober.tasks import pack_test
from hitscanner.settings import REPOSITORY, Settings
from tests.support import dealias, warts

from .conftest import INVENTORY, Measurement, tree

CYCLE = Cycle("lab", "20261122T030000Z")
UNLIMITED = Budget(Limits(network_pps=10_000, platform_pps=10_000))
LOOPBACK = "100.66.0.30"
LINKS = [  # router .1/.3/.5 (its loopback is .30), then .9; a pair .11/.13 before .17; IPv6
    ("100.66.0.1", "100.66.0.9", False, 0, 1),
    ("100.66.0.3", "100.66.0.9", False, 0, 1),
    ("100.66.0.11", "100.66.0.17", False, 0, 2),
    ("100.66.0.13", "100.66.0.17", False, 0, 2),
    ("100.66.0.21", "100.66.0.17", False, 0, 2),
    ("fd00::1", "fd00::9", False, 0, 1),
    ("100.66.0.9", "100.66.0.28", True, 0, 2),
]
PROGRAM = Settings(Path("/"), REPOSITORY).transform
needs_transform = pytest.mark.skipif(
    not PROGRAM.is_file(), reason="needs hs-transform: make transform"
)


@dataclass
class Resolution(Measurement):
    """Alias resolution of one cycle whose links are known."""

    dnp: str = "none\n"
    allow_reserved: bool = True
    budget: Budget = UNLIMITED

    def lay_links(self) -> None:
        types = {"in": "VARCHAR", "out": "VARCHAR", "is_dest": "BOOLEAN", "stars": "INTEGER"}
        self.root.mkdir(exist_ok=True)
        file = self.root / "links.parquet"
        write_table({**types, "ttl": "INTEGER"}, LINKS, file)
        self.store.put(f"{CYCLE.topology}/links.parquet", file)

    @property
    def asking(self) -> aliases.Asking:
        at = datetime(2026, 11, 22, 4, tzinfo=UTC)
        return aliases.Asking(parse_alias_params(self.conf), (CYCLE,), "manual__1", at)

    @property
    def bench(self) -> Workbench:
        return Workbench(self.store, TransformProgram(PROGRAM), self.root / "scratch")

    def plan_stage(self, method: str) -> plan.Plan:
        vps = parse_inventory(INVENTORY, "inventory.toml").vantage_points
        dnp = parse_do_not_probe(self.dnp, "do-not-probe.txt")
        return plan_stage(
            self.store,
            Crew(vps),
            dnp,
            self.asking,
            method,
            self.budget,
            allow_reserved=self.allow_reserved,
        )

    def run_stage(self, method: str) -> list[str]:
        """Plan, probe, judge; give the lines that were asked."""
        planned = self.plan_stage(method)
        plan.freeze(self.store, planned)
        for shard in planned.shards:
            self.transport.tampers[shard.vp] = self._answer
            measure.start(self.lane(shard), shard)
            measure.fetch(self.lane(shard), shard)
            aliases.convert(self.bench, shard)
        return self.lines(planned)

    def lines(self, planned: plan.Plan) -> list[str]:
        texts = (planned.files[shard.targets].decode() for shard in planned.shards)
        return sorted(line for text in texts for line in text.splitlines())

    def _answer(self, shard: Shard, lines: list[str]) -> bytes:
        asked = self.store.read(shard.targets).decode().splitlines()
        records = (record_of(line, asked.index(line) + 1) for line in lines)
        return warts.head(shard) + b"".join(records) + warts.stop()


def record_of(line: str, number: int) -> bytes:
    """What the routers of this lab answer: .1 and .3 share a loopback, .11 and .13 a counter."""
    method, *targets = line.split()
    if method == "mercator":
        answer = LOOPBACK if targets[0] in ("100.66.0.1", "100.66.0.3") else targets[0]
        return dealias.mercator(targets[0], number, None if targets[0] == "fd00::9" else answer)
    bases = {"100.66.0.11": 100, "100.66.0.13": 101}
    starts = [bases.get(target, 20000 + 3000 * int(target[-1])) for target in targets]
    rounds = [[start + 40 * turn for start in starts] for turn in range(6)]
    result = "none" if method == "radargun" else "not-aliases"
    result = "aliases" if method == "ally" and set(targets) <= set(bases) else result
    return dealias.dealias(method, targets, number, dealias.in_turn(targets, rounds), result)


@pytest.fixture
def resolution(tmp_path: Path) -> Resolution:
    found = Resolution(tmp_path / "home")
    found.lay_links()
    return found


def test_alias_tests_share_a_networks_cap_with_the_cycles_that_run(resolution):
    resolution.budget = Budget(Limits(network_pps=40))
    stage = resolution.plan_stage("mercator")
    plan.freeze(resolution.store, stage)

    [load] = running_loads(resolution.store)
    assert load.networks["100.66.0.0/24"] <= 40
    assert stage.manifest.asked.slowed_by == "100.66.0.0/24 gets at most 40 pps"
    for shard in stage.shards:
        job = json.loads(stage.files[shard.job])
        assert job["rate_pps"] == stage.manifest.asked.rate_pps[shard.vp] <= 20

    resolution.budget = Budget(Limits(network_pps=40), [load])
    with pytest.raises(BudgetError, match="wait until they have ended"):
        resolution.plan_stage("ally")


def test_mercator_asks_every_router_address_once_and_no_destination(resolution):
    lines = resolution.lines(resolution.plan_stage("mercator"))

    assert len(lines) == len(set(lines)) == 9
    assert "mercator 100.66.0.28" not in lines
    assert "mercator fd00::9" in lines


def test_planning_a_stage_again_gives_the_same_bytes(resolution, tmp_path):
    plan.freeze(resolution.store, resolution.plan_stage("mercator"))
    other = Resolution(tmp_path / "other")
    other.lay_links()
    plan.freeze(other.store, other.plan_stage("mercator"))

    assert tree(resolution.store.root) == tree(other.store.root)


def test_a_stage_is_a_cycle_of_its_own_list_with_exact_accounts(resolution):
    resolution.dnp = "100.66.0.1\n"
    planned = resolution.plan_stage("ally")

    assert planned.cycle == Cycle("lab-ally", "20261122T040000Z")
    asked = planned.manifest.asked
    assert sum(shard.targets for shard in asked.shards) + asked.excluded["do-not-probe"] == (
        asked.targets
    )
    assert not [line for line in resolution.lines(planned) if "100.66.0.1 " in f"{line} "]


def test_reserved_addresses_get_no_packet_unless_the_list_is_made_of_them(resolution):
    resolution.allow_reserved = False
    planned = resolution.plan_stage("mercator")

    assert planned.shards == ()
    assert planned.manifest.asked.excluded == {"reserved": 9}


def test_the_prober_understands_every_job_and_line_of_a_plan(resolution):
    for method in ("mercator", "ally", "radargun"):
        planned = resolution.plan_stage(method)
        for shard in planned.shards:
            spec = parse_job(planned.files[shard.job].decode())
            assert (spec.kind, spec.method) == ("dealias", method)
        assert all(pack_test(line) for line in resolution.lines(planned))


def test_no_more_pairs_are_planned_than_allowed(resolution):
    resolution.conf = {"max_pairs": 2}

    assert len(resolution.lines(resolution.plan_stage("ally"))) == 2


def test_a_cycle_without_links_is_an_error_that_says_what_to_do(resolution):
    resolution.store.local(f"{CYCLE.topology}/links.parquet").unlink()

    with pytest.raises(UsageError, match="has no links; run transform"):
        resolution.plan_stage("mercator")


@needs_transform
def test_each_stage_asks_only_what_the_ones_before_left_open(resolution):
    resolution.run_stage("mercator")
    ally = resolution.run_stage("ally")
    radargun = resolution.run_stage("radargun")

    assert "ally 100.66.0.1 100.66.0.3" not in ally  # one loopback answers for both
    assert "ally 100.66.0.11 100.66.0.13" in ally
    assert "radargun 100.66.0.11 100.66.0.13" in radargun
    [near] = [line for line in radargun if len(line.split()) > 3]
    assert near.split()[1:] == [f"100.66.0.{i}" for i in (9, 11, 13, 17, 21)]


@needs_transform
def test_evidence_and_counter_evidence_become_sets_and_are_kept(resolution):
    for method in ("mercator", "ally", "radargun"):
        resolution.run_stage(method)
    found = aliases.resolve_cycle(resolution.bench, resolution.asking, CYCLE, {})

    assert aliases.alias_sets(resolution.store, CYCLE) == [
        ["100.66.0.1", "100.66.0.3", LOOPBACK],
        ["100.66.0.11", "100.66.0.13"],
    ]
    assert (found["sets"], found["conflicts"]) == (2, 0)
    rows = read_rows([resolution.store.local(f"{CYCLE.topology}/aliases.parquet")])
    verdicts = {(row.a, row.b): row.verdict for row in rows if row.method == "ally"}
    assert verdicts["100.66.0.11", "100.66.0.21"] == "not-aliases"
    assert verdicts["100.66.0.11", "100.66.0.13"] == "aliases"


@needs_transform
def test_resolving_again_changes_no_byte(resolution):
    resolution.run_stage("mercator")
    aliases.resolve_cycle(resolution.bench, resolution.asking, CYCLE, {})
    before = tree(resolution.root)
    aliases.resolve_cycle(resolution.bench, resolution.asking, CYCLE, {})

    assert before == tree(resolution.root)


@needs_transform
def test_iffinder_joins_too_and_a_merge_that_a_test_denies_is_reported(resolution):
    for method in ("mercator", "ally"):
        resolution.run_stage(method)
    file = "100.66.0.21 100.66.0.11 64 63 0.2 D\n100.66.0.9 100.66.0.17 64 63 0.2 D\n"
    aliases.resolve_cycle(resolution.bench, resolution.asking, CYCLE, {"x.iffout": file})

    assert ["100.66.0.9", "100.66.0.17"] in aliases.alias_sets(resolution.store, CYCLE)
    conflicts = resolution.store.local(f"{CYCLE.topology}/alias_conflicts.parquet")
    [conflict] = read_table([conflicts], ("a", "b", "method", "against_method"))[:1]
    assert conflict == ("100.66.0.11", "100.66.0.21", "iffinder", "ally")


@needs_transform
def test_tests_without_a_record_are_missing_whatever_scamper_exited_with(resolution):
    planned = resolution.plan_stage("mercator")
    plan.freeze(resolution.store, planned)
    [first, *_] = planned.shards
    resolution.transport.tampers[first.vp] = lambda shard, lines: (
        warts.head(shard) + dealias.mercator("100.66.0.1", 1, None) + warts.stop()
    )
    measure.start(resolution.lane(first), first)

    with pytest.raises(measure.ShardFailedError, match="2 targets have no trace"):
        measure.fetch(resolution.lane(first), first)
    missing = resolution.store.read(first.missing).decode().splitlines()
    assert missing == planned.files[first.targets].decode().splitlines()[1:]


def test_both_layouts_of_iffinder_are_read_and_only_answers_from_others_count():
    full = "# iffinder revision:      $Revision: 1.48 $\n100.127.0.9 100.127.0.6 64 63 0.21 D T -\n"
    mini = "100.127.0.9 100.127.0.6 64 63 0.21 D\n100.127.0.2 100.127.0.2 64 63 0.1 S\n"
    silent = "100.127.0.5 - - - - X\n100.127.0.7 100.127.0.8 64 63 0.1 I:3,1\n"

    assert parse_iffinder(full, "a.out") == parse_iffinder(mini + silent, "b.iffout")


def test_a_private_answer_for_a_public_address_proves_nothing():
    reply = {"src": "10.0.0.1", "proto": 1, "icmp_type": 3, "icmp_code": 3, "rx": {}}
    record = {
        "method": "mercator",
        "result": "aliases",
        "start": {"sec": 1, "usec": 0},
        "probedefs": [{"id": 0, "dst": "9.9.9.9"}],
        "probes": [{"probedef_id": 0, "replies": [reply]}],
    }

    [row] = judge(json.loads(json.dumps(record)), "us-0001")
    assert (row.b, row.verdict, row.said) == ("10.0.0.1", "none", "aliases")


def test_only_cycles_that_asked_for_it_are_resolved_by_themselves(tmp_path):
    plain, wanting = Measurement(tmp_path / "a"), Measurement(tmp_path / "b", {"dealias": True})
    for each in (plain, wanting):
        each.plan()

    assert aliases.wanted_cycles(plain.store, [plain.cycle]) == []
    assert aliases.wanted_cycles(wanting.store, [wanting.cycle]) == [wanting.cycle]
    assert gate.read_manifest(wanting.store, wanting.cycle).asked.params["dealias"] is True
