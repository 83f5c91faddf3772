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


def check_compilers() -> None:
    """Raise LabError if there is no Go for Kubernetes, or no C compiler for the clock."""
    for tool, remedy in (("go", "install Go 1.26 (go.dev/dl)"), ("cc", "install gcc")):
        if not shutil.which(tool):
            raise LabError(f"the test cluster is built with {tool}, which is missing; {remedy}")
