"""What is true of a host before anything is changed: read by one script, kept as JSON."""

import json
import shlex
import time
from collections.abc import Sequence
from importlib.resources import files
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from hitscanner.infra.remote import Remote
from hitscanner.provision import watched

Presence = Literal["loaded", "builtin", "available", "missing"]
Reach = Literal["open", "refused", "blocked", "unknown"]


class _Fact(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class FileFact(_Fact):
    """A file of ours as it is on the host."""

    sha256: str
    mode: str
    """Four octal digits."""

    owner: str = "root"
    text: str | None = None
    """What is in it, where that may be seen."""


class UnitFact(_Fact):
    """A systemd unit as `systemctl show` tells it."""

    active: str = "inactive"
    sub: str = "dead"
    enabled: str = ""
    loaded: str = "not-found"


class Listener(_Fact):
    """A socket that waits for others."""

    proto: Literal["tcp", "udp"]
    address: str
    port: int
    process: str = ""


class Facts(_Fact):
    """
    One host, as it was when it was looked at.

    >>> Facts.model_validate_json(Facts(host="us-0001").model_dump_json()) == Facts(host="us-0001")
    True
    """

    host: str
    hostname: str = ""
    os_id: str = ""
    os_version: str = ""
    kernel: str = ""
    arch: str = ""
    """As in names of k3s's files: amd64, arm64; else what `uname -m` said."""

    machine_id: str = ""
    boot: str = ""
    """Changes with every start of the host (boot id and start of PID 1)."""

    is_systemd: bool = True
    """Whether PID 1 is systemd."""

    cgroup: Literal["v1", "v2", "hybrid"] = "v2"
    clock_offset_s: float = 0.0
    """Host clock minus ours; half a round trip of error."""

    is_clock_synchronised: bool = False
    cpus: int = 0
    memory_mb: int = 0
    disk_mb: int = 0
    disk_free_mb: int = 0
    """Of the file system under /var/lib."""

    addresses: tuple[str, ...] = ()
    has_default_v4: bool = False
    has_default_v6: bool = False
    can_raw_socket: bool = True
    can_raise_limits: bool = True
    """Whether units may be given higher resource limits (CAP_SYS_RESOURCE of PID 1)."""

    veth_with_tx_offload: tuple[str, ...] = ()
    """Links of type veth below a default route that leave checksums to a card they do not have."""

    modules: dict[str, Presence] = {}
    sysctls: dict[str, str] = {}
    packages: dict[str, str] = {}
    """Installed ones of those that matter to us: name -> version."""

    units: dict[str, UnitFact] = {}
    files: dict[str, FileFact] = {}
    listening: tuple[Listener, ...] = ()
    ufw: Literal["absent", "inactive", "active"] = "absent"
    ufw_rules: tuple[str, ...] = ()
    """As `ufw show added` prints them."""

    firewall_lines: int = 0
    """Lines of our nftables table that are loaded; 0 when it is not there."""

    server_port: Reach = "unknown"
    """Whether the host can open the server's port 6443."""

    k3s_version: str = ""
    has_node_password: bool = False
    has_client_certificate: bool = False
    applied: dict[str, str] = {}
    """Unit -> digest of what it last became ready with."""


class NodeFact(_Fact):
    """A Kubernetes node as the server tells it."""

    name: str
    is_ready: bool = False
    is_schedulable: bool = True
    version: str = ""
    machine_id: str = ""
    labels: dict[str, str] = {}


class ClusterFacts(_Fact):
    """What the server's API says; empty before the server is up."""

    is_up: bool = False
    nodes: tuple[NodeFact, ...] = ()
    node_passwords: tuple[str, ...] = ()
    """Names of nodes whose password the server keeps."""

    def node(self, name: str) -> NodeFact | None:
        """Give the node of that name."""
        return next((node for node in self.nodes if node.name == name), None)


async def gather(
    remote: Remote, server_address: str | None = None, more_files: Sequence[str] = ()
) -> Facts:
    """
    Look at a host and change nothing.

    Args:
        remote: the host.
        server_address: where the k3s server is, to see whether the host reaches its port 6443.
        more_files: paths beyond `watched.FILES` whose checksums matter.

    Raises:
        RemoteError: when the host cannot be worked on.
        GatherError: when its answer is not whole.
    """
    from hitscanner.provision.facts_parse import parse_facts

    begun_at = time.time()
    clock = await remote.run("date +%s.%N", timeout_s=20)
    middle = (begun_at + time.time()) / 2
    done = await remote.run(_script(server_address, more_files), timeout_s=90)
    return parse_facts(remote.name, done.out, float(clock.out or middle) - middle)


async def reach_server(remote: Remote, address: str) -> Reach:
    """Try from a host to open the server's port 6443."""
    from hitscanner.provision.facts_parse import reach

    connect = shlex.quote(f'exec 3<>"/dev/tcp/{address}/6443"')
    done = await remote.run(f"timeout 5 bash -c {connect} 2>&1; echo $?", timeout_s=30)
    *said, status = done.out.split("\n")[:-1] or [""]
    return reach([f"{status} {' '.join(said)}"])


async def gather_cluster(server: Remote) -> ClusterFacts:
    """
    Ask the API server, by `k3s kubectl` on the server, what nodes there are; none without it.

    Raises:
        RemoteError: when the server cannot be worked on.
    """
    nodes = await server.run(_KUBECTL + "get nodes --output json", timeout_s=40)
    if not nodes.is_good:
        return ClusterFacts()
    secrets = await server.run(_KUBECTL + "--namespace kube-system get secrets --output name")
    return parse_cluster(nodes.out, secrets.out)


def parse_cluster(nodes: str, secrets: str) -> ClusterFacts:
    """
    Read what kubectl printed: a NodeList as JSON, and names of Secrets, one a line.

    >>> parse_cluster('{"items": []}', "secret/us-0001.node-password.k3s").node_passwords
    ('us-0001',)
    """
    suffix = ".node-password.k3s"
    names = (line.removeprefix("secret/") for line in secrets.split())
    return ClusterFacts(
        is_up=True,
        nodes=tuple(_node(item) for item in json.loads(nodes)["items"]),
        node_passwords=tuple(name.removesuffix(suffix) for name in names if name.endswith(suffix)),
    )


_KUBECTL = "[ -x /usr/local/bin/k3s ] && /usr/local/bin/k3s kubectl --request-timeout=30s "


def _node(item: dict[str, Any]) -> NodeFact:
    status = item.get("status", {})
    info = status.get("nodeInfo", {})
    ready = [c["status"] for c in status.get("conditions", []) if c["type"] == "Ready"]
    return NodeFact(
        name=item["metadata"]["name"],
        is_ready=ready == ["True"],
        is_schedulable=not item.get("spec", {}).get("unschedulable", False),
        version=info.get("kubeletVersion", ""),
        machine_id=info.get("machineID", ""),
        labels=item["metadata"].get("labels", {}),
    )


def _script(server_address: str | None, more_files: Sequence[str]) -> str:
    lists = {
        "MODULES": [f"{name}:{option}" for name, option in watched.MODULES.items()],
        "SYSCTLS": watched.SYSCTLS,
        "PACKAGES": watched.PACKAGES,
        "UNITS": watched.UNITS,
        "FILES": (*watched.FILES, *more_files),
        "SHOWN": watched.SHOWN,
        "SERVER": [server_address or ""],
    }
    head = [f"{name}={shlex.quote(' '.join(words))}" for name, words in lists.items()]
    return "\n".join([*head, files(__package__).joinpath("gather.sh").read_text()])
