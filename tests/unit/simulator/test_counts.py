"""The network counts what it gets, to prove that caps and opt-outs were kept."""

from hitscanner.simulator.counts import Counts
from hitscanner.simulator.objects import Prefix, Router
from hitscanner.simulator.reply import Responder

from .worlds import VP, host, line, plain_line, udp


def counted(world, *frames):
    """Return the counts after frames that come at times in seconds."""
    counts = Counts(world)
    net = Responder(world, counts)
    for at_s, frame in frames:
        net.answer(VP, frame, int(at_s * 1_000_000))
    return counts


def test_probes_are_counted_by_second_and_the_peak_is_kept():
    probe = udp(4, host(4), 1)
    counts = counted(plain_line(), (0.1, probe), (0.9, probe), (1.0, probe), (7.5, probe))
    mine = counts.by_vp["us-0001"]

    assert list(mine.per_second) == [(0, 2), (1, 1), (7, 1)]
    assert (mine.probes, mine.peak_pps) == (4, 2)


def test_probes_are_counted_by_prefix_in_both_families():
    counts = counted(plain_line(), (0, udp(4, host(4), 1)), (0, udp(6, host(6), 1)))

    assert counts.details()["prefixes"] == {"100.96.0.0/24": 2}
    assert counts.opt_out == 0


def test_probes_to_routers_are_counted_elsewhere():
    assert counted(plain_line(), (0, udp(4, 0x64400000, 9))).elsewhere == 1


def test_every_packet_to_an_opted_out_prefix_is_recorded_even_if_it_expires_before():
    world = line(Router(id=1), Router(id=2), prefix=Prefix(id=0, router=2, opt_out=True))
    counts = counted(world, (0.5, udp(4, host(4, 9), 1)))

    assert counts.opt_out == 1
    assert list(counts.opt_out_packets) == [
        {"vp": "us-0001", "dst": "100.96.0.9", "protocol": 17, "ttl": 1, "at_us": 500_000}
    ]
