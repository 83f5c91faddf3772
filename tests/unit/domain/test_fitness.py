"""A vantage point is left out for a reason that is named, and comes back by itself."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hitscanner.domain.crew import UnfitError, crew_of
from hitscanner.domain.fitness import REMEMBERED, VALID_FOR, Fitness, Sighting, judge
from hitscanner.domain.inventory import Inventory, parse_inventory

AT = datetime(2026, 11, 23, 3, 17, tzinfo=UTC)
WAY = tuple(f"192.0.2.{n}" for n in range(1, 11))
USUAL = Sighting(clock_offset_s=0.1, replies=60, reached=6, routers=WAY)

sightings = st.builds(
    Sighting,
    clock_offset_s=st.one_of(st.none(), st.floats(-1, 1)),
    replies=st.integers(1, 500),
    reached=st.integers(0, 20),
    routers=st.lists(st.sampled_from(WAY), unique=True).map(lambda way: tuple(sorted(way))),
)


@given(sightings, st.integers(0, REMEMBERED))
def test_who_sees_what_it_always_sees_is_fit(seen, times):
    assert judge(seen, [seen] * times) is None


@pytest.mark.parametrize(
    ("seen", "words"),
    [
        (Sighting(cause="nothing came back from the vantage point"), "nothing came back"),
        (USUAL.model_copy(update={"clock_offset_s": -1.4}), "clock is -1.4 s off"),
        (Sighting(clock_offset_s=0.0), "no probe was answered"),
        (USUAL.model_copy(update={"reached": 2}), "2 of its known destinations answered, 6 usu"),
        (USUAL.model_copy(update={"routers": WAY[:4]}), "4 of 10 usual routers"),
    ],
)
def test_each_finding_is_a_reason(seen, words):
    assert words in (judge(seen, [USUAL] * 3) or "")


def test_the_first_run_of_a_new_host_needs_nothing_but_an_answer():
    assert judge(Sighting(replies=3), []) is None
    assert judge(Sighting(replies=3), [Sighting(cause="it was off")] * 3) is None


def test_who_moved_to_another_uplink_is_back_when_that_is_usual():
    moved = USUAL.model_copy(update={"routers": tuple(f"198.51.100.{n}" for n in range(10))})
    runs = [USUAL] * REMEMBERED
    verdicts = []
    for _ in range(REMEMBERED):
        verdicts.append(judge(moved, runs[-REMEMBERED:]))
        runs.append(moved)

    assert verdicts[0] is not None
    assert verdicts[-1] is None


def test_a_verdict_is_forgotten_when_no_newer_one_comes():
    fitness = Fitness().after("20261123T031700Z", AT, {"us-0001": "silent", "jp-0001": None})

    assert fitness.reasons(AT + VALID_FOR) == {"us-0001": "silent"}
    assert fitness.reasons(AT + VALID_FOR + timedelta(seconds=1)) == {}
    assert Fitness().reasons(AT) == {}


def test_who_is_fit_again_is_no_longer_named():
    before = Fitness().after("20261123T031700Z", AT, {"us-0001": "silent"})

    assert before.after("20261123T041700Z", AT, {"us-0001": None}).unfit == {}


@pytest.fixture
def inventory() -> Inventory:
    names = ("de-0001", "jp-0001", "us-0001", "us-0002")
    return parse_inventory(
        "".join(f'[[vantage_point]]\nname = "{n}"\ntransport = "local"\n' for n in names), "lab"
    )


def test_the_unfit_are_left_out_by_name_and_reason(inventory):
    crew = crew_of(inventory, ["all"], {"jp-0001": "silent", "xx-0001": "gone"}, 0.5)

    assert crew.names == ["de-0001", "us-0001", "us-0002"]
    assert crew.unfit == {"jp-0001": "silent"}


@pytest.mark.parametrize(("wanted", "ratio"), [(["jp-0001"], 0.0), (["all"], 0.8)])
def test_too_few_that_are_fit_are_an_error_with_the_first_reason(inventory, wanted, ratio):
    with pytest.raises(UnfitError, match=r"are fit \(jp-0001: silent\); .*DAG canary"):
        crew_of(inventory, wanted, {"jp-0001": "silent"}, ratio)
