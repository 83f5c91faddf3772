"""Which routers of a generated world are silent, tunnel or count how: drawn by share."""

from dataclasses import dataclass, replace
from random import Random
from typing import TypeVar

from hitscanner.simulator.objects import (
    Balance,
    IpId,
    Kind,
    Link,
    Mpls,
    PortUnreachableFrom,
    Prefix,
    PrefixEnd,
    ReplyFrom,
    Router,
)

_T = TypeVar("_T")
_Shares = tuple[tuple[_T, float], ...]
"""Value and share of those that have it; the first value takes what is left."""

SILENT_SHARE = 0.02
"""Few, because each silent hop costs a trace attempts x wait seconds."""

_REPLY_FROM: _Shares[ReplyFrom] = (("ingress", 0), ("egress", 0.06), ("loopback", 0.04))
_IP_ID: _Shares[IpId] = (
    ("shared", 0),
    ("interface", 0.08),
    ("random", 0.08),
    ("zero", 0.05),
    ("echo", 0.03),
)
_PORT_UNREACHABLE: _Shares[PortUnreachableFrom] = (("loopback", 0), ("probed", 0.3), ("none", 0.15))
_BALANCE: dict[Kind, _Shares[Balance]] = {
    "clean": (("flow", 0), ("destination", 0.1)),
    "dirty": (("flow", 0), ("destination", 0.2), ("packet", 0.01)),
}
_MPLS: _Shares[Mpls] = (("none", 0), ("explicit", 0.25), ("implicit", 0.1))
_PREFIX_END: _Shares[PrefixEnd] = (
    ("answer", 0),
    ("silent", 0.01),
    ("no_net", 0.03),
    ("no_host", 0.03),
    ("filtered", 0.02),
    ("loop", 0.01),
)
_RATE_LIMITED_SHARE = 0.02
_LOSSY_SHARE = 0.05
_CHOOSY_SHARE = 0.01
_LOSS = 0.002
_QUEUED_SHARE = 0.1


@dataclass(frozen=True)
class Behaviours:
    """Draws behaviours for a world of a kind; the same random numbers give the same world."""

    random: Random
    kind: Kind

    def router(self, plain: Router, mpls: Mpls, *, first_hop: bool) -> Router:
        """Return the router with its habits; a vantage point's own router always answers."""
        draw = self.random
        limited = draw.random() < _RATE_LIMITED_SHARE and self.kind == "dirty" and not first_hop
        return replace(
            plain,
            silent=draw.random() < SILENT_SHARE and not first_hop,
            balance=pick(draw, _BALANCE[self.kind]),
            reply_from=pick(draw, _REPLY_FROM),
            port_unreachable_from=pick(draw, _PORT_UNREACHABLE),
            ip_id=pick(draw, _IP_ID),
            mpls=mpls,
            icmp_pps=draw.randint(20, 100) if limited else 0,
        )

    def mpls(self) -> Mpls:
        """Return how an AS runs MPLS."""
        return pick(self.random, _MPLS)

    def link(self, plain: Link) -> Link:
        """Return the link, in a dirty world perhaps lossy or with a queue."""
        lossy, queued = self.random.random() < _LOSSY_SHARE, self.random.random() < _QUEUED_SHARE
        if self.kind == "clean":
            return plain
        return replace(plain, loss=_LOSS if lossy else 0.0, queue_us=3000 if queued else 0)

    def prefix(self, plain: Prefix) -> Prefix:
        """Return the prefix, in a dirty world perhaps firewalled or choosy in its answers."""
        luck = self.random.random()
        if self.kind == "clean" or luck > 2 * _CHOOSY_SHARE:
            return plain
        if luck > _CHOOSY_SHARE:
            return replace(plain, firewall=self.random.choice((("udp",), ("tcp",), ("udp", "tcp"))))
        return replace(plain, answers=self.random.choice((("icmp",), ("icmp", "tcp"), ("udp",))))

    def prefix_ends(self, count: int) -> list[PrefixEnd]:
        """Return what becomes of packets to each of *count* prefixes, in exact shares."""
        ends = [end for end, share in _PREFIX_END for _ in range(round(share * count))]
        ends += ["answer"] * (count - len(ends))
        self.random.shuffle(ends)
        return ends


def pick(draw: Random, shares: _Shares[_T]) -> _T:
    """
    Return one of the values by its share; one random number is used.

    >>> pick(Random(1), (("rest", 0), ("never", 0.0)))
    'rest'
    """
    rest = draw.random()
    for value, share in shares[1:]:
        rest -= share
        if rest < 0:
            return value
    return shares[0][0]
