"""
Each behaviour of a world, and the test that fails when its handling is removed: carried out.

A behaviour is removed from the side that answers only: it gets a world without it, or a function
that does nothing. The guard, a test of this folder, must then fail; by itself it passes.
`removals` has the list.
"""

import os
import typing
from dataclasses import fields
from functools import partial

import pytest

from hitscanner.simulator import lifecycle
from hitscanner.simulator.counts import Counts
from hitscanner.simulator.objects import Event, Link, Prefix, Router, VantagePoint
from hitscanner.simulator.reply import Responder

from . import test_lifecycle
from .conftest import needs_scamper, root
from .removals import BROKEN, REMOVED

FAILED = (AssertionError, ValueError, IndexError)
"""How a test fails that takes a list apart: an answer is missing, or there is one too many."""

NAMES = frozenset(
    ("type", "id", "asn", "a", "b", "router", "name", "targets_v4", "targets_v6", "at_s", "link")
)
"""Fields that say which thing it is, or where; all others say how it behaves."""


def behaviours() -> set[tuple[str, str, object]]:
    """Return (kind of thing, field, value) of each behaviour that a world file can ask for."""
    found: set[tuple[str, str, object]] = set()
    for kind in (Router, Link, Prefix, VantagePoint, Event):
        hints = typing.get_type_hints(kind)
        for name in {field.name for field in fields(kind)} - NAMES:
            # A tuple of words, a number, yes or no: one behaviour, whatever it says.
            is_choice = typing.get_origin(hints[name]) is not tuple
            values = _words(hints[name]) if is_choice else ()
            found |= {(kind.__name__, name, value) for value in values or ("any",)}
    return found


def _words(hint: object) -> tuple[object, ...]:
    """
    Return the words that a type allows.

    >>> _words(typing.Literal["a", "b"] | None)
    ('a', 'b')
    """
    if typing.get_origin(hint) is typing.Literal:
        return typing.get_args(hint)
    return tuple(word for part in typing.get_args(hint) for word in _words(part))


@pytest.mark.parametrize("each", [*REMOVED, *BROKEN], ids=str)
def test_a_guard_passes_while_nothing_is_removed(each):
    each.guard()


@pytest.mark.parametrize("removed", REMOVED, ids=str)
def test_a_behaviour_that_is_not_handled_fails_its_test(removed, monkeypatch):
    build, answer, count = Responder.__init__, Responder.answer, Counts.__init__
    patch = partial(monkeypatch.setattr, Responder)
    patch("__init__", lambda it, world, counts: build(it, removed.spoil(world), counts))
    patch("answer", lambda it, vp, frame, now_us: answer(it, removed.spoilt(vp), frame, now_us))
    monkeypatch.setattr(Counts, "__init__", lambda it, world: count(it, removed.spoil(world)))

    with pytest.raises(FAILED):
        removed.guard()


@pytest.mark.parametrize("broken", BROKEN, ids=str)
def test_a_part_that_does_nothing_fails_its_test(broken, monkeypatch):
    monkeypatch.setattr(broken.place, broken.name, broken.instead)

    with pytest.raises(FAILED):
        broken.guard()


def test_each_behaviour_of_a_world_file_is_removed_here():
    assert {(it.kind.__name__, it.field, it.value) for it in REMOVED} == behaviours()


DEAF = """\
from hitscanner.simulator import tap
from hitscanner.simulator.faults import Faults

Faults._note = lambda self: None
tap.set_carrier = lambda *_, **__: None
"""
"""What the server reads as it starts: faults that are noted and do nothing."""


@root
@needs_scamper
@pytest.mark.parametrize("kind", ["blackhole", "cut"])
def test_a_fault_that_does_nothing_fails_its_test(kind, world_file, state, tmp_path, monkeypatch):
    (tmp_path / "sitecustomize.py").write_text(DEAF)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    guard = test_lifecycle.test_a_broken_vantage_point_gets_no_answer_until_it_is_mended

    with pytest.raises(AssertionError, match="assert not True"):
        guard(kind, world_file, state)


@root
def test_a_clock_that_is_not_told_fails_its_test(world_file, state, monkeypatch):
    monkeypatch.setattr(lifecycle, "clock_offset_s", lambda *_: 0.0)

    with pytest.raises(AssertionError):
        test_lifecycle.test_a_stepped_clock_is_told_to_whoever_asks_for_it(world_file, state)
