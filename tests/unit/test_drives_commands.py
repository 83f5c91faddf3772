"""`hitscanner drives …` and `cycles prune` as a user sees them."""

import json
import shutil
from datetime import UTC, datetime

import pytest

from hitscanner.cli import main
from hitscanner.settings import Settings
from tests.unit.pipeline.conftest import Measurement

DRIVES = """\
retention_days = 1
[[drive]]
name = "good"
kind = "file"
path = "{home}/good"
[[drive]]
name = "bad"
kind = "rclone"
remote = "box:"
connection = "/no/such/rclone.conf"
required = {required}
"""


@pytest.fixture
def said(capsys):
    def said():
        return json.loads(capsys.readouterr().out.splitlines()[-1])

    return said


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("HITSCANNER_HOME", str(tmp_path))
    measurement = Measurement(tmp_path)
    measurement.close()
    configure(tmp_path, required=False)
    return measurement


def configure(home, *, required):
    text = DRIVES.format(home=home, required=str(required).lower())
    Settings(home).drives.write_text(text)


def load(cycle):
    from hitscanner.wiring import pipeline

    return pipeline().load({"list": cycle.list, "cycle": cycle.cycle})


def test_check_names_the_drive_that_does_not_answer_and_leaves_nothing(home, said):
    assert main(["drives", "check", "--json"]) == 2
    good, bad = said()["drives"]

    assert good == {"name": "good", "state": "ok", "cause": ""}
    assert bad["state"] == "failed"
    assert "rclone" in bad["cause"]
    assert [path for path in (home.root / "good").rglob("*") if path.is_file()] == []


def test_status_shows_every_copy_and_the_cause_of_a_failure(home, said):
    outcome = load(home.cycle)
    main(["drives", "status", "--json"])
    good, bad = said()["copies"]
    main(["drives", "list", "--json"])
    listed = said()["drives"]

    assert [each["state"] for each in outcome["drives"]] == ["verified", "failed"]
    assert (good["state"], bad["state"]) == ("verified", "failed")
    assert "rclone" in bad["cause"]
    assert [(row["name"], row["cycles"]) for row in listed] == [("good", 1), ("bad", 0)]


def test_a_load_that_a_required_drive_failed_ends_with_3_and_its_cause(home):
    configure(home.root, required=True)
    from hitscanner.pipeline.load import NotLoadedError

    with pytest.raises(NotLoadedError, match="rclone") as raised:
        load(home.cycle)
    assert raised.value.exit_code == 3


def test_the_page_of_a_run_is_told_how_far_each_drive_is(home):
    from hitscanner.wiring import pipeline

    pipeline().load({"list": home.cycle.list, "cycle": home.cycle.cycle}, "manual__1")
    good, bad = sorted(pipeline().progress("manual__1"), key=lambda p: p.drive != "good")

    assert (good.cycle, good.state) == (str(home.cycle), "verified")
    assert (good.done_files, good.done_bytes) == (good.files, good.size_bytes)
    assert (bad.state, bad.done_files) == ("failed", 0)
    assert "rclone" in bad.cause
    assert pipeline().progress("manual__2") == []


def test_the_daily_sweep_finds_what_a_drive_lacks(home):
    from hitscanner.wiring import pipeline

    asked = {"list": home.cycle.list, "cycle": home.cycle.cycle}
    before = pipeline().unloaded()
    load(home.cycle)
    configure(home.root, required=False)

    assert before == pipeline().unloaded() == [asked]
    text = Settings(home.root).drives.read_text()
    Settings(home.root).drives.write_text(text[: text.index('[[drive]]\nname = "bad"')])
    assert pipeline().unloaded() == []


def test_prune_says_what_it_would_do_and_what_keeps_it(home):
    from hitscanner.wiring import pipeline

    load(home.cycle)
    later = datetime(2026, 12, 1, tzinfo=UTC)
    [would] = pipeline().prune(later, is_dry=True)
    shutil.rmtree(home.root / "good" / "raw")
    [kept] = pipeline().prune(later)

    assert (would["state"], would["files"]) == ("removed", 3)
    assert kept["state"] == "kept"
    assert "drive good does not hold raw/" in kept["reason"]


def test_prune_by_hand_removes_nothing_without_a_drive_that_holds_it(home, said):
    assert main(["cycles", "prune", "--json"]) == 0
    assert [row["state"] for row in said()["cycles"]] == ["kept"]
