"""Install what the test cluster needs from Debian, once."""

import shutil

from tests.cluster.commands import attempt
from tests.cluster.errors import LabError

TOOLS = {
    "podman": "podman",
    "runc": "runc",
    "conmon": "conmon",
    "mmdebstrap": "mmdebstrap",
    "ip": "iproute2",
    "nft": "nftables",
    "nsenter": "util-linux",
    "ssh-keygen": "openssh-client",
}
"""Executable -> Debian package."""


def install() -> list[str]:
    """
    Install the packages of the tools that are missing and return their names.

    Raises:
        LabError: there is no apt-get, or it failed.
    """
    missing = sorted({package for tool, package in TOOLS.items() if not shutil.which(tool)})
    if not missing:
        return []
    if not shutil.which("apt-get"):
        raise LabError(f"the test cluster needs Debian's {', '.join(missing)}; install them")
    for action in (["update", "-qq"], ["install", "-qq", "--no-install-recommends", *missing]):
        done = attempt("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-y", *action)
        if done.returncode:
            raise LabError(f"apt-get {' '.join(action)} failed: {done.stderr.strip()[-400:]}")
    return missing


def check_go() -> None:
    """Raise LabError if there is no Go to build Kubernetes with."""
    if not shutil.which("go"):
        raise LabError("Kubernetes is built with Go, which is not on PATH; install Go 1.26")
