"""drives.toml is read or refused in one line; a folder is a drive."""

import pytest

from hitscanner.infra.drives import DriveError, FileDrive, read_drives

GOOD = '[[drive]]\nname = "folder"\nkind = "file"\npath = "/srv/drive"\n'
BAD = {
    "missing file": (None, "is missing; list at least one"),
    "no drive": ("", r"names no \[\[drive\]\]"),
    "not TOML": ("[[drive", "drives.toml: "),
    "unknown key": (GOOD + 'pth = "/x"\n', "pth"),
    "unknown kind": (GOOD.replace('"file"', '"tape"'), "kind 'tape' is unknown"),
    "relative path": (GOOD.replace("/srv", "srv"), "must be absolute"),
}


def test_a_folder_is_read_as_a_drive(tmp_path):
    (tmp_path / "drives.toml").write_text(GOOD)

    [drive] = read_drives(tmp_path / "drives.toml")
    assert drive.name == "folder"


@pytest.mark.parametrize(("text", "words"), BAD.values(), ids=BAD.keys())
def test_a_mistake_is_named(tmp_path, text, words):
    if text is not None:
        (tmp_path / "drives.toml").write_text(text)

    with pytest.raises(DriveError, match=words) as raised:
        read_drives(tmp_path / "drives.toml")
    assert "\n" not in str(raised.value)


def test_what_is_put_is_described_by_its_own_bytes(tmp_path):
    source = tmp_path / "x"
    source.write_bytes(b"abc")
    drive = FileDrive("folder", tmp_path / "drive")
    put = drive.put("a/b", source)

    assert put == drive.stat("a/b")
    assert put.size_bytes == 3
    assert list(drive.list("a")) == ["a/b"]
    drive.delete("a/b")
    assert drive.stat("a/b") is None
