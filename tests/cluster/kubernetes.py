"""Ask the lab's Kubernetes, as its administrator, from the centre."""

import base64
import json
from typing import Any

from tests.cluster.commands import run
from tests.cluster.k3s import VERSION
from tests.cluster.lab import Lab


def kubectl(lab: Lab, *words: str, stdin: str | None = None) -> str:
    """Run kubectl in the centre with the kubeconfig that the fleet fetched."""
    program = str(lab.state / "k8s" / VERSION / "kubectl")
    kubeconfig = f"--kubeconfig={lab.home / 'cluster' / 'kubeconfig'}"
    return run(*lab.in_centre([program, kubeconfig, *words]), stdin=stdin, timeout_s=120)


def get(lab: Lab, *words: str) -> Any:
    """Return an object, or the list of them, as JSON."""
    return json.loads(kubectl(lab, "get", *words, "-o", "json"))


def nodes(lab: Lab) -> dict[str, Any]:
    """Return every Node by its name."""
    return {item["metadata"]["name"]: item for item in get(lab, "nodes")["items"]}


def is_ready(node: Any) -> bool:
    """Tell whether the server calls a Node ready."""
    conditions = node["status"]["conditions"]
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def secrets(lab: Lab) -> list[str]:
    """Return the names of the Secrets of kube-system."""
    found = get(lab, "secrets", "--namespace=kube-system")["items"]
    return sorted(item["metadata"]["name"] for item in found)


def tokens(lab: Lab) -> list[str]:
    """Return the secret halves of the bootstrap tokens that there are."""
    found = get(lab, "secrets", "--namespace=kube-system")["items"]
    data = [item.get("data", {}) for item in found]
    halves = [each["token-secret"] for each in data if "token-secret" in each]
    return [base64.b64decode(half).decode() for half in halves]


def events_of(lab: Lab, reason: str) -> list[str]:
    """Return the hosts for which an event with *reason* was recorded."""
    found = [item for item in get(lab, "events", "-A")["items"] if item["reason"] == reason]
    return sorted({item["source"].get("host") or item["reportingInstance"] for item in found})


def is_gone(lab: Lab, node: str) -> bool:
    """Tell whether there is no Node of that name."""
    return node not in nodes(lab)


def apply(lab: Lab, manifest: object) -> None:
    """Create or change an object."""
    kubectl(lab, "apply", "-f", "-", stdin=json.dumps(manifest))
