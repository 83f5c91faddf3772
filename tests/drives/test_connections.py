"""Airflow's connections open drives; what is secret stays in a file that only we can read."""

import hashlib
import json
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from hitscanner.infra.drives import DriveError, RemoteFile
from hitscanner.infra.drives.rclone import RcloneDrive
from hitscanner_airflow.connections import AirflowConnections, remote, render, write_private
from tests.support import rclone_serve
from tests.support.paths import REPOSITORY


def test_an_rclone_connection_becomes_a_configuration_that_works(tmp_path):
    rclone_serve.needs_rclone()
    port = rclone_serve.free_port()
    extra = {"type": "webdav", "url": f"http://127.0.0.1:{port}", "vendor": "other"}
    section = remote(rclone_serve.USER, rclone_serve.PASSWORD, extra)
    config = write_private(tmp_path / "x" / "rclone.conf", render("box", section))
    with rclone_serve.served("webdav", tmp_path / "served", port, tmp_path):
        (tmp_path / "served" / "a").mkdir()
        (tmp_path / "served" / "a" / "x").write_bytes(b"abc")
        [held] = RcloneDrive("box", "box:", config).list(["a"])

    assert held == RemoteFile("a/x", hashlib.sha256(b"abc").hexdigest())
    assert config.stat().st_mode & 0o077 == 0
    assert rclone_serve.PASSWORD not in config.read_text()


def test_a_file_that_others_could_read_is_made_private(tmp_path):
    (tmp_path / "rclone.conf").write_text("old")
    (tmp_path / "rclone.conf").chmod(0o644)

    assert write_private(tmp_path / "rclone.conf", "new").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: remote(None, None, {}), "needs its kind in the extra"),
        (lambda: render("box", {"url": "a\nb"}), "connection box: url holds a line break"),
        (lambda: AirflowConnections().google("/no/such/key.json"), "no/such/key.json|google"),
    ],
    ids=["no type", "another key smuggled in", "no key file"],
)
def test_a_bad_connection_is_named(make, words):
    with pytest.raises(DriveError, match=words):
        make()


def test_airflow_itself_gives_the_connection(tmp_path):
    """In a process of its own: Airflow leaves traces in the one that imports it."""
    connection = {"conn_type": "generic", "extra": {"type": "local"}}
    program = (
        "import sys, pathlib\n"
        "from hitscanner_airflow.connections import AirflowConnections\n"
        "print('CONFIG', AirflowConnections().rclone('disk', pathlib.Path(sys.argv[1])))\n"
        "try:\n    AirflowConnections().rclone('absent', pathlib.Path(sys.argv[1]))\n"
        "except Exception as error:\n    print('SAID', type(error).__name__, error)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program, tmp_path / "d"],
        env={
            **os.environ,
            "AIRFLOW_HOME": str(tmp_path),
            "AIRFLOW_CONN_DISK": json.dumps(connection),
            "PYTHONPATH": os.pathsep.join(str(REPOSITORY / n) for n in ("include", "plugins")),
        },
        capture_output=True,
        text=True,
        check=True,
    )
    said = [line for line in ended.stdout.splitlines() if line.startswith(("CONFIG", "SAID"))]

    assert (tmp_path / "d" / "rclone.conf").read_text() == "[disk]\ntype = local\n"
    assert said[0] == f"CONFIG {tmp_path / 'd' / 'rclone.conf'}"
    assert said[1].startswith("SAID DriveError connection absent cannot be used: ")


def test_google_s_credentials_come_from_airflow_s_hook(monkeypatch):
    asked = []

    class Hook:
        def __init__(self, gcp_conn_id):
            asked.append(gcp_conn_id)

        def get_credentials(self):
            return "credentials"

    modules = {
        "airflow.providers.google.common.hooks.base_google": SimpleNamespace(GoogleBaseHook=Hook),
        "google.auth.credentials": SimpleNamespace(
            with_scopes_if_required=lambda given, scopes: (given, scopes)
        ),
    }
    monkeypatch.setattr("hitscanner_airflow.connections.from_extra", modules.__getitem__)
    given, scopes = AirflowConnections().google("default")

    assert (given, asked) == ("credentials", ["google_cloud_default"])
    assert "https://www.googleapis.com/auth/drive" in scopes
