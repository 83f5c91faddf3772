"""
Take one address from each block of a prefix, the same ones every time.

A list may hold prefixes as wide as the Internet; what a cycle probes is one address per /24 (IPv6:
per /48), as CAIDA's Ark does for IPv4.
"""

from collections.abc import Iterable, Iterator
from hashlib import blake2b
from ipaddress import IPv4Network
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from hitscanner.domain.addresses import Address, Prefix, Target, as_prefix, without_nested
from hitscanner.errors import TooManyTargetsError

MOST_TARGETS = 20_000_000
"""Targets of one cycle; more than all /24s of the IPv4 Internet (16.8 million)."""


class Sample(BaseModel):
    """
    How addresses are taken from prefixes.

    >>> Sample(density=20).density_v6
    48
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    density: Annotated[int, Field(strict=True, ge=8, le=32)] = Field(
        default=24,
        title="IPv4 block",
        description="the prefix length of an IPv4 block, a whole number from 8 to 32",
    )
    density_v6: Annotated[int, Field(strict=True, ge=16, le=128)] = Field(
        default=48,
        title="IPv6 block",
        description="the prefix length of an IPv6 block, a whole number from 16 to 128",
    )
    type: Literal["uniform", "random"] = Field(
        default="uniform",
        title="Which address of a block",
        description='"uniform" for the address at the offset, "random" for one drawn by the seed',
    )
    offset: Annotated[int, Field(strict=True, ge=0, lt=1 << 24)] = Field(
        default=1,
        title="Offset",
        description="the number of the address in its block if uniform, "
        "a whole number from 0 to below the block's size",
    )
    seed: Annotated[int, Field(strict=True, ge=0, lt=1 << 63)] = Field(
        default=0,
        title="Seed",
        description="a whole number from 0 that fixes the random addresses; 0 is a seed too",
    )

    @model_validator(mode="after")
    def _offset_in_block(self) -> "Sample":
        size = 1 << min(32 - self.density, 128 - self.density_v6)
        if self.type == "uniform" and self.offset >= size and size > 1:
            raise ValueError(f"offset is {self.offset}, but a block has {size} addresses; lower it")
        return self


def count_sampled(entries: Iterable[Target], sample: Sample) -> int:
    """
    Return how many addresses `expand` gives at most, without making one.

    Fewer come out only where a single address of the list is also a sampled one.

    >>> count_sampled([IPv4Network("10.0.0.0/8"), IPv4Network("192.0.2.0/28")], Sample())
    65537
    """
    addresses, prefixes = _separate(entries)
    return len(addresses) + sum(_block_count(prefix, sample) for prefix in prefixes)


def expand(
    entries: Iterable[Target], sample: Sample, *, most: int = MOST_TARGETS
) -> Iterator[Address]:
    """
    Yield the addresses to probe: single ones as they are, then one per block of each prefix.

    A prefix smaller than a block is one block (the offset counts modulo its size); a prefix inside
    another listed prefix adds nothing.

    Args:
        entries: of a target list, in any order.
        sample: which address of which block.
        most: refuse to give more than this many.

    Returns:
        Addresses without duplicates: the single ones in the list's order, then the sampled ones
        sorted, IPv4 first.

    Raises:
        TooManyTargetsError: at once if more than *most* would come out.

    >>> [str(a) for a in expand([IPv4Network("192.0.2.0/23")], Sample(offset=9))]
    ['192.0.2.9', '192.0.3.9']
    """
    listed = list(entries)
    count = count_sampled(listed, sample)
    if count > most:
        raise TooManyTargetsError(
            f"the list gives {count} targets, at most {most} are possible; "
            f"use wider blocks (a smaller sample.density, now /{sample.density} "
            f"and /{sample.density_v6}) or fewer prefixes"
        )
    return _expand(listed, sample)


def _expand(entries: list[Target], sample: Sample) -> Iterator[Address]:
    addresses, prefixes = _separate(entries)
    yield from addresses
    for prefix in prefixes:
        for address in _from_prefix(prefix, sample):
            if address not in addresses:
                yield address


def _separate(entries: Iterable[Target]) -> tuple[dict[Address, None], list[Prefix]]:
    addresses: dict[Address, None] = {}
    prefixes: list[Prefix] = []
    for entry in entries:
        prefix = as_prefix(entry)
        if prefix.prefixlen == prefix.max_prefixlen:
            addresses[prefix.network_address] = None
        else:
            prefixes.append(prefix)
    return addresses, without_nested(prefixes)


def _block_length(prefix: Prefix, sample: Sample) -> int:
    density = sample.density if isinstance(prefix, IPv4Network) else sample.density_v6
    return max(prefix.prefixlen, density)


def _block_count(prefix: Prefix, sample: Sample) -> int:
    return 1 << (_block_length(prefix, sample) - prefix.prefixlen)


def _from_prefix(prefix: Prefix, sample: Sample) -> Iterator[Address]:
    size = 1 << (prefix.max_prefixlen - _block_length(prefix, sample))
    start = prefix.network_address
    for block in range(_block_count(prefix, sample)):
        first = start + block * size
        host = sample.offset % size if sample.type == "uniform" else _draw(first, size, sample.seed)
        yield first + host


def _draw(first: Address, size: int, seed: int) -> int:
    """Draw a host number; never the first or last of a block, which are network and broadcast."""
    key = seed.to_bytes(8, "big")
    drawn = int.from_bytes(blake2b(first.packed, key=key, digest_size=32).digest(), "big")
    return 1 + drawn % (size - 2) if size > 2 else drawn % size
