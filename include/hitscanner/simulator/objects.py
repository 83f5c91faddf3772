"""The things a world is made of, one frozen class per line type of a world file."""

from dataclasses import dataclass, fields
from ipaddress import IPv4Address, IPv6Address
from typing import Literal

from pydantic import ConfigDict

from hitscanner.simulator import addressing

Kind = Literal["clean", "dirty"]
Protocol = Literal["icmp", "udp", "tcp"]
Balance = Literal["flow", "destination", "packet"]
ReplyFrom = Literal["ingress", "egress", "loopback"]
PortUnreachableFrom = Literal["loopback", "probed", "none"]
IpId = Literal["shared", "interface", "random", "zero", "echo"]
Mpls = Literal["none", "explicit", "implicit"]
Relation = Literal["provider", "peer"]
PrefixEnd = Literal["answer", "silent", "no_net", "no_host", "filtered", "loop"]

_CLOSED = ConfigDict(extra="forbid", strict=True)


@dataclass(frozen=True)
class WorldSpec:
    """What to generate; the same spec gives the same bytes."""

    seed: int
    routers: int
    vantage_points: tuple[str, ...]
    targets: int
    kind: Kind = "clean"


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """First line of a world file."""

    __pydantic_config__ = _CLOSED

    type: Literal["world"] = "world"
    version: Literal[1] = 1
    seed: int = 0
    kind: Kind = "clean"


@dataclass(frozen=True, slots=True, kw_only=True)
class AutonomousSystem:
    """The address blocks of an AS, as ranges of link and router numbers; nothing routes by it."""

    __pydantic_config__ = _CLOSED

    type: Literal["as"] = "as"
    asn: int
    tier: Literal[1, 2, 3]
    first_link: int
    links: int
    """Size of the block of link numbers, a power of two; links to customers are in it."""
    first_router: int
    routers: int
    """Size of the block of router numbers, a power of two."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Router:
    """A router: where it belongs and how it behaves."""

    __pydantic_config__ = _CLOSED

    type: Literal["router"] = "router"
    id: int
    asn: int = 1
    silent: bool = False
    """Forwards, never answers."""
    balance: Balance = "flow"
    """How it spreads packets over links of equal cost."""
    reply_from: ReplyFrom = "ingress"
    """Source of its ICMP errors; `egress`, the interface towards the vp, is a third party."""
    port_unreachable_from: PortUnreachableFrom = "loopback"
    """Source when one of its own addresses gets UDP: `loopback` is what mercator looks for."""
    ip_id: IpId = "shared"
    """Which counter fills the IPv4 identification field; `echo` copies the probe's."""
    mpls: Mpls = "none"
    """Labels shown by RFC 4950 (`explicit`), or only by the quoted TTL (`implicit`)."""
    icmp_pps: int = 0
    """Rate of its ICMP errors in packets per second (token bucket); 0 is no limit."""
    icmp_burst: int = 10
    """Depth of that bucket, packets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A cable between two routers; its number gives both ends their addresses."""

    __pydantic_config__ = _CLOSED

    type: Literal["link"] = "link"
    id: int
    a: int
    b: int
    cost: int = 1
    """Metric inside an AS."""
    delay_us: int = 1000
    """One way."""
    relation: Relation | None = None
    """Between ASes only: `provider` when a's AS is the provider of b's."""
    loss: float = 0.0
    """Share of packets lost each way."""
    queue_us: int = 0
    """Largest extra delay by queueing, one way; each packet draws from 0 to this."""

    def end_of(self, router: int) -> int:
        """Return which end the router holds: 0 for `a`, 1 for `b`."""
        return 0 if self.a == router else 1

    def far(self, router: int) -> int:
        """Return the router at the other end."""
        return self.b if self.a == router else self.a


@dataclass(frozen=True, slots=True, kw_only=True)
class Prefix:
    """A network of destinations behind one router: an IPv4 /24 and an IPv6 /64."""

    __pydantic_config__ = _CLOSED

    type: Literal["prefix"] = "prefix"
    id: int
    router: int
    end: PrefixEnd = "answer"
    """What becomes of a packet at the router: see docs/simulator.md."""
    delay_us: int = 500
    """One way from router to host."""
    answers: tuple[Protocol, ...] = ("icmp", "udp", "tcp")
    """Protocols its hosts answer."""
    firewall: tuple[Protocol, ...] = ()
    """Protocols dropped in front of the router, without a word."""
    opt_out: bool = False
    """Nobody may probe it: every packet it gets is recorded."""
    targets_v4: tuple[int, ...] = ()
    """Host numbers on the target list."""
    targets_v6: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class VantagePoint:
    """A host that probes, in a network namespace of its own."""

    __pydantic_config__ = _CLOSED

    type: Literal["vp"] = "vp"
    id: int
    name: str
    router: int
    """The router it hangs on, hop 1 of every trace."""
    delay_us: int = 500
    nat: bool = False
    """Behind address translation in IPv4: a private address, and the translator as first hop."""

    @property
    def netns(self) -> str:
        """Name of its network namespace."""
        return f"hs-{self.name}"

    @property
    def address_v4(self) -> IPv4Address:
        """Its IPv4 address as it knows it: a private one behind address translation."""
        return IPv4Address(self.address(4))

    @property
    def address_v6(self) -> IPv6Address:
        """Its IPv6 address."""
        return IPv6Address(self.address(6))

    def address(self, version: addressing.Version) -> int:
        """Return its own address as an integer."""
        if self.is_translated(version):
            return addressing.NAT_HOST4
        return addressing.vp_address(version, self.id, 1)

    def gateway(self, version: addressing.Version) -> int:
        """Return the address of its first hop as an integer."""
        if self.is_translated(version):
            return addressing.NAT_GATEWAY4
        return addressing.vp_address(version, self.id, 0)

    def is_translated(self, version: addressing.Version) -> bool:
        """Say whether a translator is one hop more on its way; never in IPv6."""
        return self.nat and version == 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A change of the network while it runs."""

    __pydantic_config__ = _CLOSED

    type: Literal["event"] = "event"
    at_s: float
    """Seconds after the simulator became ready."""
    action: Literal["link_down", "link_up"]
    link: int


WorldObject = Header | AutonomousSystem | Router | Link | Prefix | VantagePoint | Event


def to_json_object(thing: WorldObject) -> dict[str, object]:
    """
    Return the line of a world file as a dict: the type, then every field that is not the default.

    >>> to_json_object(Router(id=7, silent=True))
    {'type': 'router', 'id': 7, 'silent': True}
    """
    values = {field.name: getattr(thing, field.name) for field in fields(thing)}
    defaults = {field.name: field.default for field in fields(thing)}
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in values.items()
        if name == "type" or value != defaults[name]
    }
