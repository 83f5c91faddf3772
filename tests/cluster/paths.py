"""Where the test cluster keeps what it makes."""

from pathlib import Path

HERE = Path(__file__).resolve().parent
"""This package: pins, sources of the stand-in."""

CACHE = Path.home() / ".cache" / "hitscanner" / "cluster"
"""Binaries, root file systems and images, each under the digest of its inputs."""

RUN = Path("/run/hitscanner-lab")
"""The lock of the lab, one for each machine."""
