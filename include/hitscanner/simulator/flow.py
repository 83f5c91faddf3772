"""
How a router that balances load picks one of several equal links: the rule both sides share.

The rule is part of the world's definition, like a cable is: the code that answers and the code that
knows the truth must apply the same one. All else about paths they work out separately.
"""

_MASK = (1 << 64) - 1
_GOLDEN = 0x9E3779B97F4A7C15


def mix(value: int) -> int:
    """
    Scramble 64 bits (the finaliser of splitmix64, Steele et al., OOPSLA 2014).

    It must not be linear: with CRCs, consecutive two-way balancers choose alike or opposite.

    >>> mix(0), mix(1) == mix(2)
    (16294208416658607535, False)
    """
    value = (value + _GOLDEN) & _MASK
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _MASK
    return value ^ (value >> 31)


def flow_key(src: int, dst: int, protocol: int, first_word: int) -> int:
    """
    Return 64 bits that name a flow: addresses, protocol and the first four transport bytes.

    Those bytes are the ports of UDP and TCP, and type, code and checksum of ICMP. The IPv6 flow
    label stays out: a results file does not tell it, so no truth could be computed from it.

    >>> flow_key(1, 2, 17, 0x80008299) == flow_key(1, 2, 17, 0x8000829A)
    False
    """
    key = mix((src & _MASK) ^ (src >> 64))
    key = mix(key ^ (dst & _MASK) ^ (dst >> 64))
    return mix(key ^ (protocol << 32) ^ first_word)


def destination_key(dst: int) -> int:
    """Return the key that a per-destination balancer uses: the same for every flow to *dst*."""
    return mix((dst & _MASK) ^ (dst >> 64))


def choose(key: int, router: int, ways: int) -> int:
    """
    Return which of *ways* equal links, sorted by link number, the router gives this key.

    >>> [choose(flow_key(1, 2, 17, port), router=9, ways=2) for port in range(8)]
    [0, 0, 1, 0, 1, 0, 0, 1]
    """
    return mix(key ^ mix(router)) % ways if ways > 1 else 0
