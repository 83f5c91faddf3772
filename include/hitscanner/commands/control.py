"""Stop everything, release it, take somebody off all lists; and who did so."""

import os
import pwd
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any

import typer

from hitscanner.commands.answer import Json, answer, console
from hitscanner.commands.look import show
from hitscanner.pipeline.control import Told
from hitscanner.wiring import pipeline

Why = Annotated[str, typer.Option("--why", help="The reason, kept in the audit record.")]


def stop(*, why: Why = "by hand", as_json: Json = False) -> None:
    """Silence every vantage point within seconds; nothing starts again before `release`."""
    told = pipeline().control().stop(whoami(), why)
    _report("stopped", told, as_json=as_json)


def release(*, why: Why = "by hand", as_json: Json = False) -> None:
    """Let measurements start again after `stop`; clear the stopped runs to finish them."""
    told = pipeline().control().release(whoami(), why)
    _report("released", told, as_json=as_json)


def opt_out(
    prefixes: Annotated[list[str], typer.Argument(help="Prefixes or addresses.")],
    *,
    why: Why = "asked to",
    as_json: Json = False,
) -> None:
    """Add to the do-not-probe list, and give it to running measurements at once."""
    listed, told = pipeline().control().opt_out(prefixes, whoami(), why)
    facts = {"entries": len(listed.prefixes), "sha256": listed.sha256}
    _report("opted out", told, as_json=as_json, **facts)


def audit(*, as_json: Json = False) -> None:
    """Show who stopped, released or opted out, when and why."""
    records = pipeline().control().audit.records()
    show(["at", "action", "by", "why"], records, is_json=as_json)
    answer({"records": records}, is_json=as_json)


def whoami() -> str:
    """Name the account that gives the command."""
    return pwd.getpwuid(os.getuid()).pw_name


def _report(action: str, told: Sequence[Told], *, as_json: bool, **facts: Any) -> None:
    """End the command: 0 when every vantage point knows, 2 when some do not."""
    rows = [asdict(each) for each in told]
    show(["vp", "state", "cause"], rows, is_json=as_json)
    deaf = [each.vp for each in told if not each.has_heard]
    console(is_json=as_json).print(
        f"{action}: {len(told) - len(deaf)} of {len(told)} vantage points"
        + (f"; not: {', '.join(deaf)}" if deaf else "")
    )
    result = {"action": action, **facts, "vantage_points": rows}
    answer(result, is_json=as_json, code=2 if deaf else 0)
