"""What a dead vantage point left is measured by the others, and every target is counted once."""

from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hitscanner.domain.do_not_probe import parse_do_not_probe
from hitscanner.domain.quorum import State
from hitscanner.pipeline import gate, measure
from hitscanner.pipeline.gate import QuorumError
from hitscanner.pipeline.reshard import reshard

from .conftest import NAMES, OPTED_OUT, Measurement, tree


def deal(measurement: Measurement, dnp: str = OPTED_OUT):
    inventory = measurement.sources().inventory
    listed = parse_do_not_probe(dnp, "dnp")
    return reshard(measurement.store, measurement.cycle, inventory, listed)


def fetch(measurement: Measurement, shards) -> None:
    for shard in shards:
        lane = measurement.lane(shard)
        measure.start(lane, shard)
        try:
            measure.fetch(lane, shard)
        except measure.ShardFailedError:
            continue


def adds_up(counts):
    parts = ("done", "failed", "excluded", "unassigned")
    return counts["assigned"] == sum(counts[part] for part in parts) == 31


def test_the_rest_of_a_dead_vantage_point_is_measured_and_the_cycle_is_complete(measurement):
    measurement.transport.traced = {"us-0001": 0.4}
    measurement.fetch_all()

    second = deal(measurement)
    measurement.transport.traced = {}
    fetch(measurement, second)
    manifest = gate.close_cycle(measurement.store, measurement.cycle)

    assert {shard.vp for shard in second} == {"de-0001", "jp-0001"}
    assert manifest.state is State.COMPLETE
    assert adds_up(manifest.outcome.counts)
    assert manifest.outcome.counts["done"] == 30
    assert manifest.outcome.missing is None
    [dead] = [s for s in manifest.outcome.shards if s.vp == "us-0001"]
    assert dead.state == "failed"


def test_a_target_that_was_finished_is_not_given_to_anybody_again(measurement):
    measurement.transport.traced = {"us-0001": 0.4}
    first = measurement.fetch_all()
    [dead] = [shard for shard in first if shard.vp == "us-0001"]
    missing = set(gate.missing_of(measurement.store, dead))

    second = deal(measurement)

    moved = [t for s in second for t in measurement.store.read(s.targets).decode().split()]
    assert sorted(moved) == sorted(missing)


def test_asked_again_it_deals_the_same_and_changes_no_byte(measurement):
    measurement.transport.silent = {"us-0001"}
    measurement.fetch_all()

    first = deal(measurement)
    before = tree(measurement.store.root)

    assert deal(measurement) == first
    assert tree(measurement.store.root) == before


def test_a_second_vantage_point_that_fails_leaves_them_missing_once(measurement):
    measurement.transport.silent = {"us-0001"}
    measurement.fetch_all()
    second = deal(measurement)
    measurement.transport.silent = {"us-0001", "jp-0001"}
    fetch(measurement, second)

    manifest = gate.close_cycle(measurement.store, measurement.cycle)

    assert manifest.state is State.PARTIAL
    assert adds_up(manifest.outcome.counts)
    listed = measurement.store.read(measurement.cycle.missing).decode().splitlines()
    assert len(listed) == len(set(listed)) == manifest.outcome.missing.count
    assert {line.split()[0] for line in listed} == {"jp-0001"}


@pytest.mark.parametrize(
    ("conf", "silent"),
    [
        ({"reshard": False}, {"us-0001"}),
        ({"split": "all"}, {"us-0001"}),
        ({}, set(NAMES)),
        ({}, set()),
    ],
)
def test_nothing_is_moved_when_nobody_wants_it_needs_it_or_can_take_it(measurement, conf, silent):
    measurement.conf = conf
    measurement.transport.silent = silent
    measurement.fetch_all()

    assert deal(measurement) == []


def test_who_opted_out_in_the_meantime_is_not_moved(measurement):
    measurement.transport.silent = {"us-0001"}
    first = measurement.fetch_all()
    [dead] = [shard for shard in first if shard.vp == "us-0001"]
    gone = gate.missing_of(measurement.store, dead)[0]

    second = deal(measurement, f"{OPTED_OUT}{gone}\n")

    assert gone not in {
        t for s in second for t in measurement.store.read(s.targets).decode().split()
    }


def test_a_dead_vantage_point_counts_against_the_quorum_although_others_stepped_in(measurement):
    measurement.conf = {"min_vp_ratio": 1.0}
    measurement.transport.silent = {"us-0001"}
    measurement.fetch_all()
    second = deal(measurement)
    fetch(measurement, second)

    with pytest.raises(QuorumError):
        gate.close_cycle(measurement.store, measurement.cycle)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=15)
@given(
    first=st.dictionaries(st.sampled_from(NAMES), st.sampled_from([0.0, 0.3, 0.9])),
    then=st.dictionaries(st.sampled_from(NAMES), st.sampled_from([0.0, 0.5])),
)
def test_the_account_is_exact_whoever_fails_when(tmp_path_factory, first, then):
    measurement = Measurement(tmp_path_factory.mktemp("cycle"))
    measurement.transport.traced = first
    measurement.fetch_all()
    second = deal(measurement)
    measurement.transport.traced = then
    fetch(measurement, second)

    with suppress(QuorumError):
        gate.close_cycle(measurement.store, measurement.cycle)
    manifest = gate.read_manifest(measurement.store, measurement.cycle)

    assert adds_up(manifest.outcome.counts)
