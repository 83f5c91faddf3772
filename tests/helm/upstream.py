"""
The upstream charts' own values and schemas, where they are at hand.

They are not in the repository: they lie in `shared/charts` beside the checkout, one folder per
chart with `values.yaml` and, where the chart has one, `values.schema.json`.
"""

import json
from collections.abc import Iterator
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from tests.support.paths import REPOSITORY

CHARTS = REPOSITORY.parent / "shared" / "charts"

DRAFTS = {"traefik": jsonschema.Draft202012Validator}
"""The schemas' own `$schema` is misspelt in places; all others are draft 7."""

FREE = (
    "config.*",
    "*odeSelector.*",
    "*annotations.*",
    "service.spec.*",
    "storageClass.*",
    "*.resources.*",
    "ports.web.http.redirections.*",  # a comment there
    "enableServiceLinks",  # new in Airflow's chart 1.22; the values at hand are 1.21's
)
"""Where upstream's values.yaml names no keys though there may be some."""


def folder(chart: str) -> Path:
    """Give the chart's folder, or skip with the reason."""
    found = next((path for path in _candidates() if (path / chart).is_dir()), None)
    if found is None:
        pytest.skip(f"the values of the upstream chart {chart} are not in shared/charts")
    return found / chart


def _candidates() -> Iterator[Path]:
    yield CHARTS
    for parent in REPOSITORY.parents:  # a worktree may lie elsewhere than its repository
        yield parent / "shared" / "charts"
    git = REPOSITORY / ".git"
    if git.is_file():
        main = Path(git.read_text().removeprefix("gitdir:").strip()).parents[2]
        yield main.parent / "shared" / "charts"


def defaults(chart: str) -> dict[str, Any]:
    return yaml.safe_load((folder(chart) / "values.yaml").read_text())


def merged(base: Any, over: Any) -> Any:
    """Merge as Helm does: a null deletes the key, lists replace each other."""
    if not isinstance(base, dict) or not isinstance(over, dict):
        return over
    kept = {key: value for key, value in base.items() if key not in over}
    given = {key: merged(base.get(key), value) for key, value in over.items() if value is not None}
    return kept | given


def complaints(chart: str, values: dict[str, Any]) -> list[str]:
    """Check values merged over the chart's own against its schema; none for a chart without."""
    file = folder(chart) / "values.schema.json"
    if not file.is_file():
        return []
    schema = json.loads(file.read_text())
    validator = DRAFTS.get(chart, jsonschema.Draft7Validator)(schema)
    errors = validator.iter_errors(merged(defaults(chart), values))
    return [f"{'.'.join(map(str, error.path))}: {error.message[:200]}" for error in errors]


def unknown_paths(chart: str, values: dict[str, Any]) -> list[str]:
    """Name every key of *values* that the chart's own values do not have."""
    known = defaults(chart)
    return [path for path in _paths(values) if not _is_known(path, known)]


def _paths(values: Any, path: str = "") -> Iterator[str]:
    if isinstance(values, dict) and values:
        for key, item in values.items():
            yield from _paths(item, f"{path}.{key}".lstrip("."))
    else:
        yield path


def _is_known(path: str, known: Any) -> bool:
    if any(fnmatch(path, pattern) for pattern in FREE):
        return True
    for key in path.split("."):
        if not isinstance(known, dict) or key not in known:
            return False
        known = known[key]
    return True
