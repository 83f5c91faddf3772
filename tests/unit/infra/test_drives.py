"""drives.toml is read or refused in one line; a folder is a drive."""

import errno
import subprocess

import pytest

from hitscanner.infra.drives import (
    DriveError,
    FileConnections,
    FileDrive,
    RemoteFile,
    Upload,
    read_drives,
)
from hitscanner.infra.drives.base import (
    CredentialsError,
    DriveFullError,
    RefusedError,
    in_parallel,
)

GOOD = '[[drive]]\nname = "folder"\nkind = "file"\npath = "/srv/drive"\n'
BUCKET = '[[drive]]\nname = "cloud"\nkind = "gcs"\nbucket = "b"\nrequired = false\n'
BOX = '[[drive]]\nname = "box"\nkind = "rclone"\nremote = "box:hs"\nconnection = "/etc/rclone"\n'
GOOGLE = '[[drive]]\nname = "g"\nkind = "gdrive"\nfolder_id = "x"\nconnection = "/key.json"\n'
BAD = {
    "missing file": (None, "is missing; list at least one"),
    "no drive": ("", r"names no \[\[drive\]\]"),
    "not TOML": ("[[drive", "drives.toml: "),
    "unknown key": (GOOD + 'pth = "/x"\n', "pth"),
    "unknown kind": (GOOD.replace('"file"', '"tape"'), "kind 'tape' is unknown"),
    "relative path": (GOOD.replace("/srv", "srv"), "must be absolute"),
    "twin names": (GOOD + GOOD, "two drives are named folder"),
    "a secret in the remote": (BOX.replace("box:hs", ":s3,secret=x:b"), "remote"),
    "nothing required": (
        "retention_days = 9\n" + BUCKET,
        "retention_days needs a drive with required",
    ),
    "a name that is a path": (GOOD.replace('"folder"', '"../x"'), "name"),
}


def test_all_kinds_are_read_and_required_unless_said_otherwise(tmp_path):
    (tmp_path / "drives.toml").write_text("retention_days = 30\n" + GOOD + BUCKET + BOX + GOOGLE)
    drives = read_drives(tmp_path / "drives.toml")

    assert drives.required == ("folder", "box", "g")
    assert drives.retention_days == 30
    assert isinstance(drives.drive[0].open(FileConnections(), tmp_path), FileDrive)


@pytest.mark.parametrize(("text", "words"), BAD.values(), ids=BAD.keys())
def test_a_mistake_is_named(tmp_path, text, words):
    if text is not None:
        (tmp_path / "drives.toml").write_text(text)

    with pytest.raises(DriveError, match=words) as raised:
        read_drives(tmp_path / "drives.toml")
    assert "\n" not in str(raised.value)


def test_without_google_s_library_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "google.auth", None)
    (tmp_path / "drives.toml").write_text(BUCKET)
    [entry] = read_drives(tmp_path / "drives.toml").drive

    with pytest.raises(DriveError, match=r"pip install hitscanner\[google\]"):
        entry.open(FileConnections(), tmp_path)


def test_an_rclone_configuration_that_is_not_there_is_named(tmp_path):
    with pytest.raises(DriveError, match="there is no rclone configuration"):
        FileConnections().rclone(str(tmp_path / "x"), tmp_path)


def upload(tmp_path, path, data=b"abc"):
    source = tmp_path / "source"
    source.write_bytes(data)
    return Upload(path, source, "")


def test_what_is_put_is_described_by_its_own_bytes(tmp_path):
    drive = FileDrive("folder", tmp_path / "drive")
    sent = upload(tmp_path, "a/b ü'.txt")

    [arrived] = drive.put([sent])
    [listed] = drive.list(["a"])
    assert arrived == listed
    assert [*drive.stat(["a/b ü'.txt", "a/none"])] == [listed]
    assert listed.digest.startswith("ba7816bf")
    drive.delete("a/b ü'.txt")
    assert [*drive.stat(["a/b ü'.txt"])] == []


@pytest.mark.parametrize(
    ("number", "kind"), [(errno.ENOSPC, DriveFullError), (errno.EACCES, CredentialsError)]
)
def test_what_a_mounted_drive_says_is_named(tmp_path, monkeypatch, number, kind):
    def fail(*_):
        raise OSError(number, "no")

    monkeypatch.setattr("hitscanner.infra.drives.folder.copy_whole", fail)
    with pytest.raises(kind, match="drive folder: "):
        list(FileDrive("folder", tmp_path / "d").put([upload(tmp_path, "a")]))


def test_a_file_that_fails_leaves_the_others_alone(tmp_path):
    uploads = [upload(tmp_path, str(number)) for number in range(9)]
    arrived = []

    def send(one):
        if one.path == "3":
            raise RefusedError("no")
        return RemoteFile(one.path, None)

    with pytest.raises(RefusedError):
        arrived.extend(one.path for one in in_parallel(send, uploads, 2))
    assert sorted(arrived) == list("01245678")


def test_a_full_drive_gets_nothing_more(tmp_path):
    uploads = [upload(tmp_path, str(number)) for number in range(50)]
    tried = []

    def send(one):
        tried.append(one.path)
        raise DriveFullError("no")

    with pytest.raises(DriveFullError):
        list(in_parallel(send, uploads, 1))
    assert len(tried) < 50


@pytest.mark.root
def test_a_disk_that_is_full_is_named_and_holds_no_part(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk], check=True)
    try:
        with pytest.raises(DriveFullError, match="drive folder: full: No space left"):
            list(FileDrive("folder", disk).put([upload(tmp_path, "big", bytes(1 << 20))]))
        assert [path for path in disk.rglob("*") if path.is_file()] == []
    finally:
        subprocess.run(["umount", disk], check=True)
