"""The numbers people are told are the numbers of the tables and of the manifest."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hitscanner.domain.quorum import Counts
from hitscanner.report.summary import Missing, Score, Summary, summarise
from hitscanner.report.terminal import format_ratio, render_text

LIST, CYCLE = "demo", "20261122T030000Z"
COUNTS = {"us-0001": Counts(3, 1, 0, 0), "jp-0001": Counts(2, 0, 0, 0)}

FIXED_KEYS = [
    "state",
    "targets",
    "assigned",
    "done",
    "failed",
    "excluded",
    "unassigned",
    "links",
    "alias_sets",
    "wall_s",
    "probing_s",
    "overhead_s",
]


def of(root: Path, **changes) -> Summary:
    arguments = {
        "state": "partial",
        "targets": 6,
        "counts": COUNTS,
        "wall_s": 62.34,
        "probing_s": 40.1,
        "score": Score(1.0, 0.9931),
        "missing": Missing(1, root / "missing.txt"),
    }
    return summarise(root, LIST, CYCLE, **{**arguments, **changes})


def test_a_row_holds_what_its_vantage_point_heard(small_cycle):
    jp, us = of(small_cycle).vantage_points

    assert (
        jp.name,
        jp.answers.traces,
        jp.answers.replied,
        jp.answers.reached,
    ) == ("jp-0001", 2, 2, 1)
    assert (
        us.name,
        us.answers.traces,
        us.answers.replied,
        us.answers.reached,
    ) == ("us-0001", 3, 2, 2)
    assert (jp.answers.median_rtt_ms, us.answers.median_rtt_ms) == (11.0, 14.0)
    assert jp.answers.path_lengths == ((4, 1),)


def test_totals_count_links_and_addresses_once(small_cycle):
    summary = of(small_cycle)

    assert (
        summary.everyone.traces,
        summary.everyone.replied,
        summary.links,
        summary.addresses,
    ) == (5, 4, 5, 6)
    assert summary.everyone.median_rtt_ms == 11.0
    assert Counts(5, 1, 0, 0) == summary.counts


def test_the_json_begins_with_the_fixed_keys(small_cycle):
    result = of(small_cycle).to_json()

    assert list(result)[: len(FIXED_KEYS)] == FIXED_KEYS
    assert result["links"] == {"precision": 1.0, "recall": 0.9931}
    assert result["alias_sets"] == {"precision": None, "recall": None}
    assert (result["wall_s"], result["probing_s"], result["overhead_s"]) == (62.3, 40.1, 22.2)
    assert result == json.loads(json.dumps(result))


def test_a_cycle_without_any_file_is_all_zeros_and_says_so(tmp_path):
    summary = of(tmp_path, state="failed", counts={"us-0001": Counts(0, 4, 0, 0)})

    assert (
        summary.everyone.traces,
        summary.links,
        summary.addresses,
        summary.everyone.median_rtt_ms,
    ) == (0, 0, 0, None)
    assert "state failed: 0 of 4 assigned targets traced, 1 missing" in render_text(summary)


def test_a_vantage_point_without_a_table_still_has_its_row(small_cycle):
    summary = of(small_cycle, counts={**COUNTS, "de-0001": Counts(0, 7, 0, 0)})

    de = summary.vantage_points[0]
    assert (
        de.name,
        de.counts.failed,
        de.answers.replied,
        de.answers.median_rtt_ms,
    ) == ("de-0001", 7, 0, None)


@pytest.mark.parametrize(
    ("counts", "warning"),
    [
        pytest.param(
            {"us-0001": Counts(9, 0, 0, 0)},
            "9 targets are done, but the tables hold 5 traces",
            id="more done than there are traces",
        ),
    ],
)
def test_numbers_that_contradict_each_other_are_shown_as_a_warning(small_cycle, counts, warning):
    summary = of(small_cycle, counts=counts)

    assert (warning,) == summary.warnings
    assert f"warning: {warning}" in render_text(summary)


def test_a_truncated_table_is_an_error_and_not_a_zero(small_cycle):
    links = small_cycle / f"topology/{LIST}/{CYCLE}/links.parquet"
    links.write_bytes(links.read_bytes()[:-30])

    with pytest.raises(Exception, match=r"links\.parquet"):
        of(small_cycle)


def test_the_plain_text_shows_everything_without_control_characters(small_cycle):
    text = render_text(of(small_cycle, files={"links": Path("/store/links.parquet")}))

    assert text.isascii()
    assert "\x1b" not in text
    assert EXPECTED.format(root=small_cycle) == text


EXPECTED = """\
state partial: 5 of 6 assigned targets traced, 1 missing

vantage                                                                   median
point    assigned  done  failed  excluded  unassigned  replied  reached      RTT
--------------------------------------------------------------------------------
jp-0001         2     2       0         0           0        2        1  11.0 ms
us-0001         4     3       1         0           0        2        2  14.0 ms
--------------------------------------------------------------------------------
all             6     5       1         0           0        4        3  11.0 ms

replied: traces with any reply; reached: traces whose destination replied;
median RTT: of the destinations' replies, the fastest of each trace

list demo, cycle 20261122T030000Z
6 targets, 5 traces, 5 links, 6 addresses
6 assigned = 5 done + 1 failed + 0 excluded + 0 unassigned
62.3 s in all: 40.1 s probing, 22.2 s overhead
links against the truth: precision 1.0000, recall 0.9931
1 target missing, listed in {root}/missing.txt

links  /store/links.parquet
"""


@given(st.floats(0, 1))
def test_only_a_perfect_ratio_is_shown_as_one(ratio):
    assert (format_ratio(ratio) == "1.0000") == (ratio == 1.0)
