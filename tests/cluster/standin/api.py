"""A small client of the Kubernetes API: JSON over TLS with a client certificate."""

import http.client
import json
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

KIND = {"PATCH": "application/strategic-merge-patch+json"}


class ApiError(Exception):
    """An answer that is no success."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Api:
    """The API at *host*:*port*, as the owner of a certificate."""

    def __init__(self, host: str, port: int, ca: Path, crt: Path, key: Path) -> None:
        self.host, self.port = host, port
        self.context = ssl.create_default_context(cafile=str(ca))
        self.context.load_cert_chain(str(crt), str(key))

    def call(self, method: str, path: str, body: Any | None = None) -> Any:
        """Make one request; return the JSON of its answer."""
        connection = self._connect(30)
        try:
            answer = self._ask(connection, method, path, body)
            text = answer.read()
        finally:
            connection.close()
        if answer.status >= 300:
            raise ApiError(answer.status, _message(text))
        return json.loads(text) if text[:1] in (b"{", b"[") else text.decode()

    def watch(self, path: str) -> Iterator[dict[str, Any]]:
        """Yield the events of a watch until the API ends it."""
        connection = self._connect(3600)
        try:
            answer = self._ask(connection, "GET", path, None)
            for line in iter(answer.readline, b""):
                yield json.loads(line)
        finally:
            connection.close()

    def _connect(self, timeout_s: float) -> http.client.HTTPSConnection:
        return http.client.HTTPSConnection(
            self.host, self.port, timeout=timeout_s, context=self.context
        )

    @staticmethod
    def _ask(
        connection: http.client.HTTPSConnection, method: str, path: str, body: Any | None
    ) -> http.client.HTTPResponse:
        headers = {"Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = KIND.get(method, "application/json")
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        return connection.getresponse()


def _message(text: bytes) -> str:
    try:
        return str(json.loads(text).get("message", ""))
    except ValueError:
        return text.decode(errors="replace").strip()
