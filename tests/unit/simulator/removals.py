"""What `test_behaviours_matter` removes from the simulator, and which test must notice."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from hitscanner.simulator import addressing, flow, generate, packets
from hitscanner.simulator.aspaths import AsRoutes
from hitscanner.simulator.counts import Counts
from hitscanner.simulator.habits import Habits
from hitscanner.simulator.objects import Event, Link, Prefix, Router, VantagePoint
from hitscanner.simulator.reply import Responder
from hitscanner.simulator.world import World

from . import test_counts, test_lots, test_reply, test_truth, test_world
from .worlds import udp


@dataclass(frozen=True)
class Removed:
    """A behaviour that a world file asks for, what it gets instead, and who must notice."""

    kind: type
    field: str
    value: object
    """"any" stands for whatever is asked."""
    instead: object
    guard: Callable[[], object]

    def __str__(self) -> str:
        return f"{self.kind.__name__} {self.field} {self.value}"

    def spoil(self, world: World) -> World:
        """Return the world without the behaviour."""
        return World(self.spoilt(thing) for thing in world.objects())

    def spoilt(self, thing):
        if not isinstance(thing, self.kind) or self.value not in (
            "any",
            getattr(thing, self.field),
        ):
            return thing
        return replace(thing, **{self.field: self.instead})


def source_of(habit, address):
    return partial(test_reply.test_a_router_answers_from_the_address_it_is_told_to, habit, address)


def mercator(habit, address):
    return partial(test_reply.test_udp_to_a_router_shows_what_mercator_looks_for, habit, address)


def counts_by(kind, alike):
    return partial(test_reply.test_ip_ids_of_two_interfaces_tell_how_a_router_counts, kind, alike)


def refusal(end, ttl, v4, v6):
    codes = {4: v4, 6: v6}
    test = test_reply.test_the_last_router_says_why_it_goes_no_further
    return lambda: [test(version, end, ttl, codes) for version in (4, 6)]


LOOPBACK = addressing.router_address(4, 2)
NEAR, FAR = addressing.link_address(4, 1, 1), addressing.link_address(4, 2, 0)
expired = partial(
    test_reply.test_a_router_answers_an_expired_probe_from_the_side_it_came_by, 4, udp
)
answered = partial(
    test_reply.test_a_host_answers_udp_with_port_unreachable_one_hop_behind_its_router, 4
)
deaf = test_reply.test_a_silent_host_and_a_firewalled_protocol_get_no_answer
delays = test_reply.test_the_delay_is_the_way_there_and_back
limited = test_reply.test_a_rate_limited_router_answers_its_burst_and_then_at_its_rate
preferred = test_truth.test_a_route_by_a_customer_is_preferred_to_a_shorter_one_by_a_peer

REMOVED = (
    Removed(
        Router,
        "silent",
        "any",
        instead=False,
        guard=test_reply.test_a_silent_router_forwards_but_never_answers,
    ),
    Removed(
        Router,
        "balance",
        "flow",
        "destination",
        test_truth.test_a_balancer_by_flow_keeps_a_flow_and_spreads_flows,
    ),
    Removed(
        Router,
        "balance",
        "destination",
        "flow",
        test_truth.test_a_balancer_by_destination_sends_all_flows_to_a_host_one_way,
    ),
    Removed(
        Router,
        "balance",
        "packet",
        "flow",
        test_truth.test_a_balancer_by_packet_shows_both_branches_in_one_flow,
    ),
    Removed(Router, "reply_from", "ingress", "loopback", expired),
    Removed(
        Router,
        "reply_from",
        "egress",
        "ingress",
        test_reply.test_a_third_party_address_is_the_interface_towards_the_vantage_point,
    ),
    Removed(Router, "reply_from", "loopback", "ingress", source_of("loopback", LOOPBACK)),
    Removed(Router, "port_unreachable_from", "loopback", "probed", mercator("loopback", LOOPBACK)),
    Removed(Router, "port_unreachable_from", "probed", "loopback", mercator("probed", FAR)),
    Removed(
        Router,
        "port_unreachable_from",
        "none",
        "probed",
        test_reply.test_a_router_may_send_no_port_unreachable_and_still_answer_echo,
    ),
    Removed(Router, "ip_id", "shared", "interface", counts_by("shared", [0, 1, 2, 3])),
    Removed(
        Router, "ip_id", "interface", "shared", test_reply.test_counters_per_interface_run_apart
    ),
    Removed(Router, "ip_id", "random", "shared", test_reply.test_random_ip_ids_follow_no_counter),
    Removed(Router, "ip_id", "zero", "shared", counts_by("zero", [0, 0, 0, 0])),
    Removed(Router, "ip_id", "echo", "shared", counts_by("echo", [0, 0, 0, 0])),
    Removed(
        Router,
        "mpls",
        "none",
        "implicit",
        partial(test_reply.test_the_quote_is_the_probe_with_the_ttl_it_had_and_a_sound_header, 4),
    ),
    Removed(
        Router,
        "mpls",
        "explicit",
        "none",
        test_reply.test_a_label_switched_path_shows_its_labels_by_rfc_4950,
    ),
    Removed(
        Router,
        "mpls",
        "implicit",
        "none",
        test_reply.test_an_implicit_tunnel_is_seen_by_the_quoted_ttl_only,
    ),
    Removed(Router, "icmp_pps", "any", 0, limited),
    Removed(Router, "icmp_burst", "any", 10, limited),
    Removed(Link, "cost", "any", 1, test_truth.test_packets_take_the_cheapest_way_not_the_shortest),
    Removed(Link, "delay_us", "any", 0, delays),
    Removed(Link, "relation", "provider", "peer", preferred),
    Removed(
        Link,
        "relation",
        "peer",
        "provider",
        test_truth.test_a_peer_reaches_its_peer_and_nobody_behind_it,
    ),
    Removed(
        Link,
        "loss",
        "any",
        0.0,
        test_reply.test_a_lossy_link_loses_its_share_of_probes_and_answers,
    ),
    Removed(
        Link, "queue_us", "any", 0, test_reply.test_a_queue_delays_by_up_to_its_length_each_way
    ),
    Removed(Prefix, "end", "answer", "silent", answered),
    Removed(Prefix, "end", "silent", "answer", deaf),
    Removed(Prefix, "end", "no_net", "answer", refusal("no_net", 3, (3, 0), (1, 0))),
    Removed(Prefix, "end", "no_host", "answer", refusal("no_host", 4, (3, 1), (1, 3))),
    Removed(Prefix, "end", "filtered", "answer", refusal("filtered", 3, (3, 13), (1, 1))),
    Removed(
        Prefix,
        "end",
        "loop",
        "answer",
        test_reply.test_a_loop_sends_the_probe_to_and_fro_between_the_last_two_routers,
    ),
    Removed(Prefix, "delay_us", "any", 0, delays),
    Removed(Prefix, "answers", "any", ("icmp", "udp", "tcp"), deaf),
    Removed(Prefix, "firewall", "any", (), deaf),
    Removed(
        Prefix,
        "opt_out",
        "any",
        instead=False,
        guard=test_counts.test_every_packet_to_an_opted_out_prefix_is_recorded_even_if_it_expires_before,
    ),
    Removed(VantagePoint, "delay_us", "any", 0, delays),
    Removed(
        VantagePoint,
        "nat",
        "any",
        instead=False,
        guard=test_reply.test_a_translator_is_the_first_hop_and_hides_the_public_address,
    ),
    Removed(
        Event,
        "action",
        "link_down",
        "link_up",
        test_truth.test_a_route_that_changes_shows_the_ways_before_and_after,
    ),
    Removed(
        Event,
        "action",
        "link_up",
        "link_down",
        test_truth.test_a_link_that_comes_up_again_is_used_again,
    ),
)


@dataclass(frozen=True)
class Broken:
    """A function of the simulator that does its work no more, and who must notice."""

    says: str
    place: object
    name: str
    instead: Callable[..., object] | float | tuple[int, ...]
    guard: Callable[[], object]

    def __str__(self) -> str:
        return self.says


def nothing(*_args, **_named):
    return None


def shortest(routes, destination):
    """Route by the fewest ASes, whoever pays whom."""
    near = [
        {*up, *down, *across}
        for up, down, across in zip(
            routes._providers, routes._customers, routes._peers, strict=True
        )
    ]
    via, ring = {destination: -1}, [destination]
    for here in ring:
        for other in sorted(near[here] - set(via)):
            via[other] = here
            ring.append(other)
    return [via.get(place, -1) for place in range(len(near))]


BROKEN = (
    Broken(
        "a balancer has one way only",
        flow,
        "choose",
        lambda *_args, **_named: 0,
        test_truth.test_a_balancer_by_flow_keeps_a_flow_and_spreads_flows,
    ),
    Broken(
        "lots are drawn in order of arrival",
        Habits,
        "luck",
        lambda *_, count=itertools.count(): flow.mix(next(count)),
        partial(
            test_lots.test_probes_meet_the_same_fate_in_any_order.hypothesis.inner_test,
            test_lots.FRAMES[::-1],
        ),
    ),
    Broken(
        "packets go through valleys",
        AsRoutes,
        "_towards",
        shortest,
        test_truth.test_a_path_has_no_valley,
    ),
    Broken(
        "packets are not counted by second",
        Counts,
        "probe",
        nothing,
        test_counts.test_probes_are_counted_by_second_and_the_peak_is_kept,
    ),
    Broken(
        "vantage points do not reach each other",
        Responder,
        "_passed_on",
        lambda *_: [],
        test_reply.test_a_packet_for_another_vantage_point_is_handed_to_its_kernel,
    ),
    Broken(
        "nobody answers ARP",
        packets,
        "arp_reply",
        nothing,
        test_reply.test_the_gateway_answers_arp_but_not_for_the_vantage_point_itself,
    ),
    Broken(
        "nobody answers neighbour solicitations",
        packets,
        "neighbour_advertisement",
        nothing,
        test_reply.test_the_gateway_answers_neighbour_solicitations_but_not_duplicate_address_detection,
    ),
    Broken(
        "hosts answer no TCP",
        packets,
        "tcp_reply",
        nothing,
        partial(
            test_reply.test_a_host_answers_tcp_as_an_idle_stack_does,
            4,
            packets.SYN,
            80,
            (packets.SYN | packets.ACK, 1, 1001),
        ),
    ),
    Broken(
        "hosts answer no echo request",
        packets,
        "is_echo_request",
        lambda _: False,
        partial(test_reply.test_a_host_answers_an_echo_request_with_the_same_payload, 4),
    ),
    Broken(
        "generated worlds have no diamonds",
        generate,
        "_DIAMOND_SHARE",
        0.0,
        test_world.test_a_clean_world_has_every_behaviour_that_a_prober_can_cope_with,
    ),
    Broken(
        "generated diamonds have a width of two",
        generate,
        "_DIAMOND_WIDTHS",
        (2,),
        test_world.test_a_clean_world_has_every_behaviour_that_a_prober_can_cope_with,
    ),
)
