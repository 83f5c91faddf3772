"""The account of a job survives a kill between any two steps, and adds up."""

import json
import shutil
import struct
from ipaddress import ip_address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hitscanner.prober.dnp import parse_dnp
from hitscanner.prober.ledger import Ledger
from hitscanner.prober.spool import JobDir
from hitscanner.prober.warts import CYCLE_START, CYCLE_STOP, LIST, TRACE, Record

TARGETS = {ip_address(text).packed: text for text in ("192.0.2.1", "192.0.2.2", "2001:db8::3")}
ONE, TWO, THREE = TARGETS
ABOUT = {"argv": ["scamper"], "started_at": 1.0, "dnp_sha256": "d"}


def trace_to(packed):
    """A trace record that holds a probe count of 1 and a destination, and no hop."""
    flags = bytes([0x80, 0x80, 0x80, 0x22])
    address = bytes([len(packed), 1 if len(packed) == 4 else 2]) + packed
    parameters = struct.pack(">H", 1) + address
    body = flags + struct.pack(">H", len(parameters)) + parameters + struct.pack(">H", 0)
    return Record(0, TRACE, body).to_bytes()


HEAD = Record(0, LIST, b"l").to_bytes() + Record(0, CYCLE_START, bytes(16)).to_bytes()
STOP = Record(0, CYCLE_STOP, bytes(9)).to_bytes()


@pytest.fixture
def make(tmp_path):
    """Open the ledger of one job, as each run does."""
    paths = JobDir(tmp_path / "spool/jobs/demo/20261122T030000Z/0000")
    paths.path.mkdir(parents=True)

    def make() -> Ledger:
        ledger = Ledger(paths, TARGETS, lambda _: None)
        ledger.load()
        return ledger

    return make


def write_partial(ledger, number, data):
    ledger.paths.slice_file(number, ".warts.partial").write_bytes(data)


def snapshot(ledger):
    """Everything but times."""
    notes = [{k: v for k, v in note.items() if k != "ended_at"} for note in ledger.slices]
    return ledger.counts(), ledger.done, ledger.failed, notes


def test_a_kept_slice_settles_its_targets(make):
    ledger = make()
    number = ledger.begin([ONE, TWO], ABOUT)
    write_partial(ledger, number, HEAD + trace_to(ONE) + STOP)

    ledger.keep(number, exit_status=0, excluded=0)

    assert list(ledger.pending()) == [THREE]
    assert (ledger.done, ledger.failed) == ({ONE}, {TWO})
    assert ledger.counts() == {
        "targets": 3,
        "done": 1,
        "failed": 1,
        "excluded": 0,
        "unassigned": 1,
    }
    assert snapshot(make()) == snapshot(ledger)


@pytest.mark.parametrize("status", [None, -9, 255])
def test_what_an_interrupted_slice_left_out_is_still_pending(make, status):
    ledger = make()
    number = ledger.begin([ONE, TWO], ABOUT)
    write_partial(ledger, number, HEAD + trace_to(ONE) + trace_to(TWO)[:-1])

    ledger.keep(number, status, excluded=0)

    assert list(ledger.pending()) == [TWO, THREE]
    kept = ledger.paths.slice_file(number)
    assert kept.read_bytes() == HEAD + trace_to(ONE)


def test_records_of_addresses_that_were_not_asked_do_not_count(make):
    ledger = make()
    number = ledger.begin([ONE], ABOUT)
    write_partial(ledger, number, HEAD + trace_to(TWO) + STOP)

    ledger.keep(number, exit_status=0, excluded=0)

    assert list(ledger.pending()) == list(TARGETS)


@pytest.mark.parametrize("step", ["note written", "renamed", "lists removed"])
def test_a_kill_while_a_slice_is_kept_changes_nothing(make, step, tmp_path):
    ledger = make()
    number = ledger.begin([ONE, TWO], ABOUT)
    write_partial(ledger, number, HEAD + trace_to(ONE) + STOP)
    before = tmp_path / "before"
    shutil.copytree(ledger.paths.slices, before)
    ledger.keep(number, exit_status=None, excluded=0)
    if step == "note written":
        ledger.paths.slice_file(number).rename(ledger.paths.slice_file(number, ".warts.partial"))
    if step != "lists removed":
        for ending in (".targets", ".begun"):
            shutil.copy2(before / f"0000{ending}", ledger.paths.slices)

    again = make()

    assert snapshot(again) == snapshot(ledger)
    assert sorted(p.name for p in ledger.paths.slices.iterdir()) == ["0000.json", "0000.warts"]


@pytest.mark.parametrize("what", ["cut", "gone", "note garbled"])
def test_a_slice_that_is_not_what_its_note_says_is_measured_again(make, what):
    ledger = make()
    number = ledger.begin([ONE], ABOUT)
    write_partial(ledger, number, HEAD + trace_to(ONE) + STOP)
    ledger.keep(number, exit_status=0, excluded=0)
    file, note = ledger.paths.slice_file(number), ledger.paths.slice_file(number, ".json")
    if what == "cut":
        file.write_bytes(file.read_bytes()[:-1])
    elif what == "gone":
        file.unlink()
    else:
        note.write_text("{")

    again = make()

    assert list(again.pending()) == list(TARGETS)
    assert again.next_number == 1
    assert (file.exists(), note.exists()) == (False, False)


def test_a_target_that_was_finished_before_its_opt_out_stays_done(make):
    ledger = make()
    number = ledger.begin([ONE, TWO], ABOUT)
    write_partial(ledger, number, HEAD + trace_to(ONE))

    ledger.exclude(parse_dnp(b"192.0.2.0/24"))
    ledger.keep(number, exit_status=-15, excluded=1)

    assert (ledger.done, ledger.excluded) == ({ONE}, {TWO})
    assert sum(ledger.counts().values()) == 2 * 3


def test_a_shorter_list_brings_nothing_back_in_the_same_run(make):
    ledger = make()
    ledger.exclude(parse_dnp(b"192.0.2.0/24"))

    ledger.exclude(parse_dnp(b"none"))

    assert list(ledger.pending()) == [THREE]


@settings(max_examples=30)  # each one syncs files
@given(data=st.data())
def test_whatever_slices_bring_the_account_adds_up(tmp_path_factory, data):
    paths = JobDir(tmp_path_factory.mktemp("x") / "spool/jobs/l/c/0000")
    paths.path.mkdir(parents=True)
    ledger = Ledger(paths, TARGETS, lambda _: None)
    ledger.load()
    for _ in range(data.draw(st.integers(1, 4))):
        asked = data.draw(st.lists(st.sampled_from(sorted(TARGETS)), min_size=1, unique=True))
        asked = [each for each in asked if each in set(ledger.pending())]
        if not asked:
            break
        number = ledger.begin(asked, ABOUT)
        answered = data.draw(st.lists(st.sampled_from(asked), unique=True))
        file = HEAD + b"".join(map(trace_to, answered)) + STOP
        write_partial(ledger, number, file[: data.draw(st.integers(0, len(file)))])
        if data.draw(st.booleans()):
            ledger.exclude(parse_dnp(b"192.0.2.2"))
        ledger.keep(number, data.draw(st.sampled_from([0, -9, None])), excluded=0)

    counts = ledger.counts()
    assert counts["targets"] == sum(v for k, v in counts.items() if k != "targets")
    assert counts["unassigned"] == len(list(ledger.pending())) >= 0
    assert sum(note["done"] for note in ledger.slices) == counts["done"]
    names = [json.loads(path.read_text())["name"] for path in paths.slices.glob("*.json")]
    assert sorted(names) == sorted(path.name for path in paths.slices.glob("*.warts"))
