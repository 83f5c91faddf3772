"""
The cluster's own ports, open for the fleet alone: by ufw where it is active, else by nftables.

Source of the ports: k3s, requirements, "Inbound Rules for K3s Nodes".
"""

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_network

from hitscanner.provision import watched
from hitscanner.provision.desired import Desired
from hitscanner.provision.facts import Facts
from hitscanner.provision.model import Change, Run
from hitscanner.provision.phases.files import digest, put, render


@dataclass(frozen=True)
class Rule:
    """A port and who may come to it."""

    proto: str
    port: str
    who: str
    """"fleet": all hosts and pods; "api": those and the administrators."""

    why: str


OVERLAY = {
    "vxlan": (Rule("udp", "8472", "fleet", "VXLAN"),),
    "wireguard-native": (Rule("udp", "51820-51821", "fleet", "WireGuard"),),
}
API = Rule("tcp", "6443", "api", "Kubernetes API")
KUBELET = Rule("tcp", "10250", "fleet", "kubelet")
SERVER = (
    Rule("tcp", "2379-2380", "fleet", "etcd"),
    Rule("tcp", "7946", "fleet", "MetalLB"),
    Rule("udp", "7946", "fleet", "MetalLB"),
)
NFS = Rule("tcp", "2049", "fleet", "NFS")


def rules(desired: Desired) -> tuple[Rule, ...]:
    """
    Give the ports that this host guards.

    >>> [rule.port for rule in rules(Desired("us-0001", "agent"))]
    ['10250', '51820-51821']
    """
    overlay = OVERLAY.get(desired.platform.flannel_backend, ())
    if desired.role == "agent":
        return (KUBELET, *overlay)
    nfs = (NFS,) if desired.platform.storage == "nfs" else ()
    return (API, KUBELET, *SERVER, *nfs, *overlay)


def plan(desired: Desired, facts: Facts) -> Iterator[Change]:
    """
    Yield the rules that are missing; where the inventory says no firewall, nothing.

    Rules that are there stay while some host's name does not resolve: a failing name server
    must not shut hosts out.
    """
    if not desired.platform.firewall or (desired.unresolved and "firewall" in facts.applied):
        return
    yield from (_ufw if facts.ufw == "active" else _nftables)(desired, facts)


def _networks(desired: Desired) -> dict[str, tuple[str, ...]]:
    platform = desired.platform
    fleet = (*desired.peers, str(platform.cluster_cidr), str(platform.service_cidr))
    return {"fleet": fleet, "api": (*fleet, *map(str, platform.admins))}


def _nftables(desired: Desired, facts: Facts) -> Iterator[Change]:
    guarded = rules(desired)
    used = {rule.who for rule in guarded}
    text = render(
        "firewall.nft.j2",
        rules=guarded,
        allowed={w: _by_family(n) for w, n in _networks(desired).items() if w in used},
    )
    unit = render("firewall.service.j2", file=watched.FIREWALL_FILE)
    yield from put(facts, "firewall", watched.FIREWALL_FILE, text)
    yield from put(facts, "firewall", f"{watched.UNIT_FOLDER}/{watched.FIREWALL_UNIT}", unit)
    found = facts.units.get(watched.FIREWALL_UNIT)
    is_on = found is not None and found.active == "active" and facts.firewall_lines > 0
    if not is_on or facts.applied.get("firewall") != digest(text, unit):
        name = watched.FIREWALL_UNIT
        script = f"systemctl enable {name} && systemctl restart {name}"  # enable reloads as well
        yield Change(
            "firewall",
            "load the table inet hitscanner",
            Run(script),
            "nft list table inet hitscanner > /dev/null",
            record=("firewall", digest(text, unit)),
        )


def _by_family(networks: tuple[str, ...]) -> dict[str, list[str]]:
    """Nft refuses sets whose networks overlap, so they are merged."""
    parsed = [ip_network(network, strict=False) for network in networks]
    v4 = collapse_addresses(n for n in parsed if isinstance(n, IPv4Network))
    v6 = collapse_addresses(n for n in parsed if isinstance(n, IPv6Network))
    return {"v4": [*map(_short, v4)], "v6": [*map(_short, v6)]}


def _short(network: IPv4Network | IPv6Network) -> str:
    is_lone = network.prefixlen == network.max_prefixlen
    return str(network.network_address if is_lone else network)


def _ufw(desired: Desired, facts: Facts) -> Iterator[Change]:
    """Yield the `ufw allow` commands that `ufw show added` does not list."""
    missing = [line for line in ufw_lines(desired) if line not in facts.ufw_rules]
    if missing:
        verify = "\n".join(
            f"ufw show added | grep -qxF {shlex.quote(line)} || exit 1" for line in missing
        )
        script = "set -e\n" + "\n".join(missing)
        yield Change("firewall", f"allow {len(missing)} ways in ufw", Run(script), verify)


def ufw_lines(desired: Desired) -> Iterator[str]:
    """Give our rules as the commands that add them, which is how `ufw show added` lists them."""
    for rule in rules(desired):
        port = rule.port.replace("-", ":")
        for network in _networks(desired)[rule.who]:
            yield f"ufw allow from {network} to any port {port} proto {rule.proto}"
    for inner in (desired.platform.cluster_cidr, desired.platform.service_cidr):
        yield f"ufw allow from {inner}"
