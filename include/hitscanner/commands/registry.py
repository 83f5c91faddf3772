"""The registry of our images, by Harbor on a host of its own."""

import typer

from hitscanner.commands.answer import Json, answer, console
from hitscanner.wiring_platform import registry_office

app = typer.Typer(no_args_is_help=True, help="The registry of our images (Harbor, on its host).")


@app.command("plan")
def registry_plan(*, as_json: Json = False) -> None:
    """Show what would change on the registry's host; nothing is touched."""
    _show(registry_office().plan(), "planned", is_json=as_json)


@app.command("apply")
def registry_apply(*, as_json: Json = False) -> None:
    """Install and configure Harbor, make its project and accounts; a second run changes nothing."""
    done = registry_office().apply()
    _show(done, "changed" if done else "unchanged", is_json=as_json)


def _show(lines: list[str], state: str, *, is_json: bool) -> None:
    for line in lines or ["nothing to do"]:
        console(is_json=is_json).print(line, markup=False, highlight=False)
    answer({"state": state, "changes": lines}, is_json=is_json)
