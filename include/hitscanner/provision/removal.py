"""Take a host out of the cluster and everything of ours off it, so that it may join again."""

from collections.abc import Iterator
from importlib.resources import files

from hitscanner.provision import watched
from hitscanner.provision.desired import Desired
from hitscanner.provision.facts import Facts
from hitscanner.provision.model import Change, HostPlan, Run
from hitscanner.provision.phases.firewall import ufw_lines
from hitscanner.provision.phases.k3s import KUBECTL
from hitscanner.provision.phases.registry import docker_ca

DRAIN_S = 120

FILES = (
    *(watched.MODULES_FILE, watched.SYSCTL_FILE, watched.JOURNALD_FILE, watched.FIREWALL_FILE),
    *(watched.EXPORTS_FILE, watched.NFS_FILE, watched.APPLIED, watched.K3S),
    f"{watched.UNIT_FOLDER}/{watched.FIREWALL_UNIT}",
)
"""Packages, the clock's service and results in the spool stay."""


def plan_removal(desired: Desired, facts: Facts | None) -> HostPlan:
    """
    Give what must go; *facts* is None for a host that cannot be reached and shall go all the same.

    >>> plan_removal(Desired("us-0001", "agent"), Facts(host="us-0001")).changes
    ()
    """
    changes = [*_from_cluster(desired)]
    if facts is not None:
        changes += _from_host(desired, facts)
    return HostPlan(desired.name, changes=tuple(changes))


def _from_cluster(desired: Desired) -> Iterator[Change]:
    """Yield drain and deletion; the server drops the password with the node (k3s, node secrets)."""
    node = desired.cluster.node(desired.name)
    if node is not None:
        drain = (
            f"{KUBECTL} drain {desired.name} --ignore-daemonsets --delete-emptydir-data --force"
            f" --timeout={DRAIN_S}s"
        )
        if not node.is_ready:
            drain = f"{KUBECTL} cordon {desired.name}"
        run = Run(drain.replace("--request-timeout=20s ", ""), DRAIN_S + 30, is_on_server=True)
        yield Change("drain", f"{'drain' if node.is_ready else 'cordon'} {desired.name}", run)
        delete = f"{KUBECTL} delete node {desired.name} --ignore-not-found --wait=false"
        yield Change("node", f"delete the node {desired.name}", Run(delete, is_on_server=True))
    if node is not None or desired.name in desired.cluster.node_passwords:
        secret = f"{desired.name}.node-password.k3s"
        delete = f"{KUBECTL} --namespace kube-system delete secret {secret} --ignore-not-found"
        yield Change("node", "delete its node password", Run(delete, is_on_server=True))


def _from_host(desired: Desired, facts: Facts) -> Iterator[Change]:
    unit_file = f"{watched.UNIT_FOLDER}/{desired.unit}"
    is_there = desired.unit in facts.units or watched.CONFIG in facts.files
    if is_there:
        commands = files(__package__).joinpath("uninstall.sh").read_text()
        script = f"UNIT={desired.unit}\n{commands}"
        verify = f"[ ! -e {unit_file} ] && [ ! -e /var/lib/rancher/k3s ]"
        yield Change("uninstall", "uninstall k3s", Run(script, 240), verify)
    ours = [*FILES, *([docker_ca(desired.registry.name)] if desired.registry else [])]
    found = [path for path in ours if path in facts.files]
    if found or facts.applied or watched.FIREWALL_UNIT in facts.units:
        script = (
            f"systemctl disable --now --quiet {watched.FIREWALL_UNIT} 2>/dev/null || true\n"
            f"rm -f {' '.join(ours)}\nsystemctl daemon-reload"
        )
        yield Change("uninstall", "remove our settings", Run(script))
    rules = [line for line in ufw_lines(desired) if line in facts.ufw_rules]
    if rules:
        script = "\n".join(["set -e", *(line.replace("ufw ", "ufw delete ", 1) for line in rules)])
        yield Change("uninstall", f"take {len(rules)} ways out of ufw", Run(script))
