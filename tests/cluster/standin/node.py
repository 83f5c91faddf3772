"""What a host is called and where it is reached."""

import json
import os
import socket
import subprocess
from pathlib import Path
from typing import Any

from . import log

PASSWORD = Path("/etc/rancher/node/password")


def name(given: dict[str, Any]) -> str:
    """Return the node's name: node-name, else the host name, in lower case (agent.md)."""
    return str(given.get("node-name") or socket.gethostname()).lower()


def address(given: dict[str, Any]) -> str:
    """Return node-ip, else the address of the interface with the default route."""
    if given.get("node-ip"):
        return str(given["node-ip"]).split(",")[0]
    shown = subprocess.run(
        ["ip", "-json", "-4", "route", "get", "192.0.2.1"], capture_output=True, check=False
    )
    if shown.returncode:
        # The words of k8s.io/apimachinery/pkg/util/net, ChooseHostInterface.
        raise log.FatalError('no default routes found in "/proc/net/route"')
    return str(json.loads(shown.stdout)[0]["prefsrc"])


def password() -> str:
    """
    Return the node password, made at the first start and kept (pkg/agent/config/config.go).

    It outlives the agent: "the node should be deleted from the cluster" before
    another host takes its name (docs/architecture.md, "How Agent Node Registration Works").
    """
    if not PASSWORD.exists():
        PASSWORD.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(PASSWORD, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as stream:
            stream.write(os.urandom(16).hex() + "\n")
    return PASSWORD.read_text().strip()
