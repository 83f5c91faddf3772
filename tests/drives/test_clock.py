"""A drive whose clock is an hour from ours refuses what we sign; that is named, for what it is."""

import base64
import json
import re
import threading
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from hitscanner.infra.drives import FileConnections, Upload, read_drives
from hitscanner.infra.drives.base import ClockError
from tests.support import rclone_serve

AHEAD = timedelta(hours=1)
MOST = timedelta(minutes=15)
SKEWED = (
    b'<?xml version="1.0"?><Error><Code>RequestTimeTooSkewed</Code><Message>The difference between'
    b" the request time and the current time is too large.</Message></Error>"
)
IAT = (
    "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe."
    " Check your iat and exp values in the JWT claim."
)


class Ahead(BaseHTTPRequestHandler):
    """Looks at the time that a request is signed with; its own clock is an hour ahead."""

    protocol_version = "HTTP/1.1"
    tells_time = True

    def log_message(self, *_):
        pass

    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        now = datetime.now(UTC) + AHEAD
        signed = self.signed_at(body)
        status, said = self.refusal if abs(now - signed) > MOST else (200, b"{}")
        self.server.refused += status != 200
        self.send_response_only(status)
        if self.tells_time:
            self.send_header("Date", format_datetime(now, usegmt=True))
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said if self.command != "HEAD" else b"")

    do_GET = do_PUT = do_HEAD = do_POST = answer  # noqa: N815 http.server's names


class S3(Ahead):
    """As Amazon refuses (S3 API, "Error responses")."""

    refusal = (403, SKEWED)
    tells_time = False
    """Newer clients take the server's time where it is told, and are not refused again."""

    def signed_at(self, body):
        words = self.headers["X-Amz-Date"]
        return datetime.strptime(words, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)


class Token(Ahead):
    """As Google's token server refuses (Identity, "Service account", "Error codes")."""

    refusal = (400, json.dumps({"error": "invalid_grant", "error_description": IAT}).encode())

    def signed_at(self, body):
        claims = re.search(rb"assertion=[^.]+\.([^.]+)\.", body)[1]
        claims += b"=" * (-len(claims) % 4)
        return datetime.fromtimestamp(json.loads(base64.urlsafe_b64decode(claims))["iat"], UTC)


@contextmanager
def serving(handler):
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.refused = 0
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def upload(tmp_path):
    source = tmp_path / "store" / "x"
    source.parent.mkdir()
    source.write_bytes(b"x")
    return Upload("x", source, "")


def opened(tmp_path, text):
    (tmp_path / "drives.toml").write_text(f'[[drive]]\nname = "cloud"\n{text}')
    [entry] = read_drives(tmp_path / "drives.toml").drive
    return entry.open(FileConnections(), tmp_path / "scratch")


@pytest.mark.parametrize("program", [rclone_serve.RCLONE, rclone_serve.DEBIAN], ids=["new", "old"])
def test_s3_that_finds_our_time_skewed_is_a_matter_of_the_clock(
    program, upload, tmp_path, monkeypatch
):
    rclone_serve.needs_rclone()
    monkeypatch.delenv("AWS_CA_BUNDLE", raising=False)  # see rclone_serve.ENVIRONMENT
    monkeypatch.setattr("hitscanner.infra.drives.config.check_rclone", lambda program: None)
    with serving(S3) as server:
        config = rclone_serve.configuration("s3", server.server_port, tmp_path)
        drive = opened(tmp_path, f'kind = "rclone"\nremote = "box:lab"\nconnection = "{config}"\n')
        drive.program = program
        with pytest.raises(ClockError, match=r"clock: .*RequestTimeTooSkewed.*; set this machine"):
            list(drive.put([upload]))

        assert server.refused > 0


@pytest.mark.parametrize(
    "kind", ['kind = "gdrive"\nfolder_id = "top"', 'kind = "gcs"\nbucket = "lab"']
)
def test_google_s_refusal_of_our_iat_is_a_matter_of_the_clock(kind, upload, tmp_path):
    pytest.importorskip("google.cloud.storage", reason="needs: pip install google-cloud-storage")
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    with serving(Token) as server:
        account = {
            "type": "service_account",
            "project_id": "lab",
            "client_email": "hs@lab.example",
            "private_key": key.decode(),
            "token_uri": f"http://127.0.0.1:{server.server_port}/token",
        }
        (tmp_path / "key.json").write_text(json.dumps(account))
        drive = opened(tmp_path, f'{kind}\nconnection = "{tmp_path}/key.json"\n')
        with pytest.raises(ClockError, match=r"drive cloud: clock: .*Check your iat"):
            list(drive.put([upload]))

        assert server.refused > 0
