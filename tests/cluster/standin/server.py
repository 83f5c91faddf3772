"""`k3s server`: the control plane, the join endpoint, and an agent (docs/cli/server.md)."""

import json
import threading
import time
from typing import Any

from . import agent, authorities, log, node, nodepassword, notify
from .api import Api, ApiError
from .children import Children
from .layout import Layout, of
from .supervisor import Supervisor

API_HOST = "127.0.0.2"
"""
Where the kube-apiserver listens, on k3s's own port.

Upstream's advertises the port that it listens on to the pods, so it must be the
listener's, on another address.
"""


def run(given: dict[str, Any], children: Children) -> None:
    """
    Start everything and watch over it; returns only by an exception.

    systemd hears READY when the API server is, as from k3s, whose unit is Type=notify.
    """
    layout, port = of(given), int(given.get("https-listen-port") or 6443)
    authorities.make(layout, given)
    users = authorities.passwords(layout, given)
    authorities.admin_kubeconfig(layout, given, port)
    encrypted = authorities.encryption(layout, given)
    supervisor = Supervisor(layout, users, _shared(given), lambda new: _rotate(layout, users, new))
    supervisor.begin()
    _etcd(layout, given, children)
    _listener(layout, given, port, children)
    extra = [f"--encryption-provider-config={encrypted}"] if encrypted.exists() else []
    _apiserver(layout, given, port, children, extra)
    api = admin(layout, port)
    _wait_ready(api, children)
    _controllers(layout, given, port, children)
    supervisor.api = api
    threading.Thread(target=_forget_deleted_nodes, args=(api,), daemon=True).start()

    log.info("k3s is up and running")
    notify.ready()
    if not given.get("disable-agent"):
        own = {**given, "server": f"https://127.0.0.1:{port}"}
        token = (layout.server / "token").read_text().strip()
        agent.join(own, token, children, of_server=True)
    _label_control_plane(api, node.name(given), children)
    while True:
        children.check()
        time.sleep(0.5)


def admin(layout: Layout, port: int) -> Api:
    """Return the API as the administrator."""
    tls = layout.tls
    ca, crt, key = tls / "server-ca.crt", tls / "client-admin.crt", tls / "client-admin.key"
    return Api(API_HOST, port, ca, crt, key)


def _shared(given: dict[str, Any]) -> dict[str, Any]:
    """Return what agents are told: they must agree with the server (server.md, "Critical …")."""
    return {
        "ClusterIPRange": given.get("cluster-cidr") or "10.42.0.0/16",
        "ServiceIPRange": given.get("service-cidr") or "10.43.0.0/16",
        "ClusterDNS": given.get("cluster-dns") or "10.43.0.10",
        "ClusterDomain": given.get("cluster-domain") or "cluster.local",
        "FlannelBackend": given.get("flannel-backend") or "vxlan",
        "DisableKubeProxy": bool(given.get("disable-kube-proxy")),
        "EmbeddedRegistry": bool(given.get("embedded-registry")),
    }


def _rotate(layout: Layout, users: dict[str, str], new: str) -> None:
    from . import tokens

    users.update(dict.fromkeys(users, tokens.parse(new or tokens.generate()).password))
    authorities.keep(layout, users)


def _etcd(layout: Layout, given: dict[str, Any], children: Children) -> None:
    """Start the datastore: upstream's etcd, also where k3s would use SQLite."""
    children.start(
        "etcd",
        f"--data-dir={layout.server / 'db' / 'etcd'}",
        "--name=default",
        "--listen-client-urls=http://127.0.0.1:2379",
        "--advertise-client-urls=http://127.0.0.1:2379",
        "--listen-peer-urls=http://127.0.0.1:2380",
        "--log-level=error",
        # The lab's hosts share one disk; a power cut of the machine ends them all anyway.
        "--unsafe-no-fsync",
        *_dashed(given.get("etcd-arg", [])),
    )


def _listener(layout: Layout, given: dict[str, Any], port: int, children: Children) -> None:
    addresses = ",".join(f"{host}:{port}" for host in ("127.0.0.1", node.address(given)))
    words = (f"--listen={addresses}", f"--tls={layout.tls}", f"--supervisor={layout.socket}")
    children.start("listener", *words, f"--apiserver={API_HOST}:{port}")


def _apiserver(
    layout: Layout, given: dict[str, Any], port: int, children: Children, extra: list[str]
) -> None:
    tls, shared = layout.tls, _shared(given)
    children.start(
        "kube-apiserver",
        "--etcd-servers=http://127.0.0.1:2379",
        f"--bind-address={API_HOST}",
        f"--secure-port={port}",
        f"--advertise-address={given.get('advertise-address') or node.address(given)}",
        f"--client-ca-file={tls / 'client-ca.crt'}",
        f"--tls-cert-file={tls / 'serving-kube-apiserver.crt'}",
        f"--tls-private-key-file={tls / 'serving-kube-apiserver.key'}",
        f"--kubelet-client-certificate={tls / 'client-kube-apiserver.crt'}",
        f"--kubelet-client-key={tls / 'client-kube-apiserver.key'}",
        f"--kubelet-certificate-authority={tls / 'server-ca.crt'}",
        "--kubelet-preferred-address-types=InternalIP,ExternalIP,Hostname",
        f"--requestheader-client-ca-file={tls / 'request-header-ca.crt'}",
        "--requestheader-allowed-names=system:auth-proxy",
        "--requestheader-username-headers=X-Remote-User",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        f"--proxy-client-cert-file={tls / 'client-auth-proxy.crt'}",
        f"--proxy-client-key-file={tls / 'client-auth-proxy.key'}",
        f"--service-account-key-file={tls / 'service.key'}",
        f"--service-account-signing-key-file={tls / 'service.key'}",
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
        f"--service-cluster-ip-range={shared['ServiceIPRange']}",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        "--enable-bootstrap-token-auth",
        "--anonymous-auth=false",
        "--allow-privileged=true",
        "--profiling=false",
        *extra,
        *_dashed(given.get("kube-apiserver-arg", [])),
    )


def _controllers(layout: Layout, given: dict[str, Any], port: int, children: Children) -> None:
    tls, cred, shared = layout.tls, layout.server / "cred", _shared(given)
    for base, name in (("client-controller", "controller"), ("client-scheduler", "scheduler")):
        text = authorities.kubeconfig(layout, base, f"{API_HOST}:{port}")
        authorities.pki.private(cred / f"{name}.kubeconfig", text.encode())
    children.start(
        "kube-controller-manager",
        f"--kubeconfig={cred / 'controller.kubeconfig'}",
        "--use-service-account-credentials",
        f"--service-account-private-key-file={tls / 'service.key'}",
        f"--root-ca-file={tls / 'server-ca.crt'}",
        f"--cluster-signing-cert-file={tls / 'client-ca.crt'}",
        f"--cluster-signing-key-file={tls / 'client-ca.key'}",
        "--controllers=*,tokencleaner",
        "--allocate-node-cidrs=true",
        f"--cluster-cidr={shared['ClusterIPRange']}",
        "--bind-address=127.0.0.1",
        "--leader-elect=false",
        "--profiling=false",
        *_dashed(given.get("kube-controller-manager-arg", [])),
    )
    if not given.get("disable-scheduler"):
        words = ("--bind-address=127.0.0.1", "--leader-elect=false", "--profiling=false")
        kubeconfig = f"--kubeconfig={cred / 'scheduler.kubeconfig'}"
        extra = _dashed(given.get("kube-scheduler-arg", []))
        children.start("kube-scheduler", kubeconfig, *words, *extra)


def _dashed(words: list[str]) -> list[str]:
    """Turn `key=value` of a …-arg flag into a flag (server.md, "Customized Flags")."""
    return [f"--{word.lstrip('-')}" for word in words]


def _wait_ready(api: Api, children: Children) -> None:
    log.info("Waiting for API server to become available")
    while True:
        children.check()
        try:
            api.call("GET", "/readyz")
            api.call("GET", "/api/v1/namespaces/kube-system")
        except (ApiError, OSError):
            time.sleep(0.25)
        else:
            return


def _forget_deleted_nodes(api: Api) -> None:
    """Drop the password of each Node that is deleted (docs/architecture.md)."""
    while True:
        try:
            version = api.call("GET", "/api/v1/nodes?limit=1")["metadata"]["resourceVersion"]
            for event in api.watch(f"/api/v1/nodes?watch=true&resourceVersion={version}"):
                if event["type"] == "DELETED":
                    nodepassword.forget(api, event["object"]["metadata"]["name"])
        except (ApiError, OSError, json.JSONDecodeError):
            time.sleep(1.0)


def _label_control_plane(api: Api, name: str, children: Children) -> None:
    """Mark the server's own Node as k3s does (docs/installation/configuration.md)."""
    labels = {"node-role.kubernetes.io/control-plane": "true"}
    while True:
        children.check()
        try:
            api.call("PATCH", f"/api/v1/nodes/{name}", {"metadata": {"labels": labels}})
        except (ApiError, OSError):
            time.sleep(0.5)
        else:
            return
