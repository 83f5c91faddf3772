"""The drives: which there are, whether they answer, and what each is known to hold."""

import tempfile
from pathlib import Path
from typing import Any

import typer

from hitscanner.commands.answer import Json, answer, console
from hitscanner.commands.look import show
from hitscanner.errors import HitscannerError
from hitscanner.infra.digests import digest_of
from hitscanner.infra.drives import Drive, RefusedError, Upload, read_drives
from hitscanner.pipeline.cargo import finished_cycles
from hitscanner.pipeline.load import Dock, read_loaded
from hitscanner.wiring import pipeline

app = typer.Typer(no_args_is_help=True, help="Where finished cycles go.")

PROBE = "hitscanner-check.txt"
"""A file that `check` writes and removes again."""


@app.command("list")
def drives_list(*, as_json: Json = False) -> None:
    """List the drives and how many cycles each holds, as far as is known here."""
    steps = pipeline()
    cycles = finished_cycles(steps.store)
    rows = []
    for entry in read_drives(steps.settings.drives).drive:
        known = [read_loaded(steps.store, cycle, entry.name) for cycle in cycles]
        held = [loaded for loaded in known if loaded and loaded.state == "verified"]
        rows.append(
            {
                "name": entry.name,
                "kind": entry.kind,
                "required": entry.required,
                "cycles": len(held),
                "size_mb": round(sum(loaded.size_bytes for loaded in held) / 1e6, 1),
            }
        )
    show(["name", "kind", "required", "cycles", "size_mb"], rows, is_json=as_json)
    answer({"drives": rows}, is_json=as_json)


@app.command("check")
def drives_check(*, as_json: Json = False) -> None:
    """Write, read back and remove a small file on every drive."""
    dock = pipeline().dock()
    rows = [_check_row(dock, number) for number in range(len(dock.berths))]
    show(["name", "state", "cause"], rows, is_json=as_json)
    failed = sum(row["state"] != "ok" for row in rows)
    answer({"drives": rows}, is_json=as_json, code=_code(failed, len(rows)))


@app.command("status")
def drives_status(*, as_json: Json = False) -> None:
    """Show of every finished cycle what each drive holds, and why not."""
    steps = pipeline()
    entries = read_drives(steps.settings.drives).drive
    rows = []
    for cycle in finished_cycles(steps.store):
        for entry in entries:
            loaded = read_loaded(steps.store, cycle, entry.name)
            rows.append(
                {
                    "cycle": str(cycle),
                    "drive": entry.name,
                    "state": loaded.state if loaded else "never loaded",
                    "files": loaded.files if loaded else 0,
                    "size_mb": round(loaded.size_bytes / 1e6, 1) if loaded else 0,
                    "cause": (loaded and loaded.cause) or "",
                }
            )
    show(["cycle", "drive", "state", "files", "size_mb", "cause"], rows, is_json=as_json)
    answer({"copies": rows}, is_json=as_json)


def _check_row(dock: Dock, number: int) -> dict[str, Any]:
    berth = dock.berths[number]
    row = {"name": berth.name, "state": "ok", "cause": ""}
    try:
        _check(berth.open(dock.connections, dock.scratch))
    except (HitscannerError, OSError) as error:
        row |= {"state": "failed", "cause": str(error)}
    console(is_json=True).print(f"drive {berth.name}: {row['cause'] or 'answers'}")
    return row


def _check(drive: Drive) -> None:
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, PROBE)
        source.write_text("written by `hitscanner drives check`, and removed again\n")
        for _ in drive.put([Upload(PROBE, source, digest_of(source, "sha256"))]):
            pass
        held = [file.digest for file in drive.stat([PROBE])]
        drive.delete(PROBE)
        if held != [digest_of(source, drive.algorithm)]:
            raise RefusedError(f"drive {drive.name}: what was written is not what is read back")


def _code(failed: int, all_drives: int) -> int:
    """Give the exit code: 0 all answer, 2 some, 3 none."""
    return 0 if not failed else 3 if failed == all_drives else 2
