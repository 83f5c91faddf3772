"""What a kube node's labels must say about the host behind it; the inventory is the truth."""

import re
from collections.abc import Mapping

from hitscanner.domain.hosts import Bastion, Server, VantagePoint

PREFIX = "hitscanner/"
"""All labels with this prefix are ours: what the inventory does not say is taken off."""

ROLE = "hitscanner/role"
VANTAGE_POINT = "hitscanner/vantage-point"
"""The name of the vantage point; what pins a shard's Job to its host."""

SERVER_LABELS: Mapping[str, str] = {ROLE: "server", "myrole": "master"}
"""The server's; `myrole=master` is what the original design selects platform pods by."""

_LABEL_NAME = re.compile(r"[a-z0-9]([a-z0-9_.-]{0,57}[a-z0-9])?", re.ASCII)


def labels_of(vp: VantagePoint) -> dict[str, str]:
    """
    Give the labels of a vantage point's kube node.

    A tag that cannot be a label (longer than 59 characters, or with - or _ at its end) is left
    out.  Source: Kubernetes, "Labels and Selectors", syntax and character set.

    >>> labels_of(VantagePoint(name="us-0001", transport="local", country="US", tags=("west",)))
    {'hitscanner/role': 'vantage-point', 'hitscanner/vantage-point': 'us-0001', \
'hitscanner/country': 'US', 'hitscanner/tag.west': 'true'}
    """
    labels = {ROLE: "vantage-point", VANTAGE_POINT: vp.name}
    if vp.country:
        labels[f"{PREFIX}country"] = vp.country
    if vp.asn:
        labels[f"{PREFIX}asn"] = str(vp.asn)
    tags = [tag for tag in vp.tags if _LABEL_NAME.fullmatch(tag)]
    more = dict(label.split("=", 1) for label in vp.labels)
    return more | labels | {f"{PREFIX}tag.{tag}": "true" for tag in tags}


def server_labels(server: Server | Bastion) -> dict[str, str]:
    """
    Give the labels of the server's kube node.

    >>> server_labels(Server(name="centre", labels=("example.net/disk=ssd",)))
    {'example.net/disk': 'ssd', 'hitscanner/role': 'server', 'myrole': 'master'}
    """
    more = server.labels if isinstance(server, Server) else ()
    return dict(label.split("=", 1) for label in more) | dict(SERVER_LABELS)


def drift(wanted: Mapping[str, str], found: Mapping[str, str]) -> dict[str, str | None]:
    """
    Give the patch that makes *found* what is *wanted*: None takes a label off; others stay.

    >>> drift({"hitscanner/role": "server"}, {"hitscanner/role": "x", "myrole": "master", "a": "b"})
    {'hitscanner/role': 'server', 'myrole': None}
    >>> drift({"hitscanner/role": "server"}, {"hitscanner/role": "server", "a": "b"})
    {}
    """
    ours = {key for key in found if key.startswith(PREFIX) or key == "myrole"}
    set_anew = {key: value for key, value in wanted.items() if found.get(key) != value}
    return {**set_anew, **dict.fromkeys(sorted(ours - set(wanted)))}


def describe(patch: Mapping[str, str | None], found: Mapping[str, str]) -> list[str]:
    """
    Say a patch in words, one line a label.

    >>> describe({"hitscanner/role": "server", "myrole": None}, {"hitscanner/role": "x"})
    ['label hitscanner/role: x -> server', 'label myrole: taken off']
    """
    return [
        f"label {key}: taken off" if value is None else _set(key, value, found.get(key))
        for key, value in patch.items()
    ]


def _set(key: str, value: str, before: str | None) -> str:
    return f"label {key}: {before} -> {value}" if before else f"label {key}: {value}"
