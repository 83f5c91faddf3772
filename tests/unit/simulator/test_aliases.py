"""Alias sets are judged pair by pair, and only by what a method could have found."""

import pytest

from hitscanner.simulator.addressing import link_address, router_address, to_address
from hitscanner.simulator.aliases import score_alias_tables, score_aliases
from hitscanner.simulator.objects import Router

from .tables_of_scamper import write_parquet
from .worlds import line


def interfaces(version=4):
    """Return the two inner interfaces of routers 2 and 3 in a row of four."""
    return [
        [str(to_address(version, link_address(version, *end))) for end in ends]
        for ends in (((1, 1), (2, 0)), ((2, 1), (3, 0)))
    ]


def world(**habits):
    return line(*(Router(id=i, **habits) for i in (1, 2, 3, 4)))


def test_the_right_sets_score_one():
    sets = interfaces()
    result = score_aliases(world(), sets, sets[0] + sets[1])

    assert (result.precision, result.recall, result.resolvable) == (1.0, 1.0, 2)


def test_two_routers_in_one_set_cost_precision_and_are_named():
    a, b = interfaces()
    result = score_aliases(world(), [a + b], a + b)

    assert (result.precision, result.recall) == (2 / 6, 1.0)
    assert (a[0], b[0]) in result.false_pairs


def test_a_set_that_was_not_found_costs_recall_and_is_named():
    a, b = interfaces()
    result = score_aliases(world(), [a], a + b)

    assert (1.0, 0.5, ((b[0], b[1]),)) == (result.precision, result.recall, result.missed_pairs)


@pytest.mark.parametrize(
    ("habits", "version", "expected"),
    [
        pytest.param({}, 4, {"mercator": 0.0, "ipid": 0.0}, id="both"),
        pytest.param({}, 6, {"mercator": 0.0, "ipid": 1.0}, id="IPv6 has no identification field"),
        pytest.param({"ip_id": "random"}, 4, {"mercator": 0.0, "ipid": 1.0}, id="random counter"),
        pytest.param(
            {"port_unreachable_from": "probed"}, 4, {"mercator": 1.0, "ipid": 0.0}, id="no mercator"
        ),
    ],
)
def test_recall_is_split_by_the_methods_that_could_have_found_a_pair(habits, version, expected):
    a, b = interfaces(version)

    assert expected == score_aliases(world(**habits), [], a + b).recall_by_method


def test_tables_of_a_cycle_are_scored_among_the_routers_in_its_links(tmp_path):
    """The destination is no router; the set's loopback was never seen, and is true all the same."""
    a, b = interfaces()
    loopback = str(to_address(4, router_address(4, 2)))
    links = [
        {"in": a[0], "out": a[1], "is_dest": False, "stars": 0, "freq": 1},
        {"in": b[0], "out": "100.96.0.1", "is_dest": True, "stars": 0, "freq": 1},
    ]
    sets = [{"alias_set": 1, "addr": address} for address in [*a, loopback]]
    result = score_alias_tables(
        world(),
        write_parquet(sets, tmp_path / "alias_sets.parquet"),
        write_parquet(links, tmp_path / "links.parquet"),
    )

    assert (result.precision, result.recall, result.found, result.resolvable) == (1.0, 1.0, 3, 1)


def test_what_no_method_can_resolve_is_counted_apart():
    a, b = interfaces()
    hidden = world(ip_id="zero", port_unreachable_from="none")
    result = score_aliases(hidden, [], a + b)

    assert (result.recall, result.resolvable, result.hidden) == (1.0, 0, 2)
