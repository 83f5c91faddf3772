"""
Address space that is not the public Internet, and why.

Source: IANA's IPv4 and IPv6 Special-Purpose Address Registries (RFC 6890, as updated by RFC 8190),
RFC 1112 and RFC 4291 for multicast.  Blocks that carry an IPv4 address inside an IPv6 one are here
too, as they would lead around the IPv4 entries of a do-not-probe list.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network

from hitscanner.domain.addresses import Address, Prefix


@dataclass(frozen=True)
class Reserved:
    """A block that is not probed unless a list allows it, or never."""

    prefix: Prefix
    purpose: str
    """The registry's name of it, shortened."""
    source: str
    """The document that set it apart."""
    is_never_probed: bool = False
    """No list can allow it: a probe would reach this host, its link or a crowd."""

    @property
    def reason(self) -> str:
        """
        Say what the block is, for a log or manifest.

        >>> SPECIAL[1].reason
        'private use (10.0.0.0/8, RFC 1918)'
        """
        return f"{self.purpose} ({self.prefix}, {self.source})"


def find_reserved(address: Address) -> Reserved | None:
    """
    Return the special block that *address* lies in, or None for public unicast.

    >>> from ipaddress import ip_address
    >>> find_reserved(ip_address("fe80::1")).is_never_probed
    True
    """
    blocks = _BY_FIRST_OCTET[address.version].get(address.packed[0], ())
    return next((block for block in blocks if address in block.prefix), None)


def reserved_reason(address: Address, *, allow_reserved: bool = False) -> str | None:
    """
    Say why *address* may not be probed, or None if it may.

    Args:
        address: IPv4 or IPv6.
        allow_reserved: the list permits special space; what is never probed stays refused.

    >>> from ipaddress import ip_address
    >>> reserved_reason(ip_address("100.64.3.1"))
    'shared address space (100.64.0.0/10, RFC 6598)'
    >>> reserved_reason(ip_address("100.64.3.1"), allow_reserved=True)
    >>> reserved_reason(ip_address("127.0.0.1"), allow_reserved=True)
    'loopback (127.0.0.0/8, RFC 1122)'
    >>> reserved_reason(ip_address("2606:4700::1"))
    """
    block = find_reserved(address)
    if block is None or (allow_reserved and not block.is_never_probed):
        return None
    return block.reason


def _special(prefix: str, purpose: str, source: str, *, never: bool = False) -> Reserved:
    return Reserved(ip_network(prefix), purpose, source, never)


SPECIAL: tuple[Reserved, ...] = (
    _special("0.0.0.0/8", "this network", "RFC 791", never=True),
    _special("10.0.0.0/8", "private use", "RFC 1918"),
    _special("100.64.0.0/10", "shared address space", "RFC 6598"),
    _special("127.0.0.0/8", "loopback", "RFC 1122", never=True),
    _special("169.254.0.0/16", "link local", "RFC 3927", never=True),
    _special("172.16.0.0/12", "private use", "RFC 1918"),
    _special("192.0.0.0/24", "protocol assignments", "RFC 6890"),
    _special("192.0.2.0/24", "documentation", "RFC 5737"),
    _special("192.88.99.0/24", "6to4 relays, deprecated", "RFC 7526"),
    _special("192.168.0.0/16", "private use", "RFC 1918"),
    _special("198.18.0.0/15", "benchmarking", "RFC 2544"),
    _special("198.51.100.0/24", "documentation", "RFC 5737"),
    _special("203.0.113.0/24", "documentation", "RFC 5737"),
    _special("224.0.0.0/4", "multicast", "RFC 1112", never=True),
    _special("255.255.255.255/32", "limited broadcast", "RFC 919", never=True),
    _special("240.0.0.0/4", "reserved for future use", "RFC 1112"),
    _special("::/128", "unspecified address", "RFC 4291", never=True),
    _special("::1/128", "loopback", "RFC 4291", never=True),
    _special("::ffff:0:0/96", "IPv4-mapped", "RFC 4291", never=True),
    _special("64:ff9b::/96", "IPv4-IPv6 translation", "RFC 6052", never=True),
    _special("64:ff9b:1::/48", "IPv4-IPv6 translation", "RFC 8215", never=True),
    _special("100::/63", "discard only", "RFC 6666"),
    _special("2001:db8::/32", "documentation", "RFC 3849"),
    _special("2001::/23", "protocol assignments", "RFC 2928"),
    _special("2002::/16", "6to4", "RFC 3056", never=True),
    _special("3fff::/20", "documentation", "RFC 9637"),
    _special("5f00::/16", "segment routing identifiers", "RFC 9602"),
    _special("fc00::/7", "unique local", "RFC 4193"),
    _special("fe80::/10", "link local", "RFC 4291", never=True),
    _special("fec0::/10", "site local, deprecated", "RFC 3879"),
    _special("ff00::/8", "multicast", "RFC 4291", never=True),
    # Global unicast is 2000::/3; what IANA has not handed out lies in the rest.
    _special("::/3", "outside global unicast", "RFC 4291"),
    _special("4000::/2", "outside global unicast", "RFC 4291"),
    _special("8000::/1", "outside global unicast", "RFC 4291"),
)
"""Every special block; the first that holds an address is the one that counts."""


def _by_first_octet(blocks: Iterable[Reserved]) -> dict[int, tuple[Reserved, ...]]:
    table: dict[int, tuple[Reserved, ...]] = {}
    for block in blocks:
        first = block.prefix.network_address.packed[0]
        last = block.prefix.broadcast_address.packed[0]
        for octet in range(first, last + 1):
            table[octet] = (*table.get(octet, ()), block)
    return table


_BY_FIRST_OCTET = {
    4: _by_first_octet(block for block in SPECIAL if isinstance(block.prefix, IPv4Network)),
    6: _by_first_octet(block for block in SPECIAL if isinstance(block.prefix, IPv6Network)),
}
