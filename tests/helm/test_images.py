"""Images are really built, pushed to a registry with TLS and a password, and pulled by digest."""

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from hitscanner.errors import UsageError
from hitscanner.infra.images import Buildah, ImageError, Registry
from tests.cluster import images, rootfs
from tests.helm.api_server import free_port, running
from tests.support.paths import REPOSITORY

pytestmark = [
    pytest.mark.long,
    pytest.mark.root,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(
        not all(map(shutil.which, ("buildah", "skopeo", "docker-registry", "htpasswd", "openssl"))),
        reason="apt-get install buildah skopeo docker-registry apache2-utils openssl",
    ),
]

SCANNER_BASE = rootfs.Tree(packages=("scamper", "python3", "ca-certificates"))
"""A Debian that holds what docker/scanner/Dockerfile would fetch, so that it fetches nothing."""

SMALL_BYTES = 80 * 10**6


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


@pytest.fixture(scope="module")
def yard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Yard]:
    folder = tmp_path_factory.mktemp("registry")
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


def base(yard: Yard, tree: rootfs.Tree, name: str) -> str:
    """Make a base image of a Debian tree, with nothing pulled."""
    archive = yard.folder / f"{name}.tar"
    images.write(images.Image(f"localhost/{name}:1", rootfs.tarball(tree), ["/bin/sh"]), archive)
    subprocess.run(
        ["buildah", "pull", f"docker-archive:{archive}"], check=True, capture_output=True
    )
    archive.unlink()
    return f"localhost/{name}:1"


@pytest.fixture(scope="module")
def scanner(yard: Yard) -> str:
    """The scanner by digest, built and pushed."""
    yard.builder.build("scanner", {"BASE": base(yard, SCANNER_BASE, "scanner-base")})
    return yard.builder.push("scanner", yard.registry)


def test_the_scanner_is_pushed_and_comes_back_by_its_digest(yard, scanner, tmp_path):
    repository, _, digest = scanner.partition("@")
    got = yard.skopeo("copy", scanner, f"dir:{tmp_path}")

    assert got.returncode == 0, got.stderr
    manifest = json.loads((tmp_path / "manifest.json").read_text())
    size = sum(layer["size"] for layer in manifest["layers"])
    print(f"scanner: {size / 1e6:.1f} MB compressed")
    assert size <= SMALL_BYTES
    named = yard.skopeo("inspect", f"{repository}:{digest.removeprefix('sha256:')[:16]}")
    assert json.loads(named.stdout)["Digest"] == digest


def test_the_scanner_says_what_it_is_and_what_it_is_made_of(yard, scanner):
    inspected = json.loads(yard.skopeo("inspect", scanner).stdout)
    bill = json.loads(run_inside(yard, "cat", "/usr/share/hitscanner/sbom.cdx.json"))

    assert inspected["Labels"]["org.opencontainers.image.title"] == "hitscanner scanner"
    assert bill["bomFormat"] == "CycloneDX"
    assert {"scamper", "python3"} <= {item["name"] for item in bill["components"]}
    assert all(item["purl"].startswith("pkg:deb/debian/") for item in bill["components"])


def test_prober_and_scamper_run_inside_and_the_folder_of_privileges_is_there(yard, scanner):
    said = run_inside(
        yard, "sh", "-c", "/usr/local/bin/prober --help; scamper -v; stat -c %n:%F /var/empty"
    )

    assert "exit status of run" in said
    assert "scamper version" in said
    assert "/var/empty:directory" in said


def test_the_same_sources_give_the_same_image(yard, scanner):
    yard.builder.build("scanner", {"BASE": "localhost/scanner-base:1"})

    assert yard.builder.push("scanner", yard.registry) == scanner


def test_without_the_password_nothing_is_pushed_nor_pulled(yard, scanner, tmp_path):
    stranger = tmp_path / "auth.json"
    stranger.write_text("{}")
    registry = Registry(yard.registry.host, stranger, yard.registry.ca)

    with pytest.raises(ImageError, match=r"authentication required|unauthorized"):
        yard.builder.push("scanner", registry)
    with pytest.raises(UsageError, match="buildah login --authfile"):
        yard.builder.push("scanner", Registry(yard.registry.host, tmp_path / "none"))


def test_a_certificate_that_nobody_signed_is_not_trusted(yard, scanner):
    registry = Registry(yard.registry.host, yard.registry.authfile)

    with pytest.raises(ImageError, match=r"x509|certificate"):
        yard.builder.push("scanner", registry)


def run_inside(yard: Yard, *command: str) -> str:
    made = subprocess.run(
        ["buildah", "from", "--pull-never", "localhost/hitscanner/scanner:build"],
        check=True,
        capture_output=True,
        text=True,
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
