"""
Split a target list over vantage points, the same whatever the order it comes in.

A target's place in the probing order is a hash of its address, so that neighbours in address space
go to different vantage points and no prefix is probed in a burst.
"""

from collections.abc import Iterable, Sequence
from functools import partial
from hashlib import blake2b
from typing import Literal

from hitscanner.domain.addresses import Address
from hitscanner.errors import NoVantagePointError

Split = Literal["shard", "all"]
"""Who probes a target: exactly one vantage point, or each of them."""


def split_targets(
    targets: Iterable[Address], vps: Sequence[str], split: Split = "shard"
) -> dict[str, list[Address]]:
    """
    Give every vantage point its targets in probing order.

    Args:
        targets: addresses without duplicates, in any order.
        vps: vantage point names, in any order.
        split: `shard` gives each target to one of *vps*, `all` gives all targets to each.

    Returns:
        Every name of *vps*, sorted → its targets in probing order.

    Raises:
        NoVantagePointError: if *vps* is empty.

    >>> from ipaddress import IPv4Address
    >>> a = [IPv4Address(f"192.0.2.{i}") for i in range(4)]
    >>> {vp: len(part) for vp, part in split_targets(a, ["us-0001", "jp-0001"], "all").items()}
    {'jp-0001': 4, 'us-0001': 4}
    """
    return shard(targets, vps) if split == "shard" else repeat(targets, vps)


def shard(targets: Iterable[Address], vps: Sequence[str]) -> dict[str, list[Address]]:
    """
    Give each target to exactly one vantage point.

    Also deals the unfinished targets of a dead vantage point over healthy ones.

    Args:
        targets: addresses without duplicates, in any order.
        vps: vantage point names, in any order.

    Returns:
        Every name of *vps*, sorted → its targets in probing order; sizes differ by at most one.

    Raises:
        NoVantagePointError: if *vps* is empty.

    >>> from ipaddress import IPv4Address
    >>> a = [IPv4Address(f"192.0.2.{i}") for i in range(4)]
    >>> {vp: len(part) for vp, part in shard(a, ["us-0001", "jp-0001"]).items()}
    {'jp-0001': 2, 'us-0001': 2}
    """
    names = _names(vps)
    dealt = sorted(targets, key=_probing_order)
    return {name: dealt[i :: len(names)] for i, name in enumerate(names)}


def repeat(targets: Iterable[Address], vps: Sequence[str]) -> dict[str, list[Address]]:
    """
    Give every target to every vantage point, to each in an order of its own.

    The orders differ so that a destination does not hear from all vantage points in one moment.

    Args:
        targets: addresses without duplicates, in any order.
        vps: vantage point names, in any order.

    Returns:
        Every name of *vps*, sorted → all targets in that vantage point's probing order.

    Raises:
        NoVantagePointError: if *vps* is empty.

    >>> from ipaddress import IPv4Address
    >>> a = [IPv4Address(f"192.0.2.{i}") for i in range(4)]
    >>> for vp, part in repeat(a, ["us-0001", "jp-0001"]).items():
    ...     print(vp, *part)
    jp-0001 192.0.2.3 192.0.2.0 192.0.2.2 192.0.2.1
    us-0001 192.0.2.1 192.0.2.3 192.0.2.0 192.0.2.2
    """
    everything = list(targets)
    return {
        name: sorted(everything, key=partial(_probing_order, salt=name.encode()))
        for name in _names(vps)
    }


def _names(vps: Sequence[str]) -> list[str]:
    if not vps:
        raise NoVantagePointError(
            "no vantage point to probe from; ask for one that is in the inventory, or for all"
        )
    return sorted(set(vps))


def _probing_order(target: Address, salt: bytes = b"") -> bytes:
    return blake2b(salt + target.packed, digest_size=8).digest() + target.packed
