"""`k3s agent`: join, then run containerd, kubelet and kube-proxy (docs/cli/agent.md)."""

import json
import random
import time
from pathlib import Path
from typing import Any

from . import access, containers, kubelet, log, network, node, notify, pki
from .access import Access, AccessError, RejectedError
from .api import Api
from .children import Children
from .layout import Layout, of

TOKEN_FILE_WAIT_S = 240.0


def run(given: dict[str, Any], children: Children) -> None:
    """Join and stay; returns only by an exception."""
    if not given.get("server"):
        raise log.FatalError("--server is required")
    join(given, _token(given), children)
    log.info("k3s agent is up and running")
    notify.ready()
    while True:
        children.check()
        time.sleep(0.5)


def _token(given: dict[str, Any]) -> str:
    """
    Return the token; a host that has joined may do without (pkg/cli/agent/agent.go).

    A token file that is not there is waited for (pkg/util/file.go).
    """
    if given.get("token"):
        return str(given["token"])
    if given.get("token-file"):
        path, end = Path(given["token-file"]), time.monotonic() + TOKEN_FILE_WAIT_S
        while not path.exists() and time.monotonic() < end:
            if (of(given).agent / "client-kubelet.crt").exists():
                return ""
            log.info(f"Waiting for {path} to be available")
            time.sleep(2.0)
        return path.read_text().strip() if path.exists() else ""
    if not (of(given).agent / "client-kubelet.crt").exists():
        raise log.FatalError("--token is required")
    return ""


def join(given: dict[str, Any], token: str, children: Children, of_server: bool = False) -> None:
    """
    Get certificates from the server and start what makes a node; return when it has its Node.

    Whatever goes wrong with the server is logged and tried again without end:
    `systemctl start` blocks as long (pkg/agent/run.go, Type=notify).
    """
    if given.get("docker"):
        raise log.FatalError("the stand-in has no cri-dockerd; use containerd")
    layout, url = of(given), str(given["server"])
    server = _validated(url, token, layout)
    config = _retry(lambda: _configure(server, layout, given))
    containers.start(layout, given, children)
    containers.import_images(layout)
    kubelet.start(layout, given, config, url, children)
    api = _own_api(layout, server)
    network.start(layout, given, api, children)
    if not of_server:
        log.info(f"Annotations and labels have been set successfully on node: {node.name(given)}")


def _validated(url: str, token: str, layout: Layout) -> Access:
    while True:
        try:
            return access.open_server(url, token, layout.agent / "server-ca.crt")
        except AccessError as error:
            log.error(f"Failed to validate connection to cluster at {url}: {error}")
            time.sleep(2.0)


def _retry(configure: Any) -> dict[str, Any]:
    while True:
        try:
            return dict(configure())
        except AccessError as error:
            words = "Waiting to retrieve agent configuration; server is not ready"
            log.info(f"{words}: {error}")
            time.sleep(5.0 * random.uniform(1.0, 2.0))


def _configure(server: Access, layout: Layout, given: dict[str, Any]) -> dict[str, Any]:
    """Get the server's configuration and this node's certificates, anew at each start."""
    own = (layout.agent / "client-kubelet.crt", layout.agent / "client-kubelet.key")
    try:
        config = json.loads(server.ask("/v1-k3s/config", pair=own))
    except AccessError as error:
        raise AccessError(f"failed to retrieve configuration from server: {error}") from None
    for name in ("client-ca.crt", "server-ca.crt"):
        pki.private(layout.agent / name, server.ask(f"/v1-k3s/{name}", pair=own))
    headers = {
        "k3s-Node-Name": node.name(given),
        "k3s-Node-Password": node.password(),
        "k3s-Node-IP": node.address(given),
    }
    for base in ("serving-kubelet", "client-kubelet", "client-kube-proxy", "client-k3s-controller"):
        request = pki.request(layout.agent / base, f"/CN={base}")
        answer = _certified(server, f"/v1-k3s/{base}.crt", request, headers, own)
        pki.private(layout.agent / f"{base}.crt", answer)
    return dict(config)


def _certified(
    server: Access, path: str, request: bytes, headers: dict[str, str], own: tuple[Path, Path]
) -> bytes:
    try:
        return server.ask(path, request, headers, own)
    except RejectedError as rejected:
        if rejected.status != 403:
            raise
        raise AccessError(
            f"Node password rejected, duplicate hostname or contents of '{node.PASSWORD}' may not "
            "match server node-passwd entry, try enabling a unique node name with the "
            "--with-node-id flag"
        ) from None


def _own_api(layout: Layout, server: Access) -> Api:
    agent = layout.agent
    crt, key = agent / "client-kubelet.crt", agent / "client-kubelet.key"
    return Api(server.host, server.port, agent / "server-ca.crt", crt, key)
