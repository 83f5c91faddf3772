"""What a host shall be: the inventory's words for one host, with all it needs to know of others."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Literal

from hitscanner.domain.hosts import Server, VantagePoint
from hitscanner.domain.inventory import Inventory
from hitscanner.domain.node_labels import labels_of, server_labels
from hitscanner.domain.platform import Platform
from hitscanner.errors import UsageError
from hitscanner.provision.bundle import Bundle
from hitscanner.provision.facts import ClusterFacts

Role = Literal["server", "agent"]

K3S_VERSION = "v1.36.3+k3s1"
"""K3S_VERSION of versions.env, for an inventory that names no other."""


@dataclass(frozen=True)
class Registry:
    """The registry of our images, with what its clients need."""

    name: str
    ca: bytes | None = None
    auth: tuple[str, str] | None = field(default=None, repr=False)
    """User and password of the account that pulls."""


@dataclass(frozen=True)
class Desired:
    """One host as it shall be."""

    name: str
    role: Role
    platform: Platform = field(default_factory=Platform)
    k3s_version: str = K3S_VERSION
    server_address: str = ""
    """Where agents find the server, an address or a name."""

    address: str | None = None
    """Where this host is reached; None where that does not matter (this machine)."""

    external_address: str | None = None
    arch: str | None = None
    container_runtime: Literal["docker", "containerd"] = "containerd"
    labels: Mapping[str, str] = field(default_factory=dict)
    kubelet_args: tuple[str, ...] = ()
    wants_v6: bool = False
    peers: tuple[str, ...] = ()
    """Addresses of all hosts of the fleet, this one included; no names."""

    unresolved: tuple[str, ...] = ()
    """Names of hosts whose address is not known now: the list of peers is not whole."""

    hosts: int = 1
    """How many hosts the fleet has."""

    bundle: Bundle | None = None
    registry: Registry | None = None
    cluster: ClusterFacts = field(default_factory=ClusterFacts)
    machine_ids: Mapping[str, str] = field(default_factory=dict)
    """Of the other hosts looked at in this run: machine id -> name."""

    @property
    def minor(self) -> int:
        """
        The minor version of Kubernetes.

        >>> Desired("us-0001", "agent", k3s_version="v1.36.3+k3s1").minor
        36
        """
        found = re.match(r"v1\.(\d+)", self.k3s_version)
        return int(found[1]) if found else 0

    @property
    def unit(self) -> str:
        """The systemd unit of its k3s."""
        return "k3s.service" if self.role == "server" else "k3s-agent.service"


@dataclass(frozen=True)
class Surroundings:
    """What a host's wishes depend on beside the inventory."""

    bundle: Bundle | None = None
    registry: Registry | None = None
    cluster: ClusterFacts = field(default_factory=ClusterFacts)
    resolved: Mapping[str, str] = field(default_factory=dict)
    """Host names of the inventory -> addresses."""


def desired_host(inventory: Inventory, name: str, around: Surroundings) -> Desired:
    """
    Say what the inventory wants of the host *name*; the server's name gives the server.

    Raises:
        UsageError: when there is no such host, no server, or agents have no way to it.
    """
    server, host = inventory.server, inventory.host(name)
    if server is None:
        raise UsageError(f"{inventory.source}: a cluster needs a server; add [server]")
    if not isinstance(host, Server | VantagePoint):
        raise UsageError(f"{name} is a bastion: it is passed through and not a part of the cluster")
    where = str(server.external_address or server.address or "")
    if not where and host is not server:
        raise UsageError(
            f"{inventory.source}: server: agents need its address; add address or external_address"
        )
    platform = inventory.platform
    return Desired(
        name=host.name,
        role="server" if host is server else "agent",
        platform=platform,
        k3s_version=platform.k3s_version or K3S_VERSION,
        server_address=where,
        address=host.address if host.transport == "ssh" else None,
        external_address=str(host.external_address) if host.external_address else None,
        arch=host.arch,
        container_runtime=host.container_runtime or platform.container_runtime,
        labels=_labels(host),
        kubelet_args=(*platform.kubelet_args, *host.kubelet_args),
        wants_v6=isinstance(host, VantagePoint) and host.source_v6 is not None,
        peers=(found := peers(inventory, around.resolved))[0],
        unresolved=found[1],
        hosts=1 + len(inventory.vantage_points),
        bundle=around.bundle,
        registry=around.registry,
        cluster=around.cluster,
    )


def peers(
    inventory: Inventory, resolved: Mapping[str, str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """
    Give the addresses of all hosts, names by *resolved*, and the names that are not in it.

    >>> server = Server(name="centre", address="192.0.2.1")
    >>> key = "SHA256:" + "A" * 43
    >>> vp = VantagePoint(name="us-0001", address="vp.example.net", host_key=key)
    >>> peers(Inventory(server=server, vantage_points=(vp,)), {})
    (('192.0.2.1',), ('vp.example.net',))
    """
    hosts = (*([inventory.server] if inventory.server else []), *inventory.vantage_points)
    named = [str(each) for host in hosts for each in (host.address, host.external_address) if each]
    plain = {resolved.get(name, name) for name in named}
    lone = {name for name in plain if not is_address(name)}
    return tuple(sorted(plain - lone)), tuple(sorted(lone))


def is_address(text: str) -> bool:
    """
    Tell an IP address from a name.

    >>> is_address("2001:db8::1"), is_address("vp.example.net")
    (True, False)
    """
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _labels(host: Server | VantagePoint) -> dict[str, str]:
    return labels_of(host) if isinstance(host, VantagePoint) else server_labels(host)
