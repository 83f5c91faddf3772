"""A clock that is kept: TLS and tokens fail when clocks disagree."""

from collections.abc import Iterator

from hitscanner.provision.desired import Desired
from hitscanner.provision.facts import Facts
from hitscanner.provision.model import Change, Run

SERVICES = {
    "chrony": "chrony.service",
    "systemd-timesyncd": "systemd-timesyncd.service",
    "ntpsec": "ntpsec.service",
}
"""Package -> unit, the preferred first."""


def plan(
    desired: Desired,  # noqa: ARG001 # all phases are called alike
    facts: Facts,
) -> Iterator[Change]:
    """
    Yield the start of a time service, where none runs.

    >>> [c.says for c in plan(Desired("us-0001", "agent"), Facts(host="us-0001"))]
    ['start chrony.service']
    """
    if any(_is_kept(facts, unit) for unit in (*SERVICES.values(), "chronyd.service")):
        return
    units = [unit for package, unit in SERVICES.items() if package in facts.packages]
    unit = (units or ["chrony.service"])[0]
    script = f"systemctl enable --now {unit}"
    yield Change("clock", f"start {unit}", Run(script), f"systemctl is-active --quiet {unit}")


def _is_kept(facts: Facts, unit: str) -> bool:
    found = facts.units.get(unit)
    return found is not None and found.active == "active"
