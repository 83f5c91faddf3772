"""Alias tests are jobs like traces: the same guards, slices and account."""

import json
import struct
from collections import Counter
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.dealias import dealias, in_turn, mercator

from hitscanner.domain.alias_tasks import AliasTask, addresses_of
from hitscanner.prober.dealias import parse_tested
from hitscanner.prober.dnp import parse_dnp
from hitscanner.prober.errors import BadJobError
from hitscanner.prober.job import parse_job, parse_targets
from hitscanner.prober.slices import tests_per_slice as per_slice
from hitscanner.prober.tasks import addresses_in, pack_test, unpack
from hitscanner.prober.warts import DEALIAS, walk

from .test_job import GOOD

KEYS = {"kind": "dealias", "method": "ally", "rounds": 10}
JOB = {**{k: v for k, v in GOOD.items() if k not in ("first_hop", "gap")}, **KEYS}
PAIR = ["192.0.2.1", "192.0.2.2"]


def test_a_dealias_job_is_taken_and_needs_no_hop_but_rounds():
    assert parse_job(json.dumps(JOB)).rounds == 10
    with pytest.raises(BadJobError, match="unknown key 'gap'"):
        parse_job(json.dumps({**JOB, "gap": 5}))
    with pytest.raises(BadJobError, match="key 'rounds' is missing"):
        parse_job(json.dumps({k: v for k, v in JOB.items() if k != "rounds"}))


@pytest.mark.parametrize("kind", ["ping", None, ["trace"]])
def test_an_unknown_kind_is_refused(kind):
    with pytest.raises(BadJobError, match="kind is"):
        parse_job(json.dumps({**JOB, "kind": kind}))


def test_the_methods_of_one_kind_are_not_those_of_the_other():
    with pytest.raises(BadJobError, match="method is 'udp-paris'; use one of mercator, ally"):
        parse_job(json.dumps({**JOB, "method": "udp-paris"}))
    with pytest.raises(BadJobError, match="method is 'ally'; use one of udp-paris"):
        parse_job(json.dumps({**GOOD, "method": "ally"}))


@given(st.lists(st.ip_addresses(v=4), min_size=2, max_size=100, unique=True))
def test_the_prober_reads_the_lines_that_the_planner_writes(addresses):
    line = AliasTask("radargun", tuple(map(str, addresses))).line

    key = pack_test(line)
    assert len(key) not in (4, 16)
    assert addresses == addresses_of(line)
    assert list(map(str, addresses)) == [unpack(packed) for packed in addresses_in(key)]


@given(st.text())
def test_no_text_breaks_the_reading_of_a_line(text):
    assert pack_test(text) is None


def test_a_line_that_is_no_test_is_named():
    with pytest.raises(BadJobError, match=r"line 2: 'ally 192\.0\.2\.1' is no test"):
        parse_targets("mercator 192.0.2.1\nally 192.0.2.1\n", pack_test)


def test_a_test_is_excluded_when_one_of_its_addresses_opted_out():
    dnp = parse_dnp(b"192.0.2.2")

    assert pack_test("ally 192.0.2.1 192.0.2.2") in dnp
    assert pack_test("ally 192.0.2.1 192.0.2.3") not in dnp


def test_a_record_says_which_line_it_is_of_and_what_it_took():
    probes = in_turn(PAIR, [[10, 11], [12, 13], [14, 15]])
    body = dealias("ally", PAIR, 4711, probes)[8:]

    tested = parse_tested(body)
    assert (tested.user_id, tested.probes, tested.replies) == (4711, 6, 6)
    silent = parse_tested(mercator("2001:db8::1", 3, None)[8:])
    assert (silent.user_id, silent.probes, silent.replies) == (3, 1, 0)


@given(st.integers(0, 400), st.integers(0, 255))
def test_a_damaged_record_is_an_error_or_a_number_never_a_crash(at, value):
    body = bytearray(dealias("radargun", PAIR, 1, in_turn(PAIR, [[1, 2], [3, 4]]))[8:])
    body[at % len(body)] = value
    with suppress(IndexError, ValueError, struct.error):
        parse_tested(bytes(body))


def test_a_slice_of_radargun_holds_fewer_tests_than_one_of_mercator():
    few = [pack_test("radargun 192.0.2.1 192.0.2.2 192.0.2.3")]
    many = [pack_test("mercator 192.0.2.1")]
    spec = parse_job(json.dumps(JOB))

    assert per_slice(spec, few) == 300 * 100 // 30
    assert per_slice(spec, many) == 24000


def _user_ids(job):
    """How often each line has a record in the kept slices."""
    found = Counter()
    for path in sorted((job.path / "slices").glob("*.warts")):
        with path.open("rb") as stream:
            found.update(parse_tested(r.body).user_id for r in walk(stream) if r.kind == DEALIAS)
    return found


def _stage(vp_job, lines, method, **changes):
    """A job for alias tests: without the keys of a trace."""
    job = vp_job(lines, kind="dealias", method=method, rounds=4, **changes)
    spec = json.loads((job.path / "job.json").read_text())
    (job.path / "job.json").write_text(
        json.dumps({key: spec[key] for key in spec if key not in ("first_hop", "gap")})
    )
    return job


@pytest.mark.root
@pytest.mark.slow
@pytest.mark.parametrize("method", ["mercator", "ally", "radargun"])
def test_scamper_leaves_one_record_for_each_line_and_nothing_for_an_opt_out(
    vp_job, network, method
):
    """Given pairs without `-O cmdfile` it writes none, and exits 0."""
    fast = network.fast(6)
    width = {"mercator": 1, "ally": 2, "radargun": 3}[method]
    lines = [" ".join((method, *fast[i : i + width])) for i in range(0, 6, width)]
    job = _stage(vp_job, lines, method, dnp=f"{fast[0]}\n")

    result = job.run()

    assert result.returncode == 0, result.stderr
    shard = job.shard()
    assert (shard["done"], shard["excluded"]) == (len(lines) - 1, 1)
    assert _user_ids(job) == dict.fromkeys(range(2, len(lines) + 1), 1)


@pytest.mark.root
@pytest.mark.slow
def test_a_stopped_alias_job_goes_on_behind_its_finished_slices(vp_job, network):
    lines = [f"mercator {address}" for address in (*network.fast(30), *network.fast6(10))]
    job = _stage(vp_job, lines, "mercator", rate_pps=10, slice_s=1)
    job.start()
    job.wait_until(lambda: list(job.path.glob("slices/0000.json")), "a slice is kept")
    (job.spool / "stop").touch()
    job.wait_until(lambda: (job.path / "shard.json").exists(), "the prober has stopped")
    assert job.shard()["state"] == "stopped"
    (job.spool / "stop").unlink()

    assert job.run().returncode == 0
    assert _user_ids(job) == dict.fromkeys(range(1, 41), 1)
