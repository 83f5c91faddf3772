"""From what is to what shall be: the exact difference of one host."""

from collections.abc import Callable, Iterator, Mapping

from hitscanner.domain.names import did_you_mean, quote
from hitscanner.errors import UsageError
from hitscanner.provision.desired import Desired
from hitscanner.provision.facts import Facts
from hitscanner.provision.model import Change, HostPlan
from hitscanner.provision.phases import (
    clock,
    firewall,
    k3s,
    kernel,
    limits,
    nfs,
    packages,
    preflight,
    registry,
    runtime,
)

Phase = Callable[[Desired, Facts], Iterator[Change]]

PHASES: Mapping[str, Phase] = {
    "packages": packages.plan,
    "clock": clock.plan,
    "kernel": kernel.plan,
    "runtime": runtime.plan,
    "limits": limits.plan,
    "firewall": firewall.plan,
    "nfs": nfs.plan,
    "registry": registry.plan,
    "k3s": k3s.plan,
}
"""In the order in which they run, after the preflight; `only` takes one of them."""


def plan_host(desired: Desired, facts: Facts, only: str | None = None) -> HostPlan:
    """
    Give what must change; pure, and without a change for a host that is as it shall be.

    Raises:
        UsageError: when *only* is no phase.

    >>> plan = plan_host(Desired("us-0001", "agent"), Facts(host="us-0001"), only="clock")
    >>> [change.says for change in plan.changes]
    ['start chrony.service']
    """
    if only is not None and only not in (*PHASES, "preflight"):
        raise UsageError(
            f"there is no phase {quote(only)}; {did_you_mean(only, ['preflight', *PHASES])}"
        )
    chosen = [phase for name, phase in PHASES.items() if only in (None, name)]
    return HostPlan(
        host=desired.name,
        refusals=tuple(preflight.refusals(desired, facts)),
        warnings=tuple(preflight.warnings(desired, facts)),
        changes=tuple(change for phase in chosen for change in phase(desired, facts)),
    )
