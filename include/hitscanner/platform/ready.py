"""Is a release ready: its workloads, and webhooks that must answer; and if not, why."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from hitscanner.errors import UnfinishedError
from hitscanner.infra.kube import Api, ClusterRefusedError
from hitscanner.platform.objects import Object

PATHS = {
    "Deployment": "apis/apps/v1/namespaces/{namespace}/deployments/{name}",
    "StatefulSet": "apis/apps/v1/namespaces/{namespace}/statefulsets/{name}",
    "DaemonSet": "apis/apps/v1/namespaces/{namespace}/daemonsets/{name}",
    "Job": "apis/batch/v1/namespaces/{namespace}/jobs/{name}",
}

LONGEST_WAIT_S = 900.0
"""Images are pulled for the first time, and the database is migrated."""

PAUSE_S = 2.0


def path_of(kind_and_name: str, namespace: str) -> str:
    """
    Give where an object of `releases.toml` is in the API.

    >>> path_of("Deployment/traefik", "traefik")
    '/apis/apps/v1/namespaces/traefik/deployments/traefik'
    """
    kind, name = kind_and_name.split("/")
    return "/" + PATHS[kind].format(namespace=namespace, name=name)


def lacks(workload: Object) -> str:
    """
    Say what a Deployment, StatefulSet or DaemonSet lacks to be rolled out; nothing when it is.

    As `kubectl rollout status` decides (k8s.io/kubectl/pkg/polymorphichelpers/rollout_status.go).

    >>> lacks({"kind": "Deployment", "metadata": {"generation": 2}, "spec": {"replicas": 1},
    ...        "status": {"observedGeneration": 2, "replicas": 1, "updatedReplicas": 1}})
    '0 of 1 available'
    """
    status, kind = workload.get("status") or {}, workload["kind"]
    if status.get("observedGeneration", 0) < workload["metadata"].get("generation", 0):
        return "not seen by its controller yet"
    if kind == "DaemonSet":
        wanted = status.get("desiredNumberScheduled", 0)
        updated = status.get("updatedNumberScheduled", 0)
        there = status.get("numberAvailable", 0)
    else:
        wanted = workload["spec"].get("replicas", 1)
        updated = status.get("updatedReplicas", 0)
        there = status.get("availableReplicas", 0)
        if status.get("replicas", 0) > updated:
            return f"{status['replicas'] - updated} of the version before"
    least = min(updated, there)
    return f"{least} of {wanted} available" if least < wanted else ""


def wait_ready(
    api: Api,
    namespace: str,
    workloads: tuple[str, ...],
    timeout_s: float = LONGEST_WAIT_S,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """
    Wait until all workloads are rolled out.

    Raises:
        UnfinishedError: after *timeout_s*, with what each lacks and what its pods say.
    """
    deadline = time.monotonic() + timeout_s
    while waiting := unready(api, namespace, workloads):
        if time.monotonic() > deadline:
            words = "; ".join([*waiting, *troubles(api, namespace)])
            raise UnfinishedError(
                f"not ready after {timeout_s:.0f} s: {words}; mend that and run this again"
            )
        sleep(PAUSE_S)


def unready(api: Api, namespace: str, workloads: tuple[str, ...]) -> list[str]:
    """Say of each workload that is not ready what it lacks."""
    found = []
    for workload in workloads:
        try:
            answer = api("GET", path_of(workload, namespace))
            why = lacks({"kind": workload.split("/")[0], **answer})
        except ClusterRefusedError as error:
            if error.status != 404:
                raise
            why = "not there"
        if why:
            found.append(f"{workload}: {why}")
    return found


def troubles(api: Api, namespace: str) -> list[str]:
    """Say of each pod of a namespace that waits why it does, in the kubelet's words."""
    pods = api("GET", f"/api/v1/namespaces/{namespace}/pods")["items"]
    return [line for pod in pods for line in trouble_of(pod)]


def trouble_of(pod: Object) -> list[str]:
    """
    Say why a pod's containers wait.

    >>> trouble_of({"metadata": {"name": "a"}, "status": {"containerStatuses": [
    ...     {"name": "b", "state": {"waiting": {"reason": "ImagePullBackOff"}}}]}})
    ['pod a: b ImagePullBackOff']
    """
    status = pod.get("status") or {}
    name = pod["metadata"]["name"]
    unplaced = [
        f"pod {name}: {condition.get('message', 'not placed')}"
        for condition in status.get("conditions") or []
        if condition["type"] == "PodScheduled" and condition["status"] == "False"
    ]
    containers = [
        *(status.get("initContainerStatuses") or []),
        *(status.get("containerStatuses") or []),
    ]
    waits = [(item["name"], (item.get("state") or {}).get("waiting")) for item in containers]
    return unplaced + [
        f"pod {name}: {container} {_short(why)}"
        for container, why in waits
        if why and why.get("reason") not in {"PodInitializing", "ContainerCreating"}
    ]


def _short(why: dict[str, Any]) -> str:
    return " ".join(f"{why.get('reason')} {why.get('message', '')}".split())[:200]


def wait_accepted(
    api: Api,
    files: tuple[Path, ...],
    timeout_s: float = 300.0,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """
    Wait until the API server accepts each file's object as a dry run: webhooks answer late.

    Raises:
        UnfinishedError: with the API server's last words.
    """
    for file in files:
        deadline = time.monotonic() + timeout_s
        while words := _refusal(api, yaml.safe_load(file.read_text())):
            if time.monotonic() > deadline:
                raise UnfinishedError(f"{file.name}: {words}; see the webhook's pod")
            sleep(PAUSE_S)


def _refusal(api: Api, item: Object) -> str:
    namespace = item["metadata"]["namespace"]
    plural = item["kind"].lower() + "s"
    path = f"/apis/{item['apiVersion']}/namespaces/{namespace}/{plural}"
    try:
        api("POST", path, item, query={"dryRun": "All"})
    except ClusterRefusedError as error:
        return error.what
    return ""


def remove(api: Api, namespace: str, objects: tuple[str, ...]) -> None:
    """Delete objects that an upgrade could not change, and their pods with them."""
    for item in objects:
        try:
            api("DELETE", path_of(item, namespace), query={"propagationPolicy": "Background"})
        except ClusterRefusedError as error:
            if error.status != 404:
                raise
