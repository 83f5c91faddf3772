"""From what is to what shall be: the exact difference of one host."""

from hitscanner.provision.desired import Desired
from hitscanner.provision.facts import Facts
from hitscanner.provision.model import HostPlan

PHASES = (
    "preflight",
    "packages",
    "clock",
    "kernel",
    "runtime",
    "limits",
    "firewall",
    "nfs",
    "registry",
    "k3s",
)
"""In the order in which they run; `only` takes one of them."""


def plan_host(desired: Desired, facts: Facts, only: str | None = None) -> HostPlan:
    """Give what must change; pure, and empty for a host that is as it shall be."""
    raise NotImplementedError


def plan_removal(desired: Desired, facts: Facts) -> HostPlan:
    """Give what must go from a host that shall be none of ours any more."""
    raise NotImplementedError
