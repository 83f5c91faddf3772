"""A job is taken as it was planned or not at all."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hitscanner.prober.errors import BadJobError
from hitscanner.prober.job import METHODS, JobSpec, parse_job, parse_targets
from hitscanner.prober.scamper import argv_of
from hitscanner.prober.tasks import pack, unpack

GOOD = {
    "version": 1,
    "list": "demo",
    "cycle": "20261122T030000Z",
    "vp": "us-0001",
    "shard": "0000",
    "list_id": 1,
    "cycle_id": 123,
    "source_addresses": {"4": "100.64.0.2", "6": "fd00::2"},
    "targets_sha256": "a" * 64,
    "dnp_sha256": "b" * 64,
    "method": "udp-paris",
    "first_hop": 1,
    "gap": 5,
    "attempts": 2,
    "wait_s": 1,
    "rate_pps": 100,
    "max_pps": 100,
    "slice_s": 300,
    "max_clock_offset_s": 30,
    "deadline_s": 21600,
}


def test_a_good_job_is_taken_key_by_key():
    assert JobSpec(**GOOD) == parse_job(json.dumps(GOOD))


@pytest.mark.parametrize("key", sorted(GOOD))
def test_a_missing_key_is_named(key):
    with pytest.raises(BadJobError, match=f"key '{key}' is missing"):
        parse_job(json.dumps({k: v for k, v in GOOD.items() if k != key}))


def test_an_unknown_key_is_named():
    with pytest.raises(BadJobError, match="unknown key 'ratepps'"):
        parse_job(json.dumps({**GOOD, "ratepps": 5}))


def test_hops_are_confirmed_only_where_it_is_asked():
    assert not parse_job(json.dumps(GOOD)).confirm
    assert parse_job(json.dumps({**GOOD, "confirm": True})).confirm
    with pytest.raises(BadJobError, match="confirm is 1; give true or false"):
        parse_job(json.dumps({**GOOD, "confirm": 1}))


@pytest.mark.parametrize(("confirm", "ends_with"), [(True, "-Q"), (False, "-s 61000")])
def test_scamper_is_told_to_send_every_attempt(confirm, ends_with):
    spec = JobSpec(**GOOD, confirm=confirm)
    argv = argv_of(spec, "scamper", 61000, Path("out"), Path("in"))

    assert argv[argv.index("-c") + 1].endswith(ends_with)


def test_an_alias_test_has_no_hops_to_confirm():
    dealias = {k: v for k, v in GOOD.items() if k not in ("first_hop", "gap")}
    dealias |= {"kind": "dealias", "method": "ally", "rounds": 10}

    with pytest.raises(BadJobError, match="unknown key 'confirm'"):
        parse_job(json.dumps({**dealias, "confirm": True}))


WRONG = [
    ("version", 2),
    ("list", "Demo"),
    ("list", "../x"),
    ("cycle", "2026-11-22"),
    ("cycle", "20261122T030000Z\n"),
    ("vp", "-us"),
    ("vp", None),
    ("shard", "0"),
    ("rate_pps", 0),
    ("rate_pps", 10_001),
    ("rate_pps", 10.0),
    ("rate_pps", True),
    ("rate_pps", 101),
    ("gap", 0),
    ("method", "quic"),
    ("method", ["udp"]),
    ("targets_sha256", "abc"),
    ("source_addresses", {"4": "100.64.0.2"}),
    ("source_addresses", {"4": "fd00::2", "6": None}),
    ("source_addresses", {"4": 7, "6": None}),
    ("source_addresses", None),
]


@pytest.mark.parametrize(("key", "value"), WRONG)
def test_a_wrong_value_is_refused_by_its_keys_name(key, value):
    with pytest.raises(BadJobError, match=key):
        parse_job(json.dumps({**GOOD, key: value}))


@pytest.mark.parametrize("method", METHODS)
def test_every_method_is_taken(method):
    assert method == parse_job(json.dumps({**GOOD, "method": method})).method


@given(st.text() | st.recursive(st.none() | st.integers(), st.lists).map(json.dumps))
def test_no_text_does_anything_but_parse_or_be_refused(text):
    with pytest.raises(BadJobError):
        parse_job(text)


@given(st.lists(st.ip_addresses(), unique=True, min_size=1))
def test_targets_keep_their_order_and_their_bytes(addresses):
    targets = parse_targets("".join(f"{address}\n" for address in addresses))

    assert [address.packed for address in addresses] == list(targets)
    assert [str(address) for address in addresses] == list(targets.values())


@given(st.ip_addresses())
def test_packing_and_unpacking_give_the_same_address(address):
    assert address.packed == pack(unpack(address.packed))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no target"),
        ("192.0.2.1\n\n192.0.2.2\n", "line 2: ''"),
        ("192.0.2.1\n192.0.2.1\n", "line 2: 192.0.2.1 is there twice"),
        ("2001:db8::1\n2001:db8:0::1\n", "line 2: .* is there twice"),
        ("192.0.2.0/24\n", "line 1"),
        ("fe80::1%eth0\n", "line 1"),
        ("192.0.2.1 \n", "line 1"),
        ("host\0\n", "line 1"),
    ],
)
def test_a_line_that_is_no_new_address_is_named(text, words):
    with pytest.raises(BadJobError, match=words):
        parse_targets(text)
