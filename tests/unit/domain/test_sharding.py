"""Sharding keeps every target once, whatever comes in."""

from ipaddress import IPv4Address
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hitscanner.domain.addresses import Address
from hitscanner.domain.sharding import Split, repeat, shard, split_targets
from hitscanner.errors import NoVantagePointError

addresses = st.lists(st.ip_addresses(), unique=True)
names = st.lists(st.from_regex(r"[a-z]{2}-[0-9]{4}", fullmatch=True), min_size=1, unique=True)


@given(addresses, names)
def test_each_target_is_probed_from_exactly_one_vantage_point(
    targets: list[Address], vps: list[str]
) -> None:
    parts = shard(targets, vps)

    assert sorted(vps) == list(parts)
    assert sorted(targets, key=str) == sorted((t for part in parts.values() for t in part), key=str)


@given(addresses, names)
def test_sizes_differ_by_at_most_one(targets: list[Address], vps: list[str]) -> None:
    sizes = [len(part) for part in shard(targets, vps).values()]

    assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize("split", ["shard", "all"])
@given(targets=addresses, vps=names, random=st.randoms())
def test_the_order_of_names_and_targets_does_not_matter(
    split: Split, targets: list[Address], vps: list[str], random: Random
) -> None:
    expected = split_targets(targets, vps, split)
    random.shuffle(targets)
    random.shuffle(vps)

    assert expected == split_targets(targets, vps, split)
    assert list(expected) == list(split_targets(targets, vps, split))


@given(addresses, names)
def test_everyone_gets_every_target_once_when_all_probe_all(
    targets: list[Address], vps: list[str]
) -> None:
    parts = repeat(targets, vps)

    assert sorted(vps) == list(parts)
    for part in parts.values():
        assert sorted(targets, key=str) == sorted(part, key=str)


def test_vantage_points_that_probe_all_begin_in_different_places() -> None:
    targets = [IPv4Address("192.0.2.0") + i for i in range(256)]

    orders = repeat(targets, [f"us-{i:04}" for i in range(8)]).values()

    assert len({tuple(order) for order in orders}) == 8


def test_neighbours_in_address_space_are_not_probed_in_sequence() -> None:
    targets = [IPv4Address("192.0.2.0") + i for i in range(256)]

    [order] = shard(targets, ["us-0001"]).values()

    steps = [abs(int(a) - int(b)) for a, b in pairwise(order)]
    assert sum(step == 1 for step in steps) < 10


def test_a_name_given_twice_counts_once() -> None:
    targets = [IPv4Address("192.0.2.1"), IPv4Address("192.0.2.2")]

    assert {vp: len(t) for vp, t in shard(targets, ["us-0001"] * 2).items()} == {"us-0001": 2}


@pytest.mark.parametrize("split", ["shard", "all"])
def test_no_vantage_point_is_refused(split: Split) -> None:
    with pytest.raises(NoVantagePointError, match="no vantage point"):
        split_targets([IPv4Address("192.0.2.1")], [], split)
