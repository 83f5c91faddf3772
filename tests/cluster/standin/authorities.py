"""The server's certificates and tokens (pkg/daemons/control/deps/deps.go)."""

import base64
import json
import os
from pathlib import Path
from typing import Any

from . import log, node, pki, tokens
from .layout import Layout
from .tools import KUBECONFIG

CLIENTS = {
    # base name -> subject
    "client-admin": "/O=system:masters/CN=system:admin",
    "client-supervisor": "/O=system:masters/CN=system:k3s-supervisor",
    "client-controller": "/CN=system:kube-controller-manager",
    "client-scheduler": "/CN=system:kube-scheduler",
    "client-kube-apiserver": "/O=system:masters/CN=system:apiserver",
    "client-k3s-controller": "/CN=system:k3s-controller",
}


def make(layout: Layout, given: dict[str, Any]) -> None:
    """Make what is missing; renew what ends within 120 days."""
    tls = layout.tls
    for name in ("client", "server", "request-header"):
        pki.authority(tls / f"{name}-ca", f"k3s-{name}-ca")
    for base, subject in CLIENTS.items():
        pki.leaf(tls / base, tls / "client-ca", subject, "clientAuth")
    proxy = "/CN=system:auth-proxy"
    pki.leaf(tls / "client-auth-proxy", tls / "request-header-ca", proxy, "clientAuth")
    names = serving_names(given)
    for base, subject in (
        ("serving-kube-apiserver", "/CN=kube-apiserver"),
        ("serving-k3s", "/O=k3s/CN=k3s"),
    ):
        pki.leaf(tls / base, tls / "server-ca", subject, "serverAuth", names)
    if not (tls / "service.key").exists():
        pki.private(tls / "service.key", pki.openssl("genrsa", "2048"))


def serving_names(given: dict[str, Any]) -> list[str]:
    """Return what the server's certificate is good for; `tls-san` adds to it (server.md)."""
    names = ["kubernetes", "kubernetes.default", "kubernetes.default.svc", "localhost"]
    names += ["kubernetes.default.svc.cluster.local", node.name(given), "127.0.0.1", "127.0.0.2"]
    names += ["10.43.0.1", node.address(given), *_words(given.get("node-external-ip"))]
    names += [word for entry in given.get("tls-san", []) for word in _words(entry)]
    return [f"IP:{name}" if _is_address(name) else f"DNS:{name}" for name in dict.fromkeys(names)]


def _words(text: Any) -> list[str]:
    return [word for word in str(text or "").split(",") if word]


def _is_address(text: str) -> bool:
    return text.replace(".", "").isdigit() or ":" in text


def passwords(layout: Layout, given: dict[str, Any]) -> dict[str, str]:
    """
    Return the password of each user of the join endpoint, made at the first start.

    `server` has the token given or a random one; `node` the agent token, which is
    the server's unless another is given (docs/cli/token.md, "Token Types").
    """
    path = layout.server / "cred" / "passwd"
    known = _passwd(path).get("server")
    wanted = _password(given, "token")
    if known and wanted and known != wanted:
        # docs/cli/token.md, "Server": the token encrypts the bootstrap data.
        raise log.FatalError("bootstrap data already found and encrypted with different token")
    server = wanted or known or os.urandom(16).hex()
    users = {"server": server, "node": _password(given, "agent-token") or server}
    keep(layout, users)
    return users


def keep(layout: Layout, users: dict[str, str]) -> None:
    """Write the passwords, and the token files that carry them."""
    rows = (
        f"{users['node']},node,node,k3s:agent\n",
        f"{users['server']},server,server,k3s:server\n",
    )
    pki.private(layout.server / "cred" / "passwd", "".join(rows).encode())
    _token_files(layout, users)


def _passwd(path: Path) -> dict[str, str]:
    rows = path.read_text().splitlines() if path.exists() else []
    return {row.split(",")[1]: row.split(",")[0] for row in rows}


def _password(given: dict[str, Any], flag: str) -> str:
    text = str(given.get(flag) or "")
    if not text and given.get(f"{flag}-file"):
        text = Path(given[f"{flag}-file"]).read_text().strip()
    return tokens.parse(text).password if text else ""


def _token_files(layout: Layout, users: dict[str, str]) -> None:
    ca = (layout.tls / "server-ca.crt").read_bytes()
    server = tokens.secure(f"server:{users['server']}", ca)
    pki.private(layout.server / "token", f"{server}\n".encode())
    for link in ("agent-token", "node-token"):
        path = layout.server / link
        path.unlink(missing_ok=True)
        if users["node"] == users["server"]:
            path.symlink_to(layout.server / "token")
        else:
            agent = tokens.secure(f"node:{users['node']}", ca)
            pki.private(path, f"{agent}\n".encode())


def kubeconfig(layout: Layout, base: str, address: str) -> str:
    """Write a kubeconfig for the client certificate *base*, everything within it."""

    def inline(name: str) -> str:
        return base64.b64encode((layout.tls / name).read_bytes()).decode()

    cluster = {
        "certificate-authority-data": inline("server-ca.crt"),
        "server": f"https://{address}",
    }
    user = {
        "client-certificate-data": inline(f"{base}.crt"),
        "client-key-data": inline(f"{base}.key"),
    }
    return _yaml("default", cluster, user)


def admin_kubeconfig(layout: Layout, given: dict[str, Any], port: int) -> None:
    """Write the administrator's kubeconfig, mode 0600 unless told otherwise (server.md)."""
    path = Path(str(given.get("write-kubeconfig") or KUBECONFIG))
    pki.private(path, kubeconfig(layout, "client-admin", f"127.0.0.1:{port}").encode())
    path.chmod(int(str(given.get("write-kubeconfig-mode") or "600"), 8))


def _yaml(name: str, cluster: dict[str, str], user: dict[str, str]) -> str:
    def lines(table: dict[str, str]) -> str:
        return "".join(f"\n    {key}: {value}" for key, value in table.items())

    return (
        f"apiVersion: v1\nclusters:\n- cluster:{lines(cluster)}\n  name: {name}\n"
        f"contexts:\n- context:\n    cluster: {name}\n    user: {name}\n  name: {name}\n"
        f"current-context: {name}\nkind: Config\npreferences: {{}}\n"
        f"users:\n- name: {name}\n  user:{lines(user)}\n"
    )


def encryption(layout: Layout, given: dict[str, Any]) -> Path:
    """
    Write the configuration of `secrets-encryption`; it exists from the first start or never.

    "Secrets encryption cannot be enabled on an existing server without
    restarting it" and not at all by a flag later (docs/cli/secrets-encrypt.md).
    """
    path = layout.server / "cred" / "encryption-config.json"
    if given.get("secrets-encryption") and not path.exists():
        secret = base64.b64encode(os.urandom(32)).decode()
        keys = [{"name": "aescbckey", "secret": secret}]
        providers = [{"aescbc": {"keys": keys}}, {"identity": {}}]
        config = {
            "kind": "EncryptionConfiguration",
            "apiVersion": "apiserver.config.k8s.io/v1",
            "resources": [{"resources": ["secrets"], "providers": providers}],
        }
        pki.private(path, json.dumps(config).encode())
    return path
