"""Show a summary in a terminal, or as plain text where there is none."""

from io import StringIO
from pathlib import Path

from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from hitscanner.domain.quorum import Counts
from hitscanner.report.summary import Summary, format_accounting
from hitscanner.report.tables import Answers

STATE_STYLE = {"complete": "bold green", "partial": "bold yellow", "failed": "bold red"}
"""Colour of the headline; the word itself says the same."""

_COLUMNS = (
    "assigned",
    "done",
    "failed",
    "excluded",
    "unassigned",
    "replied",
    "reached",
    "median\nRTT",
)

_NOTE = (
    "replied: traces with any reply; reached: traces whose destination replied;\n"
    "median RTT: of the destinations' replies, the fastest of each trace"
)

_PLAIN = box.Box("    \n    \n -- \n    \n    \n -- \n    \n    \n", ascii=True)
"""Rules of hyphens only: readable in any log."""


def render_table(summary: Summary) -> RenderableType:
    """Return the summary for a rich console: headline, table, totals, files, warnings."""
    style = STATE_STYLE.get(summary.state, "bold")
    parts: list[RenderableType] = [Text(f"state {summary.headline}\n", style)]
    parts.append(_vp_table(summary))
    parts.append(Text())
    parts.append(Text(_NOTE, "dim"))
    parts.append(Text("\n".join(["", *_totals(summary)])))
    parts.extend(Text(f"warning: {sentence}", "yellow") for sentence in summary.warnings)
    if summary.files:
        parts.append(Text(""))
        parts.append(_file_table(summary))
    return Group(*parts)


def render_text(summary: Summary) -> str:
    """Return the same as text without colour or control characters; no path is broken."""
    out = StringIO()
    console = Console(file=out, width=10_000, color_system=None, force_terminal=False)
    console.print(render_table(summary))
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


def _vp_table(summary: Summary) -> Table:
    table = Table(
        box=_PLAIN,
        show_footer=len(summary.vantage_points) > 1,
        show_edge=False,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
    total = _cells(summary.counts, summary.everyone)
    table.add_column("vantage\npoint", footer="all", no_wrap=True)
    for name, footer in zip(_COLUMNS, total, strict=True):
        table.add_column(name, footer=footer, justify="right")
    for vp in summary.vantage_points:
        table.add_row(vp.name, *_cells(vp.counts, vp.answers))
    return table


def _at_plan(summary: Summary) -> str:
    dropped = summary.excluded_at_plan
    return f" ({dropped:,} excluded by the plan)" if dropped else ""


def _cells(counts: Counts, answers: Answers) -> tuple[str, ...]:
    numbers = (
        counts.assigned,
        counts.done,
        counts.failed,
        counts.excluded,
        counts.unassigned,
        answers.replied,
        answers.reached,
    )
    return (*(f"{number:,}" for number in numbers), format_ms(answers.median_rtt_ms))


def _totals(summary: Summary) -> list[str]:
    lines = [
        f"list {summary.list_name}, cycle {summary.cycle}",
        _found(summary),
        format_accounting(summary.counts) + _at_plan(summary),
        _times(summary),
    ]
    if summary.score.recall is not None:
        lines.append(
            f"links against the truth: precision {format_ratio(summary.score.precision)}, "
            f"recall {format_ratio(summary.score.recall)}"
        )
    if summary.score.alias_recall is not None:
        lines.append(
            "alias sets against the truth, by pairs: "
            f"precision {format_ratio(summary.score.alias_precision)}, "
            f"recall {format_ratio(summary.score.alias_recall)}"
        )
    if summary.missing.count:
        where = f", listed in {_from_here(summary.missing.file)}" if summary.missing.file else ""
        noun = "target" if summary.missing.count == 1 else "targets"
        lines.append(f"{summary.missing.count:,} {noun} missing{where}")
    return lines


def _found(summary: Summary) -> str:
    return (
        f"{summary.targets:,} targets, {summary.everyone.traces:,} traces, "
        f"{summary.links:,} links, {summary.addresses:,} addresses"
    )


def _times(summary: Summary) -> str:
    return (
        f"{summary.wall_s:.1f} s in all: {summary.probing_s:.1f} s probing, "
        f"{summary.overhead_s:.1f} s overhead"
    )


def _file_table(summary: Summary) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column()
    table.add_column(overflow="fold")
    for what, path in summary.files.items():
        table.add_row(what, _from_here(path))
    return table


def _from_here(path: Path) -> str:
    """Write a path as one would type it here."""
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def format_ms(value: float | None) -> str:
    """
    Write milliseconds with three significant digits at most; no value is a dash.

    >>> format_ms(0.4321), format_ms(23.46), format_ms(182.9), format_ms(None)
    ('0.43 ms', '23.5 ms', '183 ms', '-')
    """
    if value is None:
        return "-"
    digits = 2 if value < 1 else 1 if value < 100 else 0
    return f"{value:.{digits}f} ms"


def format_ratio(value: float | None) -> str:
    """
    Write a ratio with four digits, never rounded up to 1.

    >>> format_ratio(1.0), format_ratio(0.99999), format_ratio(0.9931), format_ratio(None)
    ('1.0000', '0.9999', '0.9931', '-')
    """
    if value is None:
        return "-"
    return f"{int(value * 10_000) / 10_000:.4f}"
