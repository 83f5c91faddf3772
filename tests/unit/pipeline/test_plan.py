"""A plan says everything that will be asked, and nothing is asked beyond it."""

import json

import pytest

from hitscanner.errors import NoTargetLeftError, UnknownVantagePointError
from hitscanner.pipeline import gate

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
