"""What all cycles together send stays below the caps, whatever runs beside what."""

from ipaddress import IPv4Address, IPv6Address

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from hitscanner.domain.budget import Budget, BudgetError, Limits, Load, fit, load_of, network_of

addresses = st.one_of(
    st.integers(0, 2**10).map(lambda n: IPv4Address((192 << 24) + n)),
    st.integers(0, 2**10).map(lambda n: IPv6Address((0x20010DB8 << 96) + (n << 70))),
)
parts = st.dictionaries(
    st.sampled_from(["de-0001", "jp-0001", "us-0001"]),
    st.lists(addresses, min_size=1, max_size=40, unique=True),
    min_size=1,
)
loads = st.lists(
    st.builds(
        lambda total, shares: Load(total, {network_of(a): pps for a, pps in shares.items()}),
        st.floats(0, 200),
        st.dictionaries(addresses, st.floats(1, 60), max_size=5),
    ),
    max_size=3,
)


@given(parts, st.integers(1, 500), st.integers(1, 300), st.integers(1, 1000), loads)
def test_a_plan_never_takes_more_than_running_cycles_leave(parts, rate, network, platform, running):
    limits = Limits(network_pps=network, platform_pps=platform)
    before = sum(running, Load())
    assume(all(pps <= network for pps in before.networks.values()))
    try:
        rates, cap = fit(parts, dict.fromkeys(parts, rate), Budget(limits, running))
    except BudgetError:
        return
    together = sum(running, load_of(parts, rates))

    assert together.total_pps <= platform + 1e-6 or (cap is None and rates == {})
    for address in {a for targets in parts.values() for a in targets}:
        assert together.networks.get(network_of(address), 0.0) <= network + 1e-6
    assert all(1 <= rates[vp] <= rate for vp in parts)


@given(parts, st.integers(1, 500))
def test_what_keeps_the_caps_is_not_slowed(parts, rate):
    budget = Budget(Limits(network_pps=10_000, platform_pps=10_000))
    wanted = dict.fromkeys(parts, rate)

    assert fit(parts, wanted, budget) == (wanted, None)


def test_a_target_list_in_one_network_is_slowed_to_what_that_network_may_hear():
    targets = {
        vp: [IPv4Address(f"192.0.2.{16 * n + i}") for i in range(16)]
        for n, vp in enumerate(["de-0001", "jp-0001", "sg-0001", "us-0001"])
    }

    rates, cap = fit(targets, dict.fromkeys(targets, 100), Budget(Limits(network_pps=100)))

    assert set(rates.values()) == {25}
    assert cap == "192.0.2.0/24 gets at most 100 pps"


def test_a_used_up_cap_is_an_error_that_names_it_and_the_remedy():
    running = [Load(95.0, {"192.0.2.0/24": 95.0})]
    six = {f"us-{n:04d}": [IPv4Address(f"192.0.2.{n}")] for n in range(1, 7)}

    with pytest.raises(BudgetError, match=r"192\.0\.2\.0/24 gets at most 100 pps.* 95 pps.*wait"):
        fit(six, dict.fromkeys(six, 100), Budget(Limits(), running))


def test_ipv6_is_counted_by_48():
    assert network_of(IPv6Address("2001:db8:1:2::3")) == "2001:db8:1::/48"
    assert network_of(IPv6Address("2001:db8:1:3::3")) == "2001:db8:1::/48"
