"""
Names that end up in paths, host names, Job names and task indexes, and how to mend a wrong one.

A name is checked once, where it enters; everything behind may paste it into a path.
"""

import re
from collections.abc import Iterable
from difflib import get_close_matches
from typing import NewType

from hitscanner.errors import InvalidNameError

ListName = NewType("ListName", str)
"""The name of a target list that passed `check_list_name`."""

VantagePointName = NewType("VantagePointName", str)
"""The name of a vantage point that passed `check_vp_name`."""

LIST_NAME_MAX = 63
"""Characters; a list name is a directory, a file stem and the value of a Kubernetes label."""

VP_NAME_MAX = 32
"""Characters; `<cycle>-<vp>-<shard>` names a Job and must fit in one DNS label of 63 (RFC 1123)."""

_LIST_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*", re.ASCII)
_VP_NAME = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", re.ASCII)


def check_list_name(name: str) -> ListName:
    """
    Return *name* if it can name a target list.

    Raises:
        InvalidNameError: otherwise, with what is allowed.

    >>> check_list_name("ripe_v6-2026")
    'ripe_v6-2026'
    >>> check_list_name("../etc")
    Traceback (most recent call last):
    hitscanner.errors.InvalidNameError: "../etc" cannot name a target list; use at most 63 of \
a-z 0-9 _ - and begin with a letter or digit
    """
    if len(name) <= LIST_NAME_MAX and _LIST_NAME.fullmatch(name):
        return ListName(name)
    raise InvalidNameError(
        f"{quote(name)} cannot name a target list; "
        f"use at most {LIST_NAME_MAX} of a-z 0-9 _ - and begin with a letter or digit"
    )


def check_vp_name(name: str) -> VantagePointName:
    """
    Return *name* if it can name a vantage point.

    Raises:
        InvalidNameError: otherwise, with what is allowed.

    >>> check_vp_name("us-0001")
    'us-0001'
    >>> check_vp_name("US_1")
    Traceback (most recent call last):
    hitscanner.errors.InvalidNameError: "US_1" cannot name a vantage point; use at most 32 of \
a-z 0-9 -, a letter or digit first and last, and not "all", e.g. us-0001
    """
    if name != "all" and len(name) <= VP_NAME_MAX and _VP_NAME.fullmatch(name):
        return VantagePointName(name)
    raise InvalidNameError(
        f"{quote(name)} cannot name a vantage point; use at most {VP_NAME_MAX} of a-z 0-9 -, "
        'a letter or digit first and last, and not "all", e.g. us-0001'
    )


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """
    Say which of *known* were probably meant, or, if none comes near, which there are.

    >>> did_you_mean("us-001", ["us-0001", "jp-0001"])
    'did you mean us-0001?'
    >>> did_you_mean("fr-0009", ["us-0001", "jp-0001"])
    'there are jp-0001, us-0001'
    >>> did_you_mean("us-0001", [])
    'there are none'
    """
    names = sorted(set(known))
    close = get_close_matches(word, names, n=3, cutoff=0.75)
    if close:
        return f"did you mean {' or '.join(close)}?"
    shown = ", ".join(names[:20]) or "none"
    return f"there are {shown}" + (f" and {len(names) - 20} more" if len(names) > 20 else "")


def quote(text: str, longest: int = 60) -> str:
    r"""
    Show *text* in a message: in quotes, on one line, not longer than *longest* characters.

    >>> print(quote("192.0.2.0\t# home\n"))
    "192.0.2.0\t# home\n"
    >>> quote("x" * 99, longest=5)
    '"xxxx…"'
    """
    cut = text if len(text) <= longest else text[: longest - 1] + "…"
    plain = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in cut)
    return f'"{plain}"'
