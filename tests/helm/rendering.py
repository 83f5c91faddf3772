"""Charts as Helm's own engine renders them (PyPI helm-python-sdk: no program, no cluster)."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import helm_python
import yaml

from tests.support.paths import REPOSITORY

HELM = REPOSITORY / "helm"

Manifest = dict[str, Any]


def render(
    chart: str, values: Mapping[str, Any] | None = None, *, namespace: str = "hitscanner-system"
) -> list[Manifest]:
    """Give every object of one of our charts; the values are checked against its schema first."""
    with helm_python.Chart.load(HELM / chart) as loaded:
        loaded.validate_schema(dict(values or {}))
        texts = loaded.render(dict(values or {}), name=chart, namespace=namespace)
    documents = (item for text in texts.values() for item in yaml.safe_load_all(text))
    return [document for document in documents if document]


def one(manifests: list[Manifest], kind: str, name: str) -> Manifest:
    """Give the only object of that kind and name."""
    (found,) = [m for m in manifests if m["kind"] == kind and m["metadata"]["name"] == name]
    return found


def of_kind(manifests: list[Manifest], kind: str) -> list[Manifest]:
    return [manifest for manifest in manifests if manifest["kind"] == kind]


def values_of(file: Path) -> dict[str, Any]:
    return yaml.safe_load(file.read_text()) or {}
