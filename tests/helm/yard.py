"""Where images are built and pushed in tests: buildah, and Debian's registry on loopback."""

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from hitscanner.infra.images import Buildah, Registry
from tests.cluster import images, rootfs
from tests.helm.api_server import free_port, running
from tests.support.paths import REPOSITORY

needs_builder = pytest.mark.skipif(
    not all(map(shutil.which, ("buildah", "skopeo", "docker-registry", "htpasswd", "openssl"))),
    reason="apt-get install buildah skopeo docker-registry apache2-utils openssl",
)


@dataclass(frozen=True)
class Yard:
    """A builder, a registry, and who may push."""

    builder: Buildah
    registry: Registry
    folder: Path

    def skopeo(self, verb: str, image: str, *more: str) -> subprocess.CompletedProcess[str]:
        assert self.registry.authfile
        certs = self.folder / "certs"
        options = [f"--authfile={self.registry.authfile}"]
        options.append(f"--cert-dir={certs}" if verb == "inspect" else f"--src-cert-dir={certs}")
        command = ["skopeo", verb, *options, f"docker://{image}", *more]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)

    def base(self, tree: rootfs.Tree, name: str) -> str:
        """Make a base image of a Debian tree, with nothing pulled."""
        archive = self.folder / f"{name}.tar"
        image = images.Image(f"localhost/{name}:1", rootfs.tarball(tree), ["/bin/sh"])
        images.write(image, archive)
        subprocess.run(
            ["buildah", "pull", f"docker-archive:{archive}"], check=True, capture_output=True
        )
        archive.unlink()
        return image.name

    def run_inside(self, image: str, *command: str) -> str:
        """Run *command* in a container of a built image; give all that it said."""
        name = f"localhost/hitscanner/{image}:build"
        made = subprocess.run(
            ["buildah", "from", "--pull-never", name], check=True, capture_output=True, text=True
        ).stdout.strip()
        try:
            done = subprocess.run(
                ["buildah", "run", "--isolation=chroot", made, "--", *command],
                capture_output=True,
                text=True,
                check=False,
                timeout=600,
            )
            return done.stdout + done.stderr
        finally:
            subprocess.run(["buildah", "rm", made], capture_output=True, check=False)


@contextmanager
def yard_in(folder: Path) -> Iterator[Yard]:
    """Serve a registry and build in *folder*: storage, images and all are gone with it."""
    storage = folder / "storage.conf"
    storage.write_text(
        f'[storage]\ndriver = "overlay"\ngraphroot = "{folder}/graph"\nrunroot = "{folder}/run"\n'
    )
    with pytest.MonkeyPatch.context() as patch, serving(folder) as registry:
        patch.setenv("CONTAINERS_STORAGE_CONF", str(storage))
        builder = Buildah(REPOSITORY, options=["--isolation=chroot", "--layers=false"])
        yield Yard(builder, registry, folder)
        subprocess.run(["buildah", "rmi", "--all", "--force"], capture_output=True, check=False)


def serving(folder: Path) -> AbstractContextManager[Registry]:
    """Run Debian's docker-registry on loopback, with a certificate and a password file."""
    port = free_port()
    host = f"127.0.0.1:{port}"
    certs = folder / "certs"
    certs.mkdir()
    subject = ["-subj", "/CN=registry", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run(
        [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "2",
            *subject,
            "-keyout",
            str(folder / "key.pem"),
            "-out",
            str(certs / "ca.crt"),
        ],
        check=True,
        capture_output=True,
    )
    (folder / "htpasswd").write_text(
        subprocess.run(
            ["htpasswd", "-niB", "pusher"],
            input="open sesame\n",
            check=True,
            capture_output=True,
            text=True,
        ).stdout
    )
    config = {
        "version": 0.1,
        "storage": {"filesystem": {"rootdirectory": str(folder / "blobs")}},
        "http": {
            "addr": host,
            "tls": {"certificate": str(certs / "ca.crt"), "key": str(folder / "key.pem")},
        },
        "auth": {"htpasswd": {"realm": "test", "path": str(folder / "htpasswd")}},
    }
    (folder / "config.yml").write_text(json.dumps(config))
    return _logged_in(folder, host, certs)


@contextmanager
def _logged_in(folder: Path, host: str, certs: Path) -> Iterator[Registry]:
    authfile = folder / "auth.json"
    command = ["docker-registry", "serve", str(folder / "config.yml")]
    login = ["buildah", "login", f"--authfile={authfile}", f"--cert-dir={certs}"]
    login += ["--username=pusher", "--password-stdin", host]
    with running(command, folder / "registry.log"):
        deadline = time.monotonic() + 60
        while subprocess.run(
            login, input=b"open sesame", capture_output=True, check=False
        ).returncode:
            assert time.monotonic() < deadline, (folder / "registry.log").read_text()[-2000:]
            time.sleep(0.3)
        yield Registry(host, authfile, certs / "ca.crt")
