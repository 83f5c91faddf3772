"""What a check of the fleet finds: pure, from what was seen to a list of causes with remedies."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from hitscanner.domain.node_labels import ROLE, describe, drift
from hitscanner.fleet.certificates import ending_soon
from hitscanner.infra.kube import Node
from hitscanner.provision.facts import Facts
from hitscanner.provision.model import HostPlan

LOW_DISK_MB = 3072
"""k3s's kubelet evicts below 5 %; images and a cycle's raw files need this much."""

CLOCK_S = 5.0
"""A clock that is further off is a finding; from 30 s on a host may not join at all."""

REPEAT = "trigger join_agent for it with dry_run false"
AGAIN = "run ./bootstrap.sh cluster again"


@dataclass(frozen=True)
class Finding:
    """
    One thing that is not as it should be.

    >>> Finding("not-ready", "its kubelet is silent", "start it").says
    'its kubelet is silent'
    """

    cause: str
    says: str
    remedy: str


@dataclass(frozen=True)
class Seen:
    """All that was read of one host."""

    name: str
    facts: Facts
    plan: HostPlan
    node: Node | None
    labels: Mapping[str, str]
    """What its node must bear."""

    version: str
    """What its kubelet must report."""

    certificates: Mapping[str, datetime] = field(default_factory=dict)
    tunnel: str = ""
    """Why the API server cannot reach the kubelet; empty when it can, or was not asked."""


def findings(seen: Seen, now: datetime) -> list[Finding]:
    """Give everything that is wrong with one host, the gravest first, each cause once."""
    found: dict[str, Finding] = {}
    for finding in (
        *_refusals(seen.plan),
        *_of_node(seen),
        *_of_host(seen.facts),
        *_of_certificates(seen, now),
        *_drift(seen),
    ):
        found.setdefault(finding.cause, finding)
    return list(found.values())


def of_cluster(known: Sequence[str], nodes: Sequence[str], tokens: Sequence[str]) -> list[Finding]:
    """
    Give what is wrong with the cluster as a whole.

    >>> [f.cause for f in of_cluster(["us-0001"], ["us-0001", "xx-0009"], ["abc123"])]
    ['unknown-node', 'token-left']
    """
    strangers = sorted(set(nodes) - set(known))
    found = [
        Finding(
            "unknown-node",
            f"{name} is in the cluster and not in the inventory",
            f"add it there, or: kubectl delete node {name}",
        )
        for name in strangers
    ]
    if tokens:
        left = ", ".join(sorted(tokens))
        what = f"join tokens are still good: {left}"
        remedy = "on the server: k3s token delete " + " ".join(sorted(tokens))
        found.append(Finding("token-left", what, remedy))
    return found


def _repeat(seen: Seen) -> str:
    """Say what makes a host as it shall be: the server is none of join_agent's."""
    return AGAIN if seen.labels.get(ROLE) == "server" else REPEAT


def _refusals(plan: HostPlan) -> Iterator[Finding]:
    for refusal in plan.refusals:
        yield Finding(refusal.cause, refusal.says, refusal.remedy)


def _drift(seen: Seen) -> Iterator[Finding]:
    if seen.plan.changes:
        says = "; ".join(f"{change.phase}: {change.says}" for change in seen.plan.changes)
        yield Finding("drift", says, _repeat(seen))


def _of_node(seen: Seen) -> Iterator[Finding]:
    node = seen.node
    if node is None:
        yield Finding("not-joined", "the cluster has no node of that name", _repeat(seen))
        return
    if not node.is_ready:
        remedy = "journalctl -u k3s-agent on the host says why"
        yield Finding("not-ready", node.why or "the node is not Ready", remedy)
    if node.is_cordoned:
        remedy = f"kubectl uncordon {node.name}, when its maintenance is over"
        yield Finding("cordoned", "no pod may be placed on it", remedy)
    if seen.version and node.version != seen.version:
        what = f"its kubelet is {node.version or 'silent about its version'}, not {seen.version}"
        yield Finding("wrong-version", what, _repeat(seen))
    patch = drift(seen.labels, node.labels)
    if patch:
        remedy = "trigger label_nodes for it with dry_run false"
        yield Finding("label-drift", "; ".join(describe(patch, node.labels)), remedy)
    if node.is_ready and seen.tunnel:
        remedy = "restart k3s-agent on the host (k3s issue 13149)"
        yield Finding("tunnel-stuck", seen.tunnel, remedy)


def _of_host(facts: Facts) -> Iterator[Finding]:
    if abs(facts.clock_offset_s) > CLOCK_S:
        side = "ahead" if facts.clock_offset_s > 0 else "behind"
        what = f"its clock is {abs(facts.clock_offset_s):.0f} s {side}"
        yield Finding("clock-skew", what, "see `chronyc tracking` on the host")
    if facts.disk_free_mb < LOW_DISK_MB:
        what = f"{facts.disk_free_mb} MB are free under /var/lib"
        yield Finding("disk-low", what, f"free some: {LOW_DISK_MB} MB are needed")
    if not facts.can_raw_socket:
        what = "it cannot open raw sockets, so nothing can be measured from it"
        yield Finding("no-raw-sockets", what, "ask its provider, or use another host")
    if facts.server_port in ("refused", "blocked"):
        what = f"it does not reach port 6443 of the server ({facts.server_port})"
        yield Finding("api-port-blocked", what, "open 6443/tcp from the host to the server")


def _of_certificates(seen: Seen, now: datetime) -> Iterator[Finding]:
    soon = list(ending_soon(dict(seen.certificates), now))
    if soon:
        yield Finding("certificate-ending", "; ".join(soon), "trigger rotate_certs for it")
