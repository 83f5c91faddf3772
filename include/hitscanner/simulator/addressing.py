"""
Addresses of the simulated Internet as arithmetic of link, router, vantage point and prefix numbers.

No table is kept, and a packet capture reads by eye. Everything lies in 100.64.0.0/10 (RFC 6598)
and in one fd00::/32 (RFC 4193), so that no packet could mean anything outside a namespace of ours.

| what            | IPv4                     | IPv6                     |
|-----------------|--------------------------|--------------------------|
| end of a link   | 100.64.0.0/12, a /31     | fd00:0:1::/48, a /127    |
| router loopback | 100.80.0.0/13            | fd00:0:2::/48            |
| vantage point   | 100.88.0.0/13, a /31     | fd00:0:3::/48, a /127    |
| prefix of hosts | 100.96.0.0/11, a /24     | fd00:0:8000::/33, a /64  |
"""

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Literal

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
Version = Literal[4, 6]
VERSIONS: tuple[Version, ...] = (4, 6)
OwnerKind = Literal["link", "router", "vp", "prefix"]

MAX_LINKS = 1 << 19
MAX_ROUTERS = 1 << 19
MAX_VANTAGE_POINTS = 1 << 12
MAX_PREFIXES = 1 << 13
MAX_HOSTS = 254
"""Host numbers of a prefix run from 1 to this, in both families."""

NAT_HOST4 = int(IPv4Address("192.168.77.2"))
NAT_GATEWAY4 = int(IPv4Address("192.168.77.1"))
"""Behind address translation every vantage point has these; each is alone in its namespace."""

_LINK4 = int(IPv4Address("100.64.0.0"))
_ROUTER4 = int(IPv4Address("100.80.0.0"))
_VP4 = int(IPv4Address("100.88.0.0"))
_PREFIX4 = int(IPv4Address("100.96.0.0"))
_END4 = int(IPv4Address("100.128.0.0"))
_LINK6 = int(IPv6Address("fd00:0:1::"))
_ROUTER6 = int(IPv6Address("fd00:0:2::"))
_VP6 = int(IPv6Address("fd00:0:3::"))
_PREFIX6 = int(IPv6Address("fd00:0:8000::"))
_END6 = int(IPv6Address("fd00:1::"))
_BASES: dict[OwnerKind, tuple[int, int]] = {
    "link": (_LINK4, _LINK6),
    "router": (_ROUTER4, _ROUTER6),
    "vp": (_VP4, _VP6),
}


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose address it is; *part* is the link's end, the vp's side (1 = the vp) or the host."""

    kind: OwnerKind
    number: int
    part: int


def link_address(version: Version, link: int, end: int) -> int:
    """
    Return the address of one end of a link, as an integer; end 0 is side `a`.

    >>> IPv4Address(link_address(4, 5, 1)), IPv6Address(link_address(6, 5, 1))
    (IPv4Address('100.64.0.11'), IPv6Address('fd00:0:1::b'))
    """
    return (_LINK4 if version == 4 else _LINK6) + 2 * link + end


def router_address(version: Version, router: int) -> int:
    """
    Return the loopback address of a router, as an integer.

    >>> IPv4Address(router_address(4, 300)), IPv6Address(router_address(6, 300))
    (IPv4Address('100.80.1.44'), IPv6Address('fd00:0:2::12c'))
    """
    return (_ROUTER4 if version == 4 else _ROUTER6) + router


def vp_address(version: Version, vp: int, side: int) -> int:
    """
    Return an address of the access link of a vantage point; side 0 is its router, 1 itself.

    >>> IPv4Address(vp_address(4, 2, 1)), IPv6Address(vp_address(6, 2, 0))
    (IPv4Address('100.88.0.5'), IPv6Address('fd00:0:3::4'))
    """
    return (_VP4 if version == 4 else _VP6) + 2 * vp + side


def host_address(version: Version, prefix: int, host: int) -> int:
    """
    Return the address of a host in a prefix, as an integer.

    >>> IPv4Address(host_address(4, 3, 7)), IPv6Address(host_address(6, 3, 7))
    (IPv4Address('100.96.3.7'), IPv6Address('fd00:0:8000:3::7'))
    """
    return _PREFIX4 + (prefix << 8) + host if version == 4 else _PREFIX6 + (prefix << 64) + host


def block(version: Version, first: int, size: int) -> Network:
    """
    Return the network of *size* addresses, a power of two, from *first* on.

    >>> block(4, link_address(4, 8, 0), 16)
    IPv4Network('100.64.0.16/28')
    """
    if version == 4:
        return IPv4Network((first, 33 - size.bit_length()))
    return IPv6Network((first, 129 - size.bit_length()))


def prefix_network(version: Version, prefix: int) -> Network:
    """
    Return the network of a destination prefix: a /24 or a /64.

    >>> prefix_network(4, 3), prefix_network(6, 3)
    (IPv4Network('100.96.3.0/24'), IPv6Network('fd00:0:8000:3::/64'))
    """
    if version == 4:
        return IPv4Network((host_address(4, prefix, 0), 24))
    return IPv6Network((host_address(6, prefix, 0), 64))


def to_address(version: Version, value: int) -> Address:
    """Turn the integer form into an address object."""
    return IPv4Address(value) if version == 4 else IPv6Address(value)


def parse(text: str) -> tuple[Version, int]:
    """
    Turn text into (version, integer).

    >>> parse("100.64.0.1")
    (4, 1681915905)
    """
    address = ip_address(text)
    return (4 if address.version == 4 else 6), int(address)


def owner_of(version: Version, value: int) -> Owner | None:
    """
    Say what an address belongs to by arithmetic alone; None outside the simulated Internet.

    Whether that link, router or prefix exists is the world's to say.

    >>> owner_of(*parse("100.64.0.11")), owner_of(*parse("fd00:0:8000:3::7"))
    (Owner(kind='link', number=5, part=1), Owner(kind='prefix', number=3, part=7))
    >>> owner_of(*parse("192.0.2.1")) is None
    True
    """
    return _owner4(value) if version == 4 else _owner6(value)


def _owner4(value: int) -> Owner | None:
    if not _LINK4 <= value < _END4:
        return None
    if value >= _PREFIX4:
        return Owner("prefix", (value - _PREFIX4) >> 8, value & 0xFF)
    if value >= _VP4:
        return Owner("vp", (value - _VP4) >> 1, value & 1)
    if value >= _ROUTER4:
        return Owner("router", value - _ROUTER4, 0)
    return Owner("link", (value - _LINK4) >> 1, value & 1)


def _owner6(value: int) -> Owner | None:
    if not _LINK6 <= value < _END6:
        return None
    if value >= _PREFIX6:
        return Owner("prefix", (value - _PREFIX6) >> 64, value & (1 << 64) - 1)
    for kind, (_, base) in _BASES.items():
        offset = value - base
        if 0 <= offset < 1 << 32:
            return (
                Owner(kind, offset, 0) if kind == "router" else Owner(kind, offset >> 1, value & 1)
            )
    return None
