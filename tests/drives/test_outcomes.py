"""What can go wrong with a drive, caused for real: it has a name, and nothing is lost by it."""

import os
import re
import subprocess
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime

import pytest
import requests

from hitscanner.errors import UsageError
from hitscanner.infra.drives import FileDrive
from hitscanner.infra.drives.gcs import BucketDrive, open_client
from hitscanner.infra.drives.gdrive import GoogleDrive
from hitscanner.infra.drives.gdrive_api import Api
from hitscanner.infra.drives.rclone import RcloneDrive
from hitscanner.pipeline.load import Dock, load
from hitscanner.pipeline.prune import Kept, prune
from tests.support import rclone_serve
from tests.support.cut import wire
from tests.support.drive_fake import DriveFake, serving
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


@contextmanager
def gdrive(tmp_path, **state):
    """A Google Drive that is empty, ours of it, and the port at which it answers."""
    with serving(DriveFake(**state)) as fake, requests.Session() as session:

        def ours(port):
            fake.url = f"http://127.0.0.1:{port}"  # it tells clients where to send pieces
            return GoogleDrive(Api("box", session, fake.url), tmp_path / "notes", "top", 4)

        yield fake, ours


@contextmanager
def gcs(tmp_path, monkeypatch):
    """A bucket that is empty, likewise."""
    pytest.importorskip("google.cloud.storage", reason="needs: make setup")
    emulator = pytest.importorskip("gcp_storage_emulator.server", reason="needs: make setup")
    port = rclone_serve.free_port()
    server = emulator.create_server("127.0.0.1", port, in_memory=True, default_bucket="lab")
    server.start()

    def ours(at):
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{at}")
        return BucketDrive("box", open_client(None, f"http://127.0.0.1:{at}"), "lab")

    try:
        yield port, ours
    finally:
        server.stop()


@contextmanager
def any_drive(kind, tmp_path, monkeypatch):
    """Give the port of an empty server of *kind*, and what opens a drive at a port."""
    if kind == "gdrive":
        with gdrive(tmp_path) as (fake, ours):
            yield int(fake.url.rpartition(":")[2]), ours
    elif kind == "gcs":
        with gcs(tmp_path, monkeypatch) as found:
            yield found
    else:
        port = rclone_serve.free_port()

        def ours(at):
            return opened(kind, rclone_serve.configuration(kind, at, tmp_path), patience_s=300)

        with rclone_serve.served(kind, tmp_path / "served", port, tmp_path):
            yield port, ours


ALL = (*KINDS, "gcs", "gdrive")


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("cut_s", [2, pytest.param(60, marks=pytest.mark.long)])
def test_a_network_that_is_cut_for_a_while_is_waited_for(
    kind, cut_s, finished, tmp_path, monkeypatch
):
    lay_raw_files(finished, 20, 200_000)
    with any_drive(kind, tmp_path, monkeypatch) as (port, ours), wire(port) as cable:
        cable.cut_at_bytes, cable.cut_s = 1_000_000, cut_s
        drive = ours(cable.port)
        outcome = verified(finished, drive)

        assert cable.was_cut.is_set()
        held = [*drive.list(["raw", "cycles"])]
        assert len(held) == len({file.path for file in held}) == outcome.files


UNUSUAL = (
    "it's.bin", 'a"b.bin', "back\\slash.bin", "\u00fc \u96ea.bin", "a&b=c#%20+?.bin", " x ",
    "[a]{b}*.bin", "-rf", "e\u0301.bin", "CON", "a:b|c<d>.bin", "~tilde", "x" * 200,
)  # fmt: skip


@pytest.mark.parametrize("kind", ALL)
def test_names_with_unusual_signs_arrive_and_are_found_again(kind, finished, tmp_path, monkeypatch):
    folder = finished.store.local(finished.cycle.raw) / "vp-\u96ea it's"
    folder.mkdir()
    for name in UNUSUAL:
        (folder / name).write_bytes(name.encode())
    with any_drive(kind, tmp_path, monkeypatch) as (port, ours):
        outcome = verified(finished, ours(port))
        drive = ours(port)
        drive.put = lambda uploads: pytest.fail(f"sent {uploads}")

        assert verified(finished, drive).files == outcome.files


def test_a_name_with_a_line_break_is_refused_before_anything_is_sent(finished, tmp_path):
    (finished.store.local(finished.cycle.raw) / "a\nb").write_bytes(b"x")

    with pytest.raises(UsageError, match="holds a line break; rename the file"):
        load(dock(finished, FileDrive("box", tmp_path / "d")), finished.cycle)
    assert not (tmp_path / "d").exists()


@pytest.mark.parametrize("kind", ALL)
def test_a_file_that_changes_while_it_is_sent_is_named(kind, finished, tmp_path, monkeypatch):
    victim = finished.store.local(f"{finished.cycle.folder}/plan/do-not-probe.txt")
    before = victim.read_bytes()
    with any_drive(kind, tmp_path, monkeypatch) as (port, ours):
        drive = ours(port)
        put = drive.put

        def change_and_put(uploads):
            victim.write_bytes(b"changed " + before)
            return put(uploads)

        drive.put = change_and_put
        [outcome] = load(dock(finished, drive), finished.cycle)
        victim.write_bytes(before)
        drive.put = put
        kept = prune(dock(finished, drive), 1, LATER)
        verified(finished, drive)

    assert outcome.cause.startswith("drive box: changed: ")
    assert [type(each) for each in kept] == [Kept]


@pytest.mark.parametrize("kind", KINDS)
def test_wrong_credentials_lose_nothing(kind, finished, tmp_path):
    port = rclone_serve.free_port()
    wrong = rclone_serve.configuration(kind, port, tmp_path, "wrong")
    with rclone_serve.served(kind, tmp_path / "served", port, tmp_path):
        cause = failed(finished, opened(kind, wrong))
        verified(finished, opened(kind, rclone_serve.configuration(kind, port, tmp_path)))

    assert cause.startswith("drive box: credentials: ")
    assert rclone_serve.PASSWORD not in cause


def test_a_quota_that_is_used_up_loses_nothing_and_more_of_it_is_enough(finished, tmp_path):
    with gdrive(tmp_path, quota_bytes=3000) as (fake, ours):
        drive = ours(int(fake.url.rpartition(":")[2]))
        cause = failed(finished, drive)
        fake.quota_bytes = None
        verified(finished, drive)

    assert cause.startswith("drive box: full: 403 storageQuotaExceeded")
