"""
The lines of an alias job: a method and the addresses it tests together.

The prober reads the same lines (`hitscanner.prober.dealias`); it may not import this package.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from ipaddress import ip_address
from typing import Literal

from hitscanner.domain.addresses import Address

AliasMethod = Literal["mercator", "ally", "radargun"]
"""What Debian's scamper 20211212 can do of use here; MIDAR's stages came with 20240117."""

METHODS: tuple[AliasMethod, ...] = ("mercator", "ally", "radargun")
"""In the order they are used: the cheapest and surest first."""


@dataclass(frozen=True, order=True)
class AliasTask:
    """One test; one line of a shard's targets, one record of its result."""

    method: AliasMethod
    addresses: tuple[str, ...]

    @property
    def line(self) -> str:
        """
        Write it as a line.

        >>> AliasTask("ally", ("192.0.2.1", "192.0.2.2")).line
        'ally 192.0.2.1 192.0.2.2'
        """
        return " ".join((self.method, *self.addresses))


def addresses_of(line: str) -> list[Address]:
    """
    Give the addresses that a line of a shard's targets sends packets to.

    >>> addresses_of("ally 192.0.2.1 192.0.2.2"), addresses_of("192.0.2.7")
    ([IPv4Address('192.0.2.1'), IPv4Address('192.0.2.2')], [IPv4Address('192.0.2.7')])
    """
    return [ip_address(word) for word in line.split() if word not in METHODS]


def packets_of(task: AliasTask, rounds: int) -> int:
    """
    Estimate the packets of a task: mercator answers at the first, ally takes about five, radargun
    asks each address in each round.

    >>> packets_of(AliasTask("radargun", ("192.0.2.1", "192.0.2.2")), rounds=10)
    20
    """
    return {"mercator": 1, "ally": 5, "radargun": rounds * len(task.addresses)}[task.method]


def deal(tasks: Sequence[AliasTask], vps: Sequence[str]) -> dict[str, list[AliasTask]]:
    """
    Give each task to one vantage point, in turn; the same whatever the order of either.

    A pair is tested from one place: replies over two ways would not be in order of time.  The order
    is that of a hash, so that no router is asked in a burst.

    >>> tasks = [AliasTask("mercator", (f"192.0.2.{i}",)) for i in range(5)]
    >>> {vp: len(part) for vp, part in deal(tasks, ["us-0001", "jp-0001"]).items()}
    {'jp-0001': 3, 'us-0001': 2}
    """
    names = sorted(vps)
    ordered = sorted(set(tasks), key=lambda task: blake2b(task.line.encode()).digest())
    return {name: ordered[i :: len(names)] for i, name in enumerate(names)}
