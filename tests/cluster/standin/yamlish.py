"""
Read the YAML that configuration files are written in: block mappings and lists, and scalars.

Flow collections are read where they are JSON or lists of plain words.
Anything else is an error that names the line, never a guess.
"""

import json
import re
from typing import Any

_Line = tuple[int, str, int]
"""Indentation, text, number in the file."""


class YamlError(ValueError):
    """The line that cannot be read."""


def load(text: str) -> Any:
    """
    Read one document.

    >>> load('server: https://[::1]:6443 # here\\nnode-label:\\n- a=b\\n- "c=d"\\ndocker: false')
    {'server': 'https://[::1]:6443', 'node-label': ['a=b', 'c=d'], 'docker': False}
    >>> load('mirrors:\\n  docker.io:\\n    endpoint: ["https://r.example"]\\n')
    {'mirrors': {'docker.io': {'endpoint': ['https://r.example']}}}
    """
    lines = []
    for number, raw in enumerate(text.splitlines(), start=1):
        line = _without_comment(raw)
        if line.strip() and line.strip() != "---":
            lines.append((len(line) - len(line.lstrip(" ")), line.strip(), number))
    if not lines:
        return None
    value, rest = _block(lines, lines[0][0])
    if rest:
        raise YamlError(f"yaml: line {rest[0][2]}: cannot read {rest[0][1]!r}")
    return value


def _without_comment(line: str) -> str:
    quote = ""
    for at, sign in enumerate(line):
        if quote:
            quote = "" if sign == quote else quote
        elif sign in "\"'":
            quote = sign
        elif sign == "#" and (at == 0 or line[at - 1] in " \t"):
            return line[:at].rstrip()
    return line.rstrip()


def _block(lines: list[_Line], indent: int) -> tuple[Any, list[_Line]]:
    if lines[0][1] == "-" or lines[0][1].startswith("- "):
        return _sequence(lines, indent)
    return _mapping(lines, indent)


def _sequence(lines: list[_Line], indent: int) -> tuple[list[Any], list[_Line]]:
    items = []
    while lines and lines[0][0] == indent and lines[0][1][:2] in ("-", "- "):
        _, text, number = lines[0]
        inner = text[1:].lstrip()
        if _KEY.match(inner) and not inner.startswith(('"', "'", "[", "{")):
            width = len(text) - len(inner)
            item, lines = _mapping([(indent + width, inner, number), *lines[1:]], indent + width)
            items.append(item)
        else:
            items.append(_scalar(inner, number))
            lines = lines[1:]
    return items, lines


_KEY = re.compile(r"""("[^"]*"|'[^']*'|[^\s"'\[{][^:]*?)\s*:(?:\s+(.*))?$""")


def _mapping(lines: list[_Line], indent: int) -> tuple[Any, list[_Line]]:
    found = {}
    while lines and lines[0][0] == indent:
        _, text, number = lines[0]
        match = _KEY.match(text)
        if not match:
            raise YamlError(f"yaml: line {number}: could not find expected ':' in {text!r}")
        key, value = _scalar(match.group(1), number), match.group(2)
        lines = lines[1:]
        if value:
            found[key] = _scalar(value, number)
        elif lines and (lines[0][0] > indent or (lines[0][0] == indent and _is_item(lines[0][1]))):
            found[key], lines = _block(lines, lines[0][0])
        else:
            found[key] = None
    return found, lines


def _is_item(text: str) -> bool:
    return text == "-" or text.startswith("- ")


_WORDS = {"true": True, "false": False, "null": None, "~": None, "": None}


def _scalar(text: str, number: int) -> Any:
    if text[:1] == "[" and text[-1:] == "]" and not set(text[1:-1]) & set("[]{}\"'"):
        return [_scalar(word.strip(), number) for word in text[1:-1].split(",") if word.strip()]
    if text[:1] in ("[", "{", '"'):
        try:
            return json.loads(text)
        except ValueError:
            raise YamlError(f"yaml: line {number}: cannot read {text!r}") from None
    if text[:1] == "'" and text[-1:] == "'" and len(text) > 1:
        return text[1:-1].replace("''", "'")
    if text[:1] in ("&", "*", "!", "|", ">", "%", "@", "`"):
        raise YamlError(f"yaml: line {number}: the stand-in does not read {text!r}")
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    return int(text) if re.fullmatch(r"[-+]?(0|[1-9][0-9]*)", text) else text
