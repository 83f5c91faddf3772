"""kubelet and kube-proxy with the settings that k3s gives them (pkg/daemons/agent)."""

import json
from pathlib import Path
from typing import Any

from . import node, pki, tools
from .children import Children
from .layout import Layout

_MIN_NODE_FS = "5%"
"""k3s evicts pods when less of the disk is left (pkg/daemons/agent/agent_linux.go)."""


def start(
    layout: Layout, given: dict[str, Any], config: dict[str, Any], url: str, children: Children
) -> None:
    """Start kubelet, and kube-proxy unless the server has disabled it."""
    agent, name = layout.agent, node.name(given)
    _kubeconfig(layout, "kubelet", url, "client-kubelet")
    settings = agent / "etc" / "kubelet.conf.d" / "00-k3s-defaults.conf"
    pki.private(settings, json.dumps(_settings(layout, config), indent=1).encode())
    (agent / "pod-manifests").mkdir(exist_ok=True)
    children.start(
        "kubelet",
        f"--config={settings}",
        f"--kubeconfig={agent / 'kubelet.kubeconfig'}",
        f"--hostname-override={name}",
        f"--node-ip={node.address(given)}",
        *_many("--node-labels", given.get("node-label", [])),
        *_many("--register-with-taints", given.get("node-taint", [])),
        *_dashed(given.get("kubelet-arg", [])),
    )
    if not config["DisableKubeProxy"]:
        _kubeconfig(layout, "kubeproxy", url, "client-kube-proxy")
        children.start(
            "kube-proxy",
            f"--kubeconfig={agent / 'kubeproxy.kubeconfig'}",
            f"--hostname-override={name}",
            f"--cluster-cidr={config['ClusterIPRange']}",
            # k3s sets these itself (pkg/agent/run.go, getConntrackConfig).
            *("--conntrack-max-per-core=0", "--conntrack-min=0"),
            *_dashed(given.get("kube-proxy-arg", [])),
        )


def _settings(layout: Layout, config: dict[str, Any]) -> dict[str, Any]:
    agent = layout.agent
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(agent / "client-ca.crt")},
        },
        "authorization": {"mode": "Webhook"},
        "cgroupDriver": "cgroupfs",
        "clusterDNS": [config["ClusterDNS"]],
        "clusterDomain": config["ClusterDomain"],
        "containerRuntimeEndpoint": f"unix://{tools.SOCKET}",
        "evictionHard": {"imagefs.available": _MIN_NODE_FS, "nodefs.available": _MIN_NODE_FS},
        "evictionMinimumReclaim": {"imagefs.available": "10%", "nodefs.available": "10%"},
        "failSwapOn": False,
        "resolvConf": _resolv_conf(layout),
        "serializeImagePulls": False,
        "staticPodPath": str(agent / "pod-manifests"),
        "tlsCertFile": str(agent / "serving-kubelet.crt"),
        "tlsPrivateKeyFile": str(agent / "serving-kubelet.key"),
        # For the lab, not k3s's: the host's root is an overlay in a container.
        "localStorageCapacityIsolation": False,
        "oomScoreAdj": 0,
    }


def _resolv_conf(layout: Layout) -> str:
    """Return the host's resolv.conf, or one made up where it has no usable name server."""
    host = Path("/etc/resolv.conf")
    if host.exists() and any(_is_usable(line) for line in host.read_text().splitlines()):
        return str(host)
    made = layout.agent / "etc" / "resolv.conf"
    pki.private(made, b"nameserver 8.8.8.8\n")
    return str(made)


def _is_usable(line: str) -> bool:
    return line.startswith("nameserver") and not line.split()[-1].startswith(("127.", "::1"))


def _kubeconfig(layout: Layout, name: str, url: str, base: str) -> None:
    agent = layout.agent
    cluster = {"server": url, "certificate-authority": str(agent / "server-ca.crt")}
    crt, key = f"{agent / base}.crt", f"{agent / base}.key"
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "local", "cluster": cluster}],
        "users": [{"name": "user", "user": {"client-certificate": crt, "client-key": key}}],
        "contexts": [{"name": "Default", "context": {"cluster": "local", "user": "user"}}],
        "current-context": "Default",
    }
    pki.private(agent / f"{name}.kubeconfig", json.dumps(config).encode())


def _many(flag: str, values: list[str]) -> list[str]:
    return [f"{flag}={','.join(values)}"] if values else []


def _dashed(words: list[str]) -> list[str]:
    return [f"--{word.lstrip('-')}" for word in words]
