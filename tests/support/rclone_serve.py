"""Real servers on loopback, by `rclone serve`, with an rclone configuration that reaches them."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

USER, PASSWORD = "hs", "secret-of-the-test"


def needs_rclone() -> None:
    """Skip where rclone is not installed."""
    if shutil.which("rclone") is None:
        pytest.skip("needs rclone: apt-get install rclone")


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextmanager
def served(kind: str, root: Path, port: int, home: Path) -> Iterator[None]:
    """Serve *root* by *kind* (webdav, sftp) until the end of the block."""
    root.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "RCLONE_USER": USER, "RCLONE_PASS": PASSWORD, "HOME": str(home)}
    command = ["rclone", "serve", kind, str(root), f"--addr=127.0.0.1:{port}"]
    config = ["--config=/dev/null", f"--cache-dir={home}"]
    with subprocess.Popen(
        [*command, *config], env=environment, stderr=subprocess.DEVNULL
    ) as server:
        try:
            _wait_for(port)
            yield
        finally:
            server.kill()


def configuration(kind: str, port: int, folder: Path, password: str = PASSWORD) -> Path:
    """Write the configuration of a remote called `box`."""
    hidden = subprocess.run(
        ["rclone", "obscure", "-"], input=password, capture_output=True, text=True, check=True
    ).stdout.strip()
    place = {
        "webdav": f"url = http://127.0.0.1:{port}\nvendor = other\n",
        "sftp": f"host = 127.0.0.1\nport = {port}\nshell_type = unix\n",
    }[kind]
    file = folder / "rclone.conf"
    file.touch(mode=0o600)
    file.write_text(f"[box]\ntype = {kind}\n{place}user = {USER}\npass = {hidden}\n")
    return file


def _wait_for(port: int) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise TimeoutError(f"nothing answers on port {port}")
