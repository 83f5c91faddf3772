"""
A host's certificates: those in its files and those that it shows over TLS; pure but for `look`.

Source: docs.k3s.io/cli/certificate.  Only public halves leave the host.
"""

import re
import shlex
from collections.abc import Iterator
from datetime import datetime, timedelta
from importlib.resources import files
from typing import TYPE_CHECKING

from pydantic import AwareDatetime, BaseModel, ConfigDict

from hitscanner.infra.remote import Remote
from hitscanner.provision import watched
from hitscanner.provision.facts_parse import GatherError

if TYPE_CHECKING:
    from cryptography import x509

RENEWED_BELOW = timedelta(days=120)
"""What has less left is renewed by k3s at its start (docs.k3s.io/cli/certificate)."""

JOB = "hitscanner-rotation"
"""The unit that renews certificates on a host, found again by this name."""

K3S_FOLDER = "/var/lib/rancher/k3s/"
SPOOL = f"{watched.STATE}/spool"


class Certificate(BaseModel):
    """What tells one certificate from another, and how long it is good."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    serial: str
    """Hexadecimal."""

    ends_at: AwareDatetime
    is_ca: bool = False


class Certificates(BaseModel):
    """
    All certificates of a host, and what bears on renewing them.

    >>> Certificates().is_joined
    False
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    files: dict[str, Certificate] = {}
    """Path -> the first certificate in it."""

    endpoints: dict[str, Certificate] = {}
    """Port on the host itself -> what it shows over TLS."""

    busy: int = 0
    """Probers that may send now: leases of the rate that are held."""

    is_under_way: bool = False
    """Whether a renewal is at work there."""

    @property
    def is_joined(self) -> bool:
        """Whether k3s has ever made certificates here."""
        return any(not found.is_ca for found in self.files.values())

    def leaves(self) -> dict[str, Certificate]:
        """Give what k3s renews, by its path below k3s's folder or `port NUMBER`; no CAs."""
        named = {path.removeprefix(K3S_FOLDER): found for path, found in self.files.items()}
        ports = {f"port {port}": found for port, found in self.endpoints.items()}
        return {name: found for name, found in (named | ports).items() if not found.is_ca}

    def due(self, now: datetime) -> dict[str, Certificate]:
        """
        Give the leaves that k3s renews if it starts at *now*, the first to end first.

        >>> from datetime import UTC
        >>> now = datetime(2026, 11, 23, tzinfo=UTC)
        >>> near = Certificate(serial="1", ends_at=now + timedelta(days=119))
        >>> far = Certificate(serial="2", ends_at=now + timedelta(days=121))
        >>> list(Certificates(files={"agent/n.crt": near, "agent/f.crt": far}).due(now))
        ['agent/n.crt']
        """
        found = sorted(self.leaves().items(), key=lambda item: item[1].ends_at)
        return {name: leaf for name, leaf in found if leaf.ends_at - now < RENEWED_BELOW}


async def look(remote: Remote) -> Certificates:
    """
    Read a host's certificates.

    Raises:
        RemoteError: when the host cannot be worked on.
        GatherError: when its answer is not whole.
    """
    head = f"SPOOL={shlex.quote(SPOOL)}\nJOB={JOB}.service\n"
    script = head + files(__package__).joinpath("certificates.sh").read_text()
    done = await remote.run(script, timeout_s=60)
    return parse(remote.name, done.out)


def parse(host: str, text: str) -> Certificates:
    r"""
    Read what certificates.sh printed.

    Raises:
        GatherError: when the end is missing.

    >>> parse("us-0001", "@@ files\n@@ endpoints\n== 6443\n@@ busy\n2\n@@ job\nactive\n@@ end\n")
    Certificates(files={}, endpoints={}, busy=2, is_under_way=True)
    """
    parts = (part.partition("\n") for part in re.split(r"^@@ ", text, flags=re.MULTILINE)[1:])
    sections = {name: body for name, _, body in parts}
    if "end" not in sections:
        raise GatherError(f"{host}: the look at its certificates broke off; run it again")
    return Certificates(
        files=dict(_certificates(sections["files"])),
        endpoints=dict(_certificates(sections["endpoints"])),
        busy=int(sections["busy"]),
        is_under_way=sections["job"].strip() in ("active", "activating", "deactivating"),
    )


def _certificates(text: str) -> Iterator[tuple[str, Certificate]]:
    """Yield the first certificate after each line `== NAME`; other content is passed over."""
    from cryptography import x509

    for part in ("\n" + text).split("\n== ")[1:]:
        name, _, pem = part.partition("\n")
        try:
            found = x509.load_pem_x509_certificates(pem.encode())[0]
        except (ValueError, IndexError):
            continue
        yield name, _certificate(found)


def _certificate(found: "x509.Certificate") -> Certificate:
    from cryptography import x509

    try:
        basic = found.extensions.get_extension_for_class(x509.BasicConstraints).value
    except x509.ExtensionNotFound:
        is_ca = False
    else:
        is_ca = basic.ca
    ends_at = found.not_valid_after_utc
    return Certificate(serial=f"{found.serial_number:X}", ends_at=ends_at, is_ca=is_ca)
