"""What routers and hosts answer, byte by byte."""

import struct
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address
from itertools import pairwise

import pytest

from hitscanner.simulator import addressing, packets
from hitscanner.simulator.objects import Link, Router, VantagePoint
from hitscanner.simulator.reply import vp_mac

from .worlds import (
    VP,
    answers,
    echo,
    from_source,
    host,
    icmp,
    is_sound,
    line,
    plain_line,
    responder,
    source,
    tcp,
    udp,
)

VERSIONS = pytest.mark.parametrize("version", [4, 6])
TIME_EXCEEDED = {4: (11, 0), 6: (3, 0)}
PORT_UNREACHABLE = {4: (3, 3), 6: (1, 4)}


def link_end(version, link, end):
    return addressing.link_address(version, link, end)


@VERSIONS
@pytest.mark.parametrize("probe", [udp, echo, tcp], ids=lambda probe: probe.__name__)
def test_a_router_answers_an_expired_probe_from_the_side_it_came_by(version, probe):
    [answer] = answers(plain_line(), probe(version, host(version), 2))

    assert (link_end(version, 1, 1), source(version)) == (answer.src, answer.dst)
    assert TIME_EXCEEDED[version] == icmp(answer)[:2]
    assert is_sound(answer)
    assert answer.ttl == 254


@VERSIONS
def test_the_first_hop_answers_from_the_gateway_of_the_vantage_point(version):
    [answer] = answers(plain_line(), udp(version, host(version), 1))

    assert addressing.vp_address(version, 0, 0) == answer.src


@VERSIONS
def test_the_quote_is_the_probe_with_the_ttl_it_had_and_a_sound_header(version):
    frame = udp(version, host(version), 2)
    [answer] = answers(plain_line(), frame)
    quote = icmp(answer)[2]

    ttl_at = 8 if version == 4 else 7
    assert quote[ttl_at] == 1
    assert frame[14 + 20 + 8 * (version == 6) * 2 + 4 :][:8] in quote
    if version == 4:
        assert packets.checksum(quote[:20]) in (0, 0xFFFF)


@VERSIONS
def test_a_host_answers_udp_with_port_unreachable_one_hop_behind_its_router(version):
    [answer] = answers(plain_line(), udp(version, host(version), 4))

    assert host(version) == answer.src
    assert PORT_UNREACHABLE[version] == icmp(answer)[:2]
    assert is_sound(answer)


@VERSIONS
def test_a_host_answers_an_echo_request_with_the_same_payload(version):
    frame = echo(version, host(version), 64, number=5)
    [answer] = answers(plain_line(), frame)

    body = answer.packet[answer.body_at :]
    assert (0 if version == 4 else 129) == body[0]
    assert frame[-12:] == body[-12:]
    assert is_sound(answer)


@VERSIONS
@pytest.mark.parametrize(
    ("flags", "dport", "expected"),
    [
        pytest.param(packets.SYN, 80, (packets.SYN | packets.ACK, 1, 1001), id="open port"),
        pytest.param(packets.SYN, 81, (packets.RST | packets.ACK, 0, 1001), id="closed port"),
        pytest.param(packets.ACK, 80, (packets.RST, 2000, 0), id="bare ACK"),
    ],
)
def test_a_host_answers_tcp_as_an_idle_stack_does(version, flags, dport, expected):
    [answer] = answers(plain_line(), tcp(version, host(version), 64, flags, dport))

    body = answer.packet[answer.body_at :]
    seq, ack = struct.unpack("!II", body[4:12])
    assert expected == (body[13], seq, ack)
    assert is_sound(answer)


def test_a_reset_is_not_answered():
    """The kernel resets the SYN-ACKs that scamper's probes bring about."""
    assert answers(plain_line(), tcp(4, host(4), 64, packets.RST)) == []


@VERSIONS
@pytest.mark.parametrize(
    ("end", "ttl", "code"),
    [
        pytest.param("no_net", 3, {4: (3, 0), 6: (1, 0)}, id="no network, before the TTL"),
        pytest.param("filtered", 3, {4: (3, 13), 6: (1, 1)}, id="filtered, before the TTL"),
        pytest.param("no_host", 3, TIME_EXCEEDED, id="no host: first as any router"),
        pytest.param("no_host", 4, {4: (3, 1), 6: (1, 3)}, id="no host: then unreachable"),
    ],
)
def test_the_last_router_says_why_it_goes_no_further(version, end, ttl, code):
    [answer] = answers(plain_line(end=end), udp(version, host(version), ttl))

    assert code[version] == icmp(answer)[:2]
    assert link_end(version, 2, 1) == answer.src


def test_a_silent_host_and_a_firewalled_protocol_get_no_answer():
    assert answers(plain_line(end="silent"), udp(4, host(4), 4)) == []
    assert answers(plain_line(answers=("icmp",)), udp(4, host(4), 4)) == []
    assert answers(plain_line(firewall=("udp",)), udp(4, host(4), 3)) == []
    assert len(answers(plain_line(firewall=("udp",)), udp(4, host(4), 2))) == 1
    assert len(answers(plain_line(firewall=("udp",)), echo(4, host(4), 3))) == 1


def test_a_silent_router_forwards_but_never_answers():
    world = line(Router(id=1), Router(id=2, silent=True), Router(id=3))

    assert answers(world, udp(4, host(4), 2)) == []
    assert len(answers(world, udp(4, host(4), 3))) == 1


def test_a_loop_sends_the_probe_to_and_fro_between_the_last_two_routers():
    world = plain_line(end="loop")
    found = [answers(world, udp(4, host(4), ttl))[0].src for ttl in (2, 3, 4, 5, 6)]

    way_in, last, way_back = link_end(4, 1, 1), link_end(4, 2, 1), link_end(4, 2, 0)
    assert [way_in, last, way_back, last, way_back] == found


@pytest.mark.parametrize(
    ("reply_from", "expected"),
    [("ingress", link_end(4, 1, 1)), ("loopback", addressing.router_address(4, 2))],
)
def test_a_router_answers_from_the_address_it_is_told_to(reply_from, expected):
    world = line(Router(id=1), Router(id=2, reply_from=reply_from), Router(id=3))

    assert expected == answers(world, udp(4, host(4), 2))[0].src


def test_a_third_party_address_is_the_interface_towards_the_vantage_point():
    """Packets come by the longer number, answers leave by the first of two equal links."""
    world = line(
        Router(id=1),
        Router(id=2, reply_from="egress"),
        Router(id=3),
        more=[Link(id=90, a=1, b=2)],
    )
    sports = range(0x8000, 0x8040)
    found = {answers(world, udp(4, host(4), 2, sport=sport))[0].src for sport in sports}

    assert {link_end(4, 1, 1)} == found


def test_a_label_switched_path_shows_its_labels_by_rfc_4950():
    routers = [Router(id=i, mpls="explicit") for i in (1, 2, 3)]
    [answer] = answers(line(*routers), udp(4, host(4), 2))
    body = answer.packet[answer.body_at :]
    extension = body[8 + 128 :]

    assert body[5] == 32
    assert (extension[0], extension[5], extension[6], extension[7]) == (0x20, 8, 1, 1)
    assert packets.checksum(extension) in (0, 0xFFFF)
    assert is_sound(answer)


def test_an_ipv6_quote_before_extensions_is_counted_in_eights():
    routers = [Router(id=i, mpls="explicit") for i in (1, 2, 3)]
    [answer] = answers(line(*routers), udp(6, host(6), 2))

    assert answer.packet[answer.body_at + 4] == 16
    assert is_sound(answer)


def test_an_implicit_tunnel_is_seen_by_the_quoted_ttl_only():
    routers = [Router(id=i, mpls="implicit") for i in (1, 2, 3, 4)]
    quotes = [icmp(answers(line(*routers), udp(4, host(4), ttl))[0])[2] for ttl in (1, 2, 3, 4)]

    assert [quote[8] for quote in quotes] == [1, 2, 3, 1]


@pytest.mark.parametrize(
    ("habit", "expected"),
    [("loopback", addressing.router_address(4, 2)), ("probed", link_end(4, 2, 0))],
)
def test_udp_to_a_router_shows_what_mercator_looks_for(habit, expected):
    world = line(Router(id=1), Router(id=2, port_unreachable_from=habit), Router(id=3))

    [answer] = answers(world, udp(4, link_end(4, 2, 0), 64))
    assert (expected, (3, 3)) == (answer.src, icmp(answer)[:2])


def test_a_router_may_send_no_port_unreachable_and_still_answer_echo():
    world = line(Router(id=1), Router(id=2, port_unreachable_from="none"), Router(id=3))

    assert answers(world, udp(4, link_end(4, 2, 0), 64)) == []
    assert link_end(4, 2, 0) == answers(world, echo(4, link_end(4, 2, 0), 64))[0].src


@pytest.mark.parametrize(
    ("kind", "alike"),
    [
        pytest.param("shared", [0, 1, 2, 3], id="one counter"),
        pytest.param("zero", [0, 0, 0, 0], id="always zero"),
        pytest.param("echo", [0, 0, 0, 0], id="the probe's own"),
    ],
)
def test_ip_ids_of_two_interfaces_tell_how_a_router_counts(kind, alike):
    world = line(Router(id=1), Router(id=2, ip_id=kind), Router(id=3))
    net = responder(world)
    ends = [link_end(4, 1, 1), link_end(4, 2, 0)] * 2
    ids = [
        packets.parse_ip(net.answer(VP, echo(4, end, 64), 0)[0].frame[14:]).ip_id for end in ends
    ]

    assert alike == [(ip_id - ids[0]) % 65536 for ip_id in ids]


def test_random_ip_ids_follow_no_counter():
    world = line(Router(id=1), Router(id=2, ip_id="random"), Router(id=3))
    net = responder(world)
    frames = [echo(4, link_end(4, 1, 1), 64, number) for number in range(8)]
    ids = [packets.parse_ip(net.answer(VP, frame, 0)[0].frame[14:]).ip_id for frame in frames]

    assert len(set(ids)) == 8
    assert {1} != {(b - a) % 65536 for a, b in pairwise(ids)}


def test_counters_per_interface_run_apart():
    world = line(Router(id=1), Router(id=2, ip_id="interface"), Router(id=3))
    net = responder(world)
    ends = [link_end(4, 1, 1), link_end(4, 2, 0)] * 2
    a, b, c, d = (
        packets.parse_ip(net.answer(VP, echo(4, end, 64), 0)[0].frame[14:]).ip_id for end in ends
    )

    assert [(c - a) % 65536, (d - b) % 65536] == [1, 1]
    assert (b - a) % 65536 != 1


def test_a_rate_limited_router_answers_its_burst_and_then_at_its_rate():
    world = line(Router(id=1), Router(id=2, icmp_pps=10, icmp_burst=3), Router(id=3))
    net = responder(world)
    frame = udp(4, host(4), 2)
    at_once = [len(net.answer(VP, frame, 0)) for _ in range(5)]
    later = [len(net.answer(VP, frame, now_us)) for now_us in (100_000, 150_000, 200_000)]

    assert (at_once, later) == ([1, 1, 1, 0, 0], [1, 0, 1])


def test_a_lossy_link_loses_its_share_of_probes_and_answers():
    world = line(Router(id=1), Router(id=2), more=[])
    lossy = type(world)(
        replace(thing, loss=0.25) if isinstance(thing, Link) else thing for thing in world.objects()
    )
    net = responder(lossy)
    got = sum(len(net.answer(VP, udp(4, host(4), 3, ip_id=i), 0)) for i in range(2000))

    assert pytest.approx(got, rel=0.1) == 2000 * 0.75**2


def test_a_queue_delays_by_up_to_its_length_each_way():
    world = line(Router(id=1), Router(id=2))
    queued = type(world)(
        replace(thing, queue_us=1000) if isinstance(thing, Link) else thing
        for thing in world.objects()
    )
    net = responder(queued)
    delays = [net.answer(VP, udp(4, host(4), 2, ip_id=i), 0)[0].delay_us for i in range(200)]

    assert 2200 <= min(delays) < max(delays) <= 4200


def test_the_delay_is_the_way_there_and_back():
    net = responder(plain_line())

    assert [net.answer(VP, udp(4, host(4), ttl), 0)[0].delay_us for ttl in (1, 2, 3, 4)] == [
        200,
        2200,
        4200,
        5200,
    ]


@VERSIONS
def test_addresses_nobody_has_are_unreachable_at_the_first_router(version):
    nowhere = int(IPv4Address("192.0.2.1") if version == 4 else IPv6Address("2001:db8::1"))
    [answer] = answers(plain_line(), udp(version, nowhere, 9))

    assert {4: (3, 0), 6: (1, 0)}[version] == icmp(answer)[:2]


def test_the_gateway_answers_arp_but_not_for_the_vantage_point_itself():
    own, gateway = VP.address_v4.packed, bytes((100, 88, 0, 0))
    ask = b"\xff" * 6 + vp_mac(0) + packets.ARP_TYPE + bytes.fromhex("0001080006040001")
    frame = ask + vp_mac(0) + own + bytes(6)
    [reply] = responder(plain_line()).answer(VP, frame + gateway, 0)

    assert packets.ROUTER_MAC + gateway + vp_mac(0) + own == reply.frame[22:42]
    assert responder(plain_line()).answer(VP, frame + own, 0) == []


def solicitation(asker):
    wanted = addressing.vp_address(6, 0, 0).to_bytes(16, "big")
    body = b"\x87\0\0\0\0\0\0\0" + wanted
    packet = packets.ip6(asker, int(IPv6Address("ff02::1:ff00:0")), 58, 255, body)
    return bytes.fromhex("3333ff000000") + vp_mac(0) + packets.IP6_TYPE + packet


def test_the_gateway_answers_neighbour_solicitations_but_not_duplicate_address_detection():
    net = responder(plain_line())
    [reply] = net.answer(VP, solicitation(source(6)), 0)
    answer = packets.parse_ip(reply.frame[14:])

    assert (answer.packet[40], answer.ttl) == (136, 255)
    assert is_sound(answer)
    assert net.answer(VP, solicitation(0), 0) == []


def test_multicast_and_noise_are_left_alone():
    net = responder(plain_line())
    frames = [bytes(14), bytes(60), udp(4, host(4), 2)[:30], b"\x33\x33" + udp(6, host(6), 2)[2:]]

    assert [net.answer(VP, frame, 0) for frame in frames] == [[], [], [], []]


def test_a_packet_for_another_vantage_point_is_handed_to_its_kernel():
    other = VantagePoint(id=1, name="jp-0001", router=3, delay_us=700)
    world = line(Router(id=1), Router(id=2), Router(id=3), more=[other])
    dst = addressing.vp_address(4, 1, 1)
    [reply] = responder(world).answer(VP, echo(4, dst, 64), 0)
    passed = packets.parse_ip(reply.frame[14:])

    assert (1, vp_mac(1), 2800) == (reply.vp, reply.frame[:6], reply.delay_us)
    assert (source(4), dst, 61) == (passed.src, passed.dst, passed.ttl)
    assert packets.checksum(passed.packet[:20]) in (0, 0xFFFF)


def test_a_translator_is_the_first_hop_and_hides_the_public_address():
    home = replace(VP, nat=True)
    world = line(Router(id=1), Router(id=2), Router(id=3), vp=home)
    net = responder(world)
    frames = [from_source(udp(4, host(4), ttl), home.address(4)) for ttl in (1, 2, 3)]
    got = [packets.parse_ip(net.answer(home, frame, 0)[0].frame[14:]) for frame in frames]

    expected = [home.gateway(4), addressing.vp_address(4, 0, 0), link_end(4, 1, 1)]
    assert expected == [answer.src for answer in got]
    assert {home.address(4)} == {answer.dst for answer in got}
    assert all(home.address_v4.packed in icmp(answer)[2] for answer in got)
    assert addressing.vp_address(6, 0, 0) == answers(world, udp(6, host(6), 1))[0].src


def test_a_forged_source_gets_no_answer():
    other = VantagePoint(id=1, name="jp-0001", router=3)
    world = line(Router(id=1), Router(id=2), Router(id=3), more=[other])

    assert responder(world).answer(other, udp(4, host(4), 2), 0) == []
