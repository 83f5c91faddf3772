"""What one run knows beside its hosts: the centre, the server, the cluster, the bundle."""

import asyncio
import socket
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from hitscanner.domain.inventory import Inventory
from hitscanner.errors import UsageError
from hitscanner.infra.remote import Remote, RemoteError
from hitscanner.provision.apply import Work
from hitscanner.provision.bundle import Bundle, read_bundle
from hitscanner.provision.desired import (
    Desired,
    Registry,
    Surroundings,
    desired_host,
    is_address,
)
from hitscanner.provision.facts import ClusterFacts, Facts, gather, gather_cluster
from hitscanner.provision.nodes import Nodes
from hitscanner.provision.phases.k3s import extra_files
from hitscanner.provision.phases.registry import docker_ca
from hitscanner.provision.shared import SharedRemote

Open = Callable[[str], AbstractAsyncContextManager[Remote]]
"""Connects to the host of that name (server or vantage point)."""


@dataclass(frozen=True)
class Site:
    """The centre: the inventory, the way to the hosts, and the folders that matter."""

    inventory: Inventory
    open: Open
    bundle: Path
    """Folder with k3s-ARCH, images/ and SHA256SUMS."""

    locks: Path
    """Folder of the centre's locks, one file per host."""

    actor: str = "hitscanner"
    """Who runs this, for the one that finds a lock taken."""

    parallel: int = 8
    deadline_s: float = 600.0
    """Per host."""

    say: Callable[[str, str], None] = lambda _host, _line: None
    """Told of each change as it begins: host, line."""


@dataclass
class Survey:
    """What one run knows beside its hosts: the server, the cluster, the bundle, who is who."""

    site: Site
    around: Surroundings
    server: Remote | None = None
    """Open for the whole run; None where it cannot be reached."""

    server_error: RemoteError | None = None
    machine_ids: dict[str, str] = field(default_factory=dict)
    nodes: Nodes | None = None
    works: dict[str, Work] = field(default_factory=dict)

    def desired(self, name: str) -> Desired:
        """Say what the inventory wants of a host, with all that is known of the others."""
        return desired_host(self.site.inventory, name, self.around)

    def with_identity(self, desired: Desired, facts: Facts) -> Desired:
        """Add the machine ids of the others; the first host of a run with an id keeps it."""
        known = {node.machine_id: node.name for node in desired.cluster.nodes if node.machine_id}
        twin = self.machine_ids.setdefault(facts.machine_id, desired.name)
        return replace(desired, machine_ids={facts.machine_id: twin} | known)

    async def look(self, remote: Remote, name: str) -> tuple[Desired, Facts]:
        """Gather the facts of a host, and what is wanted of it in their light."""
        desired = self.desired(name)
        more = extra_files(desired)
        if desired.registry:
            more.append(docker_ca(desired.registry.name))
        server = desired.server_address if desired.role == "agent" else None
        facts = await gather(remote, server, more)
        return self.with_identity(desired, facts), facts


async def open_survey(site: Site, stack: AsyncExitStack) -> Survey:
    """Open the server for the run and ask what nodes there are; it may not be there yet."""
    if site.inventory.server is None:
        raise UsageError(f"{site.inventory.source}: a cluster needs a server; add [server]")
    bundle, resolved = _bundle_if_there(site), await _resolve(site.inventory)
    survey = Survey(site, Surroundings(bundle, _registry(site), resolved=resolved))
    try:
        server = await stack.enter_async_context(site.open(site.inventory.server.name))
        survey.server = SharedRemote(server)
        survey.nodes = Nodes(survey.server)
        cluster = await gather_cluster(survey.server)
    except RemoteError as error:
        survey.server, survey.server_error = None, error
        return survey
    survey.around = replace(survey.around, cluster=cluster)
    return survey


async def survey_open_host(site: Site, cluster: ClusterFacts) -> Survey:
    """Make the survey of a caller that knows the cluster's nodes and has the host open."""
    bundle, resolved = _bundle_if_there(site), await _resolve(site.inventory)
    return Survey(site, Surroundings(bundle, _registry(site), cluster, resolved))


def _bundle_if_there(site: Site) -> Bundle | None:
    """No bundle, no k3s from us: hosts keep what they have, and new ones are refused."""
    return read_bundle(site.bundle) if site.bundle.is_dir() else Bundle()


def _registry(site: Site) -> Registry | None:
    """
    Read what belongs to the registry of the inventory, relative to its folder.

    Raises:
        UsageError: when a file of it is missing or not USER:PASSWORD.
    """
    platform = site.inventory.platform
    if platform.registry is None:
        return None
    folder = Path(site.inventory.source).parent
    try:
        ca = (folder / platform.registry_ca).read_bytes() if platform.registry_ca else None
        text = (folder / platform.registry_auth).read_text() if platform.registry_auth else ""
    except OSError as error:
        raise UsageError(f"registry: {error.filename}: {error.strerror}; put it there") from None
    user, colon, password = text.strip().partition(":")
    if text and not (user and colon and password):
        raise UsageError(f"{folder / str(platform.registry_auth)}: write USER:PASSWORD into it")
    return Registry(platform.registry, ca, (user, password) if text else None)


async def _resolve(inventory: Inventory) -> dict[str, str]:
    """Look up the host names of the inventory; one that does not resolve is left out."""
    hosts = (*([inventory.server] if inventory.server else []), *inventory.vantage_points)
    names = [str(host.address) for host in hosts if host.address and not is_address(host.address)]
    loop = asyncio.get_running_loop()

    async def look_up(name: str) -> tuple[str, str]:
        try:
            found = await loop.getaddrinfo(name, None, proto=socket.IPPROTO_TCP)
        except OSError:
            return name, name
        return name, min(str(info[4][0]) for info in found)

    return dict(await asyncio.gather(*map(look_up, names)))
