"""One host: a Debian with systemd and sshd in a privileged container, in its own namespace."""

import json
import shutil
import subprocess
import time
import uuid
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path

from tests.cluster import network
from tests.cluster.commands import attempt, run
from tests.cluster.errors import LabError

LABEL = "hitscanner-lab"
BOOT_S = 120.0
"""How long a host may take to boot on a busy machine; 3 s are usual."""

DISKS = ("rancher", "containerd", "docker")
"""Folders of /var/lib on the machine's own disk: containerd cannot stack overlays on overlays."""


MASKED = ("run-rpc_pipefs.mount", "systemd-binfmt.service", "proc-sys-fs-binfmt_misc.automount")
"""Units that fail in a container, or would change the machine's own kernel."""


@dataclass(frozen=True)
class Host:
    """A host of the lab; `folder` keeps its disk."""

    name: str
    address: IPv4Address
    user: str
    """Whom the inventory logs in as: root, or hitscanner with sudo."""
    folder: Path

    @property
    def container(self) -> str:
        """The name of its container and of its network namespace."""
        return network.PREFIX + self.name

    @property
    def root(self) -> Path:
        """Its root file system, as the machine sees it."""
        return self.folder / "root"

    @property
    def host_key(self) -> str:
        """Its public ed25519 host key, as the inventory pins it."""
        text = (self.folder / "up/etc/ssh/ssh_host_ed25519_key.pub").read_text()
        return " ".join(text.split()[:2])

    def install(self, rootfs: Path, public_key: str) -> None:
        """Give it a disk with Debian, host keys of its own, and *public_key* for its user."""
        for folder in ("up", "work", "root", *DISKS):
            (self.folder / folder).mkdir(parents=True, exist_ok=True)
        up = self.folder / "up"
        _write(up / "etc/hostname", f"{self.name}\n")
        _write(up / "etc/hosts", f"127.0.0.1 localhost\n{self.address} {self.name}\n")
        _write(up / "etc/resolv.conf", "# No name server can be reached from here.\n")
        _write(up / "etc/machine-id", f"{uuid.uuid4().hex}\n")
        for unit in MASKED:
            _mask(up, unit)
        (up / "etc/ssh").mkdir()
        self.new_host_key()
        self._mount(rootfs)
        home = self.root / ("root" if self.user == "root" else f"home/{self.user}")
        _write(home / ".ssh/authorized_keys", public_key)
        inside = f"/{home.relative_to(self.root)}/.ssh"
        run("chroot", str(self.root), "chown", "-R", f"{self.user}:", inside)
        run("chroot", str(self.root), "chmod", "700", inside)

    def new_host_key(self) -> None:
        """Make a host key, in the place of any other."""
        key = self.folder / "up/etc/ssh/ssh_host_ed25519_key"
        key.unlink(missing_ok=True)
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", self.name, "-f", str(key))

    def _mount(self, rootfs: Path) -> None:
        layers = f"lowerdir={rootfs},upperdir={self.folder}/up,workdir={self.folder}/work"
        run("mount", "-t", "overlay", "overlay", "-o", layers, str(self.root))

    def create(self, programs: Path) -> None:
        """Boot it for the first time; *programs* lies read-only in its /opt/k8s."""
        disks = [f"-v{self.folder}/{disk}:/var/lib/{disk}" for disk in DISKS]
        run(
            *("podman", "--runtime", "runc", "run", "--detach", "--name", self.container),
            # kubelet and runc must see one and the same cgroup path.
            *("--cgroupns=private", "--privileged", "--systemd=always", "--label", LABEL),
            *("--network", f"ns:/run/netns/{self.container}", "--hostname", self.name),
            *("--no-hosts", "--dns=none"),
            # Not above the machine's own limits.
            *("--ulimit", "nofile=20000:20000", "--ulimit", "nproc=4096:4096"),
            *(*disks, f"-v{programs}:/opt/k8s:ro", "--rootfs", str(self.root), "/sbin/init"),
        )
        self._booted()

    def _booted(self) -> None:
        # What mounts inside (kubelet) must reach the pods, as on a machine of its own.
        # While systemd starts, podman may lose the end of a command (4.3, "exec died event").
        self.wait_for("mount --make-rshared /", BOOT_S)
        self.wait_for("systemctl is-active ssh.service", BOOT_S)

    def power_off(self) -> None:
        """Cut its power: nothing on it has time to say farewell, and its address falls silent."""
        network.set_link(self.name, up=False)
        run("podman", "kill", self.container)
        run("podman", "wait", self.container)

    def power_on(self) -> None:
        """Boot it again from its disk."""
        network.set_link(self.name, up=True)
        run("podman", "--runtime", "runc", "start", self.container)
        self._booted()

    def run(self, script: str, *, stdin: str | None = None, timeout_s: float = 120.0) -> str:
        """Run a POSIX sh *script* on it as root, not through SSH; return its standard output."""
        return run(*self._sh(script), stdin=stdin, timeout_s=timeout_s)

    def attempt(self, script: str, *, timeout_s: float = 120.0) -> subprocess.CompletedProcess[str]:
        """Run a *script* whose failure the caller judges."""
        return attempt(*self._sh(script), timeout_s=timeout_s)

    def _sh(self, script: str) -> tuple[str, ...]:
        return ("podman", "exec", "--interactive", self.container, "sh", "-c", script)

    def wait_for(self, script: str, timeout_s: float) -> None:
        """Wait until *script* succeeds on it; raise LabError if it never does."""
        end = time.monotonic() + timeout_s
        while (done := self.attempt(script)).returncode:
            if time.monotonic() > end:
                said = (done.stderr or done.stdout).strip()[-300:]
                raise LabError(f"{self.name}: not in {timeout_s:.0f} s: {script}: {said}")
            time.sleep(0.2)

    def to_json(self) -> str:
        """Write what `from_json` reads."""
        return json.dumps({"name": self.name, "address": str(self.address), "user": self.user})

    @classmethod
    def from_json(cls, text: str, folder: Path) -> "Host":
        """Read a host whose disk is in *folder*."""
        row = json.loads(text)
        return cls(row["name"], IPv4Address(row["address"]), row["user"], folder)


def remove_all() -> None:
    """Remove every host of the lab, running or not; their disks stay."""
    found = run("podman", "ps", "--all", "--quiet", "--filter", f"label={LABEL}").split()
    if found:
        run("podman", "rm", "--force", "--time", "0", *found)


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def _mask(up: Path, unit: str) -> None:
    link = up / "etc/systemd/system" / unit
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to("/dev/null")


def is_installed() -> bool:
    """Tell whether there is a podman, without which there is no host to remove."""
    return shutil.which("podman") is not None
