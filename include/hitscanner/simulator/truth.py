"""What a perfect prober would see: the hops and links of a flow, from the world's objects alone."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

from hitscanner.simulator import addressing, flow
from hitscanner.simulator.addressing import Owner, Version
from hitscanner.simulator.objects import Prefix, Protocol, VantagePoint
from hitscanner.simulator.truth_paths import Paths, Step
from hitscanner.simulator.world import World

Stop = Literal["completed", "unreach", "gap", "loop"]
_LONGEST_LOOP = 6
"""Hops shown of a loop: the prober stops at the first address it meets again."""
_NUMBERS: dict[Protocol, tuple[int, int]] = {"icmp": (1, 58), "udp": (17, 17), "tcp": (6, 6)}
_ECHO_REQUEST = {4: 8, 6: 128}


@dataclass(frozen=True, slots=True)
class Flow:
    """The probes of one trace, as a results file tells them."""

    vp: str
    version: Version
    src: int
    dst: int
    protocol: Protocol
    first_word: int | None
    """First four transport bytes; None if the method changes them from probe to probe."""


@dataclass(frozen=True, slots=True)
class TrueHop:
    """What answers at one TTL: an address, or nobody."""

    ttl: int
    address: int | None
    router: int | None
    """Router it belongs to; None for the destination host."""


@dataclass(frozen=True, slots=True)
class TruePath:
    """Hops up to where a correct prober stops."""

    hops: tuple[TrueHop, ...]
    stop: Stop


@dataclass(frozen=True, slots=True, order=True)
class TrueLink:
    """Two addresses that answer next to each other on a path; *stars* silent hops between them."""

    version: Version
    near: int
    far: int
    stars: int
    ttl: int
    """Of the near one."""
    is_dest: bool


class Truth:
    """Answers for one world, in all of its states: a trace does not tell in which it was made."""

    def __init__(self, world: World) -> None:
        states = {frozenset(then.links): then for _, then in world.epochs()}
        self._states: list[_State] = []
        paths = None
        for then in states.values():
            paths = Paths(then, paths)
            self._states.append(_State(world, paths))

    def paths(self, probed: Flow, first_hop: int, gap_limit: int) -> list[TruePath]:
        """
        Return what a prober could see, one path for each branch its probes may take.

        One path if every balancer goes by flow or destination, no route changes, and the method
        keeps to one flow.
        """
        seen = {
            _as_probed(branch, first_hop, gap_limit)
            for state in self._states
            for branch in state.branches(probed)
        }
        return sorted(seen, key=lambda path: str(path.hops))


class _State:
    """A world while its routes stay as they are."""

    def __init__(self, world: World, paths: Paths) -> None:
        self._world = world
        self._paths = paths

    def branches(self, probed: Flow) -> Iterator[tuple[list[TrueHop], Stop]]:
        """Yield every branch that probes of this flow may take: hops and why it ends."""
        vp = self._world.vantage_point(probed.vp)
        if vp is None:
            return
        owner = addressing.owner_of(probed.version, probed.dst)
        target = None if owner is None else self._world.attachment(owner)
        number = _NUMBERS[probed.protocol][0 if probed.version == 4 else 1]
        key = None
        if probed.first_word is not None:
            key = flow.flow_key(probed.src, probed.dst, number, probed.first_word)
        by_destination = flow.destination_key(probed.dst)
        for steps, arrives in self._paths.between(vp.router, target, key, by_destination):
            hops, stop = self._hops(vp, probed, owner, steps, arrives)
            yield (_behind_translator(vp, hops) if vp.is_translated(probed.version) else hops), stop

    def _hops(
        self,
        vp: VantagePoint,
        probed: Flow,
        owner: Owner | None,
        steps: tuple[Step, ...],
        arrives: bool,
    ) -> tuple[list[TrueHop], Stop]:
        """Return every hop of a branch and why it ends there."""
        hops = [
            TrueHop(ttl, self._address(vp, probed.version, step), step.router)
            for ttl, step in enumerate(steps, 1)
        ]
        if not arrives:
            return hops, "unreach" if hops[-1].address is not None else "gap"
        prefix = self._prefix(owner)
        if prefix is not None:
            return self._behind(vp, probed, prefix, steps, hops)
        if owner is not None and owner.kind == "vp" and owner.part == 1:
            return self._at_vp(owner.number, probed, hops)
        return self._at_router(probed, hops)

    def _at_vp(self, number: int, probed: Flow, hops: list[TrueHop]) -> tuple[list[TrueHop], Stop]:
        other = next(vp for vp in self._world.vantage_points if vp.id == number)
        if other.is_translated(probed.version):
            return hops, "gap"
        return [*hops, TrueHop(len(hops) + 1, probed.dst, None)], "completed"

    def _at_router(self, probed: Flow, hops: list[TrueHop]) -> tuple[list[TrueHop], Stop]:
        last = hops[-1]
        router = self._world.routers[last.router or 0]
        address: int | None = probed.dst
        if probed.protocol == "udp" and router.port_unreachable_from == "loopback":
            address = addressing.router_address(probed.version, router.id)
        if router.silent or (probed.protocol == "udp" and router.port_unreachable_from == "none"):
            address = None
        return [
            *hops[:-1],
            replace(last, address=address),
        ], "gap" if address is None else "completed"

    def _behind(
        self,
        vp: VantagePoint,
        probed: Flow,
        prefix: Prefix,
        steps: tuple[Step, ...],
        hops: list[TrueHop],
    ) -> tuple[list[TrueHop], Stop]:
        last = hops[-1]
        if probed.protocol in prefix.firewall:
            return hops[:-1], "gap"
        match prefix.end:
            case "answer" if probed.protocol in prefix.answers:
                return [*hops, TrueHop(last.ttl + 1, probed.dst, None)], "completed"
            case "no_net" | "filtered":
                return hops, "gap" if last.address is None else "unreach"
            case "no_host":
                again = replace(last, ttl=last.ttl + 1)
                return [*hops, again], "gap" if last.address is None else "unreach"
            case "loop" if len(steps) > 1:
                return [*hops, *self._turns(vp, probed.version, steps)], "gap"
            case _:
                return hops, "gap"

    def _turns(
        self, vp: VantagePoint, version: Version, steps: tuple[Step, ...]
    ) -> Iterator[TrueHop]:
        """Yield hops of a packet that the last two routers send to and fro."""
        before, last = steps[-2], steps[-1]
        for turn in range(1, _LONGEST_LOOP + 1):
            step = Step((before if turn % 2 else last).router, last.link)
            ttl = len(steps) + turn
            yield TrueHop(ttl, self._address(vp, version, step), step.router)

    def _address(self, vp: VantagePoint, version: Version, step: Step) -> int | None:
        """Return the source of a router's ICMP errors, None if it never sends any."""
        router = self._world.routers[step.router]
        if router.silent:
            return None
        if router.reply_from == "loopback":
            return addressing.router_address(version, router.id)
        link = step.link
        if router.reply_from == "egress":
            link = self._first_link_to(vp, router.id)
        if link is None:
            return addressing.vp_address(version, vp.id, 0)
        return addressing.link_address(version, link, int(self._world.links[link].b == router.id))

    def _first_link_to(self, vp: VantagePoint, router: int) -> int | None:
        if router == vp.router:
            return None
        return min(self._paths.equal_links(router, vp.router), default=None)

    def _prefix(self, owner: Owner | None) -> Prefix | None:
        if owner is None or owner.kind != "prefix":
            return None
        return self._world.prefixes.get(owner.number)


def flow_of(
    vp: str, version: Version, src: int, dst: int, method: str, sport: int, dport: int
) -> Flow:
    """
    Return the flow of a trace by what its record says.

    Paris methods and TCP keep to one flow; for ICMP the record's dport is the checksum
    (scamper(1): "For ICMP-Paris, this option sets the ICMP checksum value").

    >>> flow_of("us-0001", 4, 1, 2, "udp-paris", 0x8001, 33435).first_word == 0x8001829B
    True
    >>> flow_of("us-0001", 4, 1, 2, "udp", 0x8001, 33435).first_word is None
    True
    """
    protocol: Protocol = "tcp" if "tcp" in method else "udp" if "udp" in method else "icmp"
    word: int | None = sport << 16 | dport
    if protocol == "icmp":
        word = _ECHO_REQUEST[version] << 24 | dport
    return Flow(vp, version, src, dst, protocol, word if is_one_flow(method) else None)


def is_one_flow(method: str) -> bool:
    """
    Say whether all probes of a trace by this method share a flow.

    >>> [is_one_flow(method) for method in ("udp-paris", "tcp-ack", "udp", "icmp-echo")]
    [True, True, False, False]
    """
    return method.endswith("paris") or method.startswith("tcp")


def links(path: TruePath, version: Version, dst: int) -> list[TrueLink]:
    """Return the links of a path: neighbours among the hops that answer, unless they are one."""
    answering = [(hop.ttl, hop.address) for hop in path.hops if hop.address is not None]
    return [
        TrueLink(version, near, far, far_ttl - near_ttl - 1, near_ttl, far == dst)
        for (near_ttl, near), (far_ttl, far) in pairwise(answering)
        if near != far
    ]


def _behind_translator(vp: VantagePoint, hops: list[TrueHop]) -> list[TrueHop]:
    """Put the translator in front: it is the first hop, and all others are one further away."""
    return [
        TrueHop(1, vp.gateway(4), None),
        *(replace(hop, ttl=hop.ttl + 1) for hop in hops),
    ]


def _as_probed(branch: tuple[list[TrueHop], Stop], first_hop: int, gap_limit: int) -> TruePath:
    """Cut a branch where a prober starts and stops: at a gap, and at an address met again."""
    hops, stop = branch
    kept: list[TrueHop] = []
    silent = 0
    for hop in hops[first_hop - 1 :]:
        silent = silent + 1 if hop.address is None else 0
        if _met_before(kept, hop):
            return TruePath(tuple(kept), "loop")
        kept.append(hop)
        if gap_limit and silent >= gap_limit:
            return TruePath(_without_tail(kept), "gap")
    return TruePath(_without_tail(kept), stop)


def _met_before(kept: Sequence[TrueHop], hop: TrueHop) -> bool:
    """Say whether the address was seen, other than at the hop just before."""
    if hop.address is None:
        return False
    return any(old.address == hop.address for old in kept if old.ttl != hop.ttl - 1)


def _without_tail(hops: list[TrueHop]) -> tuple[TrueHop, ...]:
    """Drop silent hops at the end: nothing tells how many there are."""
    end = len(hops)
    while end and hops[end - 1].address is None:
        end -= 1
    return tuple(hops[:end])
