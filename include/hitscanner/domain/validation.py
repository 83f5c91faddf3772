"""
Turn what pydantic found wrong into one line: the key, its value, and what to give instead.

Every field of a model that users fill in has a `description`, a noun phrase that completes
"give …", so the words of a form and of an error are the same.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from hitscanner.domain.names import did_you_mean, quote

Model = TypeVar("Model", bound=BaseModel)
Path = tuple[str | int, ...]
Example = Callable[[str, Any], str]
"""How a key with a value is written in the user's format."""


class InvalidInputError(ValueError):
    """The first thing wrong with some input, as one line; the caller says whose input it was."""

    def __init__(self, message: str, *, is_unknown_key: bool) -> None:
        super().__init__(message)
        self.is_unknown_key = is_unknown_key


def validate(model: type[Model], values: Mapping[str, object], example: Example) -> Model:
    """
    Build a *model* from *values*.

    Raises:
        InvalidInputError: about an unknown key if there is one, else about the first bad value.

    >>> from hitscanner.domain.sampling import Sample
    >>> validate(Sample, {"density": 99}, as_json)
    Traceback (most recent call last):
    hitscanner.domain.validation.InvalidInputError: density is 99; give the prefix length of an \
IPv4 block, a whole number from 8 to 32, e.g. "density": 24
    >>> validate(Sample, {"densty": 24}, as_json)
    Traceback (most recent call last):
    hitscanner.domain.validation.InvalidInputError: unknown key "densty"; did you mean density \
or density_v6?
    """
    try:
        return model.model_validate(values, by_alias=True, by_name=False)
    except ValidationError as error:
        found = error.errors(include_url=False)
    unknown = [e for e in found if e["type"] == "extra_forbidden"]
    first = (unknown or found)[0]
    message = _say(model, first["loc"], first["type"], first["input"], first["msg"], example)
    raise InvalidInputError(message, is_unknown_key=bool(unknown)) from None


def as_json(key: str, value: object) -> str:
    """
    Write a key with a value as in a JSON object.

    >>> as_json("rate_pps", 100)
    '"rate_pps": 100'
    """
    return f"{json.dumps(key)}: {_text(value)}"


def as_toml(key: str, value: object) -> str:
    """
    Write a key with a value as in TOML.

    >>> as_toml("tags", ["europe"])
    'tags = ["europe"]'
    """
    return f"{key} = {_text(value)}"


def _say(
    model: type[BaseModel], path: Path, kind: str, value: object, message: str, example: Example
) -> str:
    owner, field = _look_up(model, path)
    key = ".".join(str(part) for part in path if isinstance(part, str))
    if kind == "extra_forbidden":
        hint = did_you_mean(str(path[-1]), _keys(owner))
        return f"unknown key {quote(key)}; {hint}"
    if kind == "value_error":  # our own validators say all there is to say
        words = message.removeprefix("Value error, ")
        return f"{key} is {_shorten(value)}; {words}" if field else words
    what = "is missing" if kind == "missing" else f"is {_shorten(value)}"
    return f"{key} {what}; {_remedy(key, field, example)}"


def _remedy(key: str, field: FieldInfo | None, example: Example) -> str:
    if field is None:
        return "give another value"
    shown = field.examples[0] if field.examples else field.get_default(call_default_factory=False)
    if isinstance(shown, BaseModel):
        shown = shown.model_dump(mode="json")
    return f"give {field.description}, e.g. {example(key.rpartition('.')[2], shown)}"


def _look_up(model: type[BaseModel], path: Path) -> tuple[type[BaseModel], FieldInfo | None]:
    """Follow *path* into nested models as far as it names fields."""
    owner, field = model, None
    for part in path:
        inner = field.annotation if field else None
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            owner = inner
        found = _fields(owner).get(str(part))
        if found is None:
            break
        field = found
    return owner, field


def _fields(model: type[BaseModel]) -> dict[str, FieldInfo]:
    return {_alias(field) or name: field for name, field in model.model_fields.items()}


def _alias(field: FieldInfo) -> str | None:
    return field.validation_alias if isinstance(field.validation_alias, str) else None


def _keys(model: type[BaseModel]) -> list[str]:
    return list(_fields(model))


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def _shorten(value: object, longest: int = 80) -> str:
    if isinstance(value, str):
        return quote(value, longest)
    text = _text(value)
    return text if len(text) <= longest else text[: longest - 1] + "…"
