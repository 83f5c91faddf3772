"""Pods that serve the fleet: one that proves a host, one that pulls images, and the drain."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from hitscanner.infra.kube import Api, ClusterError, ClusterRefusedError, Json, cordon, delete
from hitscanner.infra.kube import events as events_of

NAMESPACE = "hitscanner-fleet"
"""Where our short pods live; privileged, because they use the host's network as probers do."""

POLL_S = 0.5
"""Between two looks at a pod."""

Outcome = Literal["waiting", "good", "bad"]


class PodError(ClusterError):
    """A pod did not do what it was made for."""

    cause = "probe-failed"


class ImageError(ClusterError):
    """A host cannot get an image."""

    cause = "image-pull-failed"


class DrainError(ClusterError):
    """Pods are still on the host."""

    cause = "drain-timed-out"


@dataclass(frozen=True)
class Clock:
    """Time, so that tests do not wait."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


def pod(name: str, node: str, images: Sequence[str], command: Sequence[str] = ()) -> Json:
    """
    Describe a pod that is pinned to *node*, one container an image.

    It uses the host's network and tolerates everything, as a prober does; `matchFields` names the
    Node object itself, whatever its labels.  Source: Kubernetes API reference, NodeSelectorTerm.

    >>> pod("hs-probe-us-0001", "us-0001", ["pause"])["spec"]["containers"][0]["image"]
    'pause'
    """
    pinned = {"key": "metadata.name", "operator": "In", "values": [node]}
    terms = {"nodeSelectorTerms": [{"matchFields": [pinned]}]}
    containers = [
        {
            "name": f"c{number}",
            "image": image,
            "imagePullPolicy": "IfNotPresent",
            **({"command": list(command)} if command else {}),
            "securityContext": {"capabilities": {"drop": ["ALL"]}},
        }
        for number, image in enumerate(images)
    ]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": {"hitscanner/fleet": "true"}},
        "spec": {
            "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": terms}},
            "hostNetwork": True,
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": 0,
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "tolerations": [{"operator": "Exists"}],
            "containers": containers,
        },
    }


def is_up(raw: Mapping[str, Any]) -> tuple[Outcome, str]:
    """
    Judge a probe pod: one that runs or has run to its end is good.

    >>> is_up({"status": {"phase": "Running"}})
    ('good', '')
    >>> is_up({"status": {"phase": "Pending", "containerStatuses": [{"image": "scanner:1",
    ...     "state": {"waiting": {"reason": "ErrImagePull", "message": "no such host"}}}]}})
    ('bad', 'scanner:1: ErrImagePull: no such host')
    """
    status = raw.get("status") or {}
    phase = status.get("phase", "Pending")
    if phase in ("Running", "Succeeded"):
        return "good", ""
    states = status.get("containerStatuses") or []
    troubles = [trouble for state in states if (trouble := _trouble(state))]
    if phase == "Failed" or troubles:
        return "bad", "; ".join(troubles) or str(status.get("message") or status.get("reason"))
    return "waiting", _waiting(status)


def are_pulled(raw: Mapping[str, Any]) -> tuple[Outcome, str]:
    """
    Judge a pod that only pulls: an image with an id is there, whether its command exists or not.

    >>> are_pulled({"status": {"phase": "Failed", "containerStatuses": [{"image": "a",
    ...     "imageID": "sha256:1", "state": {"terminated": {"reason": "StartError"}}}]}})
    ('good', '')
    """
    status = raw.get("status") or {}
    states = status.get("containerStatuses") or []
    if states and all(state.get("imageID") for state in states):
        return "good", ""
    missing = [t for state in states if not state.get("imageID") and (t := _trouble(state))]
    return ("bad", "; ".join(missing)) if missing else ("waiting", _waiting(status))


def run_probe(api: Api, node: str, image: str, deadline_s: float, clock: Clock = Clock()) -> None:
    """
    Run a pod on *node* and take it away again.

    Raises:
        PodError: if it did not run before the deadline, with the cluster's own reason.
    """
    wanted = pod(f"hs-probe-{node}", node, [image])
    outcome, why = _run(api, wanted, is_up, deadline_s, clock)
    if outcome != "good":
        kind = ImageError if "Image" in why else PodError
        raise kind(f"a pod with {image} does not run on {node} ({why})", "see docs/runbook.md")


def pull_images(
    api: Api, node: str, images: Sequence[str], deadline_s: float, clock: Clock = Clock()
) -> None:
    """
    Have the host pull *images* before anybody waits for them.

    Raises:
        ImageError: naming the image that did not come and the reason.
    """
    if not images:
        return
    wanted = pod(f"hs-pull-{node}", node, images, command=["/hitscanner-only-pulls"])
    outcome, why = _run(api, wanted, are_pulled, deadline_s, clock)
    if outcome != "good":
        raise ImageError(
            f"{node} does not get its images ({why})",
            "check the name, the registry's CA and its login on the host",
        )


def drain(api: Api, node: str, deadline_s: float, clock: Clock = Clock()) -> list[str]:
    """
    Keep new pods away from *node* and evict those that are there, as `kubectl drain` does.

    Pods of DaemonSets and static pods stay.  An eviction that a disruption budget forbids (429)
    is asked again until the deadline.

    Returns:
        What was evicted, `NAMESPACE/NAME`.

    Raises:
        DrainError: naming the pods that are left; the node stays cordoned.
    """
    cordon(api, node)
    end = clock.now() + deadline_s
    evicted: dict[str, None] = {}
    while left := _evictable(api, node):
        for namespace, name in left:
            if _evict(api, namespace, name):
                evicted[f"{namespace}/{name}"] = None
        if clock.now() >= end:
            names = ", ".join(f"{namespace}/{name}" for namespace, name in left)
            raise DrainError(f"{node} still has {names}", "wait for them, or give more drain_s")
        clock.sleep(POLL_S)
    return list(evicted)


def _evictable(api: Api, node: str) -> list[tuple[str, str]]:
    query = {"fieldSelector": f"spec.nodeName={node}"}
    items = api("GET", "/api/v1/pods", query=query)["items"]
    return [_pod_name(item) for item in items if not _stays(item)]


def _stays(raw: Mapping[str, Any]) -> bool:
    owners = {owner["kind"] for owner in raw["metadata"].get("ownerReferences") or []}
    mirror = "kubernetes.io/config.mirror" in (raw["metadata"].get("annotations") or {})
    is_over = (raw.get("status") or {}).get("phase") in ("Succeeded", "Failed")
    return mirror or is_over or "DaemonSet" in owners


def _pod_name(raw: Mapping[str, Any]) -> tuple[str, str]:
    return raw["metadata"]["namespace"], raw["metadata"]["name"]


def _evict(api: Api, namespace: str, name: str) -> bool:
    body = {
        "apiVersion": "policy/v1",
        "kind": "Eviction",
        "metadata": {"name": name, "namespace": namespace},
    }
    try:
        api("POST", f"/api/v1/namespaces/{namespace}/pods/{name}/eviction", body)
    except ClusterRefusedError as error:
        if error.status in (404, 409, 429):
            return False
        raise
    return True


def _run(
    api: Api,
    wanted: Json,
    judge: Callable[[Mapping[str, Any]], tuple[Outcome, str]],
    deadline_s: float,
    clock: Clock,
) -> tuple[Outcome, str]:
    """Create a pod, wait until *judge* has made up its mind or time is over, and remove it."""
    name = wanted["metadata"]["name"]
    path = f"/api/v1/namespaces/{NAMESPACE}/pods/{name}"
    end = clock.now() + deadline_s
    _make_namespace(api)
    _create(api, wanted, end, clock)
    try:
        outcome, why = judge(api("GET", path))
        while outcome == "waiting" and clock.now() < end:
            clock.sleep(POLL_S)
            outcome, why = judge(api("GET", path))
        if outcome == "waiting":
            said = events_of(api, name)
            why = f"after {deadline_s:.0f} s: {(said or [why])[-1]}"
    finally:
        delete(api, path, grace_s=0)
    return outcome, why


def _create(api: Api, wanted: Json, end: float, clock: Clock) -> None:
    """Create a pod; one left by a killed run goes first, and a young namespace gets its account."""
    path = f"/api/v1/namespaces/{NAMESPACE}/pods"
    while True:
        try:
            api("POST", path, wanted)
        except ClusterRefusedError as error:
            is_early = error.status == 403 and "serviceaccount" in error.what
            if not (is_early or error.status == 409) or clock.now() >= end:
                raise
            if error.status == 409:
                delete(api, f"{path}/{wanted['metadata']['name']}", grace_s=0)
            clock.sleep(POLL_S)
        else:
            return


def _make_namespace(api: Api) -> None:
    labels = {"pod-security.kubernetes.io/enforce": "privileged"}
    body = {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": NAMESPACE, "labels": labels},
    }
    try:
        api("POST", "/api/v1/namespaces", body)
    except ClusterRefusedError as error:
        if error.status != 409:
            raise


_TROUBLES = (
    "ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName",
    "CreateContainerConfigError", "CreateContainerError", "RunContainerError",
)  # fmt: skip
"""Reasons to wait that do not pass.  Source: kubelet, `pkg/kubelet/images/types.go` and kin."""


def _trouble(state: Mapping[str, Any]) -> str:
    found = state.get("state") or {}
    waiting, ended = found.get("waiting") or {}, found.get("terminated") or {}
    reason = waiting.get("reason") if waiting.get("reason") in _TROUBLES else None
    if not reason and ended.get("exitCode", 0) != 0:
        reason = ended.get("reason")
    if not reason:
        return ""
    words = (state.get("image"), reason, waiting.get("message") or ended.get("message"))
    return ": ".join(str(word) for word in words if word)


def _waiting(status: Mapping[str, Any]) -> str:
    unmet = [c for c in status.get("conditions") or [] if c.get("status") != "True"]
    return str(
        (unmet[0].get("message") or unmet[0].get("reason")) if unmet else "not yet looked at"
    )
