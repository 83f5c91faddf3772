"""A target list is read line by line; the first line that is no target is named."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, ip_network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hitscanner.domain.addresses import Target, as_prefix, parse_target, without_nested
from hitscanner.domain.targets import TargetList, parse_inline_targets, parse_target_list
from hitscanner.errors import EmptyListError, InvalidNameError, TargetListError

LISTS = Path(__file__).parents[3] / "include" / "lists"


def prefixes() -> st.SearchStrategy[Target]:
    v4 = st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 31))
    v6 = st.tuples(st.integers(0, 2**128 - 1), st.integers(0, 127))
    return st.one_of(
        v4.map(lambda p: ip_network((p[0], p[1]), strict=False)),
        v6.map(lambda p: ip_network((p[0], p[1]), strict=False)),
    ).filter(lambda p: p.prefixlen < p.max_prefixlen)


targets = st.one_of(st.ip_addresses(), prefixes())


def test_comments_blank_lines_and_white_space_are_skipped() -> None:
    text = "# head\r\n\r\n  192.0.2.1  # why\r\n\t2001:db8::/48\r\n"

    read = parse_target_list(text, "lab")

    assert [str(entry) for entry in read.entries] == ["192.0.2.1", "2001:db8::/48"]


def test_duplicates_are_dropped_and_counted_however_they_are_written() -> None:
    text = "192.0.2.1\n192.0.2.1/32\n2001:db8::1\n2001:0db8:0::0001\n192.0.2.1\n"

    read = parse_target_list(text, "lab")

    assert (IPv4Address("192.0.2.1"), IPv6Address("2001:db8::1")) == read.entries
    assert read.duplicates == 3


def test_reserved_space_is_allowed_only_by_the_directive() -> None:
    assert not parse_target_list("192.0.2.1", "lab").allow_reserved
    assert parse_target_list("192.0.2.1\n!allow_reserved # ours", "lab").allow_reserved


NEITHER = "is neither an address nor a prefix; write e.g. 192.0.2.1, 192.0.2.0/24 or 2001:db8::/32"


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("192.0.2.300", NEITHER),
        ("192.0.2.1 192.0.2.2", NEITHER),
        ("192.0.2", NEITHER),
        ("192.0.2.01", NEITHER),
        ("192.0.2.0/33", NEITHER),
        ("192.0.2.0/", NEITHER),
        ("example.net", NEITHER),
        ("3221225985", NEITHER),
        ("192.0.2.7/24", "has host bits set; did you mean 192.0.2.0/24?"),
        ("2001:db8::1/32", "has host bits set; did you mean 2001:db8::/32?"),
        ("192.0.2.0/255.255.255.0", "has a netmask; did you mean 192.0.2.0/24?"),
        ("fe80::1%eth0", "names an interface; give the address without %…"),
        ("!allow-reserved", "is not a directive; did you mean !allow_reserved?"),
    ],
)
def test_a_line_that_is_no_target_is_named_with_its_number(line: str, problem: str) -> None:
    with pytest.raises(TargetListError) as refusal:
        parse_target_list(f"# head\n192.0.2.1\n{line}\n", "lab")

    assert f'list lab, line 3: "{line}" {problem}' == str(refusal.value)


def test_a_line_with_control_characters_is_shown_on_one_line() -> None:
    with pytest.raises(TargetListError, match=r'^list lab, line 1: "a\\x1b\[2Jb" is neither'):
        parse_target_list("a\x1b[2Jb", "lab")


@pytest.mark.parametrize("text", ["", "\n\n", "# only words\n", "!allow_reserved\n"])
def test_a_list_without_a_target_is_refused(text: str) -> None:
    with pytest.raises(EmptyListError, match=r"^list lab: no target in it; write one"):
        parse_target_list(text, "lab")


def test_inline_targets_are_read_by_the_same_rules() -> None:
    read = parse_inline_targets(["!allow_reserved", "192.0.2.0/24", "192.0.2.0/24"])

    assert TargetList("inline", (IPv4Network("192.0.2.0/24"),), True, 1) == read


def test_a_malformed_inline_target_is_named_by_its_place() -> None:
    with pytest.raises(TargetListError, match=r'^list inline, item 2: "there" is neither'):
        parse_inline_targets(["192.0.2.1", "there"])


@pytest.mark.parametrize("name", ["", "../x", "UPPER", "a/b", "-a", "a" * 64, "ä", "a\n"])
def test_a_name_that_cannot_be_a_path_is_refused(name: str) -> None:
    with pytest.raises(InvalidNameError):
        parse_target_list("192.0.2.1", name)


@given(st.lists(targets, min_size=1), st.booleans())
def test_a_list_survives_writing_and_reading(entries: list[Target], allowed: bool) -> None:
    expected = TargetList("lab", tuple(dict.fromkeys(entries)), allowed)

    assert expected == parse_target_list(expected.to_text(), "lab")


@given(st.text())
def test_no_text_gives_anything_but_a_list_or_a_refusal(text: str) -> None:
    said = ""
    try:
        parse_target_list(text, "lab")
    except (TargetListError, EmptyListError) as refusal:
        said = str(refusal)

    assert "\n" not in said


@given(targets)
def test_what_a_target_prints_is_read_as_that_target(target: Target) -> None:
    assert target == parse_target(str(target))


@given(st.lists(prefixes()))
def test_prefixes_without_nested_ones_cover_the_same_and_are_disjoint(given_: list[Target]) -> None:
    listed = [as_prefix(prefix) for prefix in given_]

    kept = without_nested(listed)

    assert all(any(covers(outer, inner) for outer in kept) for inner in listed)
    assert set(kept) <= set(listed)
    assert not any(covers(a, b) for a in kept for b in kept if a is not b)


def covers(outer: Target, inner: Target) -> bool:
    return outer.version == inner.version and inner.subnet_of(outer)  # type: ignore[union-attr, arg-type]  # both are prefixes


def test_the_sample_list_holds_documentation_space_only() -> None:
    read = parse_target_list((LISTS / "sample.txt").read_text(), "sample")

    documentation = [
        ip_network(text)
        for text in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32")
    ]
    assert read.allow_reserved
    assert all(any(covers(doc, as_prefix(e)) for doc in documentation) for e in read.entries)
