"""Real servers on loopback, by `rclone serve`, with an rclone configuration that reaches them."""

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

USER, PASSWORD = "hitscanner", "secret-of-the-test"
KINDS = ("webdav", "sftp", "s3")

RCLONE = shutil.which("rclone", path=Path(sys.executable).parent) or "rclone"
"""The one that the lock brings: Debian 12's own does not serve S3."""

DEBIAN = shutil.which("rclone", path="/usr/bin") or RCLONE
"""The one that `apt-get install rclone` brings."""

ENVIRONMENT = {name: text for name, text in os.environ.items() if name != "AWS_CA_BUNDLE"}
"""Debian 12's rclone cannot talk to any S3 where a bundle of certificates is named."""


def needs_rclone() -> None:
    """Skip where rclone is not installed."""
    if shutil.which(RCLONE) is None:
        pytest.skip("needs rclone: ./bootstrap.sh setup --dev")


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextmanager
def served(kind: str, root: Path, port: int, home: Path) -> Iterator[None]:
    """Serve *root* by *kind* (webdav, sftp, s3: its folders are buckets) during the block."""
    (root / bucket(kind)).mkdir(parents=True, exist_ok=True)
    secrets = {"RCLONE_USER": USER, "RCLONE_PASS": PASSWORD}
    if kind == "s3":
        secrets = {"RCLONE_AUTH_KEY": f'"{USER},{PASSWORD}"'}
    command = [RCLONE, "serve", kind, str(root), f"--addr=127.0.0.1:{port}"]
    config = ["--config=/dev/null", f"--cache-dir={home}"]
    with subprocess.Popen(
        [*command, *config],
        env={**ENVIRONMENT, **secrets, "HOME": str(home)},
        stderr=subprocess.DEVNULL,
    ) as server:
        try:
            wait_for(port)
            yield
        finally:
            server.kill()


def bucket(kind: str) -> str:
    """Name the folder of the served one in which the remote's files are."""
    return "lab" if kind == "s3" else ""


def remote(kind: str) -> str:
    return f"box:{bucket(kind)}"


def configuration(kind: str, port: int, folder: Path, password: str = PASSWORD) -> Path:
    """Write the configuration of a remote called `box`."""
    file = folder / "rclone.conf"
    file.touch(mode=0o600)
    file.write_text(f"[box]\ntype = {kind}\n{_place(kind, port, password)}")
    return file


def _place(kind: str, port: int, password: str) -> str:
    if kind == "s3":
        keys = f"access_key_id = {USER}\nsecret_access_key = {password}\n"
        return f"provider = Other\nendpoint = http://127.0.0.1:{port}\n{keys}"
    hidden = subprocess.run(
        [RCLONE, "obscure", "-"], input=password, capture_output=True, text=True, check=True
    ).stdout.strip()
    place = {
        "webdav": f"url = http://127.0.0.1:{port}\nvendor = other\n",
        "sftp": f"host = 127.0.0.1\nport = {port}\nshell_type = unix\n",
    }[kind]
    return f"{place}user = {USER}\npass = {hidden}\n"


def wait_for(port: int) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise TimeoutError(f"nothing answers on port {port}")
