"""A cycle is on each drive once, byte for byte, and only when it is finished."""

import subprocess
from dataclasses import replace
from threading import Event

import pytest

from hitscanner.errors import UsageError
from hitscanner.infra.drives import DriveFaultError, FileDrive, RefusedError
from hitscanner.infra.drives.base import UnreachableError
from hitscanner.pipeline.cargo import cargo
from hitscanner.pipeline.load import Dock, NotLoadedError, lacking, load, read_loaded, require
from tests.support.drives import Given

from .conftest import tree


@pytest.fixture
def drive(tmp_path):
    return FileDrive("folder", tmp_path / "drive")


@pytest.fixture
def finished(measurement):
    measurement.close()
    return measurement


def dock(measurement, *drives, said=None):
    berths = [drive if isinstance(drive, Given) else Given(drive) for drive in drives]
    say = (lambda line: None) if said is None else said.append
    return Dock(measurement.store, berths, measurement.root / "scratch", say=say)


def test_the_drive_holds_what_the_store_holds_and_sha256sum_agrees(finished, drive):
    [loaded] = load(dock(finished, drive), finished.cycle)

    held = tree(drive.root)
    assert (loaded.state, loaded.files) == ("verified", len(held))
    assert loaded.size_bytes == sum(map(len, held.values()))
    assert all(finished.store.read(path) == data for path, data in held.items())
    sums = f"{finished.cycle.folder}/manifest.sha256"
    subprocess.run(["sha256sum", "--check", "--quiet", sums], cwd=drive.root, check=True)


def test_loading_again_changes_no_byte(finished, drive):
    load(dock(finished, drive), finished.cycle)
    before = tree(finished.root)
    load(dock(finished, drive), finished.cycle)

    assert before == tree(finished.root)


def test_what_is_there_is_not_sent_again(finished, drive):
    load(dock(finished, drive), finished.cycle)
    drive.put = lambda uploads: pytest.fail(f"sent {uploads}")

    assert load(dock(finished, drive), finished.cycle)[0].state == "verified"


def test_a_copy_that_was_damaged_is_replaced(finished, drive):
    load(dock(finished, drive), finished.cycle)
    before = tree(drive.root)
    (drive.root / finished.cycle.manifest).write_bytes(b"{}")
    load(dock(finished, drive), finished.cycle)

    assert before == tree(drive.root)


def test_an_unfinished_cycle_is_not_published(measurement, drive):
    measurement.plan()

    with pytest.raises(UsageError, match="is planned; only a complete or partial"):
        load(dock(measurement, drive), measurement.cycle)
    assert tree(drive.root) == {}


def test_the_manifest_is_sent_when_all_else_has_arrived(finished, drive):
    order = []

    class Watched(FileDrive):
        def _put(self, upload):
            order.append(upload.path)
            return super()._put(upload)

    watched = Watched("folder", drive.root)
    load(dock(finished, watched), finished.cycle)

    assert order[-1] == finished.cycle.manifest


class Lying(FileDrive):
    """Answers checksums of other bytes."""

    def _describe(self, files):
        return (replace(file, digest="0" * 64) for file in super()._describe(files))

    def _put(self, upload):
        return replace(super()._put(upload), digest="0" * 64)


class Down(FileDrive):
    """Answers nothing."""

    def list(self, folders):
        raise UnreachableError("drive down: unreachable: no route to host; check the network")


class Picky(FileDrive):
    """Refuses one file."""

    def _put(self, upload):
        if upload.path.endswith("missing.txt"):
            raise RefusedError("drive picky: refused: bad name; see what it says")
        return super()._put(upload)


def test_a_drive_that_holds_other_bytes_is_named_with_the_file(finished, tmp_path):
    [loaded] = load(dock(finished, Lying("cloud", tmp_path / "d")), finished.cycle)

    assert loaded.state == "failed"
    assert loaded.cause.startswith("drive cloud: mismatch: cycles/lab/")


def test_a_drive_that_is_down_blocks_no_other(finished, drive, tmp_path):
    outcomes = load(dock(finished, Down("down", tmp_path / "x"), drive), finished.cycle)

    assert [each.state for each in outcomes] == ["failed", "verified"]
    assert "no route to host" in outcomes[0].cause
    with pytest.raises(NotLoadedError, match="down: unreachable: no route"):
        require(finished.cycle, outcomes)


def test_a_drive_that_is_not_required_may_fail(finished, drive, tmp_path):
    down = Given(Down("down", tmp_path / "x"), required=False)
    outcomes = load(dock(finished, down, drive), finished.cycle)

    require(finished.cycle, outcomes)
    berths = dock(finished, down, drive).berths
    assert lacking(finished.store, finished.cycle, berths) == ["down"]


def test_new_files_are_sent_while_checksums_are_still_counted(finished, drive, monkeypatch):
    is_sending = Event()

    class Watched(FileDrive):
        def _put(self, upload):
            is_sending.set()
            return super()._put(upload)

    def late(*arguments):
        assert is_sending.wait(60)
        return cargo(*arguments)

    monkeypatch.setattr("hitscanner.pipeline.cargo.cargo", late)
    [loaded] = load(dock(finished, Watched("folder", drive.root)), finished.cycle)

    assert loaded.state == "verified"


def test_a_file_that_was_counted_as_it_is_but_sent_as_it_was_is_named(finished, drive, monkeypatch):
    path = f"{finished.cycle.folder}/plan/do-not-probe.txt"
    was_sent = Event()

    class Watched(FileDrive):
        def put(self, uploads):
            yield from super().put(uploads)
            finished.store.local(path).write_bytes(b"changed")
            was_sent.set()

    def late(*arguments):
        assert was_sent.wait(60)
        return cargo(*arguments)

    monkeypatch.setattr("hitscanner.pipeline.cargo.cargo", late)
    [loaded] = load(dock(finished, Watched("folder", drive.root)), finished.cycle)

    assert loaded.cause.startswith(f"drive folder: changed: {path} changed while it was sent")


def test_one_refused_file_keeps_no_other_back_but_the_manifest(measurement, tmp_path):
    measurement.transport.traced["us-0001"] = 0.8
    measurement.close()
    drive = Picky("picky", tmp_path / "d")
    [loaded] = load(dock(measurement, drive), measurement.cycle)

    absent = {f.path for f in FileDrive("all", measurement.store.root).list(["cycles"])}
    absent -= {f.path for f in drive.list(["cycles"])}
    assert "bad name" in loaded.cause
    assert {measurement.cycle.missing, measurement.cycle.manifest} <= absent
    assert not any(path.endswith("job.json") for path in absent)


def test_a_file_that_changes_while_it_is_sent_is_named(finished, drive):
    path = f"{finished.cycle.folder}/plan/do-not-probe.txt"

    class Busy(FileDrive):
        def _put(self, upload):
            if upload.path == path:
                upload.source.write_bytes(b"changed")
            return super()._put(upload)

    [loaded] = load(dock(finished, Busy("folder", drive.root)), finished.cycle)

    assert loaded.cause.startswith(f"drive folder: changed: {path} changed while it was sent")


def test_a_file_that_changed_before_it_was_sent_is_named_whatever_the_drive_computes(
    finished, drive
):
    """The drive's checksum then equals that of the file as it is, which is not what was counted."""
    path = f"{finished.cycle.folder}/plan/do-not-probe.txt"

    class ByMd5(FileDrive):
        algorithm = "md5"

        def put(self, uploads):
            finished.store.local(path).write_bytes(b"changed")
            return super().put(uploads)

    [loaded] = load(dock(finished, ByMd5("folder", drive.root)), finished.cycle)

    assert loaded.state == "failed"
    assert loaded.cause.startswith(f"drive folder: changed: {path} changed while it was sent")


def test_after_a_failure_the_next_run_goes_on_and_says_verified(finished, drive, tmp_path):
    load(dock(finished, Down("folder", drive.root)), finished.cycle)
    assert read_loaded(finished.store, finished.cycle, "folder").state == "failed"
    load(dock(finished, drive), finished.cycle)

    assert read_loaded(finished.store, finished.cycle, "folder").state == "verified"


def test_progress_tells_files_bytes_and_the_drive(finished, drive):
    said = []
    [loaded] = load(dock(finished, drive, said=said), finished.cycle)

    assert said[-1].startswith(f"drive folder: {finished.cycle}: {loaded.files} of {loaded.files}")


def test_progress_is_noted_while_files_are_on_their_way_and_at_the_end(
    finished, drive, monkeypatch
):
    monkeypatch.setattr("hitscanner.pipeline.pace.EVERY_S", 0.0)
    noted = []
    there = replace(dock(finished, drive), note=noted.append)
    [loaded] = load(there, finished.cycle)

    counts = [note.done_bytes for note in noted]
    assert counts == sorted(counts)
    assert [note.state for note in noted] == ["loading"] * (len(noted) - 1) + ["verified"]
    assert len(noted) > loaded.files
    assert counts[0] == 0
    assert counts[-2:] == [loaded.size_bytes] * 2


def test_every_fault_of_a_drive_is_worth_another_try():
    assert DriveFaultError.exit_code == 3
