"""
Keys and certificates, made with `openssl`, where and as long-lived as k3s makes them.

Leaf certificates live 365 days and are renewed at a start within 120 days of
their end, with the same key; CAs live ten years (docs/cli/certificate.md).
"""

import os
import re
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

RENEW_DAYS = 120
LEAF_DAYS = 365
CA_DAYS = 3650
LIFETIME_VARIABLE = "CATTLE_NEW_SIGNED_CERT_EXPIRATION_DAYS"
"""Shortens new leaf certificates (rancher/dynamiclistener, cert/cert.go); tests use it."""


def openssl(*words: str, stdin: bytes | None = None) -> bytes:
    """Run openssl and return its standard output."""
    done = subprocess.run(["openssl", *words], input=stdin, capture_output=True, check=False)
    if done.returncode:
        raise RuntimeError(f"openssl {words[0]}: {done.stderr.decode().strip()[-300:]}")
    return done.stdout


def private(path: Path, content: bytes) -> None:
    """Write *content* for root alone."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    made = path.with_name(f".{path.name}.new")
    made.unlink(missing_ok=True)
    made.touch(mode=0o600)
    made.write_bytes(content)
    made.replace(path)


def key(path: Path) -> Path:
    """Make an EC key at *path* if there is none."""
    if not path.exists():
        private(path, openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout"))
    return path


def authority(base: Path, name: str) -> None:
    """Make the CA *base*.crt and .key, called `NAME@SECONDS`, if there is none."""
    crt = base.with_suffix(".crt")
    if crt.exists():
        return
    subject = f"/CN={name}@{int(time.time())}"
    words = ["-key", str(key(base.with_suffix(".key"))), "-days", str(CA_DAYS), "-subj", subject]
    usage = "keyUsage=critical,digitalSignature,keyEncipherment,keyCertSign"
    private(crt, openssl("req", "-x509", "-new", "-sha256", *words, "-addext", usage))


def leaf(
    base: Path,
    ca: Path,
    subject: str,
    usage: str,
    names: Sequence[str] = (),
) -> bool:
    """
    Make or renew the certificate *base*.crt, followed by its CA's; tell if it is new.

    Args:
        base: path without suffix; its key is kept.
        ca: likewise, of the CA.
        subject: as openssl writes it, `/O=…/CN=…`.
        usage: "clientAuth" or "serverAuth", or both with a comma.
        names: "DNS:…" and "IP:…"; a change makes a new certificate.
    """
    crt = base.with_suffix(".crt")
    if crt.exists() and days_left(crt) > RENEW_DAYS and set(names) <= set(alternatives(crt)):
        return False
    made = openssl("pkey", "-pubout", "-in", str(key(base.with_suffix(".key"))))
    private(crt, sign(made, subject, ca, usage, names))
    return True


def sign(public: bytes, subject: str, ca: Path, usage: str, names: Sequence[str] = ()) -> bytes:
    """Certify that the key *public* is *subject*'s; return the certificate and its CA's."""
    lines = [
        "keyUsage=critical,digitalSignature,keyEncipherment",
        f"extendedKeyUsage={usage}",
        "basicConstraints=critical,CA:FALSE",
    ]
    if names:
        lines.append(f"subjectAltName={','.join(sorted(set(names)))}")
    days = os.environ.get(LIFETIME_VARIABLE) or str(LEAF_DAYS)
    with tempfile.TemporaryDirectory() as folder:
        extensions, key_file = Path(folder) / "extensions", Path(folder) / "public"
        extensions.write_text("\n".join(lines))
        key_file.write_bytes(public)
        made = openssl(
            *("x509", "-new", "-force_pubkey", str(key_file), "-subj", subject, "-sha256"),
            *("-days", days, "-set_serial", f"0x{os.urandom(8).hex()}"),
            *("-CA", f"{ca}.crt", "-CAkey", f"{ca}.key", "-extfile", str(extensions)),
        )
    return made + Path(f"{ca}.crt").read_bytes()


def request(base: Path, subject: str) -> bytes:
    """Ask for a certificate of the key *base*.key (DER), as agents do."""
    made = str(key(base.with_suffix(".key")))
    return openssl("req", "-new", "-sha256", "-key", made, "-subj", subject, "-outform", "DER")


def public_of(request_der: bytes) -> bytes:
    """Return the public key in a request."""
    return openssl("req", "-inform", "DER", "-noout", "-pubkey", stdin=request_der)


def days_left(crt: Path) -> float:
    """Return how many days the first certificate of *crt* has left."""
    return (ends_at(crt.read_bytes()) - time.time()) / 86_400


def ends_at(pem: bytes) -> float:
    """Return the end of the first certificate in *pem*, in seconds since 1970."""
    text = openssl("x509", "-noout", "-enddate", stdin=pem).decode().strip()
    return _seconds(text.partition("=")[2])


def _seconds(text: str) -> float:
    import calendar

    return calendar.timegm(time.strptime(text, "%b %d %H:%M:%S %Y %Z"))


def alternatives(crt: Path) -> list[str]:
    """Return the names of *crt* as `leaf` takes them."""
    text = openssl("x509", "-in", str(crt), "-noout", "-ext", "subjectAltName").decode()
    found = [word.strip() for word in text.partition("\n")[2].split(",")]
    return [word.replace("IP Address:", "IP:") for word in found if word]


def blocks(pem: bytes) -> list[bytes]:
    """Split *pem* into its certificates."""
    return re.findall(
        rb"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n?", pem, re.DOTALL
    )
