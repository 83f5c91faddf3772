"""An inventory is read whole or refused with one line that says what to mend."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hitscanner.domain.inventory import (
    Bastion,
    Inventory,
    Platform,
    Server,
    VantagePoint,
    parse_inventory,
)
from hitscanner.errors import InventoryError, NoVantagePointError, UnknownVantagePointError

DATA = Path(__file__).parent / "data" / "inventory"
VALID = sorted((DATA / "valid").glob("*.toml"))
INVALID = sorted((DATA / "invalid").glob("*.toml"))
ROOT = Path(__file__).parents[3]


def local(name: str, *tags: str) -> VantagePoint:
    return VantagePoint(name=name, transport="local", tags=tags)


@pytest.mark.parametrize("path", VALID, ids=[path.stem for path in VALID])
def test_a_valid_inventory_survives_writing_and_reading(path: Path) -> None:
    inventory = parse_inventory(path.read_text(), path.name)

    assert inventory == parse_inventory(inventory.to_toml(), path.name)


@pytest.mark.parametrize("path", INVALID, ids=[path.stem for path in INVALID])
def test_an_invalid_inventory_is_refused_in_one_exact_line(path: Path) -> None:
    with pytest.raises(InventoryError) as refusal:
        parse_inventory(path.read_text(), "inventory.toml")

    assert path.with_suffix(".txt").read_text() == f"{refusal.value}\n"


def test_every_way_to_be_invalid_says_how_it_is_refused() -> None:
    assert {path.stem for path in INVALID} == {p.stem for p in (DATA / "invalid").glob("*.txt")}


@pytest.mark.parametrize("path", INVALID, ids=[path.stem for path in INVALID])
def test_a_refusal_is_one_line(path: Path) -> None:
    assert path.with_suffix(".txt").read_text().count("\n") == 1


def test_the_sample_inventory_is_valid() -> None:
    sample = ROOT / "inventory.sample.toml"

    inventory = parse_inventory(sample.read_text(), sample.name)

    assert [vp.name for vp in inventory.vantage_points] == ["de-0001", "us-0001"]
    assert Server(name="centre") == inventory.server


def test_the_sample_inventory_names_every_key() -> None:
    text = (ROOT / "inventory.sample.toml").read_text()

    models = (VantagePoint, Server, Bastion, Platform)
    keys = {key for model in models for key in model.model_fields}

    assert [key for key in sorted(keys) if f"{key} = " not in text] == []


def test_all_chooses_every_vantage_point_sorted_by_name() -> None:
    inventory = Inventory(vantage_points=(local("us-0001"), local("de-0001")))

    assert [vp.name for vp in inventory.select(["all"])] == ["de-0001", "us-0001"]


def test_a_name_and_a_tag_of_one_vantage_point_choose_it_once() -> None:
    inventory = Inventory(vantage_points=(local("de-0001", "eu"), local("us-0001", "am")))

    assert [vp.name for vp in inventory.select(["eu", "de-0001", "eu"])] == ["de-0001"]


def test_an_unknown_name_is_refused_although_others_are_known() -> None:
    inventory = Inventory(vantage_points=(local("us-0001", "west"),), source="inventory.toml")

    with pytest.raises(UnknownVantagePointError) as refusal:
        inventory.select(["all", "us-001"])

    assert (
        str(refusal.value)
        == 'inventory.toml: no vantage point has the name or tag "us-001"; did you mean us-0001?'
    )


@pytest.mark.parametrize(
    ("points", "wanted"),
    [
        pytest.param((), ["all"], id="empty inventory"),
        pytest.param((local("us-0001"),), [], id="nobody asked for"),
    ],
)
def test_nobody_to_probe_from_is_refused(
    points: tuple[VantagePoint, ...], wanted: list[str]
) -> None:
    with pytest.raises(NoVantagePointError):
        Inventory(vantage_points=points).select(wanted)


def test_a_file_with_a_byte_order_mark_is_read() -> None:
    assert Inventory(source="x") == parse_inventory("\ufeff", "x")


printable = st.text(
    st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from("\t\n\x7f\x01")
)


@given(st.text())
def test_no_text_gives_anything_but_an_inventory_or_a_refusal(text: str) -> None:
    said = ""
    try:
        parse_inventory(text, "x")
    except InventoryError as refusal:
        said = str(refusal)

    assert "\n" not in said


@given(printable, st.integers(1, 2**32 - 1), st.lists(st.from_regex(r"[a-z]{4,8}", fullmatch=True)))
def test_words_numbers_and_tags_survive_writing_and_reading(
    place: str, asn: int, tags: list[str]
) -> None:
    point = VantagePoint(name="us-0001", transport="local", place=place, asn=asn, tags=tuple(tags))
    inventory = Inventory(vantage_points=(point,), source="x")

    assert inventory == parse_inventory(inventory.to_toml(), "x")
