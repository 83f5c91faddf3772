"""The server's kubeconfig, brought to the centre so that it works there; only we can read it."""

import os
import re
from ipaddress import IPv6Address, ip_address
from pathlib import Path

from hitscanner.infra.files import write_whole
from hitscanner.infra.remote import RemoteError
from hitscanner.provision.operations import Site

REMOTE = "/etc/rancher/k3s/k3s.yaml"
"""Where k3s writes it.  Source: docs.k3s.io, cluster-access."""


class NoRemoteKubeconfigError(RemoteError):
    """The server has none: k3s has not come up there."""

    cause = "no-kubeconfig"


async def fetch_kubeconfig(site: Site, server: str, to: Path) -> list[str]:
    """
    Bring the kubeconfig of *server* to the file *to*, 0600, and say whether it was another.

    Raises:
        RemoteError: when the server cannot be reached or has none.
    """
    found = site.inventory.server
    async with site.open(server) as remote:
        content = await remote.get(REMOTE)
    if content is None:
        raise NoRemoteKubeconfigError(server, f"{REMOTE} is missing", "see journalctl -u k3s there")
    address = found.address if found and found.transport == "ssh" else None
    wanted = point_to(content.decode(), address).encode() if address else content
    if to.is_file() and to.read_bytes() == wanted:
        to.chmod(0o600)
        return []
    write_private(to, wanted)
    return [f"kubeconfig: {to}"]


def point_to(kubeconfig: str, address: str) -> str:
    """
    Replace the loopback address that k3s writes by the server's own.

    >>> point_to("    server: https://127.0.0.1:6443", "100.67.83.2")
    '    server: https://100.67.83.2:6443'
    >>> point_to("    server: https://[::1]:6443", "2001:db8::1")
    '    server: https://[2001:db8::1]:6443'
    """
    try:
        is_v6 = isinstance(ip_address(address), IPv6Address)
    except ValueError:
        is_v6 = False
    host = f"[{address}]" if is_v6 else address
    return re.sub(r"(server: https://)(127\.0\.0\.1|\[::1\])", rf"\g<1>{host}", kubeconfig)


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only this user can read, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    before = os.umask(0o077)
    try:
        write_whole(path, content)
    finally:
        os.umask(before)
