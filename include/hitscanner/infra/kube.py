"""
The cluster's API: nodes and what happens to them.

Thin over the `kubernetes` package, which costs a second to import: that is put off until the
first call.  Every call is bounded in time; objects are plain JSON, parsed by pure functions.

::

    ClusterError                 exit 3   `cause` is one word group for tables and tests
    ├── NoKubeconfigError                 no-kubeconfig: the server was not set up from here
    ├── ClusterUnreachableError           api-unreachable: no connection to the API server
    └── ClusterRefusedError               api-refused: it answered no; `status` says how
"""

import json
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol

from hitscanner.errors import HitscannerError

TIMEOUT_S = 15.0
"""Longest wait for one answer of the API server."""

STALE_S = 3600.0
"""Key files of a process that works for longer than this are taken for left over."""

Json = dict[str, Any]
"""An object of the API as JSON."""


class ClusterError(HitscannerError):
    """Something was asked of the cluster and did not come about."""

    exit_code = 3
    cause: ClassVar[str] = "failed"

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(f"{what}; {remedy}")
        self.what = what
        self.remedy = remedy


class NoKubeconfigError(ClusterError):
    """There is no kubeconfig here."""

    cause = "no-kubeconfig"


class ClusterUnreachableError(ClusterError):
    """The API server does not answer."""

    cause = "api-unreachable"


class ClusterRefusedError(ClusterError):
    """The API server answered with an error."""

    cause = "api-refused"

    def __init__(self, status: int, what: str, remedy: str) -> None:
        super().__init__(what, remedy)
        self.status = status


@dataclass(frozen=True)
class Node:
    """A kube node as the API tells it."""

    name: str
    is_ready: bool
    why: str
    """Why it is not Ready, in the kubelet's words; empty when it is."""

    version: str
    """As its kubelet reports it, e.g. `v1.36.3+k3s1`."""

    labels: Mapping[str, str]
    is_cordoned: bool = False
    images: tuple[str, ...] = ()
    """Names of images that are on the host (the kubelet reports 50 at most)."""


def node_of(raw: Mapping[str, Any]) -> Node:
    """
    Read a Node object.

    >>> node = node_of({"metadata": {"name": "us-0001"}, "status": {"conditions": [
    ...     {"type": "Ready", "status": "Unknown", "reason": "NodeStatusUnknown",
    ...      "message": "Kubelet stopped posting node status."}]}})
    >>> node.is_ready, node.why
    (False, 'NodeStatusUnknown: Kubelet stopped posting node status.')
    """
    status = raw.get("status") or {}
    conditions = {item["type"]: item for item in status.get("conditions") or []}
    ready = conditions.get("Ready") or {"status": "False", "reason": "no status yet"}
    is_ready = ready["status"] == "True"
    words = ": ".join(filter(None, (ready.get("reason"), ready.get("message"))))
    images = [name for image in status.get("images") or [] for name in image.get("names") or []]
    return Node(
        name=raw["metadata"]["name"],
        is_ready=is_ready,
        why="" if is_ready else words,
        version=(status.get("nodeInfo") or {}).get("kubeletVersion", ""),
        labels=dict(raw["metadata"].get("labels") or {}),
        is_cordoned=bool((raw.get("spec") or {}).get("unschedulable")),
        images=tuple(images),
    )


class Api(Protocol):
    """One question to the API server and its answer; raises `ClusterError`."""

    def __call__(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        query: Mapping[str, str] | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> Json: ...


@dataclass
class KubeApi:
    """The API server of a kubeconfig."""

    kubeconfig: Path
    _client: Any = field(default=None, repr=False)

    def __call__(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        query: Mapping[str, str] | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> Json:
        """
        Ask and give the answer's JSON; a body of PATCH is a strategic merge patch.

        Raises:
            NoKubeconfigError, ClusterUnreachableError, ClusterRefusedError.
        """
        client = self._open()
        from kubernetes.client.exceptions import ApiException
        from urllib3.exceptions import HTTPError

        kind = "strategic-merge-patch+json" if method == "PATCH" else "json"
        try:
            answer = client.call_api(
                path,
                method,
                query_params=list((query or {}).items()),
                header_params={"Content-Type": f"application/{kind}", "Accept": "*/*"},
                body=body,
                auth_settings=["BearerToken"],
                _preload_content=False,
                _return_http_data_only=True,
                _request_timeout=(min(timeout_s, 10.0), timeout_s),
            )
        except ApiException as error:
            raise refused(method, path, error.status, error.body) from error
        except (HTTPError, OSError) as error:
            raise ClusterUnreachableError(
                f"the API server of {self.kubeconfig} does not answer ({_short(error)})",
                "see that k3s runs on the server, and that this machine may reach its port 6443: "
                "its address belongs into `admins` of [platform]",
            ) from error
        return dict(json.loads(answer.data or b"{}"))

    def _open(self) -> Any:
        if self._client is None:
            if not self.kubeconfig.is_file():
                raise NoKubeconfigError(
                    f"there is no {self.kubeconfig}",
                    "set the server up first: ./bootstrap.sh cluster",
                )
            from kubernetes import client, config

            settings = client.Configuration()
            settings.retries = 1  # urllib3's own three make an outage long and loud
            config.load_kube_config(
                str(self.kubeconfig),
                client_configuration=settings,
                persist_config=False,
                temp_file_path=str(private_scratch(self.kubeconfig.parent / "client")),
            )
            self._client = client.ApiClient(settings)
        return self._client


def private_scratch(folder: Path, now_s: float | None = None) -> Path:
    """
    Give a folder of ours alone for the key files that the `kubernetes` package writes.

    It removes them at the end of a process, but Airflow's tasks end without that (`os._exit`), so
    what is older than any task goes now.
    """
    folder.mkdir(mode=0o700, exist_ok=True)
    oldest_s = (now_s or time.time()) - STALE_S
    for left in folder.iterdir():
        with suppress(FileNotFoundError):
            if left.stat().st_mtime < oldest_s:
                left.unlink()
    return folder


def refused(method: str, path: str, status: int | None, body: object) -> ClusterRefusedError:
    r"""
    Make an error of the API server's Status object.

    >>> refused("GET", "/api/v1/nodes/x", 404, '{"message": "nodes \\"x\\" not found"}').what
    'GET /api/v1/nodes/x: 404 nodes "x" not found'
    """
    try:
        message = json.loads(body)["message"] if isinstance(body, (str, bytes)) else ""
    except (ValueError, KeyError, TypeError):
        message = str(body)[:200]
    remedies = {
        401: "the kubeconfig is no longer valid: hitscanner fleet apply --hosts server renews it",
        403: "the kubeconfig's user may not do that: use the server's own",
        404: "it is not there",
    }
    what = " ".join(f"{method} {path}: {status} {message}".split())
    return ClusterRefusedError(status or 0, what, remedies.get(status or 0, "try again"))


def nodes(api: Api) -> dict[str, Node]:
    """Give all kube nodes by name."""
    found = [node_of(item) for item in api("GET", "/api/v1/nodes")["items"]]
    return {node.name: node for node in sorted(found, key=lambda node: node.name)}


def node(api: Api, name: str) -> Node | None:
    """Give one kube node, None where there is none."""
    try:
        return node_of(api("GET", f"/api/v1/nodes/{name}"))
    except ClusterRefusedError as error:
        if error.status == 404:
            return None
        raise


def set_labels(api: Api, name: str, patch: Mapping[str, str | None]) -> None:
    """Set labels of a kube node; None takes one off."""
    api("PATCH", f"/api/v1/nodes/{name}", {"metadata": {"labels": dict(patch)}})


def cordon(api: Api, name: str, *, is_cordoned: bool = True) -> None:
    """Keep new pods away from a node, or let them come again."""
    api("PATCH", f"/api/v1/nodes/{name}", {"spec": {"unschedulable": is_cordoned or None}})


def delete(api: Api, path: str, grace_s: int | None = None) -> bool:
    """Delete an object; False where there was none."""
    query = {} if grace_s is None else {"gracePeriodSeconds": str(grace_s)}
    try:
        api("DELETE", path, query=query)
    except ClusterRefusedError as error:
        if error.status == 404:
            return False
        raise
    return True


def events(api: Api, name: str) -> list[str]:
    """Give what the cluster said of a node or pod, oldest first, one line each."""
    query = {"fieldSelector": f"involvedObject.name={name}"}
    items = api("GET", "/api/v1/events", query=query)["items"]
    stamped = sorted(items, key=lambda item: str(item.get("lastTimestamp") or item["eventTime"]))
    return [" ".join(f"{i.get('reason')}: {i.get('message')}".split()) for i in stamped]


_REASONS = {
    "ConnectTimeoutError": "no answer to a connection",
    "NewConnectionError": "connection refused",
    "ReadTimeoutError": "no answer to a question",
    "SSLError": "it shows a certificate of another cluster",
}
"""What urllib3 calls them -> what they mean to people."""


def _short(error: BaseException) -> str:
    reason = getattr(error, "reason", error)
    known = _REASONS.get(type(reason).__name__)
    return known or (str(reason).strip().splitlines() or [type(reason).__name__])[0][:200]
