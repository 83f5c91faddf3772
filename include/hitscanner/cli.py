"""`hitscanner …`: `--json` everywhere; exit 0 done, 1 bad input, 2 done in part, 3 failed."""

import sys
from collections.abc import Sequence

import typer

from hitscanner import __version__
from hitscanner.commands import (
    control,
    diff,
    drives,
    fleet,
    here,
    images,
    importing,
    look,
    measure,
    platform,
    registry,
)
from hitscanner.errors import HitscannerError
from hitscanner.simulator.cli import app as simulator

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Trace the Internet politely from many vantage points; get links, routers and pictures.",
)
app.command()(measure.plan)
app.command()(measure.run)
app.command()(control.stop)
app.command()(control.release)
app.command()(control.audit)
look.lists.command("opt-out")(control.opt_out)
look.cycles.command("diff")(diff.cycles_diff)
look.cycles.command("query")(diff.cycles_query)
look.cycles.command("import")(importing.cycles_import)
look.cycles.command("reprocess")(importing.cycles_reprocess)
look.cycles.command("prune")(importing.cycles_prune)
app.add_typer(look.cycles, name="cycles")
app.add_typer(look.inventory, name="inventory")
app.add_typer(fleet.app, name="fleet")
simulator.command("rehearse")(here.demo)
app.add_typer(images.app, name="images")
app.add_typer(platform.app, name="platform")
app.add_typer(registry.app, name="registry")
app.add_typer(simulator, name="simulator")
app.add_typer(drives.app, name="drives")
app.add_typer(look.lists, name="lists")
app.command()(here.demo)
app.command()(here.local)
app.command()(here.down)
app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(
    here.airflow
)


@app.command()
def version() -> None:
    """Print the version."""
    print(__version__)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; every expected error is one line on standard error."""
    try:
        code = app(args=list(arguments) if arguments is not None else None, standalone_mode=False)
    except HitscannerError as error:
        return _complain(str(error), error.exit_code)
    except typer.TyperException as error:
        return _complain(f"{_words(error)}; see --help", 1)
    except (typer.Abort, KeyboardInterrupt):
        return _complain("interrupted", 3)
    return code if isinstance(code, int) else 0


def _words(error: typer.TyperException) -> str:
    """Say what was wrong with the command line, the option's name included."""
    words = getattr(error, "format_message", error.__str__)()
    return str(words).rstrip(".")


def _complain(line: str, code: int) -> int:
    print(f"hitscanner: {line}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
