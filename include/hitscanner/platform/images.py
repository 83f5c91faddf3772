"""Which images this site runs, by digest: `cluster/images.json` of the home."""

import json
import re
from collections.abc import Mapping
from pathlib import Path

from hitscanner.errors import UsageError
from hitscanner.infra.files import write_whole

PATTERN = re.compile(r"[a-z0-9.-]+(:[0-9]+)?(/[a-z0-9._-]+)+@sha256:[0-9a-f]{64}")
"""REGISTRY/PATH@sha256:DIGEST; a tag may move, a digest cannot."""


def read_images(file: Path) -> dict[str, str]:
    """
    Give the images by name; none before the first push.

    Raises:
        UsageError: for an entry that is not by digest.
    """
    if not file.is_file():
        return {}
    found: dict[str, str] = json.loads(file.read_text())
    for name, image in found.items():
        check_image(name, image)
    return found


def record_images(file: Path, images: Mapping[str, str]) -> None:
    """Add *images* to what is recorded; the file appears whole."""
    for name, image in images.items():
        check_image(name, image)
    merged = {**read_images(file), **images}
    file.parent.mkdir(parents=True, exist_ok=True)
    write_whole(file, (json.dumps(merged, indent=2, sort_keys=True) + "\n").encode())


def check_image(name: str, image: str) -> None:
    """
    Refuse an image that is not named by digest.

    >>> check_image("scanner", "registry.example.net/hitscanner/scanner:latest")
    Traceback (most recent call last):
    hitscanner.errors.UsageError: image scanner: "registry.example.net/hitscanner/scanner:latest" \
is not REGISTRY/PATH@sha256:DIGEST; push it with: hitscanner images push
    """
    if not PATTERN.fullmatch(image):
        raise UsageError(
            f'image {name}: "{image}" is not REGISTRY/PATH@sha256:DIGEST; '
            "push it with: hitscanner images push"
        )
