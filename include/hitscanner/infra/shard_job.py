"""
The Kubernetes Job of a shard, and what its state means: pure.

The name is derived, so a second creation is refused by the API server: whoever asks again finds
the Job, running or ended (reference: kubernetes.io/docs/concepts/workloads/controllers/job).
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from hitscanner.domain.cycle import Shard

Json = dict[str, Any]

CAPABILITIES = ("NET_RAW", "SETUID", "SETGID", "SYS_CHROOT")
"""What scamper needs: to send, and to give up its rights (docs/platform.md)."""

PENDING_S = 120.0
"""A pod that waits longer than this for a node or its image is given up, seconds."""

GRACE_S = 300
"""What a Job gets beyond its prober's deadline, seconds: the prober ends by itself."""

KEPT_S = 86_400
"""An ended Job is removed by the cluster after this, seconds."""

MEMORY = "512Mi"
"""More than scamper and the prober use together for a million targets."""


def job_name(shard: Shard) -> str:
    """
    Name the Job of *shard*: at most 63 characters, and no other shard's.

    >>> job_name(Shard("sample", "20261122T030000Z", "us-0001", "0000"))
    'hs-us-0001-20261122t030000z-0000-5609df'
    """
    digest = hashlib.sha256("/".join(shard.to_json().values()).encode()).hexdigest()[:6]
    head = f"hs-{shard.vp}-{shard.cycle.lower()}"[:51]
    return f"{head}-{shard.shard}-{digest}"


def job_manifest(
    shard: Shard,
    *,
    namespace: str,
    image: str,
    spool: str,
    folder: str,
    clock_offset_s: float,
    deadline_s: int,
) -> Json:
    """
    Write the Job that runs the prober of *shard* on its vantage point's node, and nowhere else.

    Args:
        shard: whose; the node is called as the vantage point.
        namespace: the measurement namespace.
        image: by digest.
        spool: folder of the host that the pod sees, at the same path.
        folder: the shard's job folder in it.
        clock_offset_s: the host's clock minus ours when the job was staged.
        deadline_s: the prober's own.
    """
    pod = {
        "restartPolicy": "Never",
        "hostNetwork": True,
        "dnsPolicy": "Default",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": 15,
        "affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {
            "nodeSelectorTerms": [{"matchFields": [
                {"key": "metadata.name", "operator": "In", "values": [shard.vp]}
            ]}]
        }}},
        # A node that is away for a while is no reason to end its prober: it probes on.
        "tolerations": [
            {"key": f"node.kubernetes.io/{trouble}", "operator": "Exists", "effect": "NoExecute"}
            for trouble in ("unreachable", "not-ready")
        ],
        "containers": [{
            "name": "prober",
            "image": image,
            "imagePullPolicy": "IfNotPresent",
            "args": ["run", folder, f"--clock-offset={clock_offset_s:.3f}"],
            "resources": {
                "requests": {"cpu": "50m", "memory": "64Mi"},
                "limits": {"memory": MEMORY},
            },
            "securityContext": {
                "runAsUser": 0,
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"], "add": list(CAPABILITIES)},
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "volumeMounts": [
                {"name": "spool", "mountPath": spool},
                {"name": "tmp", "mountPath": "/tmp"},  # noqa: S108 (the pod's own, empty)
            ],
        }],
        "volumes": [
            {"name": "spool", "hostPath": {"path": spool, "type": "Directory"}},
            {"name": "tmp", "emptyDir": {"sizeLimit": "64Mi"}},
        ],
    }  # fmt: skip
    labels = {
        "app.kubernetes.io/name": "hitscanner-scanner",
        "hitscanner.io/vp": shard.vp,
        "hitscanner.io/cycle": shard.cycle,
        "hitscanner.io/shard": shard.shard,
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": job_name(shard), "namespace": namespace, "labels": labels},
        "spec": {
            "backoffLimit": 0,
            "podReplacementPolicy": "Failed",
            "activeDeadlineSeconds": deadline_s + GRACE_S,
            "ttlSecondsAfterFinished": KEPT_S,
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    }


@dataclass(frozen=True)
class JobState:
    """What becomes of a Job."""

    phase: Literal["waiting", "running", "ended", "stuck"]
    """`stuck`: no node or no image for too long; it would wait for ever."""

    words: str = ""
    """Why, where there is something to say."""


def job_state(job: Mapping[str, Any], pods: Sequence[Mapping[str, Any]], now_s: float) -> JobState:
    """
    Judge a Job by its conditions and its pod.

    `FailureTarget` counts as the end: `Failed` follows only when the pod object is gone, which on
    a dead node is never.

    Args:
        job: the Job as the API gives it.
        pods: its pods.
        now_s: epoch seconds.

    >>> job_state({"status": {"conditions": [{"type": "FailureTarget", "status": "True",
    ...     "reason": "DeadlineExceeded"}]}}, [], 0.0)
    JobState(phase='ended', words='DeadlineExceeded')
    """
    for condition in (job.get("status") or {}).get("conditions") or []:
        if condition["type"] in _ENDS and condition["status"] == "True":
            return JobState("ended", "" if condition["type"] == "Complete" else _why(condition))
    if not pods:
        return JobState("waiting", "its pod was not made yet")
    pod = pods[-1]
    status = pod.get("status") or {}
    if status.get("phase") != "Pending":
        return JobState("running")
    words = _waits_for(status)
    age_s = now_s - _epoch(pod["metadata"]["creationTimestamp"])
    return JobState("stuck" if age_s > PENDING_S else "waiting", words)


_ENDS = ("Complete", "Failed", "FailureTarget")


def _why(condition: Mapping[str, Any]) -> str:
    return ": ".join(filter(None, (condition.get("reason"), condition.get("message"))))


def _waits_for(status: Mapping[str, Any]) -> str:
    """Say what a pending pod waits for: an image, or a node."""
    for container in status.get("containerStatuses") or []:
        if waiting := (container.get("state") or {}).get("waiting"):
            return _why(waiting)
    unmet = [c for c in status.get("conditions") or [] if c["status"] == "False"]
    return _why(unmet[0]) if unmet else "its pod is pending"


def _epoch(timestamp: str) -> float:
    return datetime.fromisoformat(timestamp).timestamp()
