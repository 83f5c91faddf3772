"""Helm and the API server, as far as the platform asks them; in memory."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from hitscanner.infra.helm import HelmError, Live, Package
from hitscanner.infra.kube import ClusterRefusedError


@dataclass
class FakeHelm:
    """Renders one ConfigMap a release, with the site's values in it."""

    api: "FakeApi"
    installed: dict[str, Live] = field(default_factory=dict)
    done: list[str] = field(default_factory=list)
    fails: set[str] = field(default_factory=set)
    workloads: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def live(self, name: str, namespace: str) -> Live | None:
        return self.installed.get(name)

    def render(self, package: Package, *, is_live: bool) -> str:
        found = self.installed.get(package.name)
        if is_live and (found is None or found.status.startswith("pending")):
            raise HelmError("another operation is in progress")
        data = {"values": json.dumps(package.values, sort_keys=True)}
        return yaml.safe_dump(
            {"kind": "ConfigMap", "metadata": {"name": package.name}, "data": data}
        )

    def install(self, package: Package) -> None:
        self.done.append(f"install {package.name}")
        if package.name in self.fails:
            self.installed[package.name] = Live("failed", "x", "")
            raise HelmError("helm upgrade: context deadline exceeded")
        chart = package.chart.name.removesuffix(".tgz")
        self.installed[package.name] = Live("deployed", chart, self.render(package, is_live=False))
        self.api.namespaces.add(package.namespace)
        self.api.namespaces |= {"airflow"} if package.name == "hitscanner" else set()
        for workload in self.workloads.get(package.name, ()):
            self.api.ready.add(workload.split("/")[1])

    def mend(self, name: str, namespace: str, status: str) -> None:
        self.done.append(f"mend {name} {status}")


@dataclass
class FakeApi:
    """Secrets by name; workloads that are ready; what was deleted and tried as a dry run."""

    namespaces: set[str] = field(default_factory=set)
    secrets: dict[str, Any] = field(default_factory=dict)
    ready: set[str] = field(default_factory=set)
    deleted: list[str] = field(default_factory=list)
    tried: list[str] = field(default_factory=list)
    writes: int = 0

    def __call__(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: Mapping[str, str] | None = None,
        timeout_s: float = 15.0,
    ) -> dict[str, Any]:
        name = path.rsplit("/", 1)[-1]
        if "/secrets" in path:
            return self._secret(method, name, body)
        if method == "DELETE":
            self.deleted.append(name)
            raise ClusterRefusedError(404, "not there", "")
        if method == "POST" and (query or {}).get("dryRun") == "All":
            self.tried.append(body["kind"])
            return {}
        if path.endswith("/pods"):
            return {"items": []}
        if name not in self.ready:
            raise ClusterRefusedError(404, "not there", "")
        return {
            "metadata": {"generation": 1},
            "spec": {"replicas": 1},
            "status": {
                "observedGeneration": 1,
                "replicas": 1,
                "updatedReplicas": 1,
                "availableReplicas": 1,
                "desiredNumberScheduled": 0,
            },
        }

    def _secret(self, method: str, name: str, body: Any) -> dict[str, Any]:
        if method == "GET":
            if name not in self.secrets:
                raise ClusterRefusedError(404, "not there", "")
            return self.secrets[name]
        self.writes += 1
        if method == "POST":
            self.secrets[body["metadata"]["name"]] = body
            return body
        assert method == "PATCH"
        self.secrets[name]["data"] = body["data"]
        return self.secrets[name]
