"""Whom to ask about aliases, and what the answers come to: pure, bounded, independent of order."""

import random
from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from hitscanner.domain.alias_sets import Evidence, address_key, pairs_of, resolve
from hitscanner.domain.alias_tasks import METHODS, AliasTask, addresses_of, deal
from hitscanner.domain.candidates import (
    SeenLink,
    candidate_pairs,
    groups_of,
    mates,
    neighbourhoods,
    router_addresses,
)
from hitscanner.domain.ip_ids import Sample, compare, is_counter

ADDRESSES = [f"192.0.2.{i}" for i in range(1, 30)]
addresses = st.sampled_from(ADDRESSES)
pairs = st.tuples(addresses, addresses).filter(lambda pair: pair[0] != pair[1])
evidence = st.lists(
    st.builds(
        lambda pair, verdict, method: Evidence.of(*pair, verdict, method),
        pairs,
        st.sampled_from(["aliases", "not-aliases", "none"]),
        st.sampled_from(["mercator", "ally", "radargun"]),
    ),
    max_size=40,
)
seen = st.lists(
    st.builds(
        lambda pair, is_dest, stars, ttl: SeenLink(*pair, is_dest, stars, ttl),
        pairs,
        st.booleans(),
        st.integers(0, 2),
        st.integers(1, 9),
    ),
    max_size=60,
)


@given(evidence, st.randoms())
def test_alias_sets_do_not_depend_on_the_order_of_the_evidence(found, chance):
    shuffled = chance.sample(found, len(found))

    assert resolve(found) == resolve(shuffled)


@given(evidence)
def test_no_set_holds_two_addresses_that_a_test_holds_apart(found):
    denied = {(e.a, e.b) for e in found if e.verdict == "not-aliases"}

    assert not pairs_of(resolve(found).sets) & denied


@given(evidence)
def test_every_alias_is_in_a_set_or_in_a_conflict(found):
    resolution = resolve(found)

    inside = pairs_of(resolution.sets)
    reported = {(c.a, c.b) for c in resolution.conflicts}
    assert {(e.a, e.b) for e in found if e.verdict == "aliases"} <= inside | reported


def test_a_pair_that_tests_disagree_about_is_a_conflict_not_a_set():
    for_it = Evidence("192.0.2.1", "192.0.2.5", "aliases", "ally")
    against = Evidence("192.0.2.1", "192.0.2.5", "not-aliases", "radargun")
    resolution = resolve([for_it, against])

    assert resolution.sets == ()
    [conflict] = resolution.conflicts
    assert (conflict.method, conflict.against_method) == ("ally", "radargun")


@given(seen, st.integers(0, 30), st.randoms())
def test_candidates_are_bounded_unique_known_and_independent_of_order(links, limit, chance):
    found = candidate_pairs(links, limit)

    assert len(found) <= limit
    assert len({(c.a, c.b) for c in found}) == len(found)
    assert {a for c in found for a in (c.a, c.b)} <= set(router_addresses(links))
    assert found == candidate_pairs(chance.sample(links, len(links)), limit)


def test_a_router_is_found_by_what_comes_behind_it_and_by_the_cable():
    """Two ways in (.1, .3), one way out over a /31 of which the router holds .10."""
    links = [
        SeenLink("192.0.2.1", "192.0.2.11", False, 0, 2),
        SeenLink("192.0.2.3", "192.0.2.11", False, 0, 3),
        SeenLink("192.0.2.10", "192.0.2.20", False, 0, 4),
    ]
    whys = {(c.a, c.b): c.why for c in candidate_pairs(links, 100)}

    assert whys["192.0.2.1", "192.0.2.10"] == "mate"
    assert whys["192.0.2.1", "192.0.2.3"] == "next"


def test_what_lies_behind_a_silent_hop_is_no_neighbour():
    links = [
        SeenLink("192.0.2.1", "192.0.2.11", False, 1, 2),
        SeenLink("198.51.100.3", "192.0.2.11", False, 1, 3),
    ]

    assert candidate_pairs(links, 100) == []


def test_many_neighbours_of_one_address_do_not_make_a_square_of_pairs():
    links = [SeenLink(f"10.0.{i}.1", "192.0.2.11", False, 0, i) for i in range(1, 250)]

    assert len(candidate_pairs(links, 10**9)) <= 249 * 4


@given(st.lists(pairs, max_size=40), st.integers(2, 8))
def test_each_pair_is_within_a_group_and_no_group_is_too_large(some, largest):
    groups = groups_of(some, largest)

    assert all(len(group) <= largest for group in groups)
    assert all(any({a, b} <= set(group) for group in groups) for a, b in some)


@given(st.sets(addresses), st.integers(2, 9))
def test_addresses_half_a_group_apart_are_within_some_group(some, size):
    groups = neighbourhoods(some, size)

    ordered = sorted(some, key=address_key)
    assert all(1 < len(group) <= size for group in groups)
    assert all(
        any({a, b} <= set(group) for group in groups)
        for i, a in enumerate(ordered)
        for b in ordered[i + 1 : i + 1 + size // 2]
    )


def test_two_counters_in_step_are_not_one():
    one, other = _counter(100, 0.01, EVEN), _counter(100, 0.01, EVEN)
    shifted = [Sample(s.tx_us + 50_000, s.rx_us + 50_000, s.ip_id) for s in other]

    assert compare(one, shifted) == "not-aliases"


def test_mates_are_the_other_ends_of_a_30_and_a_31():
    assert mates("192.0.2.6") == ["192.0.2.5", "192.0.2.7"]
    assert mates("192.0.2.7") == ["192.0.2.6"]


@given(st.permutations([AliasTask("mercator", (a,)) for a in ADDRESSES]))
def test_each_task_goes_to_one_vantage_point_whatever_the_order(tasks):
    dealt = deal(tasks, ["us-0001", "jp-0001", "de-0001"])

    assert dealt == deal(sorted(tasks), ["jp-0001", "de-0001", "us-0001"])
    assert sorted(t for part in dealt.values() for t in part) == sorted(tasks)
    assert max(map(len, dealt.values())) - min(map(len, dealt.values())) <= 1


def test_a_line_gives_back_every_address_that_gets_packets():
    for method in METHODS:
        task = AliasTask(method, ("192.0.2.1", "192.0.2.2"))
        assert [str(a) for a in addresses_of(task.line)] == ["192.0.2.1", "192.0.2.2"]


def _counter(start: int, per_ms: float, at_ms: list[float]) -> list[Sample]:
    return [
        Sample(int(1000 * t), int(1000 * (t + 20)), int(start + per_ms * t) % 65536) for t in at_ms
    ]


EVEN = [float(t) for t in range(0, 1000, 100)]
ODD = [float(t) for t in range(50, 1050, 100)]


@given(st.integers(0, 65535), st.floats(0.1, 20))
def test_one_counter_behind_two_addresses_is_recognised_also_where_it_wraps(start, per_ms):
    assert compare(_counter(start, per_ms, EVEN), _counter(start, per_ms, ODD)) == "aliases"


@given(st.integers(0, 65535), st.integers(2000, 63000), st.floats(0.1, 5))
def test_two_counters_as_fast_as_each_other_are_told_apart(start, ahead, per_ms):
    one, other = _counter(start, per_ms, EVEN), _counter(start + ahead, per_ms, ODD)

    assert compare(one, other) == "not-aliases"


def test_random_identifiers_are_no_evidence():
    chance = random.Random(1)
    verdicts = [
        compare(*([Sample(s.tx_us, s.rx_us, chance.randrange(65536)) for s in _counter(0, 1, at)]
                  for at in (EVEN, ODD)))
        for _ in range(1000)
    ]  # fmt: skip

    assert set(verdicts) == {"none"}


def test_constant_and_echoed_identifiers_are_no_counter():
    constant = [Sample(s.tx_us, s.rx_us, 0) for s in _counter(0, 1, EVEN)]
    echoed = [Sample(s.tx_us, s.rx_us, s.ip_id, s.ip_id) for s in _counter(0, 1, EVEN)]

    assert not is_counter(constant)
    assert not is_counter(echoed)


def test_replies_that_overtook_each_other_on_the_way_are_forgiven():
    """The second probe left before the first was answered and met the router first."""
    slow = [(0, 90, 12), (200, 290, 32), (400, 490, 52), (600, 690, 72), (800, 890, 92)]
    quick = [(10, 40, 10), (210, 240, 30), (410, 440, 50), (610, 640, 70), (810, 840, 90)]
    one, other = ([Sample(1000 * tx, 1000 * rx, i) for tx, rx, i in at] for at in (slow, quick))

    assert compare(one, other) == "aliases"


def test_pairs_of_a_set_are_all_its_pairs():
    assert pairs_of([("192.0.2.2", "192.0.2.1", "192.0.2.10")]) == set(
        combinations(["192.0.2.1", "192.0.2.2", "192.0.2.10"], 2)
    )
