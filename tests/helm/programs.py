"""The program helm, built from its Go module once and kept in the cache of the test cluster."""

import shutil
from pathlib import Path

import pytest

from tests.cluster.build import GoBuild, binaries

VERSION = "v3.22.0"

STAMPED = ("helm.sh/helm/v3/pkg/chartutil", "helm.sh/helm/v3/pkg/lint/rules")
"""Without Kubernetes's version, charts are rendered for 1.20, which some refuse."""


def helm() -> Path:
    """Give the program; skip where it cannot be built."""
    if shutil.which("go") is None:
        pytest.skip("helm is built from its Go module: install Go")
    stamps = {"helm.sh/helm/v3/internal/version.version": VERSION}
    for package in STAMPED:
        stamps |= {f"{package}.k8sVersionMajor": "1", f"{package}.k8sVersionMinor": "36"}
    build = GoBuild(Path(__file__).parent / "program", {"helm": "helm.sh/helm/v3/cmd/helm"}, stamps)
    return binaries(build) / "helm"
