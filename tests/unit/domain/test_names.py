"""Names are safe in paths, host names and labels; messages are one line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hitscanner.domain.names import check_list_name, check_vp_name, did_you_mean, quote
from hitscanner.errors import InvalidNameError


@pytest.mark.parametrize("name", ["us-0001", "a", "0", "x" * 32])
def test_a_good_vantage_point_name_is_returned(name: str) -> None:
    assert name == check_vp_name(name)


@pytest.mark.parametrize("name", ["", "-a", "a-", "a_b", "A", "x" * 33, "a.b", "ü", "a\n", "all"])
def test_a_bad_vantage_point_name_is_refused(name: str) -> None:
    with pytest.raises(InvalidNameError, match="cannot name a vantage point"):
        check_vp_name(name)


@given(st.text())
def test_a_list_name_that_passes_is_one_plain_path_component(name: str) -> None:
    try:
        passed = check_list_name(name)
    except InvalidNameError:
        return

    assert passed.isascii()
    assert not {"/", ".", " ", "\n", "="} & set(passed)


@given(st.text())
def test_what_is_quoted_is_one_printable_line(text: str) -> None:
    assert quote(text).isprintable()


def test_a_long_choice_is_cut_and_the_rest_counted() -> None:
    known = [f"{letter}{i}" for letter in "pqrs" for i in range(10)]

    assert did_you_mean("elsewhere", known).endswith("q9 and 20 more")
