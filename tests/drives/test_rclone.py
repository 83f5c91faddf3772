"""Drives by rclone, against real WebDAV, SFTP and S3 servers on loopback."""

import hashlib
from contextlib import ExitStack
from dataclasses import replace

import pytest

from hitscanner.infra.digests import HASHERS, digest_of
from hitscanner.infra.drives import Upload
from hitscanner.infra.drives.base import CredentialsError, UnreachableError
from hitscanner.infra.drives.rclone import RcloneDrive
from hitscanner.pipeline.load import Dock, load
from tests.support import rclone_serve
from tests.support.drives import Given
from tests.unit.pipeline.conftest import Measurement, tree

KINDS = rclone_serve.KINDS
QUICK = ("--retries=1", "--low-level-retries=1", "--contimeout=5s", "--timeout=10s")
NAMES = ("plain.txt", "it's ü 雪.txt", "a&b=c #%20+.txt", "deep/er/x")


@pytest.fixture(autouse=True)
def _rclone(monkeypatch):
    rclone_serve.needs_rclone()
    monkeypatch.delenv("AWS_CA_BUNDLE", raising=False)  # see rclone_serve.ENVIRONMENT


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


@pytest.fixture
def box(kind, tmp_path):
    """A drive and the folder that its server serves."""
    port = rclone_serve.free_port()
    config = rclone_serve.configuration(kind, port, tmp_path)
    served = tmp_path / "served"
    with rclone_serve.served(kind, served, port, tmp_path):
        yield opened(kind, config), served / rclone_serve.bucket(kind)


def opened(kind, config, program=rclone_serve.RCLONE):
    options = ("--use-json-log", *QUICK)
    place = rclone_serve.remote(kind)
    return RcloneDrive("box", place, config, program=program, options=options, patience_s=0)


def uploads(tmp_path, data=b"abc"):
    found = []
    for name in NAMES:
        source = tmp_path / "store" / "raw" / name
        source.parent.mkdir(parents=True, exist_ok=True)
        source.write_bytes(data + name.encode())
        found.append(Upload(f"raw/{name}", source, digest_of(source, "sha256")))
    return found


@pytest.mark.parametrize("program", [rclone_serve.RCLONE, rclone_serve.DEBIAN], ids=["new", "old"])
def test_files_arrive_are_listed_with_checksums_replaced_and_removed(box, tmp_path, program):
    drive, served = box
    drive = replace(drive, program=program)
    assert list(drive.list(["raw"])) == []
    for data in (b"abc", b"xyz"):
        sent = uploads(tmp_path, data)

        arrived = {file.path: file.digest for file in drive.put(sent)}
        known = drive.own_algorithm is not None
        assert arrived == {
            u.path: digest_of(u.source, drive.algorithm) if known else None for u in sent
        }
        held = {file.path: file for file in drive.list(["raw", "none"])}
        assert {path: file.digest for path, file in held.items()} == {
            u.path: digest_of(u.source, drive.algorithm) for u in sent
        }
        assert [*drive.stat([sent[0].path, "none"])] == [held[sent[0].path]]
        assert {f"raw/{n}": data + n.encode() for n in NAMES} == tree(served)

    drive.delete("raw/plain.txt")
    drive.delete("raw/plain.txt")
    assert [*drive.stat(["raw/plain.txt"])] == []


def test_a_same_size_damage_is_seen_and_mended(box, tmp_path):
    drive, served = box
    measurement = Measurement(tmp_path / "home")
    measurement.close()
    dock = Dock(measurement.store, [Given(drive)], tmp_path, say=lambda line: None)
    [first] = load(dock, measurement.cycle)
    before = tree(served)
    damaged = served / measurement.cycle.manifest
    damaged.write_bytes(b"x" + damaged.read_bytes()[1:])
    [second] = load(dock, measurement.cycle)

    assert (first.state, second.state) == ("verified", "verified")
    assert before == tree(served)
    assert len(before) == first.files


def test_a_file_whose_local_name_is_another_arrives(box, tmp_path):
    drive, served = box
    source = tmp_path / "other"
    source.write_bytes(b"abc")
    list(drive.put([Upload("index.html", source, "")]))

    assert tree(served) == {"index.html": b"abc"}


def test_wrong_credentials_are_named(kind, tmp_path):
    port = rclone_serve.free_port()
    config = rclone_serve.configuration(kind, port, tmp_path, "wrong")
    drive = opened(kind, config)
    with (
        rclone_serve.served(kind, tmp_path / "served", port, tmp_path),
        pytest.raises(CredentialsError, match="drive box: credentials: ") as raised,
    ):
        list(drive.put(uploads(tmp_path)))
    assert rclone_serve.PASSWORD not in str(raised.value)


def test_a_server_that_is_away_is_named_and_its_return_is_enough(kind, tmp_path):
    port = rclone_serve.free_port()
    config = rclone_serve.configuration(kind, port, tmp_path)
    drive = opened(kind, config)
    sent = uploads(tmp_path)
    with pytest.raises(UnreachableError, match="drive box: unreachable: "):
        list(drive.put(sent))
    with ExitStack() as stack:
        stack.enter_context(rclone_serve.served(kind, tmp_path / "served", port, tmp_path))

        assert len(list(drive.put(sent))) == len(sent)


@pytest.mark.parametrize("algorithm", HASHERS)
@pytest.mark.parametrize("size_bytes", [0, 1, 159, 160, 161, 1 << 20, (4 << 20) + 7])
def test_our_checksums_are_those_of_rclone(tmp_path, algorithm, size_bytes):
    data = hashlib.shake_128(b"seed").digest(size_bytes)
    (tmp_path / "x").write_bytes(data)
    config = tmp_path / "rclone.conf"
    config.write_text("[disk]\ntype = local\n")
    drive = RcloneDrive("disk", f"disk:{tmp_path}", config)
    printed = drive._run("hashsum", algorithm, f"disk:{tmp_path}/x")

    assert printed.split()[0] == digest_of(tmp_path / "x", algorithm)
