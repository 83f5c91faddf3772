"""Debian packages that later phases use, installed only where they are missing."""

from collections.abc import Iterator

from hitscanner.provision.desired import Desired
from hitscanner.provision.facts import Facts
from hitscanner.provision.model import Change, Run

TIME_SERVICES = ("chrony", "systemd-timesyncd", "ntpsec")
APT = "DEBIAN_FRONTEND=noninteractive apt-get -qq -o DPkg::Lock::Timeout=120"


def plan(desired: Desired, facts: Facts) -> Iterator[Change]:
    """
    Yield one installation of all that is missing.

    >>> have = dict.fromkeys(["ca-certificates", "kmod", "iproute2", "nftables"], "1")
    >>> [c.says for c in plan(Desired("us-0001", "agent"), Facts(host="us-0001", packages=have))]
    ['install chrony']
    """
    missing = [name for name in needed(desired, facts) if name not in facts.packages]
    if missing:
        names = " ".join(missing)
        script = f"{APT} update\n{APT} install --yes --no-install-recommends {names}"
        verify = f"dpkg-query --status {names} > /dev/null"
        yield Change("packages", f"install {names}", Run(f"set -e\n{script}", 900), verify)


def needed(desired: Desired, facts: Facts) -> Iterator[str]:
    """Give the names of the packages that the host shall have."""
    yield from ("ca-certificates", "kmod", "iproute2")
    if not any(service in facts.packages for service in TIME_SERVICES):
        yield "chrony"
    if desired.platform.firewall and facts.ufw != "active":
        yield "nftables"
    if desired.container_runtime == "docker" and "docker-ce" not in facts.packages:
        yield "docker.io"
    if desired.role == "server" and desired.platform.storage == "nfs":
        yield from ("nfs-kernel-server", "nfs-common")
