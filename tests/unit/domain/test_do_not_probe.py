"""The do-not-probe list fails closed, and nothing it covers is ever kept."""

from hashlib import sha256
from ipaddress import IPv4Address, ip_address, ip_network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hitscanner.domain.addresses import Address, Prefix, as_prefix
from hitscanner.domain.do_not_probe import DoNotProbe, parse_do_not_probe, select_targets
from hitscanner.domain.reserved import reserved_reason
from hitscanner.errors import DoNotProbeError, NoTargetLeftError
from hitscanner.prober.dnp import parse_dnp

LISTS = Path(__file__).parents[3] / "include" / "lists"


def near_prefixes() -> st.SearchStrategy[Prefix]:
    """Give prefixes of a corner of each address space, so that they nest and touch."""
    v4 = st.tuples(st.integers(0, 0xFFF), st.integers(20, 32))
    v6 = st.tuples(st.integers(0, 0xFFF), st.integers(116, 128))
    return st.one_of(
        v4.map(lambda p: ip_network((0x09000000 + p[0], p[1]), strict=False)),
        v6.map(lambda p: ip_network(((0x2600 << 112) + p[0], p[1]), strict=False)),
    )


near_addresses: st.SearchStrategy[Address] = st.one_of(
    st.integers(0, 0xFFF).map(lambda n: ip_address(0x09000000 + n)),
    st.integers(0, 0xFFF).map(lambda n: ip_address((0x2600 << 112) + n)),
    st.ip_addresses(),
)


def listing(prefixes: list[Prefix]) -> DoNotProbe:
    return parse_do_not_probe("\n".join(map(str, prefixes)) or "none", "dnp")


@given(st.lists(near_prefixes()), st.lists(near_addresses))
def test_an_address_is_covered_exactly_if_a_listed_prefix_holds_it(
    prefixes: list[Prefix], addresses: list[Address]
) -> None:
    dnp = listing(prefixes)

    for address in addresses:
        holding = [prefix for prefix in prefixes if address in prefix]
        widest = min(holding, key=lambda prefix: prefix.prefixlen, default=None)
        assert widest == dnp.covers(address)


@given(st.lists(near_prefixes(), min_size=1), st.lists(near_addresses, min_size=1, unique=True))
def test_kept_and_excluded_are_all_targets_and_nothing_kept_is_covered(
    prefixes: list[Prefix], addresses: list[Address]
) -> None:
    public = ip_address("8.8.8.8")
    targets = [public, *(a for a in addresses if a != public)]

    chosen = select_targets(targets, listing(prefixes), allow_reserved=False, list_name="lab")

    both = [*chosen.kept, *(excluded.address for excluded in chosen.excluded)]
    assert sorted(targets, key=str) == sorted(both, key=str)
    assert not any(a in p for a in chosen.kept for p in prefixes)
    assert not any(reserved_reason(a) for a in chosen.kept)


def test_the_digest_is_that_of_the_exact_text() -> None:
    text = "# ä\r\n192.0.2.0/24\r\n"

    assert sha256(text.encode()).hexdigest() == parse_do_not_probe(text, "dnp").sha256


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param(
            None,
            "dnp.txt: there is no do-not-probe list, nothing is sent; "
            'create it, with a line "none" if nobody has opted out',
            id="missing",
        ),
        pytest.param(
            "",
            "dnp.txt: the do-not-probe list is empty, nothing is sent; "
            'list a prefix, or write a line "none" if nobody has opted out',
            id="empty",
        ),
        pytest.param(
            "# 192.0.2.0/24\n",
            "dnp.txt: the do-not-probe list is empty, nothing is sent; "
            'list a prefix, or write a line "none" if nobody has opted out',
            id="comments only",
        ),
        pytest.param(
            "none\n192.0.2.0/24\n",
            'dnp.txt: the do-not-probe list says "none" and has 1 entries, nothing is sent; '
            "delete one or the other",
            id="none and an entry",
        ),
        pytest.param(
            "192.0.2.0/24\n<html>\n",
            'dnp.txt, line 2: "<html>" is neither an address nor a prefix; '
            "write e.g. 192.0.2.1, 192.0.2.0/24 or 2001:db8::/32 "
            "(nothing is sent before this is mended)",
            id="not a list",
        ),
        pytest.param(
            "192.0.2.1/24\n",
            'dnp.txt, line 1: "192.0.2.1/24" has host bits set; did you mean 192.0.2.0/24? '
            "(nothing is sent before this is mended)",
            id="host bits",
        ),
        pytest.param(
            "NONE\n",
            'dnp.txt, line 1: "NONE" is neither an address nor a prefix; '
            "write e.g. 192.0.2.1, 192.0.2.0/24 or 2001:db8::/32 "
            "(nothing is sent before this is mended)",
            id="none in capitals",
        ),
        pytest.param(
            "192.0.2.0/24\n192.0.2",
            'dnp.txt, line 2: "192.0.2" is neither an address nor a prefix; '
            "write e.g. 192.0.2.1, 192.0.2.0/24 or 2001:db8::/32 "
            "(nothing is sent before this is mended)",
            id="cut in the middle of a line",
        ),
    ],
)
def test_a_list_that_cannot_be_trusted_stops_everything(text: str | None, message: str) -> None:
    with pytest.raises(DoNotProbeError) as refusal:
        parse_do_not_probe(text, "dnp.txt")

    assert message == str(refusal.value)


def test_bytes_that_are_no_text_stop_everything() -> None:
    with pytest.raises(DoNotProbeError, match="byte 3 is not UTF-8 text, nothing is sent"):
        parse_do_not_probe(b"1.1\xff", "dnp")


def test_bytes_are_read_like_text_and_keep_their_digest() -> None:
    content = b"\xef\xbb\xbf192.0.2.0/24\r\n"

    dnp = parse_do_not_probe(content, "dnp")

    assert dnp.sha256 == sha256(content).hexdigest()
    assert dnp.covers(ip_address("192.0.2.1"))


def test_an_empty_list_says_so_and_covers_nobody() -> None:
    assert parse_do_not_probe("# nobody\nnone # yet\n", "dnp").covers(IPv4Address(1)) is None


@given(st.text())
def test_no_text_gives_anything_but_a_list_or_a_refusal(text: str) -> None:
    said = ""
    try:
        parse_do_not_probe(text, "dnp")
    except DoNotProbeError as refusal:
        said = str(refusal)

    assert "\n" not in said


def test_no_list_is_above_the_do_not_probe_list() -> None:
    dnp = parse_do_not_probe("100.64.1.0/24", "dnp")
    targets = [ip_address("100.64.1.1"), ip_address("100.64.2.1")]

    chosen = select_targets(targets, dnp, allow_reserved=True, list_name="demo")

    assert (targets[1],) == chosen.kept
    assert [excluded.why for excluded in chosen.excluded] == ["do-not-probe"]


def test_a_list_of_nothing_but_do_not_probe_prefixes_is_refused_with_the_count() -> None:
    dnp = parse_do_not_probe("9.9.9.0/24\n2620:fe::/48", "dnp")
    targets = [ip_address("9.9.9.9"), ip_address("9.9.9.10"), ip_address("2620:fe::9")]

    with pytest.raises(NoTargetLeftError) as refusal:
        select_targets(targets, dnp, allow_reserved=False, list_name="quad9")

    assert str(refusal.value) == (
        "list quad9: all 3 targets are excluded (2 on the do-not-probe list: 9.9.9.0/24, "
        "1 on the do-not-probe list: 2620:fe::/48); choose other targets"
    )


def test_a_list_of_reserved_space_is_refused_and_told_how_to_allow_it() -> None:
    dnp = parse_do_not_probe("none", "dnp")

    with pytest.raises(NoTargetLeftError) as refusal:
        select_targets([ip_address("10.0.0.1")], dnp, allow_reserved=False, list_name="home")

    assert str(refusal.value) == (
        "list home: all 1 targets are excluded (1 reserved: private use (10.0.0.0/8, RFC 1918)); "
        "choose other targets, or write !allow_reserved into the list if they are your own"
    )


def test_the_shipped_list_covers_multicast_and_no_unicast_of_a_rehearsal() -> None:
    text = (LISTS / "do-not-probe.txt").read_text()

    dnp = parse_do_not_probe(text, "do-not-probe.txt")

    assert dnp.covers(ip_address("ff02::1"))
    assert dnp.covers(ip_address("239.255.255.250"))
    assert not any(dnp.covers(ip_address(text)) for text in ("100.64.0.2", "fd00::2", "192.0.2.1"))


noise = (
    st.text(max_size=5)
    | st.text(st.sampled_from("#none \t\r\n\x0b\x1c\x85\u2028\ufeff1.:/24%"))
    | st.text(max_size=5)
)


@given(st.lists(st.one_of(noise, near_prefixes().map(str)), max_size=4), st.lists(near_addresses))
def test_what_the_planner_accepts_the_prober_reads_alike(
    lines: list[str], addresses: list[Address]
) -> None:
    text = "\n".join(lines)
    try:
        dnp = parse_do_not_probe(text, "dnp")
    except DoNotProbeError:
        return

    there = parse_dnp(text.encode())

    assert there.sha256 == dnp.sha256
    assert [a.packed in there for a in addresses] == [bool(dnp.covers(a)) for a in addresses]


def test_a_single_address_may_be_listed() -> None:
    dnp = parse_do_not_probe("192.0.2.9\n2001:db8::9", "dnp")

    assert [as_prefix(ip_address(a)) for a in ("192.0.2.9", "2001:db8::9")] == list(dnp.prefixes)
    assert dnp.covers(ip_address("192.0.2.8")) is None
