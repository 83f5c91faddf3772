"""A plan says everything that will be asked, and nothing is asked beyond it."""

import json
import os
import time

import pytest

from hitscanner.domain.budget import BudgetError
from hitscanner.domain.do_not_probe import parse_do_not_probe
from hitscanner.domain.params import parse_traceroute_params
from hitscanner.errors import (
    MeasurementFailedError,
    NoTargetLeftError,
    UnknownVantagePointError,
)
from hitscanner.pipeline import allot, gate
from hitscanner.pipeline.running import running_loads

from .conftest import NAMES, Measurement, tree


def test_every_target_is_planned_once_or_excluded_with_its_reason(measurement):
    shards = measurement.plan()

    asked = gate.read_manifest(measurement.store, measurement.cycle).asked
    planned = [t for s in shards for t in measurement.store.read(s.targets).decode().split()]
    assert len(planned) == len(set(planned))
    assert len(planned) + sum(asked.excluded.values()) == asked.targets == 31
    assert asked.excluded == {"do-not-probe": 1}
    assert "100.66.0.5" not in planned


def test_planning_again_gives_the_same_bytes(measurement, tmp_path):
    measurement.plan()
    other = Measurement(tmp_path / "other")
    other.plan()

    assert tree(measurement.store.root) == tree(other.store.root)


def test_a_run_that_plans_twice_finds_its_own_cycle(measurement):
    first = measurement.plan()
    before = tree(measurement.store.root)

    assert first == measurement.plan()
    assert before == tree(measurement.store.root)


def test_another_run_of_the_same_time_gets_a_cycle_of_its_own(measurement):
    first = measurement.plan()
    measurement.run_id = "manual__2"
    second = measurement.plan()

    assert {s.cycle for s in first} == {"20261122T030000Z"}
    assert {s.cycle for s in second} == {"20261122T030000Z-1"}


def test_no_vantage_point_is_asked_for_more_than_its_own_rate(measurement):
    measurement.conf = {"rate_pps": 5000}
    measurement.inventory += "[limits]\nnetwork_pps = 1000\n"
    shards = measurement.plan()

    rates = [json.loads(measurement.store.read(s.job))["rate_pps"] for s in shards]
    assert rates == [100, 100, 100]


def test_split_all_gives_every_target_to_everyone_and_counts_so(measurement):
    measurement.conf = {"split": "all"}
    manifest = measurement.close()

    assert manifest.outcome.counts["assigned"] == 31 * len(NAMES)
    assert manifest.outcome.counts["excluded"] == len(NAMES)


def test_an_unknown_vantage_point_is_named_and_nothing_is_written(measurement):
    measurement.conf = {"vantage_points": ["us-0002"]}

    with pytest.raises(UnknownVantagePointError, match='"us-0002"; did you mean us-0001'):
        measurement.plan()
    assert tree(measurement.root) == {}


def test_a_list_of_opted_out_prefixes_only_is_refused_and_nothing_is_written(measurement):
    measurement.dnp = "100.64.0.0/10\nfd00::/8\n"

    with pytest.raises(NoTargetLeftError, match="all 31 targets are excluded"):
        measurement.plan()
    assert tree(measurement.root) == {}


LIMITED = "[limits]\nnetwork_pps = 30\n"


def test_a_network_hears_no_more_than_its_cap_from_two_cycles_that_run_at_once(measurement):
    measurement.inventory += LIMITED
    first = measurement.plan()
    measurement.run_id = "manual__2"
    running = running_loads(measurement.store)

    with pytest.raises(BudgetError, match=r"gets at most 30 pps"):
        measurement.plan(running)

    asked = gate.read_manifest(measurement.store, first[0].of).asked
    assert asked.network_pps["100.66.0.0/24"] <= 30
    assert asked.slowed_by == "100.66.0.0/24 gets at most 30 pps"


def test_a_cycle_that_was_closed_or_whose_deadline_passed_holds_no_share(measurement):
    measurement.inventory += LIMITED
    measurement.plan()
    [load] = running_loads(measurement.store)
    assert load.total_pps > 0

    assert running_loads(measurement.store, now_s=time.time() + 7 * 3600) == []
    measurement.close()
    assert running_loads(measurement.store) == []


def test_a_cycle_whose_folder_has_long_been_still_is_not_even_read(measurement):
    measurement.plan()
    old = measurement.store.local("cycles/lab/20200101T000000Z")
    old.mkdir()
    (old / "manifest.json").write_text("not JSON: whoever reads it fails")
    os.utime(old, (0, 0))

    assert len(running_loads(measurement.store)) == 1


def test_a_replay_gives_everybody_the_same_targets_in_the_same_order(measurement):
    first = measurement.plan()
    sources = measurement.sources()

    again = allot.from_cycle(
        measurement.store, measurement.cycle, sources.inventory, sources.do_not_probe
    )

    before = {s.vp: measurement.store.read(s.targets).decode().split() for s in first}
    assert {vp: [str(t) for t in part] for vp, part in again.parts.items()} == before
    once = allot.from_list(sources, parse_traceroute_params({"list": "lab"}))
    assert (again.targets, again.excluded) == (once.targets, once.excluded)
    assert again.excluded_assignments == once.excluded_assignments


def test_a_replay_leaves_out_who_has_opted_out_since(measurement):
    measurement.plan()
    since = parse_do_not_probe("100.66.0.5\n100.66.0.7\n", "dnp")

    inventory = measurement.sources().inventory
    again = allot.from_cycle(measurement.store, measurement.cycle, inventory, since)

    assert "100.66.0.7" not in {str(t) for part in again.parts.values() for t in part}
    assert again.excluded == {"do-not-probe": 2}
    assert again.excluded_assignments == 2
    assert sum(map(len, again.parts.values())) + 2 == again.targets


def test_a_frozen_list_that_was_touched_is_not_replayed(measurement):
    [shard, *_] = measurement.plan()
    measurement.store.local(shard.targets).write_text("203.0.113.1\n")
    sources = measurement.sources()

    with pytest.raises(MeasurementFailedError, match="is not what the manifest"):
        allot.from_cycle(
            measurement.store, measurement.cycle, sources.inventory, sources.do_not_probe
        )
