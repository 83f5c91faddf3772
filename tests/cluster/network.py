"""
The lab's network: a bridge and one namespace for each host, with no way out.

Everything lies in namespaces named ``hsc-*``; the machine's own namespace gets
neither an interface nor an address.  The hub answers whatever would leave the
lab with "network unreachable".
"""

import os
import signal
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from tests.cluster.commands import run

PREFIX = "hsc-"
HUB = PREFIX + "hub"
CENTRE = PREFIX + "centre"
SUBNET = IPv4Network("100.67.83.0/24")
"""In the shared address space (RFC 6598), at an unusual place."""

GATEWAY = SUBNET[1]
CENTRE_ADDRESS = SUBNET[2]
FIRST_HOST = 10
"""The last number of the first host's address."""


def make(hosts: Iterable[tuple[str, IPv4Address]]) -> None:
    """Make the hub, the centre and the namespace of each of *hosts* (name, address)."""
    run("ip", "netns", "add", HUB)
    in_hub = ("ip", "-n", HUB)
    run(*in_hub, "link", "set", "lo", "up")
    run(*in_hub, "link", "add", "br0", "type", "bridge")
    run(*in_hub, "link", "set", "br0", "up")
    run(*in_hub, "addr", "add", f"{GATEWAY}/{SUBNET.prefixlen}", "dev", "br0")
    run(*in_hub, "route", "add", "unreachable", "default")
    run("ip", "netns", "exec", HUB, "sysctl", "-qw", "net.ipv4.ip_forward=1")
    _join(CENTRE, "centre", CENTRE_ADDRESS)
    for name, address in hosts:
        add(name, address)


def add(name: str, address: IPv4Address) -> None:
    """Make the namespace of host *name*: k3s wants a default route, so it has one to the hub."""
    _join(PREFIX + name, name, address)
    run("ip", "-n", PREFIX + name, "route", "add", "default", "via", str(GATEWAY))


def _join(namespace: str, port: str, address: IPv4Address) -> None:
    run("ip", "netns", "add", namespace)
    ends = ("type", "veth", "peer", "name", "eth0", "netns", namespace)
    run("ip", "-n", HUB, "link", "add", port, *ends)
    run("ip", "-n", HUB, "link", "set", port, "master", "br0", "up")
    run("ip", "-n", namespace, "link", "set", "lo", "up")
    run("ip", "-n", namespace, "addr", "add", f"{address}/{SUBNET.prefixlen}", "dev", "eth0")
    run("ip", "-n", namespace, "link", "set", "eth0", "up")


def set_link(name: str, *, up: bool) -> None:
    """Plug the cable of host *name* in or out, at the hub's end."""
    run("ip", "-n", HUB, "link", "set", name, "up" if up else "down")


def namespaces() -> list[str]:
    """Return the lab's namespaces that there are."""
    found = Path("/run/netns")
    return sorted(path.name for path in found.glob(f"{PREFIX}*")) if found.is_dir() else []


def remove() -> None:
    """Kill what runs in the lab's namespaces, and remove them."""
    for namespace in namespaces():
        for pid in run("ip", "netns", "pids", namespace).split():
            _kill(int(pid))
        run("ip", "netns", "delete", namespace)


def _kill(pid: int) -> None:
    if pid != os.getpid():
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return
