"""What is drawn by lot follows from the seed and the probe, not from when the probe comes."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hitscanner.simulator import packets
from hitscanner.simulator.objects import Header, Link, Prefix, Router
from hitscanner.simulator.world import World

from .worlds import VP, echo, host, responder, tcp, udp

VERSIONS = pytest.mark.parametrize("version", [4, 6])


def world(seed=1):
    """A diamond by packet behind a lossy link with a queue; nobody counts."""
    routers = [Router(id=i, ip_id="random", balance="packet") for i in (1, 2, 3, 4, 5)]
    first = Link(id=0, a=1, b=2, loss=0.2, queue_us=500)
    diamond = [
        Link(id=2 * i + end, a=a, b=b)
        for i in (1, 2)
        for end, (a, b) in enumerate([(2, 2 + i), (2 + i, 5)])
    ]
    return World(
        [Header(seed=seed), *routers, first, *diamond, Prefix(id=0, router=5, targets_v4=(1,)), VP]
    )


def fates(net, frames):
    return {frame: net.answer(VP, frame, 0) for frame in frames}


FRAMES = [
    frame
    for ttl in range(2, 6)
    for number in range(1, 9)
    for frame in (
        udp(4, host(4), ttl, ip_id=number),
        echo(4, host(4), ttl, number),
        echo(6, host(6), ttl, number),
        udp(6, host(6), ttl, size=number),
    )
]


@given(st.permutations(FRAMES))
def test_probes_meet_the_same_fate_in_any_order(shuffled):
    assert fates(responder(world()), FRAMES) == fates(responder(world()), shuffled)


def test_another_seed_is_another_fate():
    assert fates(responder(world()), FRAMES) != fates(responder(world(seed=2)), FRAMES)


def sequence(frame):
    return packets.parse_ip(frame[packets.ETHER_BYTES :]).sequence


def test_scampers_numbers_of_a_probe_are_told_from_each_other_in_every_method():
    """As captured from scamper 20211212: what differs between the attempts at one hop."""
    target4, target6 = host(4), host(6)
    labelled = tcp(6, target6, 3)[:14] + bytes.fromhex("60000005") + tcp(6, target6, 3)[18:]

    assert sequence(udp(4, target4, 3, ip_id=5)) == 5
    assert sequence(echo(4, target4, 3, 5)) == 7 | 5 << 16
    assert sequence(echo(6, target6, 3, 5)) == 5
    assert sequence(labelled) == 5
    assert sequence(udp(6, target6, 3, size=2)) != sequence(udp(6, target6, 3, size=4))


@VERSIONS
def test_attempts_at_one_hop_draw_apart(version):
    only_loss = replace(world().links[0], loss=0.5, queue_us=0)
    net = responder(
        World(
            [
                *(Router(id=i) for i in (1, 2)),
                only_loss,
                Prefix(id=0, router=2, targets_v4=(1,)),
                VP,
            ]
        )
    )
    answered = [len(net.answer(VP, echo(version, host(version), 2, i), 0)) for i in range(64)]

    assert 0 < sum(answered) < 64
