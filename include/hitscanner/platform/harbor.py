"""
Harbor on a host of its own: its configuration and the hook for renewed certificates; pure.

Not in the cluster, which could not start without it, and not on the ingress's address, whose port
443 Docker would take.  Source: goharbor/harbor 2.15, `make/harbor.yml.tmpl` and
`make/photon/prepare/utils/configs.py`.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path

import jinja2

from hitscanner.errors import UsageError

REQUIRED = (
    "hostname",
    "data_volume",
    "harbor_admin_password",
    "https.certificate",
    "https.private_key",
    "database.password",
    "jobservice.max_job_workers",
    "jobservice.job_loggers",
    "jobservice.logger_sweeper_duration",
    "notification.webhook_job_max_retry",
    "notification.webhook_job_http_client_timeout",
    "log.level",
)
"""Without one of these, `prepare` stops (or, for https, serves plain HTTP and only warns)."""


@dataclass(frozen=True)
class HarborSite:
    """What harbor.yml says of this site."""

    registry: str
    """HOST or HOST:PORT, as images are named."""

    certificate: str
    """Full chain on the host, e.g. /etc/letsencrypt/live/HOST/fullchain.pem."""

    private_key: str
    admin_password: str = field(repr=False, default="")
    database_password: str = field(repr=False, default="")
    data_volume: str = "/data"

    @property
    def host(self) -> str:
        """
        The name without the port.

        >>> HarborSite("registry.example.net:8443", "c", "k").host
        'registry.example.net'
        """
        return self.registry.partition(":")[0]

    @property
    def port(self) -> int:
        """The port of https."""
        return int(self.registry.partition(":")[2] or 443)


def render_harbor(site: HarborSite) -> str:
    """
    Write harbor.yml.

    Raises:
        UsageError: for what Harbor accepts and fails at later.

    >>> lab = HarborSite("registry.example.net", "/c.pem", "/k.pem", "secret-1", "secret-2")
    >>> 'hostname: "registry.example.net"' in render_harbor(lab)
    True
    """
    _check(site)
    loader = jinja2.FileSystemLoader(Path(__file__).parent / "templates")
    environment = jinja2.Environment(  # noqa: S701  # it is YAML; every text goes by tojson
        loader=loader, undefined=jinja2.StrictUndefined, keep_trailing_newline=True
    )
    return environment.get_template("harbor.yml.j2").render(
        host=site.host,
        http_port=80 if site.port == 443 else site.port + 1,
        https_port=site.port,
        certificate=site.certificate,
        private_key=site.private_key,
        admin_password=site.admin_password,
        database_password=site.database_password,
        data_volume=site.data_volume,
    )


def renewal_hook(site: HarborSite, folder: str) -> str:
    """
    Write the script that certbot runs after a renewal (certbot(1), "renewal-hooks/deploy").

    Harbor's `prepare` copied the certificate when it was installed, so a renewed one is not seen
    until it is copied again and nginx restarted; the script does that only when it changed.
    """
    served = f"{site.data_volume}/secret/cert"
    return f"""#!/bin/sh
# Written by hitscanner: gives Harbor the certificate that was just renewed.
set -eu
umask 077
changed=''
give() {{
    cmp -s "$1" "$2" && return 0
    cp "$1" "$2.new"
    mv "$2.new" "$2"
    changed=yes
}}
give '{site.certificate}' '{served}/server.crt'
give '{site.private_key}' '{served}/server.key'
[ -n "$changed" ] || exit 0
cd '{folder}'
docker compose restart proxy
"""


def _check(site: HarborSite) -> None:
    if site.host in {"localhost", "127.0.0.1", "reg.mydomain.com"}:
        raise UsageError(f"registry is {site.host}; other hosts must find it: give its real name")
    if not re.fullmatch(r"(/[A-Za-z0-9._-]+)+", site.data_volume):
        raise UsageError(f"data_volume is {site.data_volume!r}; give a plain absolute path")
    for path in (site.certificate, site.private_key):
        if path.startswith("/your/") or not path.startswith("/"):
            raise UsageError(f"{path} is no certificate of this site; give an absolute path")
    for password in (site.admin_password, site.database_password):
        if password in {"", "Harbor12345", "root123"}:
            raise UsageError("a password of Harbor is empty or its known default; make a new one")
