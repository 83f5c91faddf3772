"""The one setting of the machine itself that the lab needs, put back when it ends."""

from pathlib import Path

from tests.cluster.paths import RUN

INSTANCES = Path("/proc/sys/fs/inotify/max_user_instances")
"""All hosts are one user to the kernel; each has some fifty watchers (systemd, kubelet, CRI)."""

NEEDED = 8192
BEFORE = RUN / "max_user_instances"


def prepare() -> None:
    """Raise the limit of inotify instances, and remember what it was."""
    now = INSTANCES.read_text()
    if int(now) < NEEDED:
        BEFORE.write_text(now)
        INSTANCES.write_text(f"{NEEDED}\n")


def restore() -> None:
    """Set the limit to what it was."""
    if BEFORE.exists():
        INSTANCES.write_text(BEFORE.read_text())
        BEFORE.unlink()
