"""What a journal says becomes a cause with a remedy; lines in causes.json."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hitscanner.provision.causes import CAUSES, by_name, classify, redact, table
from tests.support.paths import REPOSITORY

LINES = json.loads((Path(__file__).parent / "causes.json").read_text())
TOKEN = "K10" + "ab" * 32 + "::abcdef.0123456789abcdef"


@pytest.mark.parametrize("case", LINES, ids=[f"{c['cause']}: {c['from']}" for c in LINES])
def test_a_line_of_a_journal_tells_its_cause(case: dict[str, str]) -> None:
    found = classify(case["line"])

    assert case["cause"] == (found[0].name if found else None)


def test_every_cause_of_a_journal_has_a_line_that_tells_it() -> None:
    told = {case["cause"] for case in LINES}

    assert {cause.name for cause in CAUSES if cause.patterns} == told - {None}


def test_the_latest_word_counts() -> None:
    refused, rejected = "connect: connection refused", "401 Unauthorized"

    found = classify(f"{refused}\n{rejected}\nsomething else")

    assert found is not None
    assert (found[0].name, found[1]) == ("token-rejected", rejected)


def test_names_are_unique_and_every_cause_has_a_remedy() -> None:
    assert len({cause.name for cause in CAUSES}) == len(CAUSES)
    assert all(cause.means and cause.remedy for cause in CAUSES)
    assert by_name("not-ready") in CAUSES


@given(st.text(), st.text())
def test_no_token_passes_the_classifier(before: str, after: str) -> None:
    line = f"{before} {TOKEN} {after}"

    found = classify(f"{line}\n401 {line}")

    assert TOKEN not in redact(line)
    assert found is None or TOKEN not in found[1]


def test_a_token_without_its_hash_is_blotted_out_too() -> None:
    assert redact("token abcdef.0123456789abcdef!") == "token (secret)!"


def test_the_documented_table_is_the_code() -> None:
    assert table() in (REPOSITORY / "docs" / "fleet.md").read_text()
