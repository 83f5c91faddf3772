"""The do-not-probe list protects every listed address, and every doubt means silence."""

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hitscanner.prober.dnp import load_dnp, parse_dnp
from hitscanner.prober.errors import RefusedError


def networks(version):
    bits = 32 if version == 4 else 128
    near = st.integers(0, 255).map(lambda i: i << (bits - 12))  # close together, so that they meet
    return st.tuples(near, st.integers(0, bits)).map(
        lambda pair: ip_network(
            (ip_address(pair[0] if version == 4 else 1 << 127 | pair[0]).packed, pair[1]),
            strict=False,
        )
    )


addresses = st.ip_addresses() | st.integers(0, 2**20).map(lambda i: ip_address(i << 12))


@given(st.lists(networks(4) | networks(6), min_size=1), st.lists(addresses))
def test_an_address_is_listed_exactly_if_a_prefix_holds_it(prefixes, others):
    dnp = parse_dnp("\n".join(map(str, prefixes)).encode())

    tried = [*others, *(p[0] for p in prefixes), *(p[-1] for p in prefixes)]
    expected = [any(a.version == p.version and a in p for p in prefixes) for a in tried]
    assert expected == [a.packed in dnp for a in tried]


@given(st.lists(networks(4) | networks(6), min_size=1), st.randoms())
def test_order_and_repetition_of_lines_do_not_matter(prefixes, random):
    lines = [*map(str, prefixes), *map(str, prefixes)]
    random.shuffle(lines)
    one, other = (parse_dnp("\n".join(each).encode()) for each in (map(str, prefixes), lines))

    assert (one.starts, one.ends) == (other.starts, other.ends)


def test_comments_blank_lines_a_byte_order_mark_and_windows_line_ends_are_fine():
    dnp = parse_dnp(
        b"\xef\xbb\xbf# opt-outs\r\n\r\n 192.0.2.0/24 # mail of 2026-03-01\r\n2001:db8::1\r\n"
    )

    assert ip_address("192.0.2.255").packed in dnp
    assert ip_address("2001:db8::1").packed in dnp
    assert ip_address("2001:db8::2").packed not in dnp


def test_none_says_that_the_list_is_empty_on_purpose():
    assert ip_address("192.0.2.1").packed not in parse_dnp(b"# nobody yet\nnone\n")


def test_a_listed_ipv4_address_is_listed_in_its_ipv6_clothes_too():
    assert ip_address("::ffff:192.0.2.1").packed in parse_dnp(b"192.0.2.0/24")
    assert ip_address("::ffff:192.0.3.1").packed not in parse_dnp(b"192.0.2.0/24")


def test_an_entry_counts_even_beside_none():
    assert ip_address("192.0.2.1").packed in parse_dnp(b"none\n192.0.2.1\n")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n# nothing\n",
        b"nobody",
        b"none none",
        b"192.0.2.1/24",
        b"192.0.2.0/33",
        b"192.0.2.0-192.0.2.9",
        b"192.0.2.0 192.0.2.9",
        b"fe80::1%eth0",
        b"example.org",
        b"\xff\xfe1\x009\x002\x00",
        b"192.0.2.0/24\n<html>",
    ],
)
def test_what_is_not_understood_is_refused(data):
    with pytest.raises(RefusedError):
        parse_dnp(data)


def test_a_missing_list_is_refused(tmp_path):
    with pytest.raises(RefusedError, match="no do-not-probe list"):
        load_dnp(tmp_path / "dnp.txt")
