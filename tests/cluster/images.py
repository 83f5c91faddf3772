"""
Write container images as `docker save` writes them, with nothing but a tar file to start from.

No base image is pulled.  The layout is Docker's image specification v1.2: a
``manifest.json``, a configuration, and one ``layer.tar``, compressed as registries keep
layers: a host that imports a plain one reads, hashes and writes three times as much.
"""

import hashlib
import io
import json
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import zstandard

from tests.cluster import build, rootfs
from tests.cluster.paths import CACHE

PAUSE = "docker.io/rancher/mirrored-pause:3.6"
"""The sandbox image under the name that k3s gives it (`k3s server --help`, --pause-image)."""

SCANNER = "hitscanner.lab/scanner:1"
"""What a probe pod runs: a Debian with scamper."""

EPOCH = "1970-01-01T00:00:00Z"


@dataclass(frozen=True)
class Image:
    """An image of one layer."""

    name: str
    layer: Path
    """A tar file."""
    command: Sequence[str]


def write(image: Image, target: Path) -> None:
    """Write *image* to the tar file *target*, the same bytes for the same layer."""
    digest = _sha256(image.layer)
    layer = zstandard.ZstdCompressor(level=9).compress(image.layer.read_bytes())
    config = json.dumps(
        {
            "architecture": "amd64",
            "os": "linux",
            "created": EPOCH,
            "config": {"Cmd": list(image.command), "Env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"]},
            "rootfs": {"type": "layers", "diff_ids": [f"sha256:{digest}"]},
        }
    ).encode()
    config_name = hashlib.sha256(config).hexdigest() + ".json"
    layer_name = f"{digest}/layer.tar"
    manifest = [{"Config": config_name, "RepoTags": [image.name], "Layers": [layer_name]}]
    made = target.with_name(f".new-{target.name}")
    with tarfile.open(made, "w") as archive:
        _add(archive, "manifest.json", json.dumps(manifest).encode())
        _add(archive, config_name, config)
        _add(archive, layer_name, layer)
    made.rename(target)


def pause(cache: Path = CACHE) -> Path:
    """Return a `docker save` of the pause image, made if it is not there."""
    programs = build.binaries(build.pause(), cache)
    target = programs / "pause.tar"
    if not target.exists():
        layer = programs / "layer.tar"
        with tarfile.open(layer, "w") as archive:
            _add(archive, "pause", (programs / "pause").read_bytes(), mode=0o755)
        write(Image(PAUSE, layer, ["/pause"]), target)
        layer.unlink()
    return target


def scanner(cache: Path = CACHE) -> Path:
    """Return a `docker save` of the scanner image, made if it is not there."""
    layer = rootfs.tarball(rootfs.SCANNER, cache)
    target = layer.with_name(f"{layer.stem}.image.zst.tar")
    if not target.exists():
        write(Image(SCANNER, layer, ["/bin/sh"]), target)
    return target


def _add(archive: tarfile.TarFile, name: str, content: bytes, mode: int = 0o644) -> None:
    archive.addfile(_entry(name, len(content), mode), io.BytesIO(content))


def _entry(name: str, size: int, mode: int = 0o644) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = size, mode
    return entry


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
