"""What can go wrong with a drive, caused for real: it has a name, and nothing is lost by it."""

import os
import re
import subprocess
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime

import pytest

from hitscanner.infra.drives import FileDrive
from hitscanner.infra.drives.rclone import RcloneDrive
from hitscanner.pipeline.load import Dock, load
from hitscanner.pipeline.prune import Kept, prune
from tests.support import rclone_serve
from tests.support.cut import wire
from tests.support.drives import Given
from tests.support.files import lay_raw_files
from tests.unit.pipeline.conftest import Measurement, tree

KINDS = rclone_serve.KINDS
LATER = datetime(2027, 11, 22, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _rclone(monkeypatch):
    rclone_serve.needs_rclone()
    monkeypatch.delenv("AWS_CA_BUNDLE", raising=False)  # see rclone_serve.ENVIRONMENT


@pytest.fixture
def finished(tmp_path):
    measurement = Measurement(tmp_path / "home")
    measurement.close()
    return measurement


def dock(measurement, drive):
    scratch = measurement.root / "scratch"
    return Dock(measurement.store, [Given(drive)], scratch, say=lambda line: None)


def failed(measurement, drive):
    """Load, see that nothing is lost or expired by the failure, and give its cause."""
    before = tree(measurement.store.root)
    there = dock(measurement, drive)
    [outcome] = load(there, measurement.cycle)
    outcomes = prune(there, 1, LATER)
    after = tree(measurement.store.root)

    assert outcome.state == "failed"
    assert [type(each) for each in outcomes] == [Kept]
    assert {path: after.get(path) for path in before} == before
    return outcome.cause


def verified(measurement, drive):
    [outcome] = load(dock(measurement, drive), measurement.cycle)
    assert outcome.state == "verified", outcome.cause
    return outcome


def opened(kind, config, patience_s=0.0):
    drive = RcloneDrive("box", rclone_serve.remote(kind), config, program=rclone_serve.RCLONE)
    drive.patience_s = patience_s
    return drive


@contextmanager
def small_disk(folder, size_kib):
    """Make *folder* a disk of its own with little room."""
    folder.mkdir(parents=True)
    options = ["-t", "tmpfs", "-o", f"size={size_kib}k", "tmpfs"]
    subprocess.run(["mount", *options, str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk needs root")


@pytest.mark.root
@needs_root
@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("folder", "full: No space left"),
        ("sftp", "full: "),
        ("webdav", "refused: .* 405 Method Not Allowed"),  # all that rclone's own server says
        ("s3", "unreachable: .* InternalError"),  # likewise
    ],
    ids=lambda given: given.partition(":")[0],
)
def test_a_full_drive_is_named_and_room_is_enough_to_go_on(kind, words, finished, tmp_path):
    lay_raw_files(finished, 4, 100_000)
    place = tmp_path / "served"
    with ExitStack() as stack:
        stack.enter_context(small_disk(place, 256))
        if kind == "folder":
            drive = FileDrive("box", place)
        else:
            port = rclone_serve.free_port()
            drive = opened(kind, rclone_serve.configuration(kind, port, tmp_path))
            stack.enter_context(rclone_serve.served(kind, place, port, tmp_path))
        cause = failed(finished, drive)
        subprocess.run(["mount", "-o", "remount,size=64m", str(place)], check=True)
        verified(finished, drive)

    assert re.match(f"drive box: {words}", cause)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("cut_s", [2, pytest.param(60, marks=pytest.mark.long)])
def test_a_network_that_is_cut_for_a_while_is_waited_for(kind, cut_s, finished, tmp_path):
    lay_raw_files(finished, 20, 200_000)
    port = rclone_serve.free_port()
    with (
        rclone_serve.served(kind, tmp_path / "served", port, tmp_path),
        wire(port) as cable,
    ):
        config = rclone_serve.configuration(kind, cable.port, tmp_path)
        happened = cable.cut_once_after(1_000_000, cut_s)
        verified(finished, opened(kind, config, patience_s=300))

        assert happened.is_set()
    served = tree(tmp_path / "served" / rclone_serve.bucket(kind))
    assert {path: finished.store.read(path) for path in served} == served
