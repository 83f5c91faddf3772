"""Special-purpose space is recognised, with its reason."""

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hitscanner.domain.addresses import Address
from hitscanner.domain.reserved import SPECIAL, find_reserved, reserved_reason


@given(st.ip_addresses())
def test_what_python_does_not_call_global_is_reserved(address: Address) -> None:
    if not address.is_global or address.is_multicast:
        assert reserved_reason(address) is not None


@given(st.ip_addresses(v=4))
def test_no_ipv4_unicast_is_reserved_that_python_calls_global(address: Address) -> None:
    deprecated = ip_address("192.88.99.0") <= address <= ip_address("192.88.99.255")  # type: ignore[operator]  # both are IPv4
    assignments = address.packed.startswith(bytes([192, 0, 0]))
    if address.is_global and not address.is_multicast and not deprecated and not assignments:
        assert reserved_reason(address) is None


@given(st.ip_addresses())
def test_the_block_found_is_the_first_that_holds_the_address(address: Address) -> None:
    expected = next((block for block in SPECIAL if address in block.prefix), None)

    assert expected == find_reserved(address)


@pytest.mark.parametrize("block", SPECIAL, ids=[str(block.prefix) for block in SPECIAL])
def test_the_first_and_last_address_of_a_special_block_are_reserved(block: object) -> None:
    prefix = block.prefix  # type: ignore[attr-defined]  # parametrize hides the type

    assert reserved_reason(prefix.network_address) is not None
    assert reserved_reason(prefix.broadcast_address) is not None


@pytest.mark.parametrize(
    "text", ["1.1.1.1", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0",
             "172.32.0.0", "192.0.1.1", "223.255.255.255", "2001:200::1", "2606:4700::1",
             "2a00::1", "2003::1"]
)  # fmt: skip
def test_public_unicast_is_not_reserved(text: str) -> None:
    assert reserved_reason(ip_address(text)) is None


@pytest.mark.parametrize("text", ["100.64.0.2", "10.1.1.1", "192.0.2.1", "fd00::2", "2001:db8::1"])
def test_a_list_may_allow_private_and_documentation_space(text: str) -> None:
    assert reserved_reason(ip_address(text), allow_reserved=True) is None


@pytest.mark.parametrize(
    "text", ["0.0.0.0", "127.0.0.1", "169.254.169.254", "224.0.0.1", "255.255.255.255", "::",
             "::1", "fe80::1", "ff02::1", "::ffff:192.0.2.1", "64:ff9b::c000:201",
             "2002:c000:201::"]
)  # fmt: skip
def test_no_list_may_allow_loopback_link_multicast_or_an_ipv4_address_in_disguise(
    text: str,
) -> None:
    assert reserved_reason(ip_address(text), allow_reserved=True) is not None
