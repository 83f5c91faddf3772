"""A drive with `max_mb_per_s` gets no more; what counts is what would be slept, not the clock."""

import pytest
import requests

from hitscanner.infra.drives import FileConnections, FileDrive, Upload, read_drives
from hitscanner.infra.drives.gdrive import GoogleDrive
from hitscanner.infra.drives.gdrive_api import Api
from hitscanner.infra.drives.rclone import RcloneDrive
from hitscanner.infra.drives.throttle import Throttle
from tests.support import rclone_serve
from tests.support.drive_fake import DriveFake, serving

SIZE_BYTES = 3_000_000
FILES = 4


@pytest.fixture
def slept():
    return []


@pytest.fixture
def throttle(slept):
    return Throttle(1.5, now=lambda: 0.0, sleep=slept.append)


@pytest.fixture
def uploads(tmp_path):
    found = []
    for number in range(FILES):
        source = tmp_path / "store" / "raw" / str(number)
        source.parent.mkdir(parents=True, exist_ok=True)
        source.write_bytes(bytes(SIZE_BYTES))
        found.append(Upload(f"raw/{number}", source, "0" * 64))
    return found


def test_a_folder_is_written_at_the_rate(throttle, slept, uploads, tmp_path):
    list(FileDrive("folder", tmp_path / "d", throttle=throttle).put(uploads))

    assert throttle.free_at == FILES * SIZE_BYTES / 1.5e6
    assert max(slept) > (FILES * SIZE_BYTES - (2 << 20)) / 1.5e6


def test_google_drive_is_sent_pieces_at_the_rate(throttle, slept, uploads, tmp_path):
    with serving(DriveFake()) as fake, requests.Session() as session:
        api = Api("cloud", session, fake.url)
        list(GoogleDrive(api, tmp_path / "n", "top", throttle=throttle).put(uploads))

    assert throttle.free_at == FILES * SIZE_BYTES / 1.5e6
    assert len(slept) == FILES - 1


def test_without_a_limit_nobody_waits(slept):
    Throttle(None, sleep=slept.append).take(1 << 40)

    assert slept == []


def test_a_line_that_was_idle_gives_no_credit():
    times, slept = iter([0.0, 100.0, 100.0]), []
    throttle = Throttle(1.0, now=lambda: next(times), sleep=slept.append)
    for _ in range(3):
        throttle.take(5_000_000)

    assert slept == [5.0]


def test_rclone_is_told_the_limit_of_drives_toml_and_keeps_it(uploads, tmp_path, monkeypatch):
    rclone_serve.needs_rclone()
    (tmp_path / "rclone.conf").write_text("[disk]\ntype = local\n")
    (tmp_path / "drives.toml").write_text(
        '[[drive]]\nname = "disk"\nkind = "rclone"\nmax_mb_per_s = 64\n'
        f'remote = "disk:{tmp_path}/d"\nconnection = "{tmp_path}/rclone.conf"\n'
    )
    monkeypatch.setattr("hitscanner.infra.drives.config.check_rclone", lambda program: None)
    [entry] = read_drives(tmp_path / "drives.toml").drive
    drive = entry.open(FileConnections(), tmp_path)
    drive.program = rclone_serve.RCLONE
    said = []
    talk = RcloneDrive._talk

    def listening(self, *arguments):
        for event in talk(self, *arguments):
            said.append(event.get("msg", ""))
            yield event

    monkeypatch.setattr(RcloneDrive, "_talk", listening)
    list(drive.put(uploads))

    assert any("bandwidth limiter" in words and "61.0" in words for words in said), said
