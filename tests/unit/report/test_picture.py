"""A picture shows what was measured, says what it leaves out, and is the same every time."""

import math
import random

import igraph
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hitscanner.report.layout import centre_hops, distances, place_by_distance, place_by_force
from hitscanner.report.picture import compose, destinations, router_degrees, vp_groups
from hitscanner.report.tables import Link, Seen, Topology


def link(near, far, *, is_dest=False, stars=0, freq=1, vps=("us-0001",)):
    return Link(near, far, is_dest, stars, 0.5, freq, 1, vps)


def addr(number):
    return f"10.0.{number // 256}.{number % 256}"


def seen(hop, *, is_destination=False, vps=("us-0001",)):
    return Seen(hop, 1.0, is_destination, vps)


@st.composite
def topologies(draw):
    """Any links among thirty addresses, loops and islands included."""
    numbers = st.integers(0, 29)
    pairs = draw(st.sets(st.tuples(numbers, numbers).filter(lambda pair: pair[0] != pair[1])))
    links = tuple(
        link(addr(a), addr(b), is_dest=draw(st.booleans()), stars=draw(st.integers(0, 2)))
        for a, b in sorted(pairs)
    )
    used = sorted({end for x in links for end in (x.near_addr, x.far_addr)})
    first = draw(st.lists(st.sampled_from(used), unique=True, max_size=3)) if used else []
    return Topology(
        links,
        {name: seen(draw(st.integers(1, 9))) for name in used},
        tuple(("us-0001", name, 1) for name in sorted(first)),
    )


@given(topologies(), st.integers(1, 40))
def test_a_picture_invents_no_link_and_keeps_to_its_limit(topology, limit):
    picture = compose(topology, limit)
    drawn = [
        (picture.dots[line.near].name, picture.dots[line.far].name)
        for line in picture.lines
        if line.link
    ]

    assert set(drawn) <= {(x.near_addr, x.far_addr) for x in topology.links}
    assert len(drawn) <= limit
    assert bool(picture.left_out) == (len(drawn) < len(topology.links))


@given(topologies())
def test_what_is_folded_is_counted_on_the_address_before_it(topology):
    picture = compose(topology, 5)
    drawn = [line for line in picture.lines if line.link]
    shown = {dot.name for dot in picture.dots}

    assert sum(dot.folded for dot in picture.dots) == sum(
        x.near_addr in shown for x in topology.links
    ) - len(drawn)


@given(topologies())
def test_every_dot_has_a_place_at_its_distance(topology):
    picture = compose(topology)
    inner = centre_hops(picture)

    places = place_by_distance(picture)

    assert [math.hypot(*place) for place in places] == pytest.approx(
        [far + inner for far in distances(picture)]
    )


@settings(max_examples=25)
@given(topologies())
def test_the_force_layout_is_the_same_every_time_and_fits(topology):
    picture = compose(topology)
    once = place_by_force(picture, 10.0)
    random.seed(1)

    again = place_by_force(picture, 10.0)

    assert again == once
    assert all(math.hypot(*place) <= 10.0 + 1e-6 for place in once)


def test_a_silent_hop_counts_as_distance():
    links = (link("10.0.0.1", "10.0.0.2", stars=2), link("10.0.0.2", "10.0.0.3"))
    hops = {addr(1): seen(1), addr(2): seen(4), addr(3): seen(5)}

    picture = compose(Topology(links, hops, (("us-0001", "10.0.0.1", 1),)))

    assert distances(picture) == [0, 1, 4, 5]


def test_destinations_are_folded_before_routers():
    links = (
        link("10.0.0.1", "10.0.0.2", freq=1),
        link("10.0.0.2", "10.0.0.8", is_dest=True, freq=9),
        link("10.0.0.2", "10.0.0.9", is_dest=True, freq=9),
    )
    hops = {addr(1): seen(1), addr(2): seen(2)}
    hops |= {addr(8): seen(3, is_destination=True), addr(9): seen(3, is_destination=True)}

    picture = compose(Topology(links, hops, ()), 2)

    assert [(dot.name, dot.kind, dot.folded) for dot in picture.dots] == [
        ("10.0.0.1", "router", 0),
        ("10.0.0.2", "router", 2),
    ]
    assert picture.left_out == (
        "2 links to 2 destinations (counted on the last router before them)",
    )


def test_a_destination_that_leads_on_is_a_router():
    links = (link("10.0.0.1", "10.0.0.2", is_dest=True), link("10.0.0.2", "10.0.0.3", is_dest=True))
    topology = Topology(links, {addr(2): seen(2, is_destination=True)}, ())

    assert destinations(topology) == {"10.0.0.3"}


def test_a_link_seen_both_ways_is_one_neighbour():
    links = (link("10.0.0.1", "10.0.0.2"), link("10.0.0.2", "10.0.0.1"))

    assert router_degrees(Topology(links, {}, ())) == {1: 2}


def test_addresses_are_ordered_as_numbers_and_ipv4_first():
    links = (link("10.0.0.10", "2001:db8::2"), link("10.0.0.9", "10.0.0.10"))

    picture = compose(Topology(links, {}, ()))

    assert [dot.name for dot in picture.dots] == ["10.0.0.9", "10.0.0.10", "2001:db8::2"]


def test_the_vantage_points_that_alone_saw_most_get_a_colour():
    names = [f"us-{i:04}" for i in range(12)]
    links = [link(addr(i), addr(i + 1), vps=(names[min(i, 11)],)) for i in range(40)]
    picture = compose(Topology(tuple(links), {}, ()))

    chosen = vp_groups(names, picture.lines)

    assert len(chosen) == 8
    assert "us-0011" in chosen


def test_the_seed_of_the_caller_is_left_alone():
    links = (link("10.0.0.1", "10.0.0.2"), link("10.0.0.2", "10.0.0.3"))
    random.seed(3)
    expected = random.random()
    random.seed(3)

    place_by_force(compose(Topology(links, {}, ())), 1.0)

    assert random.random() == expected
    assert igraph.Graph.Erdos_Renyi(n=5, m=4).ecount() == 4


def test_no_vantage_point_vanishes_however_much_is_folded():
    links = tuple(
        link(addr(vp), addr(100 + vp % 3), vps=(f"us-{vp:04}",), freq=vp + 1) for vp in range(9)
    )
    hops = {x: seen(1) for y in links for x in (y.near_addr, y.far_addr)}
    first = tuple((f"us-{vp:04}", addr(vp), 1) for vp in range(9))

    picture = compose(Topology(links, hops, first), 2)

    assert sum(dot.kind == "vp" for dot in picture.dots) == 9
    assert sum(line.link is not None for line in picture.lines) == 2
