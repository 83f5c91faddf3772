"""Images are really built, pushed to a registry with TLS and a password, and pulled by digest."""

import json

import pytest

from hitscanner.errors import UsageError
from hitscanner.infra.images import ImageError, Registry
from tests.cluster import rootfs
from tests.helm.yard import Yard, needs_builder

pytestmark = [pytest.mark.long, pytest.mark.root, pytest.mark.timeout(1800), needs_builder]

SCANNER_BASE = rootfs.Tree(packages=("scamper", "python3", "ca-certificates"))
"""A Debian that holds what docker/scanner/Dockerfile would fetch, so that it fetches nothing."""

SMALL_BYTES = 80 * 10**6


@pytest.fixture(scope="module")
def scanner(yard: Yard) -> str:
    """The scanner by digest, built and pushed."""
    yard.builder.build("scanner", {"BASE": yard.base(SCANNER_BASE, "scanner-base")})
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
    bill = json.loads(yard.run_inside("scanner", "cat", "/usr/share/hitscanner/sbom.cdx.json"))

    assert inspected["Labels"]["org.opencontainers.image.title"] == "hitscanner scanner"
    assert bill["bomFormat"] == "CycloneDX"
    assert {"scamper", "python3"} <= {item["name"] for item in bill["components"]}
    assert all(item["purl"].startswith("pkg:deb/debian/") for item in bill["components"])


def test_prober_and_scamper_run_inside_and_the_folder_of_privileges_is_there(yard, scanner):
    said = yard.run_inside(
        "scanner", "sh", "-c", "/usr/local/bin/prober --help; scamper -v; stat -c %n:%F /var/empty"
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
