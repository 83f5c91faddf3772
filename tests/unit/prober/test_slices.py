"""Slices are cut by what they take, and nothing is left out."""

from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st

from hitscanner.prober.slices import cut, targets_per_slice


@given(
    st.integers(1, 254),
    st.integers(1, 20),
    st.integers(1, 10_000),
    st.integers(1, 86_400),
    st.booleans(),
)
def test_a_slice_has_a_target_and_never_takes_longer_than_planned(
    hops, attempts, rate, slice_s, confirm
):
    spec = SimpleNamespace(
        first_hop=hops, attempts=attempts, rate_pps=rate, slice_s=slice_s, confirm=confirm
    )

    size = targets_per_slice(spec)

    assert size >= 1
    least = attempts if confirm else 1 + (attempts - 1) / 4
    assert size == 1 or size * least <= slice_s * rate


@given(st.lists(st.integers(), unique=True), st.integers(1, 10))
def test_cutting_until_nothing_is_left_gives_everything_in_order(targets, size):
    settled: list[int] = []
    while batch := cut((t for t in targets if t not in settled), size):
        settled += batch

    assert targets == settled
