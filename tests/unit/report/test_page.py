"""The page tells the truth, works alone, and is the same for the same cycle."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import duckdb
import pytest

from hitscanner.report.page import write_report
from hitscanner.report.summary import Counts, Missing, Score, summarise

LIST, CYCLE = "demo", "20261122T030000Z"


def summary_of(root: Path, **changes):
    arguments = {
        "state": "partial",
        "targets": 6,
        "counts": {"us-0001": Counts(4, 3, 1, 0, 0), "jp-0001": Counts(2, 2, 0, 0, 0)},
        "wall_s": 62.3,
        "probing_s": 40.1,
    }
    return summarise(root, LIST, CYCLE, **{**arguments, **changes})


def page_of(root: Path, **changes) -> str:
    return write_report(summary_of(root, **changes), root, root / "report.html").read_text()


def data_of(page: str) -> dict:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    return json.loads(found[1])


def words_of(page: str) -> str:
    """The page without scripts, style and tags."""
    without = re.sub(r"<(script|style).*?</\1>", "", page, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", without).split())


def test_the_headline_says_the_state_and_what_is_missing(small_cycle):
    missing = small_cycle / "missing.txt"
    missing.write_text("203.0.113.77\n")

    words = words_of(page_of(small_cycle, missing=Missing(1, missing)))

    assert "partial : 5 of 6 assigned targets traced, 1 missing" in words
    assert "203.0.113.77" in words


def test_every_number_of_the_table_is_in_the_text(small_cycle):
    words = words_of(page_of(small_cycle, score=Score(1.0, 0.99999)))

    assert "jp-0001 2 2 0 0 0 2 1 11.0 ms" in words
    assert "us-0001 4 3 1 0 0 2 2 14.0 ms" in words
    assert "all 6 5 1 0 0 4 3 11.0 ms" in words
    assert "link precision 1.0000 link recall 0.9999" in words


def test_nothing_is_fetched_from_anywhere(small_cycle):
    page = page_of(small_cycle, files={"links": small_cycle / "topology" / "links.parquet"})
    own = re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL)

    assert "default-src 'none'" in own
    assert re.findall(r"""(?:src|url|@import|<link|<base)\s*[=(]""", own) == []
    assert re.findall(r'href="([^"]+)"', own) == ["topology/links.parquet"]
    assert "http" not in own.replace("http-equiv", "")


def test_the_same_cycle_gives_the_same_bytes(small_cycle):
    summary = summary_of(small_cycle)
    once = write_report(summary, small_cycle, small_cycle / "once.html").read_bytes()

    assert write_report(summary, small_cycle, small_cycle / "again.html").read_bytes() == once
    assert sorted(p.name for p in small_cycle.glob("*.html*")) == ["again.html", "once.html"]


def test_text_from_the_files_cannot_become_markup(small_cycle):
    nasty = "<img src=x onerror=alert(1)></script>"

    page = page_of(small_cycle, warnings=[nasty], files={nasty: small_cycle / "a b&c.txt"})

    assert nasty not in page
    assert "&lt;img src=x" in page
    assert 'href="a%20b%26c.txt"' in page


def test_the_query_in_the_page_works_in_the_folder_of_the_page(small_cycle, monkeypatch):
    page = page_of(small_cycle)
    query = re.search(r'<code id="query">(.*?)</code>', page, re.DOTALL)[1]
    monkeypatch.chdir(small_cycle)

    with duckdb.connect() as database:
        rows = database.execute(query.replace("&#39;", "'")).fetchall()

    assert rows == [("jp-0001", 2, 0.75), ("us-0001", 1, 2.0)]


def test_the_map_has_every_address_and_who_saw_it(small_cycle):
    drawn = data_of(page_of(small_cycle))["map"]
    dots = drawn["dots"]
    seen = {
        name: [drawn["vps"][vp] for vp in drawn["sets"][number]]
        for name, number in zip(dots["name"], dots["set"], strict=True)
    }

    assert seen == {
        "jp-0001": ["jp-0001"],
        "us-0001": ["us-0001"],
        "198.51.100.1": ["jp-0001", "us-0001"],
        "198.51.100.2": ["jp-0001", "us-0001"],
        "198.51.100.3": ["jp-0001"],
        "198.51.100.4": ["jp-0001"],
        "203.0.113.1": ["jp-0001", "us-0001"],
        "203.0.113.2": ["us-0001"],
    }
    assert dots["far"] == [0, 0, 1, 2, 1, 2, 3, 3]


def test_a_cycle_without_anything_still_has_a_page(tmp_path):
    words = words_of(page_of(tmp_path, state="failed", counts={"us-0001": Counts(4, 0, 4, 0, 0)}))

    assert "failed : 0 of 4 assigned targets traced" in words
    assert "No destination answered." in words


def test_what_is_not_drawn_is_said(small_cycle):
    summary = summary_of(small_cycle)

    page = write_report(summary, small_cycle, small_cycle / "r.html", lines_shown=2).read_text()

    assert "Not drawn: 2 links to 2 destinations" in words_of(page)


@pytest.mark.skipif(shutil.which("chromium") is None, reason="chromium is not installed")
def test_a_browser_draws_it_without_a_network(small_cycle, tmp_path):
    page_of(small_cycle)
    browser = [
        "chromium",
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        f"--user-data-dir={tmp_path / 'browser'}",
        "--virtual-time-budget=20000",
        "--dump-dom",
    ]

    dom = subprocess.run(
        [*browser, f"file://{small_cycle / 'report.html'}"],
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    ).stdout

    assert 'data-drawn="yes"' in dom
    assert dom.count('class="main-svg"') >= 4
