"""Records are walked whole, whatever the bytes; joined files are one file."""

import shutil
import struct
import subprocess
from contextlib import suppress
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hitscanner.prober.warts import (
    CYCLE_START,
    CYCLE_STOP,
    LIST,
    TRACE,
    Record,
    Tail,
    WartsError,
    join,
    parse_trace,
    read_traces,
    walk,
)

LIST_BODY = struct.pack(">II", 1, 1) + b"demo\0\x03\0\x10default\0us-0001\0"
"""As scamper 20211212 wrote it for `-l demo -L 1 -M us-0001`."""

TRACE_V4 = bytes.fromhex(
    "f3feff3f00340000000100000001 6b038067 00066d65 0100 0200 05 002c 9d23 829b 01 00 01 01 0001 05"
    "01 00 0001 00 00 0401 64630702 0401 64630801 0001"
    "fe8f1a001f0140110000000081030300 2c0048d73dc000000000 0001 6b038067 00066e68 0000"
)
"""A trace from 100.99.7.2 to 100.99.8.1, one hop, as scamper 20211212 wrote it."""


def bytes_of(kind, body=b""):
    return Record(0, kind, body).to_bytes()


def part(*traces, start_s=7, stop=True, cycle=123, listed=LIST_BODY):
    """A file of one cycle with *traces* as bodies."""
    cycle_body = struct.pack(">IIII", 1, 1, cycle, start_s) + b"\x02\0\x03vm\0"
    end = bytes_of(CYCLE_STOP, struct.pack(">IIB", 1, start_s + 9, 0)) if stop else b""
    head = bytes_of(LIST, listed) + bytes_of(CYCLE_START, cycle_body)
    return head + b"".join(bytes_of(TRACE, trace) for trace in traces) + end


def walk_whole(data):
    """The whole records of *data* as (kind, body), and where damage begins."""
    found = []
    try:
        for record in walk(BytesIO(data)):
            found += [(record.kind, record.body)]
    except WartsError as error:
        return found, error.at
    return found, None


def kinds(data):
    return [record.kind for record in walk(BytesIO(data))]


def test_a_trace_of_scamper_says_whence_whither_and_how_many():
    trace = parse_trace(Record(0, TRACE, TRACE_V4))

    assert bytes([100, 99, 7, 2]) == trace.source
    assert trace.destination_text == "100.99.8.1"
    assert (trace.probe_count, trace.reply_count, trace.stop_reason) == (1, 1, 1)


def test_a_destination_that_is_the_source_is_found_by_reference():
    body = bytes([0x80, 0x80, 0x80, 0b0110_0000, 0, 0]) + bytes.fromhex("0401 7f000001 00 00000000")
    body = body[:4] + struct.pack(">H", 11) + body[6:] + struct.pack(">H", 0)

    assert parse_trace(Record(0, TRACE, body)).destination_text == "127.0.0.1"


def test_unknown_flags_are_jumped_over():
    flags = bytes([0xF3, 0xFE, 0xFF, 0xBF, 0xFF, 0x01])  # 29 and above, in two more bytes
    body = (
        flags + struct.pack(">H", 0x34 + 3) + TRACE_V4[6 : 6 + 0x34] + b"new" + TRACE_V4[6 + 0x34 :]
    )

    assert parse_trace(Record(0, TRACE, body)).destination_text == "100.99.8.1"


@given(st.binary(max_size=200), st.integers(0, len(TRACE_V4)))
def test_no_bytes_make_a_trace_record_fail_but_by_name(noise, at):
    for body in (noise, TRACE_V4[:at] + noise, TRACE_V4[:at] + noise + TRACE_V4[at:]):
        with suppress(WartsError):
            parse_trace(Record(5, TRACE, body))


@given(st.lists(st.tuples(st.integers(0, 20), st.binary(max_size=40))), st.data())
def test_a_cut_file_yields_all_whole_records_and_the_place_of_the_cut(parts, data):
    file = b"".join(bytes_of(*each) for each in parts)
    cut_at = data.draw(st.integers(0, len(file)))

    found, at = walk_whole(file[:cut_at])

    whole = b"".join(bytes_of(*each) for each in found)
    assert parts[: len(found)] == found
    assert file[: len(whole)] == whole
    assert (None if len(whole) == cut_at else len(whole)) == at


@given(st.lists(st.integers(1, 400), min_size=1))
def test_a_growing_file_is_counted_once_however_it_grows(tmp_path_factory, steps):
    path = tmp_path_factory.mktemp("tail") / "x.warts"
    file, tail, at = part(TRACE_V4, TRACE_V4), Tail(path), 0
    tail.read()  # not there yet
    for step in steps:
        with path.open("ab") as stream:
            stream.write(file[at : at + step])
        at += step
        tail.read()
    with path.open("ab") as stream:
        stream.write(file[at:])
    tail.read()

    assert (len(file), 2, 2, True, None) == (
        tail.at,
        tail.probes,
        tail.replies,
        tail.has_cycle_stop,
        tail.damage,
    )


def test_a_tail_of_zeros_after_a_crash_is_damage(tmp_path):
    path = tmp_path / "x.warts"
    path.write_bytes(part(TRACE_V4, stop=False) + bytes(64))
    tail = Tail(path)

    tail.read()

    assert path.stat().st_size - 64 == tail.at
    assert "no record starts here (found 0x0000)" in (tail.damage or "")


def test_a_damaged_file_is_not_read_as_a_shorter_one(tmp_path):
    path = tmp_path / "x.warts"
    path.write_bytes(part(TRACE_V4)[:-1])

    with pytest.raises(WartsError, match="the record claims 9 bytes, 8 are there"):
        list(read_traces(path))


bodies = st.lists(st.binary(max_size=30), max_size=4)


@given(st.lists(bodies, min_size=1, max_size=4))
def test_joining_keeps_every_trace_in_order_and_head_and_end_once(parts):
    joined = join([part(*each, start_s=i) for i, each in enumerate(parts)])

    everything = [body for each in parts for body in each]
    assert [LIST, CYCLE_START, *[TRACE] * len(everything), CYCLE_STOP] == kinds(joined)
    assert everything == [r.body for r in walk(BytesIO(joined)) if r.kind == TRACE]


@given(bodies, bodies, bodies)
def test_joining_in_two_steps_is_joining_in_one(one, two, three):
    a, b, c = part(*one), part(*two), part(*three)

    assert join([a, b, c]) == join([join([a, b]), c]) == join([a, join([b, c])])


@pytest.mark.parametrize("stops", [(False, True), (True, False), (False, False)])
def test_a_join_with_an_interrupted_part_is_interrupted(stops):
    assert CYCLE_STOP not in kinds(join([part(stop=each) for each in stops]))


def test_a_join_of_nothing_is_nothing():
    assert join([]) == b""


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (part(cycle=124), "another list, cycle or monitor"),
        (part(listed=LIST_BODY.replace(b"us-0001", b"jp-0001")), "another list, cycle or monitor"),
        (part(TRACE_V4)[:-3], "the record claims"),
        (part() + part(), "more than one cycle"),
        (b"", "does not begin with a list"),
        (bytes_of(TRACE, TRACE_V4), "does not begin with a list"),
    ],
    ids=["cycle", "monitor", "torn", "two cycles", "empty", "headless"],
)
def test_what_is_not_a_slice_of_the_same_cycle_is_not_joined(other, words):
    with pytest.raises(WartsError, match=words):
        join([part(), other])


@pytest.mark.skipif(shutil.which("sc_warts2json") is None, reason="scamper is not installed")
def test_scampers_own_reader_reads_a_joined_file_whole(tmp_path):
    path = tmp_path / "joined.warts"
    path.write_bytes(join([part(TRACE_V4, start_s=i) for i in range(3)]))

    read = subprocess.run(["sc_warts2json", path], capture_output=True, text=True, check=True)

    assert read.stderr == ""
    assert len(read.stdout.splitlines()) == 5
