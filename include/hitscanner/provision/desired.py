"""What a host shall be: the inventory's words for one host, with all it needs to know of others."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from hitscanner.domain.inventory import Inventory, Platform
from hitscanner.provision.facts import ClusterFacts


@dataclass(frozen=True)
class BundleFile:
    """A file of the bundle with the checksum that SHA256SUMS claims."""

    path: Path
    sha256: str


@dataclass(frozen=True)
class Bundle:
    """What hosts get from us: k3s for each architecture, and container images."""

    folder: Path
    files: dict[str, BundleFile] = field(default_factory=dict)
    """Name relative to the folder -> file."""


@dataclass(frozen=True)
class Desired:
    """One host as it shall be."""

    name: str
    role: Literal["server", "agent"]
    platform: Platform
    k3s_version: str
    server_address: str
    """Where agents find the server, an address or a name."""

    address: str | None = None
    """Where this host is reached."""

    labels: dict[str, str] = field(default_factory=dict)
    peers: tuple[str, ...] = ()
    """Addresses of all hosts of the fleet, this one included."""

    ssh_port: int = 22
    bundle: Bundle | None = None
    cluster: ClusterFacts = field(default_factory=ClusterFacts)
    machine_ids: dict[str, str] = field(default_factory=dict)
    """Of the other hosts looked at in this run: machine id -> name."""


def desired_host(
    inventory: Inventory,
    name: str,
    bundle: Bundle | None = None,
    cluster: ClusterFacts | None = None,
) -> Desired:
    """
    Say what the inventory wants of the host *name*; the server's name gives the server.

    Raises:
        UsageError: when there is no such host, or no server, or its transport is not for k3s.
    """
    raise NotImplementedError
