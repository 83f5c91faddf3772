"""
Show what a run is doing: live in a terminal, as plain lines anywhere else.

A caller names the steps as they come; the bars follow the probers' `progress.json` files.
Where the caller is busy elsewhere, a thread keeps the display moving.
"""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn
from rich.progress import Progress as Bars
from rich.table import Table
from rich.text import Text

from hitscanner.report.reading import (
    Readings,
    combine,
    format_clock,
    format_probing,
    format_rate,
    read,
)

STEPS = (
    "venv",
    "build",
    "world",
    "plan",
    "probe",
    "gate",
    "transform",
    "load",
    "score",
    "report",
)
"""The steps of a run in their order; a caller may name others."""

PROBE = "probe"
"""The step that shows the probers."""

LINE_EVERY_S = 10.0
"""Seconds between two plain lines about the same probing."""

SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
"""Frames of the mark before a running step, eight a second."""

BARS_SHOWN = 16
"""Vantage points with a bar of their own; the rest share one, so that the display fits a screen."""


@dataclass
class Step:
    """A step that has begun."""

    name: str
    began_at: float
    ended_at: float | None = None
    outcome: str = "running"
    """`running`, `done` or `failed`."""


class Progress:
    """
    A display of steps and vantage points; use it as a context manager.

    Leaving it ends the last step: done, or failed if an exception passes through.  The probers are
    shown in the step `probe`, or else in the step in which the first of them moves.

    Args:
        console: where to show it; a terminal gets the live display.
        vps: vantage point → its `progress.json`; may be set later with `watch`.
        every_s: seconds between two looks at the files by the display's own thread; None for no
            thread, then the caller calls `tick`.
        clock: seconds, growing; only differences count.
    """

    def __init__(
        self,
        console: Console,
        vps: Mapping[str, Path] | None = None,
        *,
        every_s: float | None = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._console = console
        self._files = dict(vps or {})
        self._every_s = every_s
        self._clock = clock
        self._began_at = clock()
        self._said_at = self._began_at
        self._steps: list[Step] = []
        self._readings = self._read_all()
        self._probing_step: Step | None = None
        self._lock = threading.RLock()
        self._left = threading.Event()
        self._thread: threading.Thread | None = None
        self._live: Live | None = None

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live = Live(
                console=self._console, get_renderable=self._render, refresh_per_second=4
            )
            self._live.start()
        if self._every_s is not None:
            self._thread = threading.Thread(target=self._keep_ticking, daemon=True)
            self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._left.set()
        if self._thread is not None:
            self._thread.join()
        self.tick()
        self._end_step("done" if kind is None else "failed")
        if self._live is not None:
            self._live.stop()

    def watch(self, vps: Mapping[str, Path]) -> None:
        """Follow these vantage points from now on, instead of those before."""
        with self._lock:
            self._files = dict(vps)
            self._probing_step = None
            self._readings = self._read_all()

    def step(self, name: str) -> None:
        """End the step before as done and begin *name*."""
        with self._lock:
            self._look()
            self._end_step("done")
            self._steps.append(Step(name, self._clock()))
            self._said_at = self._clock()
            self._say(f"{name} ...")

    def note(self, text: str) -> None:
        """Leave a line that stays: above the live display, or among the plain lines."""
        self._console.print(Text(text), soft_wrap=True)

    def tick(self) -> None:
        """Look at the files again and show what they say."""
        with self._lock:
            self._look()
            step = self._probing_step
            if step and step.ended_at is None and self._clock() - self._said_at >= LINE_EVERY_S:
                self._said_at = self._clock()
                self._say(f"{step.name} {format_probing(self._readings)}")
        if self._live is not None:
            # Outside our lock: the display's thread holds its own lock while it takes ours.
            self._live.refresh()

    def _look(self) -> None:
        before, self._readings = self._readings, self._read_all()
        if self._probing_step is None and self._steps:
            step = self._steps[-1]
            if step.name == PROBE or self._readings != before:
                self._probing_step = step

    def _read_all(self) -> Readings:
        return {vp: read(path) for vp, path in self._files.items()}

    def _keep_ticking(self) -> None:
        while not self._left.wait(self._every_s):
            self.tick()

    def _end_step(self, outcome: str) -> None:
        if not self._steps or self._steps[-1].ended_at is not None:
            return
        step = self._steps[-1]
        step.ended_at, step.outcome = self._clock(), outcome
        words = f"{step.name} {outcome} in {format_clock(step.ended_at - step.began_at)}"
        if step is self._probing_step:
            words += f": {format_probing(self._readings)}"
        self._say(words)

    def _say(self, words: str) -> None:
        """Print a plain line; the live display shows the same in its own way."""
        if self._live is None:
            since = format_clock(self._clock() - self._began_at)
            self._console.print(Text(f"{since:>7}  {words}"), soft_wrap=True)

    def _render(self) -> RenderableType:
        with self._lock:
            parts: list[RenderableType] = [_step_table(self._steps, self._clock())]
            if self._steps and self._steps[-1] is self._probing_step:
                parts.append(_vp_bars(self._readings))
            return Group(*parts)


def _step_table(steps: list[Step], now: float) -> RenderableType:
    """Lay out one line per step: mark, name, time taken."""
    table = Table.grid(padding=(0, 1))
    for step in steps:
        mark, style = _mark(step, now)
        took = format_clock((step.ended_at or now) - step.began_at)
        table.add_row(Text(mark, style), Text(f"{step.name:<12}"), Text(took, "dim"))
    return table


def _mark(step: Step, now: float) -> tuple[str, str]:
    """Return the sign before a step, and its style."""
    if step.outcome == "running":
        return SPINNER[int(now * 8) % len(SPINNER)], "cyan"
    return ("✓", "green") if step.outcome == "done" else ("✗", "bold red")


def _vp_bars(readings: Readings) -> Bars:
    """One bar per vantage point, in order of their names."""
    bars = Bars(
        TextColumn("    {task.description}"),
        BarColumn(bar_width=28),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}", style="dim"),
    )
    names = sorted(readings)
    alone = names if len(names) <= BARS_SHOWN else names[: BARS_SHOWN - 1]
    for vp in alone:
        _add_bar(bars, vp, {vp: readings[vp]})
    if others := {vp: readings[vp] for vp in names[len(alone) :]}:
        _add_bar(bars, f"{len(others)} others", others)
    return bars


def _add_bar(bars: Bars, label: str, readings: Readings) -> TaskID:
    known = any(readings.values())
    total = combine(readings.values())
    rate = format_rate(total) if known else "waiting"
    return bars.add_task(label, total=total.total or None, completed=total.done, rate=rate)
