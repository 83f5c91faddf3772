"""What phases share: templates, and files that are put only where they differ."""

import hashlib
from collections.abc import Iterator
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from hitscanner.provision.facts import Facts
from hitscanner.provision.model import Change, Put


def render(template: str, **values: Any) -> str:
    """
    Fill in a template of `provision/templates`.

    >>> render("exports.j2", folder="/srv", clients=["10.42.0.0/16"]).splitlines()[1]
    '/srv 10.42.0.0/16(rw,sync,root_squash,no_subtree_check)'
    """
    return _environment().get_template(template).render(**values)


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("hitscanner.provision"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701 # configuration files, not HTML
    )


def put(
    facts: Facts,
    phase: str,
    path: str,
    content: str | bytes,
    mode: int = 0o644,
    *,
    is_secret: bool = False,
) -> Iterator[Change]:
    """
    Yield the change that makes *path* hold *content*, unless it does.

    >>> change, = put(Facts(host="us-0001"), "kernel", "/etc/x", "y")
    >>> change.says
    'write /etc/x'
    """
    data = content.encode() if isinstance(content, str) else content
    found = facts.files.get(path)
    wanted = (digest(data), f"{mode:04o}", "root")
    if found is not None and (found.sha256, found.mode, found.owner) == wanted:
        return
    says = f"{'change' if found else 'write'} {path}"
    before = found.text if found else None
    yield Change(phase, says, Put(path, data, mode), before=before, is_secret=is_secret)


def digest(*parts: str | bytes) -> str:
    """
    Give the SHA-256 of *parts*, in hexadecimal.

    >>> digest("a", b"b") == digest("ab")
    True
    """
    data = b"".join(part.encode() if isinstance(part, str) else part for part in parts)
    return hashlib.sha256(data).hexdigest()
