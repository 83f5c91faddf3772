"""
The Drive fake as a process, under Google's name: `python -m tests.support.drive_server PORT …`.

`… PORT FOLDER AUTHORITY` keeps what arrives as files below FOLDER, and writes to AUTHORITY the
certificate by which its clients, told to use it as their HTTPS proxy, take it for Google.
"""

import ssl
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.support.drive_fake import DriveFake, Handler, Server

NAME = "www.googleapis.com"


class OnDisk(DriveFake):
    """Keeps bytes as files, so that gigabytes can arrive."""

    folder: Path

    def keep(self, file: dict[str, Any], data: bytes) -> None:
        held = self.folder / self.path(file)
        held.parent.mkdir(parents=True, exist_ok=True)
        held.write_bytes(data)


class Proxied(Handler):
    """Answers `CONNECT` by being the other end itself."""

    context: ssl.SSLContext

    def do_CONNECT(self) -> None:  # noqa: N802 the name that http.server calls
        self.send_response(200)
        self.end_headers()
        self.close_connection = False  # asked for by HTTP/1.0, which would end here
        self.connection = self.context.wrap_socket(self.connection, server_side=True)
        self.rfile = self.connection.makefile("rb", self.rbufsize)
        self.wfile = self.connection.makefile("wb", 0)


def certificate(file: Path) -> ssl.SSLContext:
    """Make a certificate for `NAME` that vouches for itself; write it to *file*."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private = file.with_suffix(".key")
    private.touch(mode=0o600)
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file, private)
    return context


def main(port: int, folder: Path, authority: Path) -> None:
    fake = OnDisk(page_files=1000)
    fake.folder = folder
    context = certificate(authority)
    handler = type("Proxy", (Proxied,), {"fake": fake, "context": context})
    Server(("127.0.0.1", port), handler).serve_forever()


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]))
