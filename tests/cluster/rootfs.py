"""Make Debian trees with mmdebstrap: the hosts' root file system and the scanner image's layer."""

import hashlib
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from tests.cluster.errors import LabError
from tests.cluster.paths import CACHE

SUITE = "bookworm"
"""systemd 252: the last Debian whose systemd runs on a kernel with cgroup v1."""


@dataclass(frozen=True)
class Tree:
    """A Debian tree: packages, and shell commands run on it when they are unpacked."""

    packages: tuple[str, ...]
    hooks: tuple[str, ...] = ()
    """POSIX sh; `$1` is the tree."""

    variant: str = "minbase"
    """"minbase" for a system with its package manager, "extract" for the files alone."""

    suite: str = field(default=SUITE, repr=False)
    options: tuple[str, ...] = field(default=(), repr=False)
    """For apt, as in apt.conf(5)."""

    @property
    def key(self) -> str:
        """Digest of all that the tree depends on but Debian's own updates."""
        return hashlib.sha256(repr((self.suite, self)).encode()).hexdigest()[:16]


HOST = Tree(
    packages=(
        *("systemd", "systemd-sysv", "dbus", "openssh-server", "openssh-client", "sudo"),
        *("iproute2", "iptables", "nftables", "ipset", "conntrack", "ethtool", "socat"),
        *("containerd", "runc", "containernetworking-plugins"),
        *("ca-certificates", "curl", "openssl", "procps", "kmod", "mount", "util-linux"),
        *("chrony", "nfs-common", "scamper", "python3", "iputils-ping"),
    ),
    hooks=(
        # Every host gets its own of these when it is made.
        'rm -f "$1"/etc/ssh/ssh_host_* "$1"/etc/machine-id',
        'chroot "$1" useradd --create-home --shell /bin/bash hitscanner',
        'echo "hitscanner ALL=(ALL) NOPASSWD: ALL" > "$1"/etc/sudoers.d/hitscanner',
        # The hosts share the machine's clock, which chronyd must not touch (-x).
        """echo 'DAEMON_OPTS="-F 1 -x"' > "$1"/etc/default/chrony""",
        # k3s brings its own containerd, on its own socket; Debian's is not wanted beside it.
        'chroot "$1" systemctl disable containerd.service apt-daily.timer apt-daily-upgrade.timer',
        'mkdir -p "$1"/opt/k8s',
    ),
)
"""A small server as its owner would hand it over: sshd, no k3s."""

SCANNER = Tree(
    variant="extract",
    packages=("busybox-static", "scamper", "python3"),
    hooks=(
        'chroot "$1" /bin/busybox --install -s /bin',
        # scamper separates its privileges: into this folder, as nobody.
        'mkdir -p "$1"/var/empty "$1"/tmp "$1"/root',
        'echo "root:x:0:0::/root:/bin/sh" > "$1"/etc/passwd',
        'echo "nobody:x:65534:65534::/:/bin/false" >> "$1"/etc/passwd',
        'echo "nogroup:x:65534:" > "$1"/etc/group',
        'cd "$1" && rm -rf usr/share/locale usr/share/doc usr/share/man var/lib/apt var/cache',
        'cd "$1" && rm -rf usr/lib/*/gconv usr/lib/python3*/pydoc_data usr/lib/python3*/test',
    ),
)
"""What a probe pod needs, and little more: every host imports it."""


def directory(tree: Tree, cache: Path = CACHE) -> Path:
    """Return *tree* as a directory of the cache, made if it is not there."""
    return _cached(tree, cache / "rootfs" / tree.key)


def tarball(tree: Tree, cache: Path = CACHE) -> Path:
    """Return *tree* as a tar file of the cache, made if it is not there."""
    return _cached(tree, cache / "rootfs" / f"{tree.key}.tar")


def _cached(tree: Tree, target: Path) -> Path:
    if target.exists():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    made = target.with_name(f".new-{target.name}")
    _remove(made)
    moment = "customize" if tree.variant == "minbase" else "extract"
    hooks = [f"--{moment}-hook={hook}" for hook in tree.hooks]
    done = subprocess.run(
        [
            *("nice", "-n10", "mmdebstrap", "--quiet", f"--variant={tree.variant}", *hooks),
            *("--aptopt=Apt::Install-Recommends false", "--dpkgopt=path-exclude=/usr/share/man/*"),
            *("--dpkgopt=path-exclude=/usr/share/doc/*", f"--include={','.join(tree.packages)}"),
            *(f"--aptopt={option}" for option in tree.options),
            *(tree.suite, str(made)),
        ],
        capture_output=True,
        text=True,
    )
    if done.returncode:
        _remove(made)
        raise LabError(f"mmdebstrap cannot make {tree.suite}: {done.stderr.strip()[-800:]}")
    made.rename(target)
    return target


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
