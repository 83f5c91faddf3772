"""What is shown while a run runs is what the probers say, and never breaks the run."""

import json
import threading
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from hitscanner.report.progress import Progress
from hitscanner.report.reading import Reading, combine, parse, read

SPOKEN = {
    "done": 305,
    "total": 500,
    "sent_pps": 98.4,
    "replies": 3312,
    "eta_s": 14,
    "slice": 1,
    "slices": 2,
    "state": "running",
    "updated_at": 1.0,
}


class Clock:
    """Seconds that pass when told to."""

    def __init__(self):
        self.now_s = 100.0

    def __call__(self):
        return self.now_s


def plain_console():
    return Console(file=StringIO(), width=200, force_terminal=False, color_system=None)


def says(path, **changes):
    path.write_text(json.dumps({**SPOKEN, **changes}))
    return path


@given(st.integers(0, len(json.dumps(SPOKEN)) - 1))
def test_a_half_written_file_is_no_reading(cut):
    assert parse(json.dumps(SPOKEN)[:cut]) is None


@given(
    st.recursive(
        st.none() | st.integers() | st.text(), lambda v: st.lists(v) | st.dictionaries(st.text(), v)
    )
)
def test_json_that_is_not_progress_is_no_reading(value):
    assert parse(json.dumps(value)) is None


def test_a_file_that_is_missing_or_not_text_is_no_reading(tmp_path):
    (tmp_path / "bytes.json").write_bytes(b"\xff\xfe\x00")

    assert read(tmp_path / "none.json") is None
    assert read(tmp_path / "bytes.json") is None


def test_an_unknown_time_left_stays_unknown():
    reading = parse(json.dumps({**SPOKEN, "eta_s": None}))

    assert reading == Reading(305, 500, 98.4, 3312, None, "running")
    assert combine([reading, None]).eta_s is None


def test_nobody_is_done_before_anybody_spoke():
    assert combine([None, None]) == Reading(0, 0, 0, 0, None, "running")


def test_plain_lines_name_each_step_once_and_the_probers_every_ten_seconds(tmp_path):
    console, clock = plain_console(), Clock()
    us = says(tmp_path / "us.json")
    vps = {"us-0001": us, "de-0001": tmp_path / "de.json"}

    with Progress(console, vps, every_s=None, clock=clock) as progress:
        progress.step("plan")
        clock.now_s += 2
        progress.step("probe")
        for _ in range(25):
            clock.now_s += 1
            progress.tick()
        says(us, done=500, sent_pps=0, eta_s=0, state="done")
        progress.step("gate")
        clock.now_s += 1

    assert console.file.getvalue() == PLAIN


PLAIN = """\
   0:00  plan ...
   0:02  plan done in 0:02
   0:02  probe ...
   0:12  probe 305/500 targets, 98 pps, 3,312 replies, 0:14 left; de-0001 waiting, us-0001 61 %
   0:22  probe 305/500 targets, 98 pps, 3,312 replies, 0:14 left; de-0001 waiting, us-0001 61 %
   0:27  probe done in 0:25: 500/500 targets, 3,312 replies, done; de-0001 waiting, us-0001 done
   0:27  gate ...
   0:28  gate done in 0:01
"""


def run_failing_step(console, clock):
    with Progress(console, every_s=None, clock=clock) as progress:
        progress.step("world")
        raise ZeroDivisionError


def test_a_step_that_raises_is_shown_as_failed_and_the_error_goes_on():
    console, clock = plain_console(), Clock()

    with pytest.raises(ZeroDivisionError):
        run_failing_step(console, clock)

    assert console.file.getvalue().endswith("world failed in 0:00\n")


def terminal_console():
    return Console(file=StringIO(), width=110, force_terminal=True, color_system=None)


def test_a_terminal_shows_a_bar_for_each_vantage_point(tmp_path):
    console, clock = terminal_console(), Clock()
    vps = {"us-0001": says(tmp_path / "us.json"), "de-0001": tmp_path / "de.json"}

    with Progress(console, vps, every_s=None, clock=clock) as progress:
        progress.step("plan")
        progress.step("probe")
        progress.tick()
        progress.note("a line that stays")

    shown = console.file.getvalue()
    assert "305/500" in shown
    assert "98 pps, 3,312 replies, 0:14 left" in shown
    assert "de-0001" in shown
    assert "waiting" in shown
    assert "✓ probe" in shown
    assert "a line that stays\n" in shown


def test_many_vantage_points_share_the_last_bar(tmp_path):
    console = terminal_console()
    vps = {f"us-{i:04}": says(tmp_path / f"{i}.json", done=i) for i in range(40)}

    with Progress(console, vps, every_s=None, clock=Clock()) as progress:
        progress.step("probe")
        progress.tick()

    shown = console.file.getvalue()
    assert "us-0014" in shown
    assert "us-0015" not in shown
    assert "25 others" in shown


def test_the_display_moves_by_itself_while_the_caller_is_busy(tmp_path):
    console = terminal_console()
    vps = {"us-0001": tmp_path / "us.json"}
    seen = []

    class Watched(Progress):
        def tick(self):
            super().tick()
            seen.append(1)
            if len(seen) == 3:
                busy.set()

    busy = threading.Event()
    with Watched(console, vps, every_s=0.01) as progress:
        progress.step("probe")

        assert busy.wait(30)


def test_a_prober_that_failed_does_not_look_done(tmp_path):
    console = terminal_console()
    vps = {"us-0001": says(tmp_path / "us.json", state="failed")}

    with Progress(console, vps, every_s=None, clock=Clock()) as progress:
        progress.step("probe")
        progress.tick()

    assert "305/500 3,312 replies, failed" in " ".join(console.file.getvalue().split())


def test_probers_are_shown_in_the_step_in_which_they_began_only(tmp_path):
    console, clock = plain_console(), Clock()

    with Progress(console, {"us-0001": tmp_path / "us.json"}, every_s=None, clock=clock) as shown:
        shown.step("traceroute")
        says(tmp_path / "us.json")
        for step in ("transform", "load"):
            shown.step(step)
            clock.now_s += 60
            shown.tick()

    lines = console.file.getvalue().splitlines()
    assert [line.split()[1] for line in lines if "us-0001" in line] == ["traceroute"]
