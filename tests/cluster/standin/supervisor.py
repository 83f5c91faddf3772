"""
The join endpoint of a server: /cacerts, /ping and /v1-k3s/… (pkg/server/handlers/router.go).

It answers the listener on a unix socket.  What the listener says about a
client's certificate (X-Remote-User, X-Remote-Group) is true.
"""

import base64
import binascii
import hmac
import http.server
import json
import socketserver
import threading
from collections.abc import Callable
from typing import Any, NamedTuple

from . import bootstrap, log, nodepassword, pki
from .api import Api, ApiError
from .layout import Layout

NODES = "system:nodes"
JOINERS = {"k3s:agent", NODES, "system:bootstrappers"}
SHARED = ("/v1-k3s/client-kube-proxy.crt", "/v1-k3s/client-k3s-controller.crt")
CONTENT = {"/v1-k3s/client-ca.crt": "client-ca.crt", "/v1-k3s/server-ca.crt": "server-ca.crt"}


class RefusalError(Exception):
    """An HTTP status and the words that go with it."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status


class Client(NamedTuple):
    """Who asks."""

    user: str
    groups: list[str]

    @property
    def node(self) -> str | None:
        """The name of the node whose certificate it has."""
        found = NODES in self.groups and self.user.startswith("system:node:")
        return self.user[len("system:node:") :] if found else None


class Supervisor(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    """Serves from the start; answers about nodes once `api` is there."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(
        self,
        layout: Layout,
        passwords: dict[str, str],
        config: dict[str, Any],
        rotate: Callable[[str], None],
    ) -> None:
        layout.socket.unlink(missing_ok=True)
        super().__init__(str(layout.socket), _Handler)
        layout.socket.chmod(0o600)
        self.layout, self.passwords, self.config = layout, passwords, config
        self.rotate = rotate
        self.api: Api | None = None

    def begin(self) -> None:
        """Serve in a thread."""
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def core(self) -> Api:
        """Return the API, or refuse as long as it is not ready."""
        if self.api is None:
            raise RefusalError(503, "runtime core not ready")
        return self.api

    def answer(self, ask: "http.server.BaseHTTPRequestHandler", body: bytes) -> tuple[bytes, str]:
        """Return the content and its type for one request."""
        if ask.path == "/ping":
            return b"pong", "text/plain"
        if ask.path == "/cacerts":
            return (self.layout.tls / "server-ca.crt").read_bytes(), "text/plain"
        client = self._authenticate(ask)
        if ask.path == "/v1-k3s/token":
            return self._rotate(client, body), "application/json"
        if not JOINERS & set(client.groups) and "k3s:server" not in client.groups:
            raise RefusalError(403, "forbidden")
        if ask.path in CONTENT:
            return (self.layout.tls / CONTENT[ask.path]).read_bytes(), "text/plain"
        if ask.path == "/v1-k3s/config":
            return json.dumps(self.config).encode(), "application/json"
        if ask.path == "/v1-k3s/readyz":
            self.core()
            return b"ok", "text/plain"
        return self._certificate(ask, client, body), "text/plain"

    def _authenticate(self, ask: "http.server.BaseHTTPRequestHandler") -> Client:
        """Know the client by its certificate, else by its token (docs/cli/token.md)."""
        if ask.headers.get("X-Remote-User"):
            groups = ask.headers.get_all("X-Remote-Group") or []
            client = Client(ask.headers["X-Remote-User"], groups)
            if client.node is None or self._exists(client.node):
                return client
        kind, _, value = (ask.headers.get("Authorization") or "").partition(" ")
        if kind == "Basic":
            return self._basic(value)
        groups = bootstrap.groups_of(self.core(), value) if kind == "Bearer" else None
        if groups is None:
            raise RefusalError(401, "not authorized")
        return Client(f"system:bootstrap:{value[:6]}", groups)

    def _basic(self, value: str) -> Client:
        try:
            user, _, password = base64.b64decode(value).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            raise RefusalError(401, "not authorized") from None
        wanted = self.passwords.get(user, "")
        if not wanted or not hmac.compare_digest(wanted, password):
            raise RefusalError(401, "not authorized")
        return Client(user, ["k3s:server", "k3s:agent"] if user == "server" else ["k3s:agent"])

    def _exists(self, name: str) -> bool:
        """
        Tell if the Node *name* is there.

        Without it a node's certificate is worth nothing, and the agent must
        come with a token again (pkg/nodepassword/validate.go, verifyNode).
        """
        try:
            self.core().call("GET", f"/api/v1/nodes/{name}")
        except ApiError as error:
            if error.status == 404:
                return False
            raise
        return True

    def _certificate(
        self, ask: "http.server.BaseHTTPRequestHandler", client: Client, body: bytes
    ) -> bytes:
        client_ca, server_ca = self.layout.tls / "client-ca", self.layout.tls / "server-ca"
        common = ask.path[len("/v1-k3s/client-") : -len(".crt")]
        if ask.path in SHARED:
            public = pki.public_of(body)
            return pki.sign(public, f"/CN=system:{common}", client_ca, "clientAuth")
        if ask.path not in ("/v1-k3s/client-kubelet.crt", "/v1-k3s/serving-kubelet.crt"):
            raise RefusalError(404, "404 page not found")
        name = self._node(ask, client)
        public = pki.public_of(body)
        if ask.path == "/v1-k3s/client-kubelet.crt":
            subject = f"/O={NODES}/CN=system:node:{name}"
            return pki.sign(public, subject, client_ca, "clientAuth")
        names = [f"DNS:{name}", "DNS:localhost", "IP:127.0.0.1"]
        names += [f"IP:{ip}" for ip in (ask.headers.get("k3s-Node-IP") or "").split(",") if ip]
        return pki.sign(public, f"/CN={name}", server_ca, "serverAuth", names)

    def _node(self, ask: "http.server.BaseHTTPRequestHandler", client: Client) -> str:
        """Return the name of the node that asks, if it may have it."""
        name = (ask.headers.get("k3s-Node-Name") or "").lower()
        password = ask.headers.get("k3s-Node-Password") or ""
        if not name or not password:
            raise RefusalError(400, "node name not set" if not name else "node password not set")
        if client.node not in (None, name):
            raise RefusalError(400, "header node name does not match auth node name")
        if not nodepassword.verify(self.core(), name, password):
            words = f"unable to verify password for node {name}: hash does not match"
            log.error(words)
            raise RefusalError(403, words)
        return name

    def _rotate(self, client: Client, body: bytes) -> bytes:
        """Replace the server token (docs/cli/token.md, "k3s token rotate")."""
        if "k3s:server" not in client.groups:
            raise RefusalError(403, "forbidden")
        self.rotate(str(json.loads(body).get("newToken") or ""))
        return b""


class _Handler(http.server.BaseHTTPRequestHandler):
    server: Supervisor

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        try:
            content, kind = self.server.answer(self, body)
            status = 200
        except RefusalError as refusal:
            status, content, kind = refusal.status, f"{refusal}\n".encode(), "text/plain"
        except (ApiError, OSError, RuntimeError) as error:
            log.error(f"{self.path}: {error}")
            status, content, kind = 503, f"{error}\n".encode(), "text/plain"
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = _serve  # noqa: N815 - the names that http.server calls

    def address_string(self) -> str:
        return "listener"

    def log_message(self, *words: object) -> None:
        """Say nothing: k3s does not log its requests either."""
