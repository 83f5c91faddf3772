"""What k3s hands through to others, and its version: without a look at anything else."""

import os
import sys
from collections.abc import Sequence

from .version import VERSION

PROGRAMS = "/opt/k8s"
"""Where the programs of each version lie, as if unpacked from the executable."""

KUBECONFIG = "/etc/rancher/k3s/k3s.yaml"
SOCKET = "/run/k3s/containerd/containerd.sock"
TOOLS = ("kubectl", "ctr", "crictl")


def pass_through(argv: Sequence[str]) -> None:
    """Become the tool that is asked for, or print the version; return if it is neither."""
    name = os.path.basename(argv[0])  # noqa: PTH119 (pathlib is a third of the start)
    words = [name, *argv[1:]] if name in TOOLS else argv[1:]
    if words[:1] in (["-v"], ["--version"]):
        print(f"k3s version {VERSION} (standin0)\ngo version go1.26.8")
        sys.exit(0)
    if words[:1] == ["kubectl"]:
        os.environ.setdefault("KUBECONFIG", KUBECONFIG)
        program = f"{PROGRAMS}/{VERSION}/kubectl"
        os.execv(program, [program, *words[1:]])
    if words[:1] == ["ctr"]:
        options = ["--address", SOCKET, "--namespace", "k8s.io"]
        os.execvp("ctr", ["ctr", *options, *words[1:]])
