"""A real sshd on loopback with keys and users of its own; nothing of this machine is changed."""

import os
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import mkdtemp
from typing import Self

from hitscanner.domain.hosts import Bastion, VantagePoint
from hitscanner.infra.host_keys import fingerprint

PLAIN, SUDOER = "hs-plain", "hs-sudoer"
"""Users that exist for this sshd only: one that may become root, one that may not."""

USERS = f"""root:x:0:0:root:/root:/bin/sh
sshd:x:110:65534::/run/sshd:/usr/sbin/nologin
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
{PLAIN}:x:4711:4711::/tmp:/bin/sh
{SUDOER}:x:4712:4712::/tmp:/bin/sh
"""

CONFIG = """Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host_ed25519
HostKey {folder}/host_rsa
AuthorizedKeysFile {folder}/authorized
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
PermitRootLogin prohibit-password
"""

START = """set -e
mkdir -p /run/sshd
mount --bind {folder}/passwd /etc/passwd
mount --bind {folder}/shadow /etc/shadow
mount -t tmpfs -o mode=755 tmpfs /etc/sudoers.d
printf '%s\\n' '{sudoer} ALL=(ALL) NOPASSWD: ALL' > /etc/sudoers.d/one
chmod 440 /etc/sudoers.d/one
exec {sshd} -D -e -f {folder}/config
"""
"""In a mount namespace of its own, so that the users are nobody else's."""


@dataclass
class Sshd:
    """One server; `with` starts and ends it."""

    folder: Path = field(default_factory=lambda: Path(mkdtemp(prefix="hs-sshd-")))
    port: int = field(default_factory=lambda: free_port())

    def __enter__(self) -> Self:
        self.folder.chmod(0o755)  # sshd reads authorized keys as the user who logs in
        for name, kind in {
            "host_ed25519": "ed25519",
            "host_rsa": "rsa",
            "client": "ed25519",
        }.items():
            make_key(self.folder / name, kind)
        shutil.copy(self.folder / "client.pub", self.folder / "authorized")
        (self.folder / "authorized").chmod(0o644)
        (self.folder / "passwd").write_text(USERS)
        names = (PLAIN, SUDOER, "root")
        (self.folder / "shadow").write_text("".join(f"{name}:*:19000::::::\n" for name in names))
        (self.folder / "shadow").chmod(0o640)
        (self.folder / "config").write_text(CONFIG.format(port=self.port, folder=self.folder))
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        shutil.rmtree(self.folder)

    def start(self) -> None:
        script = START.format(
            folder=self.folder, sudoer=SUDOER, sshd=shutil.which("sshd", path="/usr/sbin")
        )
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                ["unshare", "--mount", "sh", "-c", script], stderr=log, start_new_session=True
            )
        wait_for_banner(self.port, self.folder / "log")

    def stop(self) -> None:
        """End the server with every connection: sessions have process groups of their own."""
        for pid in (*children(self._process.pid), self._process.pid):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self._process.wait()

    def host(self, user: str = "root", **changes: object) -> VantagePoint:
        values = {
            "name": "us-0001",
            "address": "127.0.0.1",
            "port": self.port,
            "user": user,
            "host_key": self.fingerprint(),
        }
        return VantagePoint.model_validate(values | changes)

    def bastion(self) -> Bastion:
        key = self.fingerprint()
        return Bastion(name="gate", address="127.0.0.1", port=self.port, user=PLAIN, host_key=key)

    def fingerprint(self, kind: str = "ed25519") -> str:
        return fingerprint(self.public_key(kind))

    def public_key(self, kind: str = "ed25519") -> str:
        return (self.folder / f"host_{kind}.pub").read_text().strip()


def make_key(path: Path, kind: str = "ed25519") -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", path], check=True)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def children(pid: int) -> list[int]:
    """Every process below *pid*, the deepest last."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[1]) == pid:
            child = int(stat.parent.name)
            found += [child, *children(child)]
    return found


def wait_for_banner(port: int, log: Path) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=5) as probe:
                if probe.recv(4) == b"SSH-":
                    return
        except OSError:
            time.sleep(0.02)
    raise AssertionError(f"sshd did not start: {log.read_text()}")
