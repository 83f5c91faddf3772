"""Tell systemd that the service is ready (sd_notify(3))."""

import os
import socket


def ready() -> None:
    """Send READY=1, if systemd waits for it (Type=notify in k3s's unit, install.sh)."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if address:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
            sender.sendto(b"READY=1\n", address.replace("@", "\0", 1))
