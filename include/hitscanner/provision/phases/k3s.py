"""
k3s itself: its file from the bundle, config.yaml, our own unit, the token of a join, the start.

Source: docs.k3s.io/cli/{server,agent}, /installation/{configuration,airgap}.
"""

from collections.abc import Iterator
from typing import Any

from hitscanner.provision import watched
from hitscanner.provision.bundle import BundleFile
from hitscanner.provision.desired import Desired, is_address
from hitscanner.provision.facts import Facts
from hitscanner.provision.model import Change, JoinToken, Run, Start, Upload
from hitscanner.provision.phases import limits
from hitscanner.provision.phases.files import digest, put, render
from hitscanner.provision.phases.registry import registries

KUBECTL = f"{watched.K3S} kubectl --request-timeout=20s"

WAN_KUBELET = ("node-status-update-frequency=20s",)
WAN_CONTROLLER = ("node-monitor-grace-period=2m",)
"""Hosts far away: fewer reports, and more patience before a host counts as lost (kubespray)."""


def plan(desired: Desired, facts: Facts) -> Iterator[Change]:
    """Yield the files that differ, a token where the host is to join, and a start if needed."""
    yield from _bundle(desired, facts)
    text, unit = config(desired, facts), unit_file(desired, facts)
    yield from put(facts, "k3s", watched.CONFIG, text, 0o600)
    yield from put(facts, "k3s", f"{watched.UNIT_FOLDER}/{desired.unit}", unit)
    is_joining = desired.role == "agent" and not is_joined(desired, facts)
    if is_joining:
        says = f"mint a token on the server and put it at {watched.JOIN_TOKEN}"
        yield Change("k3s", says, JoinToken(watched.JOIN_TOKEN), is_secret=True)
    fingerprint = _fingerprint(desired, facts)
    found = facts.units.get(desired.unit)
    is_on = found is not None and found.active == "active" and found.enabled == "enabled"
    is_same = facts.applied.get(desired.unit) == fingerprint
    if is_joining or not is_on or not is_same:
        says = f"{'restart' if found and found.active == 'active' else 'start'} {desired.unit}"
        record = (desired.unit, fingerprint)
        start = Start(desired.unit, desired.name, desired.k3s_version.partition("+")[0])
        yield Change("k3s", says, start, record=record)


def is_joined(desired: Desired, facts: Facts) -> bool:
    """
    Tell whether the agent has what it needs to start again without a new token.

    An agent whose node is there may restart with an expired token (k3s PR #6663, #7797).
    """
    is_known = desired.cluster.node(desired.name) is not None
    return is_known and facts.has_client_certificate and watched.JOIN_TOKEN in facts.files


def extra_files(desired: Desired) -> list[str]:
    """Give the paths of images on a host, whose checksums a look has to tell."""
    names = desired.bundle.files if desired.bundle else {}
    return [_image_path(name[7:]) for name in sorted(names) if name.startswith("images/")]


def _image_path(name: str) -> str:
    return f"{watched.IMAGES}/{name}"


def _bundle(desired: Desired, facts: Facts) -> Iterator[Change]:
    """Air-gap: the binary; images where k3s's containerd imports them, or into Docker."""
    bundle = desired.bundle
    binary = bundle.binary(facts.arch) if bundle else None
    if bundle is None or binary is None:
        return
    yield from _upload(facts, watched.K3S, binary, 0o755)
    for name, file in bundle.images(facts.arch).items():
        if desired.container_runtime == "containerd":
            yield from _upload(facts, _image_path(name), file, 0o644)
        elif facts.applied.get(f"image {name}") != file.sha256:
            path = f"{watched.STATE}/images/{name}"
            yield from _upload(facts, path, file, 0o644)
            load = Run(f"docker load --quiet --input {path} && rm {path}", 600)
            yield Change("k3s", f"load {name}", load, record=(f"image {name}", file.sha256))


def _upload(facts: Facts, path: str, file: BundleFile, mode: int) -> Iterator[Change]:
    found = facts.files.get(path)
    if found is None or (found.sha256, found.mode) != (file.sha256, f"{mode:04o}"):
        says = f"{'change' if found else 'copy'} {path}"
        verify = f"echo '{file.sha256}  {path}' | sha256sum --check --quiet"
        yield Change("k3s", says, Upload(path, file.path, file.sha256, mode), verify)


def config(desired: Desired, facts: Facts) -> str:
    """Give config.yaml: keys are names of flags."""
    return render("config.yaml.j2", settings=settings(desired, facts))


def settings(desired: Desired, facts: Facts) -> dict[str, Any]:
    """Give the settings of k3s as `config.yaml` names them."""
    is_wide = desired.platform.flannel_backend == "wireguard-native"
    found: dict[str, Any] = _server(desired) if desired.role == "server" else _agent(desired)
    found["node-name"] = desired.name
    outside = desired.external_address or (desired.address if is_wide else None)
    if outside and is_address(outside):
        found["node-external-ip"] = outside
    if desired.container_runtime == "docker":
        found["docker"] = True
    if desired.platform.hardening == "cis":
        found["protect-kernel-defaults"] = True
    kubelet = [
        *(WAN_KUBELET if is_wide else ()),
        *(limits.KUBELET if limits.is_small(facts) else ()),
        *desired.kubelet_args,
    ]
    if kubelet:
        found["kubelet-arg"] = kubelet
    found["kube-proxy-arg"] = proxy_arguments(desired)
    found["node-label"] = [f"{key}={value}" for key, value in sorted(desired.labels.items())]
    return found


def proxy_arguments(desired: Desired) -> list[str]:
    """
    Give the arguments of kube-proxy; MetalLB needs strict ARP with IPVS.

    >>> proxy_arguments(Desired("us-0001", "agent"))
    ['proxy-mode=nftables']
    """
    mode = desired.platform.kube_proxy_mode
    return [f"proxy-mode={mode}", *(["ipvs-strict-arp=true"] if mode == "ipvs" else [])]


def _server(desired: Desired) -> dict[str, Any]:
    platform = desired.platform
    names = [name for name in (desired.server_address, desired.address) if name]
    found: dict[str, Any] = {
        "tls-san": sorted(set(names)),
        "write-kubeconfig-mode": "0600",
        "disable": ["traefik", "servicelb"],
        "secrets-encryption": True,
        "flannel-backend": platform.flannel_backend,
        "cluster-cidr": str(platform.cluster_cidr),
        "service-cidr": str(platform.service_cidr),
    }
    if platform.flannel_backend == "wireguard-native":
        found["flannel-external-ip"] = True
        found["kube-controller-manager-arg"] = list(WAN_CONTROLLER)
    return found


def _agent(desired: Desired) -> dict[str, Any]:
    address = desired.server_address
    host = f"[{address}]" if ":" in address else address
    return {"server": f"https://{host}:6443", "token-file": watched.JOIN_TOKEN}


def unit_file(desired: Desired, facts: Facts) -> str:
    """Give the systemd unit of the host's role."""
    return render(
        "k3s.service.j2",
        role=desired.role,
        docker=desired.container_runtime == "docker",
        can_raise_limits=facts.can_raise_limits,
    )


def _fingerprint(desired: Desired, facts: Facts) -> str:
    """
    Give the digest of all that a running k3s has read; labels are not among it.

    Labels of a node that is there are mended through the API, without a restart.
    """
    used = settings(desired, facts)
    del used["node-label"]
    binary = desired.bundle.binary(facts.arch) if desired.bundle else None
    ca = desired.registry.ca if desired.registry else None
    return digest(
        render("config.yaml.j2", settings=used),
        unit_file(desired, facts),
        registries(desired),
        ca or b"",
        binary.sha256 if binary else "",
    )
