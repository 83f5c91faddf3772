"""How a command answers: text for people, or its result as one JSON object on the last line."""

import json
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console

from hitscanner.errors import UsageError

Json = Annotated[bool, typer.Option("--json", help="End with the result as one JSON object.")]


def console(*, is_json: bool) -> Console:
    """Give where text goes: beside the JSON object, so that a program reads standard output."""
    return Console(stderr=is_json)


def answer(result: dict[str, Any], *, is_json: bool, code: int = 0) -> NoReturn:
    """End the command with *code*; print *result* as JSON when that was asked for."""
    if is_json:
        print(json.dumps(result, default=str))
    raise typer.Exit(code)


def read_conf(text: str) -> dict[str, Any]:
    """
    Read `--conf JSON|@FILE`.

    Raises:
        UsageError: naming the file or the place of the mistake.

    >>> read_conf('{"list": "demo"}')
    {'list': 'demo'}
    """
    source = "--conf"
    if text.startswith("@"):
        source = text[1:]
        file = Path(source)
        if not file.is_file():
            raise UsageError(f"--conf: there is no file {source}")
        text = file.read_text()
    try:
        conf = json.loads(text)
    except json.JSONDecodeError as error:
        raise UsageError(f"{source} is not JSON: {error}; see include/examples") from error
    if not isinstance(conf, dict):
        raise UsageError(f'{source}: give a JSON object, e.g. {{"list": "sample"}}')
    return conf
