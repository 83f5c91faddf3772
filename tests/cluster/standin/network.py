"""
The pod network: a bridge on each host and a route to the pods of every other.

This is what flannel's host-gw backend does.  k3s's default (vxlan) and the
WireGuard backend need kernel modules that a lab may lack: see docs/test-cluster.md.
"""

import json
import subprocess
import threading
import time
from typing import Any

from . import node, pki
from .api import Api, ApiError
from .children import Children
from .layout import Layout

REFRESH_S = 5.0


def start(layout: Layout, given: dict[str, Any], api: Api, children: Children) -> None:
    """Wait for this host's Node and its pod network; configure CNI and keep the routes."""
    name = node.name(given)
    own = _wait_for_node(api, name, children)
    folder = layout.agent / "etc" / "cni" / "net.d"
    pki.private(
        folder / "10-flannel.conflist", json.dumps(_conflist(own["spec"]["podCIDR"])).encode()
    )
    _set_sysctl("net.ipv4.ip_forward", "1")
    threading.Thread(target=_keep_routes, args=(api, name), daemon=True).start()


def _wait_for_node(api: Api, name: str, children: Children) -> dict[str, Any]:
    """Return the Node *name* when it has its pod network."""
    while True:
        children.check()
        try:
            found = api.call("GET", f"/api/v1/nodes/{name}")
            if found["spec"].get("podCIDR"):
                return dict(found)
        except (ApiError, OSError):
            pass
        time.sleep(0.5)


def _conflist(pod_cidr: str) -> dict[str, Any]:
    ipam = {
        "type": "host-local",
        "ranges": [[{"subnet": pod_cidr}]],
        "routes": [{"dst": "0.0.0.0/0"}],
    }
    bridge = {"type": "bridge", "bridge": "cni0", "isGateway": True, "ipMasq": True, "ipam": ipam}
    portmap = {"type": "portmap", "capabilities": {"portMappings": True}}
    return {"cniVersion": "1.0.0", "name": "cbr0", "plugins": [bridge, portmap]}


def _keep_routes(api: Api, own_name: str) -> None:
    while True:
        try:
            for each in api.call("GET", "/api/v1/nodes")["items"]:
                if each["metadata"]["name"] != own_name:
                    _route(each)
        except (ApiError, OSError, ValueError):
            pass
        time.sleep(REFRESH_S)


def _route(other: dict[str, Any]) -> None:
    addresses = other.get("status", {}).get("addresses", [])
    via = [item["address"] for item in addresses if item["type"] == "InternalIP"]
    cidr = other["spec"].get("podCIDR")
    if via and cidr:
        _ip("route", "replace", cidr, "via", via[0])


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], capture_output=True, check=False)


def _set_sysctl(name: str, value: str) -> None:
    words: list[str] = ["sysctl", "-qw", f"{name}={value}"]
    subprocess.run(words, capture_output=True, check=False)
