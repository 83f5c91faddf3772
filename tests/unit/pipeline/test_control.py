"""Nothing is sent after a stop until the release; an opt-out reaches those who are probing."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hitscanner.domain.do_not_probe import parse_do_not_probe, with_opt_outs
from hitscanner.domain.inventory import parse_inventory
from hitscanner.errors import DoNotProbeError, UnfinishedError, UsageError
from hitscanner.infra.audit import AuditLog
from hitscanner.infra.transport import LocalTransport, TransportError
from hitscanner.pipeline import control
from hitscanner.pipeline.control import Control, StopFlag, StoppedError, Told, require_heard
from hitscanner.prober.leases import lease
from tests.support.vantage import FakeTransport
from tests.unit.pipeline.conftest import INVENTORY, NAMES


class Away(FakeTransport):
    """A vantage point behind a cut cable."""

    def hush(self, vp, *, is_on):
        raise TransportError(f"{vp.name}: no route to host; mend the cable")

    renew = hush


class Busy(FakeTransport):
    """Its prober does not end."""

    def at_work(self, vp):
        return 1


def switch(root: Path, **others: FakeTransport) -> tuple[Control, FakeTransport]:
    """The switch of three vantage points; *others* replace the transport of some, by country."""
    usual = FakeTransport()
    (root / "dnp.txt").write_text("none\n")
    points = parse_inventory(INVENTORY, "inventory.toml").vantage_points
    flag, audit = root / "stop.json", AuditLog(root / "audit.jsonl", now_s=lambda: 1.5)
    made = Control(
        StopFlag(flag), root / "dnp.txt", audit, points, lambda vp: others.get(vp.name[:2], usual)
    )
    return made, usual


def test_a_stop_sets_the_flag_and_silences_every_vantage_point(tmp_path):
    made, transport = switch(tmp_path)

    told = made.stop("ann", "a complaint")

    assert told == [Told(name, "silent") for name in NAMES]
    assert transport.hushed == set(NAMES)
    with pytest.raises(StoppedError, match=r"stopped at .* by ann \(a complaint\).*release"):
        made.flag.require_go()


def test_a_release_lets_everything_start_again(tmp_path):
    made, transport = switch(tmp_path)
    made.stop("ann", "a complaint")

    made.release("bob", "talked to them")

    assert transport.hushed == set()
    assert made.flag.order() is None
    made.flag.require_go()


def test_a_vantage_point_out_of_reach_delays_nobody_and_is_named(tmp_path):
    made, transport = switch(tmp_path, jp=Away())

    told = {each.vp: each for each in made.stop("ann", "a complaint")}

    assert transport.hushed == {"de-0001", "us-0001"}
    assert told["jp-0001"].state == "unreachable"
    assert "mend the cable" in (told["jp-0001"].cause or "")
    with pytest.raises(UnfinishedError, match="jp-0001"):
        require_heard(list(told.values()))


def test_a_prober_that_does_not_end_is_not_called_silent(tmp_path, monkeypatch):
    monkeypatch.setattr(control, "SILENT_WITHIN_S", 0.0)
    made, _ = switch(tmp_path, de=Busy())

    told = {each.vp: each.state for each in made.stop("ann", "a complaint")}

    assert told == {"de-0001": "still probing", "jp-0001": "silent", "us-0001": "silent"}


def test_a_flag_that_cannot_be_read_stops_all_the_same(tmp_path):
    made, _ = switch(tmp_path)
    made.flag.file.write_text("{half")

    with pytest.raises(StoppedError):
        made.flag.require_go()


def test_every_stop_release_and_opt_out_is_an_audit_record(tmp_path):
    made, _ = switch(tmp_path)

    made.stop("ann", "a complaint")
    made.opt_out(["192.0.2.0/24"], "ann", "a complaint")
    made.release("bob", "mended")

    records = made.audit.records()
    assert [(r["action"], r["by"], r["why"]) for r in records] == [
        ("stop", "ann", "a complaint"),
        ("stopped", "ann", "a complaint"),
        ("opt-out", "ann", "a complaint"),
        ("release", "bob", "mended"),
    ]
    assert records[2]["prefixes"] == ["192.0.2.0/24"]
    assert records[0]["at"] == "1970-01-01T00:00:01.500+00:00"


def test_a_record_cut_by_a_crash_hides_no_other(tmp_path):
    log = AuditLog(tmp_path / "audit.jsonl")
    log.record("stop", "ann", "one")
    with log.file.open("ab") as file:
        file.write(b'{"at": "20')

    assert [r["why"] for r in log.records()] == ["one"]


def test_an_opt_out_reaches_list_and_vantage_points_with_the_same_bytes(tmp_path):
    made, transport = switch(tmp_path)

    listed, _ = made.opt_out(["192.0.2.0/24", "2001:db8::1"], "ann", "by mail")

    assert made.dnp.read_bytes() == listed.text.encode()
    assert sorted(transport.renewed) == [(name, listed.text.encode()) for name in NAMES]
    assert [str(prefix) for prefix in listed.prefixes] == ["192.0.2.0/24", "2001:db8::1/128"]


@pytest.mark.parametrize("words", [[], ["everybody"]])
def test_a_bad_opt_out_changes_nothing(tmp_path, words):
    made, transport = switch(tmp_path)

    with pytest.raises((UsageError, DoNotProbeError)):
        made.opt_out(words, "ann", "by mail")

    assert made.dnp.read_text() == "none\n"
    assert transport.renewed == []


@given(st.text(alphabet="abc# \n\r\x0b\x85\u2028-", max_size=40))
def test_the_reason_of_an_opt_out_never_becomes_an_entry(why):
    listed = parse_do_not_probe(with_opt_outs("198.51.100.0/24\n", ["192.0.2.1"], why), "dnp")

    assert [str(p) for p in listed.prefixes] == ["192.0.2.1/32", "198.51.100.0/24"]


def test_a_stop_here_makes_the_flag_that_probers_look_at_and_counts_leases(tmp_path):
    [vp, *_] = parse_inventory(INVENTORY, "inventory.toml").vantage_points
    transport = LocalTransport(tmp_path, tmp_path / "prober.pyz", "python3")
    leases = tmp_path / vp.name / "leases"

    with lease(leases, "demo.1.0000", 10, 100, wait=print):
        assert transport.at_work(vp) == 1
        transport.hush(vp, is_on=True)
        assert (tmp_path / vp.name / "stop").exists()
    assert transport.at_work(vp) == 0
    transport.hush(vp, is_on=False)
    assert not (tmp_path / vp.name / "stop").exists()


def test_the_order_in_force_says_who_when_and_why(tmp_path):
    made, _ = switch(tmp_path)
    made.stop("ann", "a complaint")

    assert json.loads(made.flag.file.read_text())["by"] == "ann"
    assert made.flag.order() is not None
