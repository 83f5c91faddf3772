"""
How fast a cycle may go beside those that run already: the caps that no vantage point can keep.

The rate of one vantage point is kept on the vantage point (leases in its spool). What a network
hears from all of them together, and what all of them send, only the planner knows.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address

from pydantic import BaseModel, ConfigDict, Field

from hitscanner.domain.addresses import Address
from hitscanner.errors import UnfinishedError

NETWORK_BYTES = {4: 3, 6: 6}
"""The leading bytes that make a destination network: /24 of IPv4, /48 of IPv6."""

NOTICED_PPS = 1.0
"""A network that hears less than this from a cycle is not kept in its manifest, packets/s."""


class BudgetError(UnfinishedError):
    """Other measurements use up a cap; another try succeeds when they have ended."""


class Limits(BaseModel):
    """What all measurements together may send; `[limits]` of the inventory."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    network_pps: int = Field(
        default=100,
        strict=True,
        ge=1,
        le=10_000_000,
        description="a whole number of packets per second to one destination /24 or /48",
    )
    platform_pps: int = Field(
        default=40_000,
        strict=True,
        ge=1,
        le=10_000_000,
        description="a whole number of packets per second from all vantage points together",
    )


@dataclass(frozen=True)
class Load:
    """What a cycle sends while it runs, on average."""

    total_pps: float = 0.0
    networks: Mapping[str, float] = field(default_factory=dict)
    """Destination network → packets per second, those that are noticed."""

    def rounded(self) -> dict[str, float]:
        """Give the networks for a manifest, whose bytes must not depend on the last bit."""
        return {network: round(pps, 3) for network, pps in self.networks.items()}

    def __add__(self, other: "Load") -> "Load":
        names = {*self.networks, *other.networks}
        both = {n: self.networks.get(n, 0.0) + other.networks.get(n, 0.0) for n in names}
        return Load(self.total_pps + other.total_pps, both)


@dataclass(frozen=True)
class Budget:
    """What a new cycle may send: the caps, and what runs beside it."""

    limits: Limits = field(default_factory=Limits)
    running: Sequence[Load] = ()


def network_of(address: Address) -> str:
    """
    Name the destination network of *address*.

    >>> network_of(ip_address("192.0.2.9")), network_of(ip_address("2001:db8:7:8::1"))
    ('192.0.2.0/24', '2001:db8:7::/48')
    """
    return _name(address.packed[: NETWORK_BYTES[address.version]])


def load_of(parts: Mapping[str, Sequence[Address]], rates_pps: Mapping[str, int]) -> Load:
    """
    Say what a cycle sends to whom.

    A vantage point goes through its targets in an order that mixes all networks, so a network
    hears from it in proportion to its part of the targets.

    Args:
        parts: vantage point → its targets.
        rates_pps: vantage point → packets per second.

    >>> targets = [ip_address("192.0.2.1"), ip_address("192.0.2.2"), ip_address("198.51.100.1")]
    >>> load_of({"us-0001": targets}, {"us-0001": 90})
    Load(total_pps=90, networks={'192.0.2.0/24': 60.0, '198.51.100.0/24': 30.0})
    """
    heard = sorted(_heard(parts, rates_pps).items())
    noticed = {_name(key): pps for key, pps in heard if pps >= NOTICED_PPS}
    return Load(_total_pps(parts, rates_pps), noticed)


def _heard(
    parts: Mapping[str, Sequence[Address]], rates_pps: Mapping[str, int]
) -> dict[bytes, float]:
    """Give leading bytes of a network → packets per second, also of those hardly noticed."""
    heard: defaultdict[bytes, float] = defaultdict(float)
    for vp, targets in parts.items():
        each = Counter(target.packed[: NETWORK_BYTES[target.version]] for target in targets)
        for network, count in each.items():
            heard[network] += rates_pps[vp] * count / len(targets)
    return heard


def _total_pps(parts: Mapping[str, Sequence[Address]], rates_pps: Mapping[str, int]) -> int:
    return sum(rates_pps[vp] for vp, targets in parts.items() if targets)


def fit(
    parts: Mapping[str, Sequence[Address]],
    wanted_pps: Mapping[str, int],
    budget: Budget,
) -> tuple[dict[str, int], str | None]:
    """
    Slow a cycle down until it keeps the caps beside what runs already.

    All vantage points are slowed by the same factor, so that none ends long before the others.

    Args:
        parts: vantage point → its targets.
        wanted_pps: vantage point → packets per second it would send.
        budget: the caps, and what each running cycle sends.

    Returns:
        vantage point → packets per second, at least 1; and the cap that slows it, or None.

    Raises:
        BudgetError: when not even one packet per second from each vantage point is left.

    >>> budget = Budget(Limits(network_pps=20))
    >>> fit({"us-0001": [ip_address("192.0.2.1")]}, {"us-0001": 100}, budget)
    ({'us-0001': 20}, '192.0.2.0/24 gets at most 20 pps')
    """
    limits = budget.limits
    if not any(parts.values()):
        return dict(wanted_pps), None
    others, total_pps = sum(budget.running, Load()), _total_pps(parts, wanted_pps)
    used: list[tuple[float, float, int, str]] = [
        (total_pps, others.total_pps, limits.platform_pps, "all vantage points send")
    ]
    taken = {_leading(network): pps for network, pps in others.networks.items()}
    used += [
        (pps, taken.get(key, 0.0), limits.network_pps, f"{_name(key)} gets")
        for key, pps in _heard(parts, wanted_pps).items()
        if pps >= NOTICED_PPS or key in taken
    ]
    shares = [
        ((cap - before) / pps, f"{who} at most {cap} pps", before) for pps, before, cap, who in used
    ]
    factor, cap, others_pps = min(shares)
    if factor >= 1:
        return dict(wanted_pps), None
    slowed = {vp: int(pps * factor) for vp, pps in wanted_pps.items()}
    if any(slowed[vp] < 1 for vp, targets in parts.items() if targets):
        raise BudgetError(
            f"{cap}, and running cycles send {others_pps:.0f} pps of it; wait until they have "
            "ended, ask fewer vantage points, or raise [limits] of the inventory"
        )
    return slowed, cap


def _leading(network: str) -> bytes:
    address = ip_address(network.partition("/")[0])
    return address.packed[: NETWORK_BYTES[address.version]]


def _name(leading: bytes) -> str:
    whole = 4 if len(leading) == NETWORK_BYTES[4] else 16
    return f"{ip_address(leading.ljust(whole, bytes(1)))}/{8 * len(leading)}"
