"""How long the certificates of a host are still good; only public halves leave the host."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from hitscanner.infra.remote import Remote

WARN = timedelta(days=30)
"""A certificate that is good for less is a finding; k3s renews at a start below 120 days."""

FOLDERS = ("/var/lib/rancher/k3s/server/tls", "/var/lib/rancher/k3s/agent")
"""Where k3s keeps them.  Source: docs.k3s.io, cli/certificate."""

MARK = "== "
READ = f"""
for folder in {" ".join(FOLDERS)}; do
    for file in "$folder"/*.crt "$folder"/etcd/*.crt; do
        if [ -f "$file" ]; then printf '{MARK}%s\\n' "$file" && cat "$file"; fi
    done
done
"""
"""Prints every certificate after a line with its file; keys lie in `*.key` and are not read."""


async def expiries(remote: Remote) -> dict[str, datetime]:
    """Give file -> end of the first certificate in it, aware UTC, of all that k3s has there."""
    done = await remote.run(READ)
    return parse(done.out)


def parse(text: str) -> dict[str, datetime]:
    """
    Read what `READ` prints; a file that holds no certificate is left out.

    >>> parse("== /var/lib/rancher/k3s/agent/x.crt" + chr(10) + "garbage" + chr(10))
    {}
    """
    from cryptography.x509 import load_pem_x509_certificates

    ends: dict[str, datetime] = {}
    for part in ("\n" + text).split(f"\n{MARK}")[1:]:
        file, _, pem = part.partition("\n")
        try:
            ends[file] = load_pem_x509_certificates(pem.encode())[0].not_valid_after_utc
        except (ValueError, IndexError):
            continue
    return ends


def ending_soon(ends: dict[str, datetime], now: datetime) -> Iterable[str]:
    """
    Say which certificates end within 30 days, the first to end first.

    >>> from datetime import UTC
    >>> now = datetime(2026, 11, 23, tzinfo=UTC)
    >>> list(ending_soon({"/a/k.crt": now + timedelta(days=9), "/a/l.crt": now + WARN}, now))
    ['k.crt ends in 9 days']
    """
    for file, end in sorted(ends.items(), key=lambda item: item[1]):
        days = (end - now).days
        if end - now < WARN:
            name = file.rpartition("/")[2]
            yield f"{name} ended {-days} days ago" if days < 0 else f"{name} ends in {days} days"
