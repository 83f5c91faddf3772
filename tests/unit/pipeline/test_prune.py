"""Raw data is removed here only when every required drive was seen to hold it, after its time."""

import shutil
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hitscanner.infra.digests import digest_of
from hitscanner.infra.drives import FileDrive
from hitscanner.infra.drives.base import UnreachableError
from hitscanner.pipeline.gate import close_cycle
from hitscanner.pipeline.load import Dock, load
from hitscanner.pipeline.prune import Kept, Pruned, prune, raw_files
from tests.support.drives import Given

from .conftest import Measurement, tree

MEASURED_AT = datetime(2026, 11, 22, 3, tzinfo=UTC)
LATER = MEASURED_AT + timedelta(days=31)


def dock(measurement, *berths):
    scratch = measurement.root / "scratch"
    return Dock(measurement.store, berths, scratch, say=lambda line: None)


@pytest.fixture
def loaded(measurement):
    """A cycle that one required drive holds."""
    measurement.close()
    there = dock(measurement, Given(FileDrive("a", measurement.root / "a")))
    load(there, measurement.cycle)
    return measurement, there


def test_what_the_drive_holds_expires_and_its_records_stay(loaded):
    measurement, there = loaded
    raw = raw_files(measurement.store, measurement.cycle)
    [pruned] = prune(there, 30, LATER)

    assert isinstance(pruned, Pruned)
    assert list(pruned.files) == raw
    assert raw_files(measurement.store, measurement.cycle) == []
    assert all(measurement.store.exists(p.replace(".warts.zst", ".json")) for p in raw)


def test_a_dry_run_removes_nothing(loaded):
    measurement, there = loaded
    before = tree(measurement.root)
    [pruned] = prune(there, 30, LATER, is_dry=True)

    assert isinstance(pruned, Pruned)
    assert before == tree(measurement.root)


def test_after_expiry_load_and_its_sums_stay_as_they_were(loaded):
    measurement, there = loaded
    held = tree(measurement.root / "a")
    prune(there, 30, LATER)
    [again] = load(there, measurement.cycle)

    assert again.state == "verified"
    assert held == tree(measurement.root / "a")


def test_after_expiry_the_cycle_still_counts_as_it_did(loaded):
    measurement, there = loaded
    before = measurement.store.read(measurement.cycle.manifest)
    prune(there, 30, LATER)
    close_cycle(measurement.store, measurement.cycle)

    assert before == measurement.store.read(measurement.cycle.manifest)


def test_a_copy_that_is_lost_after_expiry_is_named_and_never_forgotten(loaded):
    measurement, there = loaded
    [gone, *_] = raw_files(measurement.store, measurement.cycle)
    prune(there, 30, LATER)
    (measurement.root / "a" / gone).unlink()
    [again] = load(there, measurement.cycle)

    assert again.cause.startswith(f"drive a: gone: {gone} is not there and has expired here")


KEPT = {
    "no retention": (lambda m, d: (d, None, LATER), "sets no retention_days"),
    "too young": (lambda m, d: (d, 30, MEASURED_AT + timedelta(days=29)), "29 of 30 days old"),
    "no required drive": (
        lambda m, d: (dock(m, Given(d.berths[0].drive, required=False)), 30, LATER),
        "no drive is required",
    ),
    "one never loaded": (
        lambda m, d: (dock(m, *d.berths, Given(FileDrive("b", m.root / "b"))), 30, LATER),
        "drive b does not hold it",
    ),
}


@pytest.mark.parametrize(("change", "reason"), KEPT.values(), ids=KEPT.keys())
def test_it_is_kept_and_the_reason_told(loaded, change, reason):
    measurement, there = loaded
    [kept] = prune(*change(measurement, there))

    assert isinstance(kept, Kept)
    assert reason in kept.reason
    assert raw_files(measurement.store, measurement.cycle)


def test_a_copy_that_vanished_from_the_drive_keeps_it(loaded):
    measurement, there = loaded
    shutil.rmtree(measurement.root / "a" / "raw")
    [kept] = prune(there, 30, LATER)

    assert "drive a does not hold raw/lab" in kept.reason


def test_a_drive_that_cannot_be_asked_keeps_it(loaded):
    _, there = loaded

    def down(folder):
        raise UnreachableError("drive a: unreachable: x; y")

    there.berths[0].drive.list = down
    [kept] = prune(there, 30, LATER)

    assert "drive a cannot be asked" in kept.reason


def test_a_cycle_that_was_reprocessed_since_is_kept(loaded):
    measurement, there = loaded
    measurement.store.write(f"{measurement.cycle.folder}/manifest.sha256", b"other\n")
    [kept] = prune(there, 30, LATER)

    assert kept.reason == "drive a holds an older state of it"


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """A finished cycle; every example works on a copy."""
    measurement = Measurement(tmp_path_factory.mktemp("template"))
    measurement.close()
    return measurement


DRIVE = st.fixed_dictionaries(
    {
        "required": st.booleans(),
        "is_loaded": st.booleans(),
        "lost": st.sets(st.integers(0, 2)),
        "damaged": st.sets(st.integers(0, 2)),
        "is_down": st.booleans(),
    }
)


def held(**different):
    """A drive that holds everything, but for what is said."""
    whole = {"required": True, "is_loaded": True, "lost": set(), "damaged": set(), "is_down": False}
    return {**whole, **different}


def risky(*drives, changed=False):
    """Old enough, so that only what the drives hold decides."""
    return example(drives=list(drives), days=60, retention_days=1, changed=changed)


@settings(max_examples=60)
@risky(held(damaged={1}))
@risky(held(), held(lost={2}))
@risky(held(), held(is_down=True))
@risky(held(), held(is_loaded=False))
@risky(held(required=False))
@risky(held(), changed=True)
@given(
    drives=st.lists(DRIVE, max_size=3),
    days=st.integers(0, 60),
    retention_days=st.none() | st.integers(1, 60),
    changed=st.booleans(),
)
def test_nothing_is_removed_that_is_not_whole_on_every_required_drive(
    template, drives, days, retention_days, changed
):
    with tempfile.TemporaryDirectory() as folder:
        measurement = Measurement(Path(folder))
        shutil.copytree(template.store.root, measurement.store.root)
        raw = raw_files(measurement.store, measurement.cycle)
        berths = [_berth(measurement, number, raw, about) for number, about in enumerate(drives)]
        there = dock(measurement, *berths)
        if changed:
            measurement.store.local(raw[0]).write_bytes(b"other bytes")
        before = {path: digest_of(measurement.store.local(path), "sha256") for path in raw}
        if berths:
            prune(there, retention_days, MEASURED_AT + timedelta(days=days))
        removed = [path for path in raw if not measurement.store.exists(path)]

        required = [FileDrive("x", b.drive.root) for b in berths if b.required]
        for path in removed:
            assert required
            assert retention_days is not None
            assert days >= retention_days
            copies = [[file.digest for file in drive.stat([path])] for drive in required]
            assert copies == [[before[path]]] * len(required)
        if removed:
            assert removed == raw


class Flaky(FileDrive):
    """May be down when it is asked."""

    is_down = False

    def list(self, folders):
        if self.is_down:
            raise UnreachableError("drive: unreachable: x; y")
        return super().list(folders)


def _berth(measurement, number, raw, about):
    drive = Flaky(f"d{number}", measurement.root / f"d{number}")
    berth = Given(drive, about["required"])
    if about["is_loaded"]:
        load(dock(measurement, berth), measurement.cycle)
        for index in about["lost"]:
            (drive.root / raw[index]).unlink()
        for index in about["damaged"] - about["lost"]:
            (drive.root / raw[index]).write_bytes(b"damaged")
    drive.is_down = about["is_down"]
    return berth
