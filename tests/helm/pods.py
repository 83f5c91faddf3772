"""The scanner pod as it should be, and hostile ones: each breaks one rule and no other."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

IMAGE = "registry.example.test/hitscanner/scanner"
DIGEST = "@sha256:" + "0123456789abcdef" * 4
SPOOL = "/var/lib/hitscanner/spool"

Pod = dict[str, Any]


def ours(namespace: str = "hitscanner") -> Pod:
    """Give the pod of a shard."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "scan", "namespace": namespace},
        "spec": {
            "restartPolicy": "Never",
            "hostNetwork": True,
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "nodeSelector": {"kubernetes.io/hostname": "us-0001"},
            "containers": [
                {
                    "name": "prober",
                    "image": IMAGE + DIGEST,
                    "args": ["run", "--job", "demo"],
                    "resources": {"requests": {"cpu": "50m"}, "limits": {"memory": "256Mi"}},
                    "securityContext": {
                        "allowPrivilegeEscalation": False,
                        "readOnlyRootFilesystem": True,
                        "capabilities": {
                            "drop": ["ALL"],
                            "add": ["NET_RAW", "SETUID", "SETGID", "SYS_CHROOT"],
                        },
                    },
                    "volumeMounts": [
                        {"name": "spool", "mountPath": SPOOL},
                        {"name": "tmp", "mountPath": "/tmp"},
                    ],
                }
            ],
            "volumes": [
                {"name": "spool", "hostPath": {"path": SPOOL, "type": "Directory"}},
                {"name": "tmp", "emptyDir": {}},
            ],
        },
    }


def _spec(**changed: Any) -> Callable[[Pod], None]:
    return lambda pod: pod["spec"].update(changed)


def _container(**changed: Any) -> Callable[[Pod], None]:
    return lambda pod: pod["spec"]["containers"][0].update(changed)


def _security(**changed: Any) -> Callable[[Pod], None]:
    return lambda pod: pod["spec"]["containers"][0]["securityContext"].update(changed)


def _volume(name: str, **source: Any) -> Callable[[Pod], None]:
    return lambda pod: pod["spec"]["volumes"].append({"name": name, **source})


def _privileged(pod: Pod) -> None:
    """Privileged must go with escalation, or the API server finds the pod contradictory."""
    pod["spec"]["containers"][0]["securityContext"].update(privileged=True)
    del pod["spec"]["containers"][0]["securityContext"]["allowPrivilegeEscalation"]


def _init_container(pod: Pod) -> None:
    hidden = deepcopy(pod["spec"]["containers"][0])
    hidden["name"] = "first"
    hidden["image"] = "docker.example.test/anything" + DIGEST
    pod["spec"]["initContainers"] = [hidden]


ADDED = ["NET_RAW", "SETUID", "SETGID", "SYS_CHROOT"]

HOSTILE: dict[str, tuple[str, Callable[[Pod], None]]] = {
    "an image from elsewhere": (
        "image:",
        _container(image="docker.example.test/miner" + DIGEST),
    ),
    "an image whose name only begins like ours": (
        "image:",
        _container(image=IMAGE + "-x" + DIGEST),
    ),
    "an image by tag": ("image:", _container(image=IMAGE + ":latest")),
    "an image from elsewhere in an init container": ("image:", _init_container),
    "all capabilities kept": ("capabilities: drop", _security(capabilities={"add": ADDED})),
    "a fifth capability": (
        "capabilities: add",
        _security(capabilities={"drop": ["ALL"], "add": [*ADDED, "NET_ADMIN"]}),
    ),
    "rights regained by setuid programs": (
        "allowPrivilegeEscalation:",
        _security(allowPrivilegeEscalation=True),
    ),
    "a root file system to write to": (
        "readOnlyRootFilesystem:",
        _security(readOnlyRootFilesystem=False),
    ),
    "the host's processes": ("hostPID:", _spec(hostPID=True)),
    "the host's shared memory": ("hostIPC:", _spec(hostIPC=True)),
    "the host's files": ("hostPath:", _volume("root", hostPath={"path": "/"})),
    "a folder above the spool": (
        "hostPath:",
        _volume("up", hostPath={"path": "/var/lib/hitscanner"}),
    ),
    "a Secret as a volume": ("volumes:", _volume("key", secret={"secretName": "key"})),
    "a Secret in the environment": (
        "environment:",
        _container(env=[{"name": "A", "valueFrom": {"secretKeyRef": {"name": "a", "key": "b"}}}]),
    ),
    "a token of the API server": (
        "automountServiceAccountToken:",
        _spec(automountServiceAccountToken=True),
    ),
    "memory without end": ("limits:", _container(resources={})),
    "system calls unfiltered": (
        "seccompProfile",
        _security(seccompProfile={"type": "Unconfined"}),
    ),
    "a port to listen on": (
        "ports:",
        _container(ports=[{"containerPort": 8080, "hostPort": 8080}]),
    ),
}
"""What a pod wants -> how the message of its refusal begins, and how it differs from ours."""

PRIVILEGED = ("privileged:", _privileged)
"""Refused for two reasons: a privileged container cannot say that it will not escalate."""


def hostile(name: str, namespace: str = "hitscanner") -> Pod:
    """Give the named hostile pod."""
    pod = ours(namespace)
    HOSTILE[name][1](pod)
    return pod
