"""The page tells the truth, works alone, and is the same for the same cycle."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import duckdb
import pytest

from hitscanner.domain.quorum import Counts
from hitscanner.report.page import Origins, write_report
from hitscanner.report.summary import Missing, Score, summarise

from .conftest import START_AT

LIST, CYCLE = "demo", "20261122T030000Z"


def summary_of(root: Path, **changes):
    arguments = {
        "state": "partial",
        "targets": 6,
        "counts": {"us-0001": Counts(3, 1, 0, 0), "jp-0001": Counts(2, 0, 0, 0)},
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
    own = re.sub(r"<script( id=\"plotly\"[^>]*)?>.*?</script>", "", page, flags=re.DOTALL)

    assert "default-src 'none'" in own
    assert re.findall(r"""(?:src|url|@import|<link|<base)\s*[=(]""", own) == []
    assert re.findall(r'href="([^"]+)"', own) == ["topology/links.parquet"]
    assert "http" not in own.replace("http-equiv", "")


def test_the_same_cycle_gives_the_same_bytes(small_cycle):
    summary = summary_of(small_cycle)
    once = write_report(summary, small_cycle, small_cycle / "once.html").read_bytes()

    assert write_report(summary, small_cycle, small_cycle / "again.html").read_bytes() == once
    assert sorted(p.name for p in small_cycle.glob("*.html*")) == ["again.html", "once.html"]


def test_ases_colour_the_map_and_their_source_is_named(small_cycle):
    origins = Origins({"198.51.100.1": 64500, "198.51.100.3": 64501}.get, "prefix2as-20261101.txt")
    out = small_cycle / "report.html"
    page = write_report(summary_of(small_cycle), small_cycle, out, origins=origins).read_text()
    drawn = data_of(page)["map"]
    known = {
        name: drawn["ases"][number]
        for name, number in zip(drawn["dots"]["name"], drawn["dots"]["as"], strict=True)
        if number >= 0
    }

    assert known == {"198.51.100.1": 64500, "198.51.100.3": 64501}
    assert [drawn["ases"][number] for number in drawn["own_as"]] == [64500, 64501]
    assert "ASes by prefix2as-20261101.txt." in words_of(page)


def test_a_link_says_who_saw_it_when_and_with_what_rtt(small_cycle):
    drawn = data_of(page_of(small_cycle))["map"]
    dots, lines = drawn["dots"]["name"], drawn["lines"]
    number = next(
        i
        for i, ends in enumerate(zip(lines["near"], lines["far"], strict=True))
        if [dots[end] for end in ends] == ["198.51.100.1", "198.51.100.2"]
    )
    said = {key: lines[key][number] for key in ("first", "last", "freq", "near_rtt", "far_rtt")}

    assert [drawn["vps"][vp] for vp in drawn["sets"][lines["set"][number]]] == [
        "jp-0001",
        "us-0001",
    ]
    assert said == {
        "first": START_AT,
        "last": START_AT + 2,
        "freq": 2,
        "near_rtt": 1.0,
        "far_rtt": 5.0,
    }


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
    words = words_of(page_of(tmp_path, state="failed", counts={"us-0001": Counts(0, 4, 0, 0)}))

    assert "failed : 0 of 4 assigned targets traced" in words
    assert "No destination answered." in words


def test_what_is_not_drawn_is_said(small_cycle):
    summary = summary_of(small_cycle)

    page = write_report(summary, small_cycle, small_cycle / "r.html", lines_shown=2).read_text()

    assert "Not drawn: 2 links to 2 destinations" in words_of(page)


CLICK = """<script>
addEventListener("load", () => {
  const { dots, lines, radius } = JSON.parse(document.getElementById("data").textContent).map;
  const box = document.getElementById("map").getBoundingClientRect();
  const scale = Math.min(box.width, box.height) / (2 * radius * 1.06);
  const name = (end, i) => dots.name[lines[end][i]];
  const named = (i) => name("near", i) === "198.51.100.1" && name("far", i) === "198.51.100.2";
  const i = lines.near.findIndex((_, at) => named(at));
  const amid = (values) => (values[lines.near[i]] + values[lines.far[i]]) / 2;
  const where = { clientX: box.x + box.width / 2 + scale * amid(dots.x),
    clientY: box.y + box.height / 2 - scale * amid(dots.y), pointerId: 1, bubbles: true };
  const canvas = document.getElementById("canvas");
  canvas.setPointerCapture = () => {};
  const press = (kind) => canvas.dispatchEvent(new PointerEvent(kind, where));
  ["pointerdown", "pointerup"].forEach(press);
});
</script>"""
"""Clicks amid a link of the map, as it lies when everything is shown."""


@pytest.fixture
def browse(tmp_path):
    """Open a page in a browser without a network and return what it has become."""
    if shutil.which("chromium") is None:
        pytest.skip("chromium is not installed")

    def dump(page: Path) -> str:
        browser = [
            *("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"),
            *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
            *(f"--user-data-dir={tmp_path / 'browser'}", "--window-size=1400,1000"),
            *("--virtual-time-budget=20000", "--dump-dom", f"file://{page}"),
        ]
        return subprocess.run(
            browser, capture_output=True, text=True, timeout=300, check=True
        ).stdout

    return dump


def test_a_browser_draws_it_without_a_network(small_cycle, browse):
    page_of(small_cycle)

    dom = browse(small_cycle / "report.html")

    assert 'data-map-ms="' in dom
    assert 'data-drawn="yes"' in dom
    assert dom.count('class="main-svg"') >= 3


def test_a_click_on_a_link_keeps_its_numbers_below(small_cycle, browse):
    clicked = small_cycle / "clicked.html"
    clicked.write_text(page_of(small_cycle).replace("</body>", f"{CLICK}</body>"))

    dom = browse(clicked)
    picked = words_of(re.search(r'<output id="picked".*?</output>', dom, re.DOTALL)[0])

    assert "198.51.100.1 → 198.51.100.2" in picked
    assert "seen 2 times by jp-0001, us-0001" in picked
    assert "from 2026-11-22 03:00:00 UTC to 2026-11-22 03:00:02 UTC" in picked
    assert "least RTT 1.0 ms and 5.0 ms" in picked
