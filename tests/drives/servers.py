"""Servers for large loads, each a process of its own: by rclone, an emulator, a fake."""

import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from hitscanner.pipeline.cargo import sums_path
from tests.support import rclone_serve
from tests.support.paths import REPOSITORY
from tests.support.rclone_serve import free_port
from tests.unit.pipeline.conftest import Measurement

KINDS = ("webdav", "sftp", "s3", "gcs", "gdrive")


class Server:
    """An empty server of one kind, and how ours and rclone reach it."""

    def __init__(self, kind: str, folder: Path) -> None:
        self.kind = kind
        self.folder = folder
        self.has_checksums = kind != "webdav"
        self.port = free_port()
        self.environment: dict[str, str] = {}
        self.stack = ExitStack()

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True)
        if self.kind in rclone_serve.KINDS:
            self._by_rclone()
        else:
            {"gcs": self._gcs, "gdrive": self._gdrive}[self.kind]()
        return self

    def __exit__(self, *_: object) -> None:
        self.stack.close()

    def differing(self, measurement: Measurement) -> list[str]:
        """Give the paths whose bytes are not the store's, when the server has ended."""
        sums = self.held / sums_path(measurement.cycle)
        command = ["sha256sum", "--check", "--quiet", sums]
        ended = subprocess.run(command, cwd=self.held, capture_output=True, text=True, check=False)
        lines = ended.stdout.splitlines()
        return lines or (["no manifest.sha256"] if ended.returncode else [])

    def _by_rclone(self) -> None:
        self.config = rclone_serve.configuration(self.kind, self.port, self.folder)
        self.remote = rclone_serve.remote(self.kind)
        self.held = self.folder / "served" / rclone_serve.bucket(self.kind)
        self.stack.enter_context(
            rclone_serve.served(self.kind, self.folder / "served", self.port, self.folder)
        )
        self.drives_toml = (
            f'[[drive]]\nname = "box"\nkind = "rclone"\nremote = "{self.remote}"\n'
            f'connection = "{self.config}"\n'
        )

    def _gcs(self) -> None:
        url = f"http://127.0.0.1:{self.port}"
        self._start(
            [str(Path(sys.executable).with_name("gcp-storage-emulator")), "-d", str(self.folder)],
            ["start", "-H", "127.0.0.1", "--port", str(self.port), "-q", "--default-bucket", "lab"],
        )
        self.held = self.folder / ".cloudstorage" / "lab"
        self.remote = "box:lab"
        self.environment = {"STORAGE_EMULATOR_HOST": url}
        self.config = self.folder / "rclone.conf"
        self.config.write_text(
            "[box]\ntype = google cloud storage\nanonymous = true\nno_check_bucket = true\n"
            f"endpoint = {url}/storage/v1/\n"
        )
        self.drives_toml = (
            '[[drive]]\nname = "cloud"\nkind = "gcs"\nbucket = "lab"\nconnection = "anonymous"\n'
            f'endpoint = "{url}"\n'
        )

    def _gdrive(self) -> None:
        """Both sides reach it under Google's own name, by a proxy with a certificate of ours."""
        authority = self.folder / "authority.pem"
        self.held = self.folder / "held"
        self._start(
            [sys.executable, "-m", "tests.support.drive_server"],
            [str(self.port), str(self.held), str(authority)],
        )
        proxy = f"http://127.0.0.1:{self.port}"
        self.environment = {"HTTPS_PROXY": proxy, "REQUESTS_CA_BUNDLE": str(authority)}
        self.environment |= {"SSL_CERT_FILE": str(authority), "NO_PROXY": ""}
        self.remote = "box:"
        self.config = self.folder / "rclone.conf"
        self.config.write_text(
            "[box]\ntype = drive\nscope = drive\nroot_folder_id = top\n"
            'token = {"access_token":"x","token_type":"Bearer","expiry":"2099-01-01T00:00:00Z"}\n'
        )
        self.drives_toml = (
            '[[drive]]\nname = "google"\nkind = "gdrive"\nfolder_id = "top"\n'
            'connection = "anonymous"\ntransfers = 4\n'
        )

    def _start(self, program: list[str], arguments: list[str]) -> None:
        child = subprocess.Popen(
            [*program, *arguments], cwd=REPOSITORY, stdout=subprocess.DEVNULL, text=True
        )
        self.stack.callback(child.wait)
        self.stack.callback(child.terminate)
        rclone_serve.wait_for(self.port)
