"""Faults begin, last and end as asked."""

import select
from concurrent.futures import ThreadPoolExecutor

import pytest

from hitscanner.simulator import control
from hitscanner.simulator.faults import Fault, FaultError, Faults, parse

SECOND_NS = 1_000_000_000


def test_a_fault_ends_when_its_time_is_over_and_not_before():
    faults = Faults()
    faults.switch_on(Fault("blackhole", "us-0001", seconds=2), now_ns=0)

    assert faults.expire(2 * SECOND_NS - 1) == []
    assert faults.unheard == {"us-0001"}
    assert faults.expire(2 * SECOND_NS) == [Fault("blackhole", "us-0001", seconds=2)]
    assert faults.unheard == set()


def test_a_fault_without_a_time_lasts_until_it_is_cleared():
    faults = Faults()
    faults.switch_on(Fault("cut", "us-0001"), now_ns=0)
    faults.switch_on(Fault("cut", "jp-0001"), now_ns=0)

    assert faults.expire(1 << 62) == []
    assert faults.clear("us-0001") == [Fault("cut", "us-0001")]
    assert faults.clear(None) == [Fault("cut", "jp-0001")]


def test_the_same_fault_again_replaces_the_first():
    faults = Faults()
    faults.switch_on(Fault("clock", "us-0001", offset_s=5.0), now_ns=0)
    faults.switch_on(Fault("clock", "us-0001", offset_s=-90.0), now_ns=0)

    assert [on["offset_s"] for on in faults.to_json()] == [-90.0]


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"kind": "flood", "vp": "us-0001"}, "flood: no such fault; there are: blackhole, cut"),
        ({"kind": "cut", "vp": "xx"}, "xx: no such vantage point; there are: us-0001"),
        ({"kind": "cut", "vp": "us-0001", "seconds": 0}, "0 seconds: say a number above 0"),
        ({"kind": "cut", "vp": "us-0001", "seconds": "x"}, "x seconds: say a number"),
        ({"kind": "clock", "vp": "us-0001", "offset_s": "x"}, "x: say the offset"),
    ],
)
def test_an_impossible_fault_is_refused(asked, says):
    with pytest.raises(FaultError, match=says):
        parse(asked, {"us-0001": None})


def test_the_socket_works_under_a_path_longer_than_a_socket_name_may_be(tmp_path):
    folder = tmp_path / ("long" * 30)
    folder.mkdir()
    with control.listen(folder) as server, ThreadPoolExecutor(1) as asker:
        asked = asker.submit(control.ask, folder, {"kind": "clear"})
        assert select.select([server], [], [], 30)[0]
        peer, request = control.receive(server)
        control.answer(peer, {"heard": request})

        assert asked.result(timeout=30) == {"heard": {"kind": "clear"}}


def test_nobody_there_is_said_so(tmp_path):
    with pytest.raises(control.NobodyThereError):
        control.ask(tmp_path, {})
