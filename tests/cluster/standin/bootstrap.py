"""
`k3s token`: bootstrap tokens with a time to live (docs/cli/token.md, pkg/cli/token/token.go).

They are Kubernetes's own: Secrets of type bootstrap.kubernetes.io/token, which
the controller manager's tokencleaner deletes when they have expired.
"""

import argparse
import base64
import json
import re
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from . import log, tokens
from .api import Api, ApiError

SECRETS = "/api/v1/namespaces/kube-system/secrets"
GROUP = "system:bootstrappers:k3s:default-node-token"
_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}


def duration_s(text: str) -> float:
    """
    Read a Go duration.

    >>> duration_s("1h30m"), duration_s("15m0s"), duration_s("0")
    (5400.0, 900.0, 0.0)
    """
    if text == "0":
        return 0.0
    if not re.fullmatch(r"([0-9.]+(h|ms|m|s))+", text):
        raise log.FatalError(f'invalid value "{text}" for flag -ttl: time: invalid duration')
    parts = re.findall(r"([0-9.]+)(h|ms|m|s)", text)
    return sum(float(number) * _UNITS[unit] for number, unit in parts)


def create(api: Api, ca: bytes, given: argparse.Namespace) -> None:
    """Create a token and print it in secure format; its secret half is never shown again."""
    token = tokens.parse(given.token or tokens.generate())
    if not token.id:
        raise log.FatalError(f'token "{given.token}" is no bootstrap token')
    data = {
        "token-id": token.id,
        "token-secret": token.password,
        "description": given.description,
        "auth-extra-groups": given.groups,
        **{f"usage-bootstrap-{usage}": "true" for usage in given.usages.split(",")},
    }
    ttl_s = duration_s(given.ttl)
    if ttl_s:
        end = datetime.now(UTC) + timedelta(seconds=ttl_s)
        data["expiration"] = end.strftime("%Y-%m-%dT%H:%M:%SZ")
    secret = {
        "metadata": {"name": f"bootstrap-token-{token.id}", "namespace": "kube-system"},
        "type": "bootstrap.kubernetes.io/token",
        "stringData": {key: value for key, value in data.items() if value},
    }
    try:
        api.call("POST", SECRETS, secret)
    except ApiError as error:
        if error.status == 409:
            raise log.FatalError(f'a token with id "{token.id}" already exists') from None
        raise
    print(tokens.secure(f"{token.id}.{token.password}", ca))


def delete(api: Api, wanted: list[str]) -> None:
    """Delete tokens, each given whole or by its ID."""
    if not wanted:
        raise log.FatalError("missing argument; 'token delete' is missing token")
    for text in wanted:
        name = text if re.fullmatch(r"[a-z0-9]{6}", text) else tokens.parse(text).id
        try:
            api.call("DELETE", f"{SECRETS}/bootstrap-token-{name}")
        except ApiError as error:
            raise log.FatalError(f'failed to delete bootstrap token "{error}"') from None
        print(f'bootstrap token "{name}" deleted')


def show(api: Api, output: str) -> None:
    """List the tokens: ID, time to live, end, usages, description, groups."""
    found = [_Row(secret) for secret in _all(api)]
    if output == "json":
        print(json.dumps([row.as_json() for row in found]))
        return
    lines = [("TOKEN", "TTL", "EXPIRES", "USAGES", "DESCRIPTION", "EXTRA GROUPS")]
    lines += [row.cells() for row in found]
    widths = [max(len(line[column]) for line in lines) + 3 for column in range(5)]
    for line in lines:
        cells = (cell.ljust(max(width, 10)) for cell, width in zip(line, widths, strict=False))
        print("".join(cells) + line[-1])


def groups_of(api: Api, bearer: str) -> list[str] | None:
    """Return the groups that *bearer* authenticates as, or None if it is not good."""
    match = tokens.BOOTSTRAP.fullmatch(bearer)
    if not match:
        return None
    try:
        row = _Row(api.call("GET", f"{SECRETS}/bootstrap-token-{match.group(1)}"))
    except ApiError as error:
        if error.status == 404:
            return None
        raise
    good = row.data.get("token-secret") == match.group(2) and not row.is_expired
    if not good or row.data.get("usage-bootstrap-authentication") != "true":
        return None
    return ["system:bootstrappers", *row.data.get("auth-extra-groups", "").split(",")]


def _all(api: Api) -> list[dict[str, Any]]:
    selector = "fieldSelector=type%3Dbootstrap.kubernetes.io%2Ftoken"
    return list(api.call("GET", f"{SECRETS}?{selector}")["items"])


class _Row:
    def __init__(self, secret: dict[str, Any]) -> None:
        pairs = secret.get("data", {}).items()
        self.data = {key: base64.b64decode(value).decode() for key, value in pairs}
        self.usages = [
            key.rpartition("-")[2]
            for key in sorted(self.data, reverse=True)
            if key.startswith("usage-bootstrap-") and self.data[key] == "true"
        ]

    @property
    def left_s(self) -> float | None:
        if "expiration" not in self.data:
            return None
        end = datetime.fromisoformat(self.data["expiration"])
        return end.timestamp() - time.time()

    @property
    def is_expired(self) -> bool:
        return self.left_s is not None and self.left_s <= 0

    def cells(self) -> tuple:  # type: ignore[type-arg]
        left = self.left_s
        return (
            self.data["token-id"],
            "<forever>" if left is None else _human(left),
            self.data.get("expiration", "<never>"),
            ",".join(self.usages) or "<none>",
            self.data.get("description") or "<none>",
            self.data.get("auth-extra-groups") or "<none>",
        )

    def as_json(self) -> dict[str, Any]:
        return {
            # The whole token, as kubeadm's BootstrapTokenString writes itself in JSON.
            "token": f"{self.data['token-id']}.{self.data['token-secret']}",
            "description": self.data.get("description", ""),
            "expires": self.data.get("expiration"),
            "usages": self.usages,
            "groups": self.data.get("auth-extra-groups", "").split(","),
        }


def _human(left_s: float) -> str:
    """Write a rest of time as Kubernetes does (duration.ShortHumanDuration)."""
    if left_s < -1:
        return "<invalid>"
    for unit, size_s in (("d", 86_400), ("h", 3600), ("m", 60)):
        if left_s >= size_s:
            return f"{int(left_s // size_s)}{unit}"
    return f"{max(int(left_s), 0)}s"
