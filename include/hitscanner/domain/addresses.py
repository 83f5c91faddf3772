"""Addresses and prefixes: the only place where their text is read."""

from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

Address = IPv4Address | IPv6Address
Prefix = IPv4Network | IPv6Network
Target = Address | Prefix
"""What a list asks for: one address, or a prefix to take addresses from."""


def parse_target(text: str) -> Target:
    """
    Read one address or prefix; a prefix of one address is that address.

    Raises:
        ValueError: with what is wrong and how to mend it, in words that follow "… is not a target".

    >>> parse_target("192.0.2.7"), parse_target("2001:db8::/32"), parse_target("192.0.2.7/32")
    (IPv4Address('192.0.2.7'), IPv6Network('2001:db8::/32'), IPv4Address('192.0.2.7'))
    >>> parse_target("192.0.2.7/24")
    Traceback (most recent call last):
    ValueError: has host bits set; did you mean 192.0.2.0/24?
    """
    if "%" in text:
        raise ValueError("names an interface; give the address without %…")
    try:
        if "/" not in text:
            return ip_address(text)
        prefix = ip_network(text, strict=False)
    except ValueError:
        raise ValueError(_NEITHER) from None
    if not text.rpartition("/")[2].isdecimal():  # ip_network takes netmasks and wildcards too
        raise ValueError(f"has a netmask; did you mean {prefix}?")
    if ip_address(text.partition("/")[0]) != prefix.network_address:
        raise ValueError(f"has host bits set; did you mean {prefix}?")
    return prefix.network_address if prefix.prefixlen == prefix.max_prefixlen else prefix


_NEITHER = "is neither an address nor a prefix; write e.g. 192.0.2.1, 192.0.2.0/24 or 2001:db8::/32"


def as_prefix(target: Target) -> Prefix:
    """
    Return *target* as a prefix, an address as the prefix that holds only it.

    >>> as_prefix(IPv4Address("192.0.2.7"))
    IPv4Network('192.0.2.7/32')
    """
    if isinstance(target, IPv4Address | IPv6Address):
        return ip_network(target)
    return target


def without_nested(prefixes: list[Prefix]) -> list[Prefix]:
    """
    Drop each prefix that lies inside another one; the rest is disjoint and sorted, IPv4 first.

    >>> a, b, c = (IPv4Network(t) for t in ("192.0.2.0/25", "192.0.2.0/24", "198.51.100.0/24"))
    >>> without_nested([c, a, b, a])
    [IPv4Network('192.0.2.0/24'), IPv4Network('198.51.100.0/24')]
    """
    outer: list[Prefix] = []
    last: tuple[int, int] = (0, -1)  # version and last address of the prefix kept before
    for prefix in sorted(prefixes, key=_widest_first):
        end = (prefix.version, int(prefix.broadcast_address))
        if end > last:
            outer.append(prefix)
            last = end
    return outer


def _widest_first(prefix: Prefix) -> tuple[int, int, int]:
    return prefix.version, int(prefix.network_address), prefix.prefixlen
