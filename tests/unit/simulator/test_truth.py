"""The truth is worked out apart from the code that answers; here the two are held together."""

from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hitscanner.simulator import addressing, packets
from hitscanner.simulator.aspaths import AsRoutes
from hitscanner.simulator.objects import Event, Link, Prefix, Router, VantagePoint
from hitscanner.simulator.truth import TrueHop, Truth, flow_of, links
from hitscanner.simulator.truth_paths import Paths
from hitscanner.simulator.world import World, WorldSpec, generate

from .worlds import VP, from_source, host, line, plain_line, responder, udp

SPORT, DPORT = 0x8001, 33435


def true_paths(world, version, dst, *, vp=VP, method="udp-paris", sport=SPORT, gap=5, first_hop=1):
    src = vp.address(version)
    probed = flow_of(vp.name, version, src, dst, method, sport, DPORT)
    return Truth(world).paths(probed, first_hop, gap)


def measured(world, vp, version, dst, sport):
    """Trace like scamper: up to the destination, an unreachable, a gap or a loop."""
    net = responder(world)
    hops, silent = [], 0
    for ttl in range(1, 80):
        frame = from_source(udp(version, dst, ttl, sport=sport), vp.address(version))
        replies = net.answer(vp, frame, ttl * 1_000_000)
        answer = packets.parse_ip(replies[0].frame[14:]) if replies else None
        silent = 0 if answer else silent + 1
        if answer and any(answer.src == seen for at, seen in hops if at != ttl - 1):
            return hops, "loop"
        if answer:
            hops.append((ttl, answer.src))
        if answer and answer.packet[answer.body_at] not in (11, 3 if version == 6 else 11):
            return hops, "completed" if answer.src == dst else "unreach"
        if silent == 5:
            return hops, "gap"
    raise AssertionError("an endless path")


@settings(max_examples=30)
@example(seed=4, routers=213, sport=0x8000)
@given(
    seed=st.integers(0, 1 << 32),
    routers=st.integers(20, 400),
    sport=st.integers(0x8000, 0xFFFF),
)
def test_what_is_answered_is_what_the_truth_says(seed, routers, sport):
    world = generate(WorldSpec(seed, routers, ("us-0001", "jp-0001"), 16))
    for target in world.targets():
        for vp in world.vantage_points:
            dst = int(target)
            [path] = true_paths(world, target.version, dst, vp=vp, sport=sport)
            hops, stop = measured(world, vp, target.version, dst, sport)

            assert [(h.ttl, h.address) for h in path.hops if h.address is not None] == hops
            assert path.stop == stop


@st.composite
def businesses(draw):
    """A world of ASes of one router each; providers have lower numbers, so that none is its own."""
    count = draw(st.integers(2, 14))
    pairs = [(a, b) for a in range(count) for b in range(a + 1, count)]
    relations = draw(
        st.lists(
            st.sampled_from([None, None, "provider", "peer"]),
            min_size=len(pairs),
            max_size=len(pairs),
        )
    )
    links = [
        Link(id=i, a=a, b=b, relation=relation)
        for i, ((a, b), relation) in enumerate(zip(pairs, relations, strict=True))
        if relation is not None
    ]
    return World([*(Router(id=i, asn=i) for i in range(count)), *links])


@settings(max_examples=300)
@given(businesses())
def test_both_sides_agree_which_as_each_as_sends_packets_to(world):
    routes, paths = AsRoutes(world.routers, world.links.values()), Paths(world)
    for destination in world.routers:
        offers = paths.offers(destination)
        for asn in world.routers:
            if asn != destination:
                told = offers[asn].path[0] if asn in offers else None
                assert told == routes.next_as(asn, destination)


@given(businesses())
def test_no_as_carries_packets_between_two_that_do_not_pay_it(world):
    paths = Paths(world)
    for destination in world.routers:
        for asn, offer in paths.offers(destination).items():
            for before, here, after in triples((asn, *offer.path)):
                assert 0 in (paths.business[here][before], paths.business[here][after])


def triples(path):
    return zip(path, path[1:], path[2:], strict=False)


def test_a_path_has_no_valley():
    """The AS below is a customer of both others and carries nothing between them."""
    world = World(
        [
            Router(id=1, asn=1),
            Router(id=2, asn=2),
            Router(id=3, asn=3),
            Link(id=0, a=1, b=2, relation="provider"),
            Link(id=1, a=3, b=2, relation="provider"),
            Prefix(id=0, router=3, targets_v4=(1,)),
            VP,
        ]
    )
    [path] = true_paths(world, 4, host(4))

    assert (path.stop, len(path.hops)) == ("unreach", 1)
    assert [(1, path.hops[0].address)] == measured(world, VP, 4, host(4), SPORT)[0]


def test_a_route_by_a_customer_is_preferred_to_a_shorter_one_by_a_peer():
    ases = [Router(id=i, asn=i) for i in (1, 2, 3, 4)]
    world = World(
        [
            *ases,
            Link(id=0, a=1, b=2, relation="provider"),
            Link(id=1, a=2, b=3, relation="provider"),
            Link(id=2, a=3, b=4, relation="provider"),
            Link(id=3, a=1, b=4, relation="peer"),
            Prefix(id=0, router=4, targets_v4=(1,)),
            VP,
        ]
    )
    assert _answered_way(world, host(4)) == (1, 2, 3, 4, None)


def test_a_peer_reaches_its_peer_and_nobody_behind_it():
    """1 - 2 - 3 in a row: 2 carries nothing between two that do not pay it."""
    world = World(
        [
            *(Router(id=i, asn=i) for i in (1, 2, 3)),
            Link(id=0, a=1, b=2, relation="peer"),
            Link(id=1, a=2, b=3, relation="peer"),
            *(Prefix(id=i, router=i, targets_v4=(1,)) for i in (2, 3)),
            VP,
        ]
    )

    assert _answered_way(world, host(4, prefix=2)) == (1, 2, None)
    assert _answered_way(world, host(4, prefix=3)) == (1,)


def test_packets_take_the_cheapest_way_not_the_shortest():
    """VP - 1 - 2 - 3 - hosts, and a dear link from 1 to 3."""
    dear = Link(id=9, a=1, b=3, cost=3)
    world = line(Router(id=1), Router(id=2), Router(id=3), more=[dear])

    assert _answered_way(world, host(4)) == (1, 2, 3, None)


def test_stars_count_the_silent_hops_in_a_link():
    world = line(Router(id=1), Router(id=2, silent=True), Router(id=3))
    [path] = true_paths(world, 4, host(4))

    assert [link.stars for link in links(path, 4, host(4))] == [1, 0]
    assert [link.is_dest for link in links(path, 4, host(4))] == [False, True]


def test_a_prober_that_gives_up_after_a_gap_sees_nothing_behind_it():
    silent = [Router(id=i, silent=True) for i in (2, 3)]
    [path] = true_paths(line(Router(id=1), *silent, Router(id=4)), 4, host(4), gap=2)

    assert (path.stop, [hop.ttl for hop in path.hops]) == ("gap", [1])


def test_a_loop_is_cut_where_an_address_is_met_again():
    [path] = true_paths(plain_line(end="loop"), 4, host(4))

    assert (path.stop, [hop.ttl for hop in path.hops]) == ("loop", [1, 2, 3, 4])


def test_a_missing_host_gives_no_link_from_a_router_to_itself():
    [path] = true_paths(plain_line(end="no_host"), 4, host(4))

    assert (path.stop, len(path.hops)) == ("unreach", 4)
    assert [(link.ttl, link.ttl + 1) for link in links(path, 4, host(4))] == [(1, 2), (2, 3)]


def test_a_trace_that_starts_later_sees_only_what_follows():
    [path] = true_paths(plain_line(), 4, host(4), first_hop=3)

    assert [hop.ttl for hop in path.hops] == [3, 4]


def diamond(balance="flow"):
    """VP - 1 = (2 | 3) - 4 - hosts: two ways of equal cost."""
    return World(
        [
            Router(id=1, balance=balance),
            *(Router(id=i) for i in (2, 3, 4)),
            Link(id=0, a=1, b=2),
            Link(id=1, a=1, b=3),
            Link(id=2, a=2, b=4),
            Link(id=3, a=3, b=4),
            Prefix(id=0, router=4, targets_v4=(1, 2, 3, 4, 5, 6, 7, 8)),
            VP,
        ]
    )


def _branches(world, sports, hosts=(1,)):
    """Return the ways that flows take: as answered, which must be as the truth says."""
    return {_answered_way(world, host(4, n), sport) for sport in sports for n in hosts}


def _answered_way(world, dst, sport=SPORT):
    [path] = true_paths(world, 4, dst, sport=sport)
    hops, _ = measured(world, VP, 4, dst, sport)
    assert [(hop.ttl, hop.address) for hop in path.hops] == hops
    return tuple(hop.router for hop in path.hops)


def test_a_balancer_by_flow_keeps_a_flow_and_spreads_flows():
    world = diamond()

    assert len(true_paths(world, 4, host(4))) == 1
    assert len(_branches(world, range(0x8000, 0x8020))) == 2


def test_a_balancer_by_destination_sends_all_flows_to_a_host_one_way():
    world = diamond("destination")

    assert len(_branches(world, range(0x8000, 0x8020))) == 1
    assert len(_branches(world, [SPORT], hosts=range(1, 9))) == 2


def test_a_balancer_by_packet_shows_both_branches_in_one_flow():
    world = diamond("packet")
    net = responder(world)
    frames = [udp(4, host(4), 2, ip_id=i) for i in range(32)]
    seen = {packets.parse_ip(net.answer(VP, frame, 0)[0].frame[14:]).src for frame in frames}

    assert len(true_paths(world, 4, host(4))) == 2
    assert {path.hops[1].address for path in true_paths(world, 4, host(4))} == seen


def test_a_balancer_by_packet_does_not_disturb_one_by_flow_behind_it():
    """VP - 1 = (2 | 3) - 4 = (5 | 6) - 7: routers 1 and 4 balance."""
    ends = [(1, 2), (1, 3), (2, 4), (3, 4), (4, 5), (4, 6), (5, 7), (6, 7)]
    world = World(
        [
            Router(id=1, balance="packet"),
            *(Router(id=i) for i in range(2, 8)),
            *(Link(id=i, a=a, b=b) for i, (a, b) in enumerate(ends)),
            Prefix(id=0, router=7, targets_v4=(1,)),
            VP,
        ]
    )
    net = responder(world)
    frames = [udp(4, host(4), 4, ip_id=i) for i in range(32)]
    seen = {packets.parse_ip(net.answer(VP, frame, 0)[0].frame[14:]).src for frame in frames}

    assert len(seen) == 1
    assert seen == {path.hops[3].address for path in true_paths(world, 4, host(4))}


def test_a_method_that_changes_its_flow_may_see_every_branch():
    assert len(true_paths(diamond(), 4, host(4), method="udp")) == 2


@pytest.mark.parametrize("version", [4, 6])
def test_the_address_of_a_router_is_reached_at_that_router(version):
    dst = addressing.link_address(version, 2, 0)
    world = line(Router(id=1), Router(id=2, port_unreachable_from="probed"), Router(id=3))
    [path] = true_paths(world, version, dst)

    assert TrueHop(2, dst, 2) == path.hops[-1]
    assert path.stop == "completed"


def test_an_unknown_vantage_point_sees_nothing():
    stranger = VantagePoint(id=9, name="xx-0001", router=1)

    assert true_paths(plain_line(), 4, host(4), vp=stranger) == []


def test_a_translator_is_one_hop_more_in_ipv4_only():
    home = replace(VP, nat=True)
    world = line(Router(id=1), Router(id=2), vp=home)
    [v4] = true_paths(world, 4, host(4), vp=home)
    [v6] = true_paths(world, 6, host(6), vp=home)

    assert (len(v4.hops), len(v6.hops)) == (4, 3)
    assert [(hop.ttl, hop.address) for hop in v4.hops] == measured(world, home, 4, host(4), SPORT)[
        0
    ]


def test_a_route_that_changes_shows_the_ways_before_and_after():
    world = diamond()
    [before] = true_paths(world, 4, host(4))
    crossed = 0 if before.hops[1].router == 2 else 1
    changed = World([*world.objects(), Event(at_s=5.0, action="link_down", link=crossed)])
    net = responder(changed)
    seen = [
        packets.parse_ip(net.answer(VP, udp(4, host(4), 2, sport=SPORT), at_us)[0].frame[14:]).src
        for at_us in (4_999_999, 5_000_000)
    ]

    assert before.hops[1].address == seen[0]
    assert set(seen) == {path.hops[1].address for path in true_paths(changed, 4, host(4))}
    assert len(set(seen)) == 2


def test_a_link_that_comes_up_again_is_used_again():
    world = diamond()
    crossed = 0 if _answered_way(world, host(4))[1] == 2 else 1
    events = [
        Event(at_s=5.0, action="link_down", link=crossed),
        Event(at_s=6.0, action="link_up", link=crossed),
    ]
    net = responder(World([*world.objects(), *events]))
    before, down, after = (
        packets.parse_ip(net.answer(VP, udp(4, host(4), 2, sport=SPORT), at_us)[0].frame[14:]).src
        for at_us in (4_000_000, 5_000_000, 6_000_000)
    )

    assert before == after != down
