"""Sampling takes one address per block, the same ones every time."""

from ipaddress import IPv4Address, IPv4Network, ip_address, ip_network
from itertools import islice
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from hitscanner.domain.addresses import Prefix, Target
from hitscanner.domain.sampling import Sample, count_sampled, expand
from hitscanner.errors import TooManyTargetsError


def prefixes() -> st.SearchStrategy[Prefix]:
    v4 = st.tuples(st.integers(0, 2**32 - 1), st.integers(14, 32))
    v6 = st.tuples(st.integers(0, 2**128 - 1), st.integers(40, 128))
    return st.one_of(
        v4.map(lambda p: ip_network((p[0], p[1]), strict=False)),
        v6.map(lambda p: ip_network((p[0], p[1]), strict=False)),
    )


samples = st.builds(
    Sample,
    density=st.integers(16, 24),
    density_v6=st.integers(44, 48),
    type=st.sampled_from(["uniform", "random"]),
    offset=st.integers(0, 255),
    seed=st.integers(0, 2**63 - 1),
)


@given(prefixes(), samples)
def test_each_block_of_a_prefix_gives_one_address_of_that_block(
    prefix: Prefix, sample: Sample
) -> None:
    density = sample.density if prefix.version == 4 else sample.density_v6
    blocks: list[Prefix] = list(prefix.subnets(new_prefix=max(density, prefix.prefixlen)))

    drawn = list(expand([prefix], sample))

    assert len(blocks) == len(drawn) == count_sampled([prefix], sample)
    assert all(a in block for a, block in zip(drawn, blocks, strict=True))


@given(st.lists(st.one_of(prefixes(), st.ip_addresses()), max_size=5), samples)
def test_no_address_comes_out_twice_and_not_more_than_were_counted(
    entries: list[Target], sample: Sample
) -> None:
    drawn = list(expand(entries, sample))

    assert len(drawn) == len(set(drawn)) <= count_sampled(entries, sample)


@given(st.lists(prefixes(), max_size=5), samples, st.randoms())
def test_the_order_of_the_prefixes_does_not_matter(
    entries: list[Prefix], sample: Sample, random: Random
) -> None:
    expected = list(expand(entries, sample))
    random.shuffle(entries)

    assert set(expected) == set(expand(entries, sample))


def test_single_addresses_stay_as_they_are_and_come_first() -> None:
    entries = [ip_network("192.0.2.0/24"), ip_address("198.51.100.77"), ip_address("2001:db8::5")]

    drawn = [str(address) for address in expand(entries, Sample())]

    assert drawn == ["198.51.100.77", "2001:db8::5", "192.0.2.1"]


def test_a_sampled_address_that_is_listed_too_comes_out_once() -> None:
    entries = [ip_network("192.0.2.0/24"), ip_address("192.0.2.1")]

    assert [IPv4Address("192.0.2.1")] == list(expand(entries, Sample()))


def test_a_prefix_inside_another_adds_nothing() -> None:
    entries = [ip_network("192.0.2.0/25"), ip_network("192.0.2.0/24"), ip_network("192.0.2.8/29")]

    assert [IPv4Address("192.0.2.1")] == list(expand(entries, Sample()))


def test_seed_zero_is_a_seed_and_differs_from_one() -> None:
    wide = [ip_network("198.18.0.0/16")]

    zero, again, one = (list(expand(wide, Sample(type="random", seed=s))) for s in (0, 0, 1))

    assert zero == again
    assert zero != one


def test_random_addresses_are_neither_the_first_nor_the_last_of_a_block() -> None:
    drawn = expand([ip_network("198.18.0.0/16")], Sample(density=30, type="random"))

    assert {1, 2} == {int(address) % 4 for address in drawn}


def test_ipv6_is_sampled_per_48_unless_told_otherwise() -> None:
    drawn = [str(address) for address in expand([ip_network("2001:db8::/47")], Sample())]

    assert drawn == ["2001:db8::1", "2001:db8:1::1"]


def test_a_list_that_gives_too_many_targets_is_refused_before_the_first() -> None:
    with pytest.raises(TooManyTargetsError) as refusal:
        expand([ip_network("2001:db8::/32"), ip_network("0.0.0.0/0")], Sample(density_v6=64))

    assert str(refusal.value) == (
        "the list gives 4311744512 targets, at most 20000000 are possible; use wider "
        "blocks (a smaller sample.density, now /24 and /64) or fewer prefixes"
    )


def test_addresses_are_made_only_as_they_are_asked_for() -> None:
    everything = expand([IPv4Network("0.0.0.0/0")], Sample())

    assert [str(address) for address in islice(everything, 2)] == ["0.0.0.1", "0.0.1.1"]


@pytest.mark.parametrize(
    "values",
    [
        {"density": 7}, {"density": 33}, {"density": True}, {"density_v6": 15},
        {"type": "gauss"}, {"seed": -1}, {"offset": -1}, {"offset": 256}, {"seeds": 1},
    ],
)  # fmt: skip
def test_an_impossible_sample_is_refused(values: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Sample.model_validate(values)
