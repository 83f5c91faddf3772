"""Manifests as sets of objects, and the difference of two such sets."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import yaml

Object = dict[str, Any]

HOOK = "helm.sh/hook"
"""Objects with this annotation are run, not kept; `helm get manifest` does not know them."""

SHOWN = 6
"""Changed keys of one object that are shown; a changed image is one, a new chart hundreds."""


@dataclass(frozen=True, order=True)
class Key:
    """What makes an object the same object."""

    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else self._bare

    @property
    def _bare(self) -> str:
        return f"{self.kind} {self.name}"


@dataclass(frozen=True)
class Change:
    """One object that would not stay as it is."""

    verb: Literal["create", "change", "delete"]
    key: Key
    paths: tuple[str, ...] = ()
    """What changes, by key path; of a change alone."""

    def __str__(self) -> str:
        shown = ", ".join(self.paths[:SHOWN])
        more = f" and {len(self.paths) - SHOWN} more" if len(self.paths) > SHOWN else ""
        return f"{self.verb} {self.key}" + (f": {shown}{more}" if shown else "")


def read_manifest(text: str, namespace: str) -> dict[Key, Object]:
    r"""
    Read a release's manifest; objects without a namespace are in the release's.

    >>> list(map(str, read_manifest("kind: Pod\nmetadata: {name: a}\n---\n", "b")))
    ['Pod b/a']
    """
    documents = (item for item in yaml.load_all(text, Loader=LOADER) if item)
    return {
        key_of(item, namespace): item
        for item in documents
        if HOOK not in (item.get("metadata", {}).get("annotations") or {})
    }


LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml where it is built in: charts render to megabytes."""


def key_of(item: Object, namespace: str) -> Key:
    """Give an object's key."""
    metadata = item["metadata"]
    return Key(item["kind"], metadata.get("namespace") or namespace, metadata["name"])


def differences(live: Mapping[Key, Object], wanted: Mapping[Key, Object]) -> tuple[Change, ...]:
    """
    Give what must happen to *live* to become *wanted*, sorted by kind and name.

    >>> key = Key("ConfigMap", "a", "b")
    >>> [str(c) for c in differences({key: {"data": {"x": "1"}}}, {key: {"data": {"x": "2"}}})]
    ['change ConfigMap a/b: data.x']
    """
    return tuple(change for key in sorted({*live, *wanted}) if (change := _of(key, live, wanted)))


def _of(key: Key, live: Mapping[Key, Object], wanted: Mapping[Key, Object]) -> Change | None:
    if key not in live:
        return Change("create", key)
    if key not in wanted:
        return Change("delete", key)
    paths = tuple(_paths(live[key], wanted[key], ""))
    return Change("change", key, paths) if paths else None


def _paths(old: Any, new: Any, path: str) -> Iterator[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in sorted({*old, *new}, key=str):
            yield from _paths(old.get(key), new.get(key), f"{path}.{key}".lstrip("."))
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for number, (before, after) in enumerate(zip(old, new, strict=True)):
            yield from _paths(before, after, f"{path}[{number}]")
    elif old != new:
        yield path
