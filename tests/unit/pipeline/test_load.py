"""A cycle is on a drive once, byte for byte, and only when it is finished."""

import subprocess

import pytest

from hitscanner.errors import UsageError
from hitscanner.infra.drives import FileDrive, RemoteFile
from hitscanner.pipeline.load import DriveMismatchError, load

from .conftest import tree


@pytest.fixture
def drive(tmp_path):
    return FileDrive("folder", tmp_path / "drive")


def test_the_drive_holds_what_the_store_holds_and_sha256sum_agrees(measurement, drive):
    measurement.close()
    [loaded] = load(measurement.store, [drive], measurement.cycle)

    held = tree(drive.root)
    assert loaded.files == len(held)
    assert all(measurement.store.read(path) == data for path, data in held.items())
    sums = f"{measurement.cycle.folder}/manifest.sha256"
    subprocess.run(["sha256sum", "--check", "--quiet", sums], cwd=drive.root, check=True)


def test_loading_again_changes_no_byte(measurement, drive):
    measurement.close()
    load(measurement.store, [drive], measurement.cycle)
    before = tree(measurement.root)
    load(measurement.store, [drive], measurement.cycle)

    assert before == tree(measurement.root)


def test_a_copy_that_was_damaged_is_replaced(measurement, drive):
    measurement.close()
    load(measurement.store, [drive], measurement.cycle)
    before = tree(drive.root)
    (drive.root / measurement.cycle.manifest).write_bytes(b"{}")
    load(measurement.store, [drive], measurement.cycle)

    assert before == tree(drive.root)


def test_an_unfinished_cycle_is_not_published(measurement, drive):
    measurement.plan()

    with pytest.raises(UsageError, match="is planned; only a complete or partial"):
        load(measurement.store, [drive], measurement.cycle)
    assert tree(drive.root) == {}


class _LyingDrive(FileDrive):
    def put(self, path, source):
        held = super().put(path, source)
        return RemoteFile(held.path, held.size_bytes, "0" * 64)


def test_a_drive_that_holds_other_bytes_is_an_error_that_names_it(measurement, tmp_path):
    measurement.close()

    with pytest.raises(DriveMismatchError, match=r"drive cloud: cycles/lab/.* has sha256 000"):
        load(measurement.store, [_LyingDrive("cloud", tmp_path / "d")], measurement.cycle)
