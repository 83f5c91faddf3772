"""World files: JSON Lines, one object a line, checked as they are read."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError

from hitscanner.errors import UsageError
from hitscanner.simulator.objects import WorldObject, to_json_object

_LINE: TypeAdapter[WorldObject] = TypeAdapter(Annotated[WorldObject, Field(discriminator="type")])


class WorldFileError(UsageError):
    """A world file cannot be read as a world; the message names file, line and remedy."""


def parse_line(line: str, where: str) -> WorldObject:
    """
    Turn one line into an object.

    Raises:
        WorldFileError: naming *where*, the key and what is wrong with it.

    >>> parse_line('{"type": "link", "id": 0, "a": 1, "b": 2}', "w:1").delay_us
    1000
    >>> parse_line('{"type": "router", "id": "x"}', "w:2")
    Traceback (most recent call last):
    hitscanner.simulator.worldfile.WorldFileError: w:2: router.id: Input should be a valid integer
    """
    try:
        return _LINE.validate_json(line)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or "line"
        raise WorldFileError(f"{where}: {key}: {first['msg']}") from error


def read(path: Path) -> Iterator[WorldObject]:
    """
    Yield the objects of a file in order; empty lines and lines that start with `#` are skipped.

    Raises:
        WorldFileError: if the file is missing or a line is not an object we know.
    """
    try:
        with path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip() and not line.startswith("#"):
                    yield parse_line(line, f"{path}:{number}")
    except OSError as error:
        raise WorldFileError(
            f"{path}: {error.strerror}; make a world with `hitscanner simulator world`"
        ) from error
    except UnicodeDecodeError as error:
        raise WorldFileError(f"{path}: not UTF-8 text; a world file is JSON Lines") from error


def write(path: Path, objects: Iterable[WorldObject]) -> None:
    """Write the objects, one a line, replacing the file in one step."""
    partial = path.with_name(path.name + ".partial")
    with partial.open("w", encoding="utf-8") as out:
        for thing in objects:
            out.write(json.dumps(to_json_object(thing), separators=(", ", ": ")) + "\n")
    partial.replace(path)
