"""
Secrets made once and kept: new keys would log everybody out and make connections unreadable.

Nothing here prints, returns or logs a value; they go from `secrets` into the API server.
"""

import base64
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import quote

from hitscanner.infra.kube import Api, ClusterRefusedError

NAMESPACE = "airflow"

URLS = {
    # SQLAlchemy 2.1 takes psycopg 3 for a bare `postgresql://`, which is not in the image.
    "postgresql": "postgresql+psycopg2://airflow:{password}@{host}:5432/airflow",
    "mysql": "mysql+mysqldb://airflow:{password}@{host}:3306/airflow?charset=utf8mb4",
}
"""Airflow's metadata database, by the driver that our image has."""

MINE = {"app.kubernetes.io/part-of": "hitscanner", "hitscanner/secret": "made"}
"""Labels of what was made here; a Secret without them is the operator's and stays as it is."""


@dataclass(frozen=True)
class Wanted:
    """One Secret with one key."""

    name: str
    key: str
    make: Callable[[Mapping[str, str]], str]
    """Gives the value from the values of the Secrets before it, by name."""

    is_derived: bool = False
    """Follows from others, so that it is written again when they say otherwise."""


def wanted_secrets(
    kind: Literal["database", "airflow"], database: str, ssh_key: Path | None = None
) -> tuple[Wanted, ...]:
    """
    Name the Secrets of a set, those first that others are made from.

    >>> [secret.name for secret in wanted_secrets("airflow", "postgresql")]
    ['hitscanner-database', 'hitscanner-metadata', 'hitscanner-fernet', 'hitscanner-api', \
'hitscanner-jwt', 'hitscanner-admin']
    """
    password = Wanted("hitscanner-database", "password", lambda _: secrets.token_urlsafe(24))
    if kind == "database":
        return (password,)

    def url(known: Mapping[str, str]) -> str:
        host = f"hitscanner-database.{NAMESPACE}.svc"
        return URLS[database].format(password=quote(known[password.name], safe=""), host=host)

    found = [
        password,
        Wanted("hitscanner-metadata", "connection", url, is_derived=True),
        Wanted("hitscanner-fernet", "fernet-key", lambda _: fernet_key()),
        Wanted("hitscanner-api", "api-secret-key", lambda _: secrets.token_urlsafe(48)),
        Wanted("hitscanner-jwt", "jwt-secret", lambda _: secrets.token_urlsafe(48)),
        Wanted("hitscanner-admin", "password", lambda _: secrets.token_urlsafe(15)),
    ]
    if ssh_key is not None:
        found.append(Wanted("hitscanner-ssh", ssh_key.name, lambda _: ssh_key.read_text()))
    return tuple(found)


def fernet_key() -> str:
    """
    Make a key for Fernet: 32 random bytes, URL-safe base64 (cryptography.io, "Fernet").

    >>> len(base64.urlsafe_b64decode(fernet_key()))
    32
    """
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()


def missing(api: Api, wanted: tuple[Wanted, ...]) -> list[str]:
    """Name the Secrets that are not there yet."""
    return [secret.name for secret in wanted if _read(api, secret) is None]


def ensure(api: Api, wanted: tuple[Wanted, ...]) -> list[str]:
    """Make what is missing, keep what is there; name what was made or renewed."""
    known: dict[str, str] = {}
    made = []
    for secret in wanted:
        there = _read(api, secret)
        value = there[0] if there and not _is_stale(secret, there, known) else None
        if value is None:
            value = secret.make(known)
            _write(api, secret, value, is_new=there is None)
            made.append(secret.name)
        known[secret.name] = value
    return made


def _is_stale(secret: Wanted, there: tuple[str, bool], known: Mapping[str, str]) -> bool:
    value, is_mine = there
    return secret.is_derived and is_mine and value != secret.make(known)


def _read(api: Api, secret: Wanted) -> tuple[str, bool] | None:
    """Give the value, and whether it was made here."""
    try:
        found = api("GET", f"/api/v1/namespaces/{NAMESPACE}/secrets/{secret.name}")
    except ClusterRefusedError as error:
        if error.status == 404:
            return None
        raise
    labels = found["metadata"].get("labels") or {}
    data = (found.get("data") or {}).get(secret.key, "")
    return base64.b64decode(data).decode(), MINE.items() <= labels.items()


def _write(api: Api, secret: Wanted, value: str, *, is_new: bool) -> None:
    body = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": secret.name, "namespace": NAMESPACE, "labels": MINE},
        "data": {secret.key: base64.b64encode(value.encode()).decode()},
    }
    path = f"/api/v1/namespaces/{NAMESPACE}/secrets"
    if is_new:
        api("POST", path, body)
    else:
        api("PATCH", f"{path}/{secret.name}", {"data": body["data"]})
