"""
Are a manifest's keys those that the API knows?

The `kubernetes` package carries the API's types; an API server drops or refuses what is not among
them.  Objects of other projects (MetalLB, cert-manager) have none here: see their own tests.
"""

import re
from collections.abc import Iterator
from typing import Any

from kubernetes import client


def unknown_keys(manifest: dict[str, Any]) -> list[str]:
    """
    Name every key of *manifest* that its kind does not have, and values of the wrong type.

    >>> unknown_keys({"apiVersion": "v1", "kind": "Pod", "metadata": {"nam": "x"}})
    ['metadata.nam']
    """
    return list(_walk(manifest, _model(manifest["apiVersion"], manifest["kind"]), ""))


def _model(version: str, kind: str) -> str:
    return version.split("/")[-1].capitalize() + kind


def _walk(value: Any, kind: str, path: str) -> Iterator[str]:
    if listed := re.fullmatch(r"list\[(.+)\]", kind):
        yield from _list(value, listed[1], path)
    elif mapped := re.fullmatch(r"dict\(\w+, (.+)\)", kind):
        yield from _dict(value, mapped[1], path)
    elif model := getattr(client, kind, None):
        yield from _object(value, model, path)
    elif wrong := _wrong(value, kind):
        yield f"{path}: {wrong}"


def _list(value: Any, kind: str, path: str) -> Iterator[str]:
    if not isinstance(value, list):
        yield f"{path}: not a list"
        return
    for number, item in enumerate(value):
        yield from _walk(item, kind, f"{path}[{number}]")


def _dict(value: Any, kind: str, path: str) -> Iterator[str]:
    for key, item in value.items():
        yield from _walk(item, kind, f"{path}.{key}".lstrip("."))


def _object(value: Any, model: Any, path: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{path}: not an object"
        return
    names = {json: name for name, json in model.attribute_map.items()}
    for key, item in value.items():
        here = f"{path}.{key}".lstrip(".")
        if key not in names:
            yield here
        else:
            yield from _walk(item, model.openapi_types[names[key]], here)


def _wrong(value: Any, kind: str) -> str:
    wanted = {"str": str, "int": int, "bool": bool}.get(kind)
    return "" if wanted is None or type(value) is wanted else f"{value!r} is not {kind}"
