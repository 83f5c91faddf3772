"""An API server in memory: nodes, pods with a kubelet of the test's choice, secrets."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from hitscanner.infra.kube import ClusterRefusedError, Json, refused
from hitscanner.infra.kube_pods import Clock

RUNS: Json = {"phase": "Running"}


def raw_node(name: str, *, is_ready: bool = True, **labels: str) -> Json:
    condition = {"type": "Ready", "status": "True" if is_ready else "False", "reason": "Kubelet"}
    return {
        "metadata": {"name": name, "labels": {k.replace("__", "/"): v for k, v in labels.items()}},
        "spec": {},
        "status": {
            "conditions": [condition],
            "nodeInfo": {"kubeletVersion": "v1.36.3+k3s1"},
            "images": [{"names": ["docker.io/rancher/mirrored-pause:3.6"]}],
        },
    }


def raw_pod(name: str, node: str, namespace: str = "default", owner: str = "Job") -> Json:
    metadata = {"name": name, "namespace": namespace, "ownerReferences": [{"kind": owner}]}
    return {"metadata": metadata, "spec": {"nodeName": node}, "status": dict(RUNS)}


@dataclass
class FakeApi:
    """Answers as `KubeApi` does; every question is kept in `asked`."""

    nodes: dict[str, Json] = field(default_factory=dict)
    pods: dict[str, Json] = field(default_factory=dict)
    """Path -> object."""

    secrets: list[Json] = field(default_factory=list)
    kubelet: Callable[[Json], Json] = lambda pod: RUNS
    """Gives the status of a new pod."""

    refusals: dict[str, ClusterRefusedError | list[ClusterRefusedError]] = field(
        default_factory=dict
    )
    """`METHOD path` -> what it answers; a list is used up one by one."""

    asked: list[str] = field(default_factory=list)

    def __call__(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: Mapping[str, str] | None = None,
        timeout_s: float = 0,
    ) -> Json:
        self.asked.append(f"{method} {path}")
        self._refuse(f"{method} {path}")
        if path.startswith("/api/v1/nodes"):
            return self._node(method, path, body)
        if path.endswith("/eviction"):
            del self.pods[path.removesuffix("/eviction")]
            return {}
        if "/pods" in path:
            return self._pod(method, path, body, query or {})
        if path.endswith("/secrets"):
            return {"items": self.secrets}
        if path.endswith("/events"):
            return {"items": []}
        return {}

    @property
    def writes(self) -> list[str]:
        """Every question that would change something."""
        return [line for line in self.asked if not line.startswith("GET ")]

    def _refuse(self, line: str) -> None:
        refusal = self.refusals.get(line)
        if isinstance(refusal, list):
            refusal = refusal.pop(0) if refusal else None
        if refusal:
            raise refusal

    def _node(self, method: str, path: str, body: Any) -> Json:
        name = path.removeprefix("/api/v1/nodes").strip("/").partition("/")[0]
        if not name:
            return {"items": list(self.nodes.values())}
        if name not in self.nodes:
            raise refused(method, path, 404, None)
        node = self.nodes[name]
        if method == "DELETE":
            del self.nodes[name]
        if method == "PATCH":
            node["spec"].update(body.get("spec", {}))
            labels = node["metadata"]["labels"] | body.get("metadata", {}).get("labels", {})
            node["metadata"]["labels"] = {k: v for k, v in labels.items() if v is not None}
        return node

    def _pod(self, method: str, path: str, body: Any, query: Mapping[str, str]) -> Json:
        if method == "GET" and path in self.pods:
            return self.pods[path]
        if method == "GET":
            node = query.get("fieldSelector", "").removeprefix("spec.nodeName=")
            return {"items": [p for p in self.pods.values() if p["spec"]["nodeName"] == node]}
        if method == "DELETE":
            if self.pods.pop(path, None) is None:
                raise refused(method, path, 404, None)
            return {}
        name = body["metadata"]["name"]
        if f"{path}/{name}" in self.pods:
            raise refused(method, path, 409, '{"message": "already exists"}')
        self.pods[f"{path}/{name}"] = {**body, "status": self.kubelet(body)}
        return body

    def add(self, pod: Json) -> None:
        """Put a pod there that somebody else made."""
        meta = pod["metadata"]
        self.pods[f"/api/v1/namespaces/{meta['namespace']}/pods/{meta['name']}"] = pod


@dataclass
class FakeClock:
    """Time that passes only by sleeping."""

    at: float = 0.0

    def clock(self) -> Clock:
        return Clock(lambda: self.at, self._sleep)

    def _sleep(self, seconds: float) -> None:
        self.at += seconds


def refusal(status: int, message: str = "no") -> ClusterRefusedError:
    return refused("POST", "/", status, re.sub("^(.*)$", r'{"message": "\1"}', message))
