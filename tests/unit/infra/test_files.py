"""A file is there whole or not at all."""

import os
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest

from hitscanner.infra.files import DiskError, copy_whole, disk_errors, write_whole
from hitscanner.infra.store import FolderStore


@pytest.fixture
def tiny_disk(tmp_path):
    """A file system of 2 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", folder], check=True)
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_writing_replaces_a_file_and_leaves_nothing_beside_it(tmp_path):
    write_whole(tmp_path / "a", b"old")
    write_whole(tmp_path / "a", b"new")

    assert [file.name for file in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a").read_bytes() == b"new"


def test_writers_of_one_file_take_turns(tmp_path):
    """The lanes of a run begin together, and each stages the same files."""
    texts = [bytes([65 + n]) * 50_000 for n in range(8)]

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda text: write_whole(tmp_path / "a", text), texts * 25))

    assert [file.name for file in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a").read_bytes() in texts


def test_a_failure_on_the_way_keeps_the_old_file_and_removes_the_part(tmp_path, monkeypatch):
    write_whole(tmp_path / "a", b"old")

    def fail(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)

    with pytest.raises(OSError, match="No space"):
        write_whole(tmp_path / "a", b"new")
    assert [file.name for file in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a").read_bytes() == b"old"


def test_a_copy_is_equal(tmp_path):
    (tmp_path / "a").write_bytes(b"x" * 3_000_000)
    copy_whole(tmp_path / "a", tmp_path / "deep" / "b")

    assert (tmp_path / "a").read_bytes() == (tmp_path / "deep" / "b").read_bytes()


@pytest.mark.root
def test_a_full_disk_is_one_line_with_the_remedy_and_nothing_half_written(tiny_disk, tmp_path):
    big = tmp_path / "big"
    big.write_bytes(os.urandom(3 << 20))
    store = FolderStore(tiny_disk)

    with pytest.raises(DiskError, match=r"cannot write .*: No space left on device; free some"):
        store.put("raw/demo/x", big)
    with pytest.raises(DiskError, match="free some"):
        store.write("cycles/x", big.read_bytes())
    assert list(store.files("")) == []
    assert not [file for file in tiny_disk.rglob("*") if file.is_file()]


def test_an_error_without_a_known_remedy_is_passed_on(tmp_path):
    with pytest.raises(IsADirectoryError), disk_errors(tmp_path):
        raise IsADirectoryError(21, "Is a directory")


def test_an_equal_file_is_not_written_again(tmp_path):
    store = FolderStore(tmp_path)
    store.write("a", b"same")
    before = (tmp_path / "a").stat().st_mtime_ns
    store.write("a", b"same")

    assert before == (tmp_path / "a").stat().st_mtime_ns


def test_partial_files_are_not_listed(tmp_path):
    store = FolderStore(tmp_path)
    store.write("x/a", b"1")
    (tmp_path / "x" / ".b.partial").write_bytes(b"2")

    assert list(store.files("x")) == ["x/a"]
