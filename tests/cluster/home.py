"""What the centre needs to reach the hosts: key, inventory, bundle; and the hosts' programs."""

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from ipaddress import IPv4Network
from pathlib import Path

from hitscanner.domain.inventory import Inventory, Platform, Server, VantagePoint
from tests.cluster import images, k3s, network, rootfs
from tests.cluster.commands import run
from tests.cluster.host import Host

PLATFORM = Platform(
    flannel_backend="host-gw",
    storage="local",
    kubelet_args=("fail-cgroupv1=false",),
    admins=(IPv4Network(f"{network.CENTRE_ADDRESS}/32"),),
    k3s_version=k3s.VERSION,
)
"""What the machine's kernel and the stand-in can do: see docs/test-cluster.md."""


@dataclass(frozen=True)
class Made:
    """What the cache holds, ready to use."""

    rootfs: Path
    pause: Path
    scanner: Path
    versions: tuple[str, ...]
    """Of k3s, that of the bundle first."""


def prepare(versions: tuple[str, ...] = (k3s.VERSION,)) -> Made:
    """Make what the cache lacks; minutes when it is empty."""
    with ThreadPoolExecutor(2) as pool:
        tree = pool.submit(rootfs.directory, rootfs.HOST)
        scanner = pool.submit(images.scanner)
        for version in versions:
            k3s.make(version)
        return Made(tree.result(), images.pause(), scanner.result(), versions)


def new_key(home: Path) -> str:
    """Make the deploy key of the lab and return its public half."""
    key = home / "ssh" / "id_ed25519"
    key.parent.mkdir(parents=True, mode=0o700)
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "hitscanner-lab", "-f", str(key))
    return key.with_suffix(".pub").read_text()


def programs(made: Made, state: Path) -> Path:
    """Lay out the folder that every host sees as /opt/k8s."""
    folder = state / "k8s"
    k3s.programs(folder, made.versions)
    return folder


def write(home: Path, hosts: Sequence[Host], made: Made) -> None:
    """Write the inventory and a bundle for each version into *home*."""
    (home / "inventory.toml").write_text(inventory(hosts).to_toml())
    first, *others = made.versions
    write_bundle(home / "bundle", first, made)
    for version in others:
        write_bundle(home / f"bundle-{version}", version, made)


def write_bundle(bundle: Path, version: str, made: Made) -> None:
    """Write what hosts get of k3s *version*."""
    (bundle / "images").mkdir(parents=True)
    (bundle / "images" / "k3s-airgap-images-amd64.tar").symlink_to(made.pause)
    (bundle / "images" / "scanner.tar").symlink_to(made.scanner)
    k3s.pack(bundle / "k3s-amd64", version)
    write_sums(bundle)


def write_sums(bundle: Path) -> None:
    """Write SHA256SUMS of every file below *bundle*, as `sha256sum --check` reads it."""
    lines = []
    for path in sorted(bundle.rglob("*")):
        if path.is_file() and path.name != "SHA256SUMS":
            with path.open("rb") as stream:
                digest = hashlib.file_digest(stream, "sha256").hexdigest()
            lines.append(f"{digest}  {path.relative_to(bundle)}\n")
    (bundle / "SHA256SUMS").write_text("".join(lines))


def inventory(hosts: Sequence[Host]) -> Inventory:
    """Describe *hosts*, the server first, with every host key pinned."""
    server, *points = hosts
    return Inventory(
        server=Server(
            name=server.name,
            transport="ssh",
            address=str(server.address),
            user=server.user,
            host_key=server.host_key,
        ),
        platform=PLATFORM,
        vantage_points=tuple(
            VantagePoint(
                name=host.name,
                address=str(host.address),
                user=host.user,
                host_key=host.host_key,
                country=host.name[:2].upper(),
            )
            for host in points
        ),
    )
