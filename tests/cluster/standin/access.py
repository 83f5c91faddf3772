"""
How an agent reaches the join endpoint, and what it says when it cannot.

The words are k3s's (pkg/clientaccess/token.go, pkg/agent/config/config.go):
they are what an operator finds in the journal.  k3s's agent talks through a
balancer of its own at 127.0.0.1:6444, whose address its messages show; the
stand-in goes straight to the server and keeps the messages.
"""

import base64
import http.client
import ssl
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from . import tokens

TIMEOUT_S = 10.0
BALANCER = "https://127.0.0.1:6444"


class AccessError(Exception):
    """What k3s would log."""


class RejectedError(AccessError):
    """An HTTP status that is no success."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Access(NamedTuple):
    """A server whose CA is known, and what to show it."""

    host: str
    port: int
    ca: bytes
    token: tokens.Token | None

    def ask(
        self,
        path: str,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
        pair: tuple[Path, Path] | None = None,
    ) -> bytes:
        """GET *path*, or POST *body* to it, with a client certificate if there is one."""
        context = ssl.create_default_context(cadata=self.ca.decode())
        if pair and pair[0].exists() and pair[1].exists():
            context.load_cert_chain(*map(str, pair))
        status, reason, content = _exchange(
            self, path, context, body, {**self._credentials(), **(headers or {})}
        )
        if status != 200:
            raise RejectedError(status, f"{BALANCER}{path}: {status} {reason}")
        return content

    def _credentials(self) -> dict[str, str]:
        if self.token is None:
            return {}
        if self.token.bearer:
            return {"Authorization": f"Bearer {self.token.bearer}"}
        user = self.token.user or "node"
        pair = base64.b64encode(f"{user}:{self.token.password}".encode()).decode()
        return {"Authorization": f"Basic {pair}"}


def open_server(url: str, token_text: str, known_ca: Path | None = None) -> Access:
    """
    Authenticate the server, before any credential leaves the host (docs/cli/token.md).

    Without a token, which an agent with a certificate may lack, the CA of its
    last start is trusted.

    Raises:
        AccessError: the server cannot be reached, or is not the one of the token.
    """
    split = urlsplit(url)
    if split.scheme != "https" or not split.hostname:
        raise AccessError(f"only https:// URLs are supported, invalid scheme: {url}")
    host, port = split.hostname, split.port or 443
    if not token_text and known_ca is not None and known_ca.exists():
        return Access(host, port, known_ca.read_bytes(), None)
    try:
        token = tokens.parse(token_text)
    except tokens.TokenError as error:
        raise AccessError(str(error)) from None
    ca = _cacerts(host, port)
    found = tokens.ca_hash(ca)
    if token.ca_hash and token.ca_hash != found:
        raise AccessError(
            "token CA hash does not match the Cluster CA certificate hash: "
            f"{token.ca_hash} != {found}"
        )
    return Access(host, port, ca, token)


def _cacerts(host: str, port: int) -> bytes:
    anyone = ssl.create_default_context()
    anyone.check_hostname, anyone.verify_mode = False, ssl.CERT_NONE
    server = Access(host, port, b"", None)
    try:
        _, _, ca = _exchange(server, "/cacerts", anyone, None, {})
    except AccessError as error:
        raise AccessError(f"failed to get CA certs: {error}") from None
    try:
        Access(host, port, ca, None).ask("/cacerts")
    except (AccessError, ssl.SSLError) as error:
        raise AccessError(f"CA cert validation failed: {error}") from None
    return ca


def _exchange(
    server: Access,
    path: str,
    context: ssl.SSLContext,
    body: bytes | None,
    headers: dict[str, Any],
) -> tuple[int, str, bytes]:
    shown = f'Get "{BALANCER}{path}"'
    connection = http.client.HTTPSConnection(
        server.host, server.port, timeout=TIMEOUT_S, context=context
    )
    try:
        connection.request("GET" if body is None else "POST", path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.reason, answer.read()
    except ssl.SSLCertVerificationError as error:
        words = f"tls: failed to verify certificate: x509: {error.verify_message}"
        raise AccessError(f"{shown}: {words}") from None
    except TimeoutError:
        words = "context deadline exceeded (Client.Timeout exceeded while awaiting headers)"
        raise AccessError(f"{shown}: {words}") from None
    except (OSError, http.client.HTTPException):
        # The balancer closes a connection for which it finds no server.
        raise AccessError(f"{shown}: EOF") from None
    finally:
        connection.close()
