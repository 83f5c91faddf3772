"""`k3s certificate`: check and rotate (docs/cli/certificate.md, pkg/cli/cert/cert.go)."""

import argparse
import json
import shutil
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from . import log, pki
from .layout import Layout

SERVICES = {
    # service -> its files, below the data directory
    "admin": ("server/tls/client-admin",),
    "api-server": ("server/tls/client-kube-apiserver", "server/tls/serving-kube-apiserver"),
    "controller-manager": ("server/tls/client-controller",),
    "scheduler": ("server/tls/client-scheduler",),
    "supervisor": ("server/tls/client-supervisor",),
    "k3s-controller": ("server/tls/client-k3s-controller", "agent/client-k3s-controller"),
    "k3s-server": ("server/tls/serving-k3s",),
    "auth-proxy": ("server/tls/client-auth-proxy",),
    "kubelet": ("agent/client-kubelet", "agent/serving-kubelet"),
    "kube-proxy": ("agent/client-kube-proxy",),
}
AGENT = ("k3s-controller", "kubelet", "kube-proxy")


def check(layout: Layout, given: argparse.Namespace) -> None:
    """Print every certificate of the host with its end."""
    rows = [row for path in _files(layout, given.service) for row in _rows(path)]
    if given.output == "json":
        print(json.dumps({"Certificates": rows}))
    elif given.output == "table":
        _table(rows)
    else:
        for row in rows:
            _say(row)


def rotate(layout: Layout, given: argparse.Namespace) -> None:
    """Move keys and certificates away, so that the next start makes new ones."""
    now = int(time.time())
    backup = (layout.server if layout.server.exists() else layout.agent) / f"tls-{now}"
    backup.mkdir(mode=0o700)
    for path in _files(layout, given.service):
        for each in (path, path.with_suffix(".key")):
            if each.exists():
                shutil.move(str(each), str(backup / each.name))
    log.info(
        f"Successfully backed up certificates to {backup}, please restart k3s server or agent "
        "to rotate certificates"
    )


def _files(layout: Layout, services: list[str]) -> Iterator[Path]:
    if not services:
        is_server = layout.server.exists()
        found = "Server detected, checking agent and server" if is_server else None
        log.info(f"{found or 'Agent detected, checking agent'} certificates")
        services = list(SERVICES if is_server else AGENT)
    for service in (name for word in services for name in word.split(",")):
        if service not in SERVICES:
            raise log.FatalError(f"service {service} is not recognized")
        for base in SERVICES[service]:
            path = layout.data / f"{base}.crt"
            if path.exists():
                yield path


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    for block in pki.blocks(path.read_bytes()):
        subject, issuer, usages = _details(block)
        end = pki.ends_at(block)
        left_s = end - time.time()
        yield {
            "Filename": path.name,
            "Subject": subject,
            "Issuer": issuer,
            "Usages": usages,
            "ExpiryTime": datetime.fromtimestamp(end, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "ResidualTime": int(left_s * 1e9),
            "Status": _status(left_s),
        }


def _details(block: bytes) -> tuple[str, str, list[str]]:
    words = ("-noout", "-subject", "-issuer", "-nameopt", "multiline", "-purpose")
    text = pki.openssl("x509", *words, stdin=block).decode()
    names = [line.split("=")[1].strip() for line in text.splitlines() if "commonName" in line]
    if "SSL client CA : Yes" in text and "SSL client : No" in text:
        return names[0], names[-1], ["CertSign"]
    purposes = (("SSL client : Yes", "ClientAuth"), ("SSL server : Yes", "ServerAuth"))
    return names[0], names[-1], [usage for line, usage in purposes if line in text]


def _status(left_s: float) -> str:
    if left_s <= 0:
        return "EXPIRED"
    return "WARNING" if left_s < pki.RENEW_DAYS * 86_400 else "OK"


def _table(rows: list[dict[str, Any]]) -> None:
    head = ("FILENAME", "SUBJECT", "USAGES", "EXPIRES", "RESIDUAL TIME", "STATUS")
    lines = [head, tuple("-" * len(word) for word in head)]
    for row in rows:
        end = datetime.fromisoformat(row["ExpiryTime"])
        cells = (row["Filename"], row["Subject"], ",".join(row["Usages"]))
        shown = (end.strftime("%b %d, %Y %H:%M UTC"), _human(row["ResidualTime"] / 1e9))
        lines.append((*cells, *shown, row["Status"]))
    widths = [max(len(line[column]) for line in lines) + 3 for column in range(5)]
    print()
    for line in lines:
        print(
            "".join(cell.ljust(width) for cell, width in zip(line, widths, strict=False)) + line[-1]
        )


def _human(left_s: float) -> str:
    for unit, size_s in (("year", 31_536_000), ("month", 2_592_000), ("day", 86_400)):
        if left_s >= size_s * (1 if unit == "year" else 2):
            number = int(left_s // size_s)
            return f"{number} {unit}{'s' if number > 1 else ''} "
    return f"{int(left_s // 3600)} hours "


def _say(row: dict[str, Any]) -> None:
    name = f"{row['Filename']}: certificate {row['Subject']} ({','.join(row['Usages'])})"
    if row["Status"] == "EXPIRED":
        log.error(f"{name} expired at {row['ExpiryTime']}")
    elif row["Status"] == "WARNING":
        end = row["ExpiryTime"]
        log.warning(f"{name} will expire within {pki.RENEW_DAYS} days at {end}")
    else:
        log.info(f"{name} is ok, expires at {row['ExpiryTime']}")
