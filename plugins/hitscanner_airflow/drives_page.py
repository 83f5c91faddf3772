"""The tab "Drives" of a run, and "Browse → Drives": how far each drive is with each cycle."""

from collections.abc import Iterable
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hitscanner.pipeline.pace import Progress

COLUMNS = ("cycle", "drive", "state", "files", "MB", "MB/s", "left", "cause")
EVERY_S = 5
"""How often the page asks for itself again; a load notes its progress as often."""


def drives(run: str | None = None) -> "list[Progress]":
    """Read how far the loads of *run* are, or of all runs; a `+` in its id may be a space here."""
    from hitscanner.wiring import pipeline

    return pipeline().progress(run.replace(" ", "+") if run else None)


def page(rows: "Iterable[Progress]", style: str = "") -> str:
    """
    Render progress as an HTML page that renews itself, in the order given.

    >>> from hitscanner.pipeline.pace import Progress
    >>> row = Progress("lab/20261122T030000Z", "a<b", "loading", 4, 8_000_000, 1, 2_000_000, 1e6, 6)
    >>> print(page([row]).splitlines()[-2])
    <tr><td>lab/20261122T030000Z</td><td>a&lt;b</td><td class="loading">loading</td>\
<td>1 of 4</td><td>2.0 of 8.0</td><td>1.0</td><td>6 s</td><td></td></tr>
    """
    head = "".join(f"<th>{name}</th>" for name in COLUMNS)
    lines = [_line(each) for each in rows]
    table = [f"<table><tr>{head}</tr>", *lines, "</table>"]
    body = table if lines else ["<p>Nothing is loaded onto drives here.</p>"]
    about = [
        "<!doctype html>",
        "<meta charset=utf-8>",
        f'<meta http-equiv="refresh" content="{EVERY_S}">',
        f"<title>Drives</title><style>{style}</style>",
    ]
    return "\n".join([*about, *body])


def _line(row: "Progress") -> str:
    speed = "" if row.bytes_per_s is None else f"{row.bytes_per_s / 1e6:.1f}"
    cells = (
        row.cycle,
        row.drive,
        row.state,
        f"{row.done_files} of {row.files}",
        f"{row.done_bytes / 1e6:.1f} of {row.size_bytes / 1e6:.1f}",
        speed,
        "" if row.left_s is None else f"{row.left_s:.0f} s",
        row.cause or "",
    )
    marks = ["", "", f' class="{escape(row.state)}"', *[""] * 5]
    filled = (f"<td{m}>{escape(cell)}</td>" for m, cell in zip(marks, cells, strict=True))
    return f"<tr>{''.join(filled)}</tr>"
