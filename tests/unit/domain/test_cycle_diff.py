"""Labels and differences: nothing invented, nothing dependent on order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hitscanner.domain.cycle_diff import Sight, compare_cycles
from hitscanner.domain.labels import (
    GEO_COLUMNS,
    newest,
    parse_places,
    parse_prefix2as,
)
from hitscanner.errors import UsageError

ADDRESSES = [f"192.0.2.{i}" for i in range(1, 16)] + [f"2001:db8::{i:x}" for i in range(1, 6)]
addresses = st.sampled_from(ADDRESSES)
pairs = st.tuples(addresses, addresses).filter(lambda pair: pair[0] != pair[1])
sights = st.lists(
    st.builds(
        lambda pair, vps: Sight(*pair, frozenset(vps)),
        pairs,
        st.sets(st.sampled_from(["us", "jp", "de"]), min_size=1),
    ),
    max_size=25,
)


def test_the_first_origin_and_the_longest_prefix_win():
    origins = parse_prefix2as(
        "192.0.2.0\t24\t30_10\n192.0.2.128\t25\t20,21\n2001:db8:: 32 7\n", "x"
    )

    found = [origins.find(a) for a in ("192.0.2.1", "192.0.2.200", "2001:db8::1", "8.8.8.8")]
    assert found == [30, 20, 7, None]


@pytest.mark.parametrize("line", ["192.0.2.0 24", "192.0.2.0 33 5", "192.0.2.1 24 5", "a b c"])
def test_a_line_that_is_no_prefix_and_as_is_named(line):
    with pytest.raises(UsageError, match=r"p2a-20261101\.txt line 2"):
        parse_prefix2as(f"192.0.2.0 24 1\n{line}\n", "p2a-20261101.txt")


def test_a_file_of_places_needs_its_header():
    with pytest.raises(UsageError, match="first line is not prefix,continent"):
        parse_places("192.0.2.0/24,NA\n", "geo.csv")
    assert parse_places(",".join(GEO_COLUMNS) + "\n192.0.2.0/24,,US,,,,\n", "geo.csv")


def test_labels_are_never_newer_than_the_cycle_unless_nothing_older_is_there():
    names = ["p-20261101.txt", "p-20261120.txt", "p-20261201.txt", "undated.txt"]

    assert newest(names, "20261122T030000Z") == "p-20261120.txt"
    assert newest(names[2:], "20261122T030000Z") == "p-20261201.txt"
    assert newest(names[3:], "20261122T030000Z") is None


@given(sights)
def test_a_cycle_does_not_differ_from_itself(some):
    diff = compare_cycles(some, some, ["us", "jp", "de"], ["us", "jp", "de"])

    assert diff.changes == ()
    assert diff.common == diff.links_before == diff.links_after


@given(sights, sights)
def test_without_a_change_of_vantage_points_none_is_blamed(before, after):
    diff = compare_cycles(before, after, ["us", "jp", "de"], ["us", "jp", "de"])

    assert not [c for c in diff.changes if c.by_vantage_points]
    new = {(c.near, c.far) for c in diff.changes if c.change in ("new", "moved")}
    assert new == {(s.near, s.far) for s in after} - {(s.near, s.far) for s in before}


@given(sights)
def test_links_of_a_vantage_point_that_left_are_not_gone(some):
    stayed = [s for s in some if s.vps != {"us"}]
    diff = compare_cycles(some, stayed, ["us", "jp", "de"], ["jp", "de"])

    assert all(c.by_vantage_points for c in diff.changes)
    assert diff.vps_removed == ("us",)


def test_a_far_end_behind_another_router_has_moved():
    vp = frozenset({"us"})
    before = [Sight("192.0.2.1", "192.0.2.9", vp), Sight("192.0.2.1", "192.0.2.5", vp)]
    after = [Sight("192.0.2.3", "192.0.2.9", vp), Sight("192.0.2.3", "192.0.2.7", vp)]

    diff = compare_cycles(before, after, ["us"], ["us"])

    assert [(c.change, c.near, c.far, c.was_near) for c in diff.changes] == [
        ("gone", "192.0.2.1", "192.0.2.5", None),
        ("moved", "192.0.2.3", "192.0.2.9", "192.0.2.1"),
        ("new", "192.0.2.3", "192.0.2.7", None),
    ]
