"""What comes home is believed only after it was checked; the rest is counted, never lost."""

import pytest

from hitscanner.domain.quorum import State
from hitscanner.pipeline import gate, measure
from hitscanner.pipeline.gate import QuorumError
from tests.support import warts
from tests.support.vantage import ROUTERS, FakeTransport

from .conftest import OPTED_OUT, Measurement, tree


def adds_up(counts):
    parts = ("done", "failed", "excluded", "unassigned")
    return counts["assigned"] == sum(counts[part] for part in parts)


def test_a_whole_cycle_is_complete_and_misses_nothing(measurement):
    manifest = measurement.close()

    assert manifest.state is State.COMPLETE
    assert adds_up(manifest.outcome.counts)
    assert manifest.outcome.counts["done"] == 30
    assert manifest.outcome.missing is None
    packets = manifest.outcome.packets
    assert packets["sent"] == packets["received"] + packets["lost"] > 0


def test_a_killed_scamper_makes_the_cycle_partial_and_lists_what_is_missing(measurement):
    measurement.transport.traced["us-0001"] = 0.5
    manifest = measurement.close()

    assert manifest.state is State.PARTIAL
    assert adds_up(manifest.outcome.counts)
    listed = measurement.store.read(manifest.outcome.missing.file).decode().splitlines()
    assert len(listed) == manifest.outcome.missing.count == 5
    assert {line.split()[0] for line in listed} == {"us-0001"}
    [broken] = [s for s in manifest.outcome.shards if s.cause]
    assert (broken.vp, broken.cause) == ("us-0001", "scamper was killed by SIGKILL")


def test_a_quorum_of_all_fails_the_same_cycle_after_writing_its_manifest(measurement):
    measurement.transport.traced["us-0001"] = 0.5
    measurement.conf = {"min_vp_ratio": 1.0}

    with pytest.raises(QuorumError, match="us-0001: scamper was killed"):
        measurement.close()
    assert gate.read_manifest(measurement.store, measurement.cycle).state is State.FAILED


def test_nothing_from_anybody_is_failed(measurement):
    measurement.transport.silent = {"us-0001", "jp-0001", "de-0001"}

    with pytest.raises(QuorumError, match="its prober is not running: prober: no such namespace"):
        measurement.close()
    counts = gate.read_manifest(measurement.store, measurement.cycle).outcome.counts
    assert adds_up(counts)
    assert counts["unassigned"] == 30


def test_a_fetched_shard_is_not_asked_for_again(measurement):
    shards = measurement.fetch_all()
    before = tree(measurement.root)
    measurement.transport.started.clear()

    measurement.fetch_all()

    assert measurement.transport.started == []
    assert before == tree(measurement.root)
    assert len(shards) == 3


def _other_vp(shard, targets):
    other = type(shard)(shard.list, shard.cycle, "xx-9999", shard.shard)
    return warts.slice_file(other, targets, ROUTERS)


def _stale(shard, targets):
    return warts.slice_file(type(shard)(shard.list, "20251122T030000Z", shard.vp), targets)


BAD = {
    "zero bytes": (lambda shard, targets: b"", "does not begin with a list"),
    "headers only": (lambda shard, targets: warts.head(shard) + warts.stop(), "holds no trace"),
    "cut in a record": (lambda s, t: warts.slice_file(s, t, ROUTERS)[:-25], "claims"),
    "of another vantage point": (_other_vp, "is of vantage point xx-9999"),
    "of another cycle": (_stale, "is stale"),
}


@pytest.mark.parametrize(("tamper", "words"), BAD.values(), ids=BAD.keys())
def test_a_bad_result_fails_its_lane_although_the_prober_said_done(measurement, tamper, words):
    measurement.transport.tampers["us-0001"] = tamper
    manifest = measurement.close()

    assert manifest.state is State.PARTIAL
    [bad] = [s for s in manifest.outcome.shards if s.cause]
    assert bad.vp == "us-0001"
    assert words in bad.cause
    assert bad.counts.done == 0
    assert not measurement.store.exists("raw/lab/20261122T030000Z/us-0001/0000.warts.zst")


def test_a_slice_that_changed_on_the_way_is_not_believed(measurement):
    shards = measurement.plan()
    for shard in shards:
        measure.start(measurement.lane(shard), shard)
    broken = (shards[0], "0000.warts")
    measurement.transport.slices[broken] = measurement.transport.slices[broken][:-1] + b"x"

    with pytest.raises(measure.ShardFailedError, match="another checksum"):
        measure.fetch(measurement.lane(shards[0]), shards[0])


def test_a_report_that_cannot_be_read_is_a_failure_with_that_cause(measurement):
    shards = measurement.plan()
    for shard in shards:
        measure.start(measurement.lane(shard), shard)
    measurement.transport.reports[shards[0]] = b"{}"

    with pytest.raises(measure.ShardFailedError, match="its report cannot be read"):
        measure.fetch(measurement.lane(shards[0]), shards[0])


def test_who_opts_out_on_the_way_is_excluded_not_missing(measurement):
    measurement.transport.traced["us-0001"] = 0.5
    shards = measurement.plan()
    [ours] = [shard for shard in shards if shard.vp == "us-0001"]
    last = measurement.store.read(ours.targets).decode().split()[-1]
    measurement.dnp = f"{OPTED_OUT}{last}\n"
    manifest = measurement.close()

    [shard] = [s for s in manifest.outcome.shards if s.vp == "us-0001"]
    assert shard.counts.excluded == 1
    missing = measurement.store.read(manifest.outcome.missing.file).decode()
    assert last not in missing.split()


def test_a_list_that_changes_while_we_wait_is_handed_to_the_vantage_point(tmp_path):
    measurement = Measurement(tmp_path)
    [shard, *_] = measurement.plan()
    lane = measurement.lane(shard)
    measure.start(lane, shard)
    lane.do_not_probe.file.write_text("none\n# nobody\n")

    measure.fetch(lane, shard)

    assert measurement.transport.renewed[-1] == (shard.vp, b"none\n# nobody\n")


def test_a_list_that_breaks_while_we_wait_is_handed_on_too_because_it_silences(tmp_path):
    live = Measurement(tmp_path).live_list()
    assert live.is_news()
    live.handed_on()
    assert not live.is_news()

    live.file.write_text("everybody\n")

    assert live.is_news()
    assert live.content == b"everybody\n"
    assert live.current.text == OPTED_OUT
    live.handed_on()
    live.file.unlink()
    assert live.is_news()
    assert live.content is None


def test_what_could_not_be_handed_on_is_tried_again(tmp_path):
    live = Measurement(tmp_path).live_list()

    assert live.is_news()
    assert live.is_news()


def test_after_a_stop_the_finished_part_is_brought_home_and_nothing_is_started(tmp_path):
    measurement = Measurement(tmp_path, transport=FakeTransport(traced={"us-0001": 0.5}))
    shards = measurement.plan()
    [shard] = [each for each in shards if each.vp == "us-0001"]
    lane = measurement.lane(shard)
    measure.start(lane, shard)
    begun = len(measurement.transport.started)

    with pytest.raises(measure.ShardFailedError):
        measure.fetch(lane, shard, may_start=False)

    assert len(measurement.transport.started) == begun
    record = gate.read_record(measurement.store, shard)
    assert record is not None
    assert record.counts.done > 0
