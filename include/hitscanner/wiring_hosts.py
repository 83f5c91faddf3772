"""Build the ways to the hosts: SSH with our key and their pinned ones, and the three transports."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from hitscanner.domain.hosts import VantagePoint
from hitscanner.domain.inventory import Inventory
from hitscanner.errors import UsageError
from hitscanner.infra.transport import LocalTransport, Transport
from hitscanner.settings import Settings

if TYPE_CHECKING:
    from hitscanner.infra.remote import Remote
    from hitscanner.infra.ssh import Host
    from hitscanner.infra.ssh_transport import SshTransport


@dataclass(frozen=True)
class Transports:
    """How each vantage point's prober is reached; made when they are needed, and once."""

    settings: Settings
    inventory: Callable[[], Inventory]

    def of(self, vp: VantagePoint) -> Transport:
        """Give the transport that the inventory names for *vp*."""
        if vp.transport == "pod":
            return self._pod
        return self._ssh if vp.transport == "ssh" else self.local

    @cached_property
    def local(self) -> LocalTransport:
        """Give the transport of this machine."""
        settings = self.settings
        return LocalTransport(settings.spool, settings.prober, settings.python)

    @cached_property
    def _ssh(self) -> "SshTransport":
        """One connection per host for as long as this object lives."""
        from hitscanner.infra.open_hosts import OpenHosts
        from hitscanner.infra.ssh_transport import SshTransport  # asyncssh costs a second

        hosts = OpenHosts(opener(self.settings, self.inventory()))
        return SshTransport(hosts, self.settings.prober)

    @cached_property
    def _pod(self) -> Transport:
        """The scanner's image is the one that was pushed last, by digest."""
        from hitscanner.infra.kube import KubeApi
        from hitscanner.infra.pod_transport import Cluster, PodTransport
        from hitscanner.platform.images import read_images

        recorded = self.settings.cluster / "images.json"
        image = read_images(recorded).get("scanner")
        if image is None:
            raise UsageError(f"{recorded} names no scanner image; hitscanner images push scanner")
        cluster = Cluster(KubeApi(self.settings.cluster / "kubeconfig"), image)
        return PodTransport(self._ssh, cluster)


def opener(
    settings: Settings, inventory: Inventory
) -> "Callable[[Host], AbstractAsyncContextManager[Remote]]":
    """Give the way to the hosts of *inventory*: our key, their pinned keys, their bastions."""
    from hitscanner.infra.ssh import Keys, open_remote

    keys = Keys(ssh_key(settings, inventory))

    def open_host(host: "Host") -> "AbstractAsyncContextManager[Remote]":
        return open_remote(host, keys, inventory.host(host.jump) if host.jump else None)

    return open_host


def ssh_key(settings: Settings, inventory: Inventory) -> Path:
    """
    Say where the private key for the hosts lies.

    >>> ssh_key(Settings(Path("/srv/hs")), Inventory()).as_posix()
    '/srv/hs/ssh/id_ed25519'
    """
    named = inventory.platform.ssh_key
    return settings.home / named if named else settings.ssh_key
