"""A bucket, by Google's own client, against an emulator on loopback."""

import hashlib

import pytest

from hitscanner.infra.digests import digest_of
from hitscanner.infra.drives import FileConnections, Upload, read_drives
from hitscanner.pipeline.load import Dock, load
from tests.support.rclone_serve import free_port
from tests.unit.pipeline.conftest import Measurement

WHY = "needs: pip install google-cloud-storage gcp-storage-emulator"
emulator = pytest.importorskip("gcp_storage_emulator.server", reason=WHY)
pytest.importorskip("google.cloud.storage", reason=WHY)


@pytest.fixture
def berth(tmp_path, monkeypatch):
    port = free_port()
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{port}")  # for uploads' URLs
    server = emulator.create_server("127.0.0.1", port, in_memory=True, default_bucket="lab")
    server.start()
    (tmp_path / "drives.toml").write_text(
        '[[drive]]\nname = "cloud"\nkind = "gcs"\nbucket = "lab"\nfolder = "data"\n'
        f'connection = "anonymous"\nendpoint = "http://127.0.0.1:{port}"\n'
    )
    yield read_drives(tmp_path / "drives.toml").drive[0]
    server.stop()


@pytest.mark.parametrize("size_bytes", [0, 5, (9 << 20) + 1])
def test_an_object_arrives_with_the_bucket_s_own_checksum(berth, tmp_path, size_bytes):
    drive = berth.open(FileConnections(), tmp_path)
    source = tmp_path / "x"
    source.write_bytes(hashlib.shake_128(b"s").digest(size_bytes))
    path = "raw/lab/it's ü #.bin"
    list(drive.put([Upload(path, source, "")]))

    [held] = drive.list(["raw"])
    assert held.path == path
    assert held.digest == digest_of(source, "md5")
    assert [*drive.stat([path, "none"])] == [held]
    drive.delete(path)
    drive.delete(path)
    assert [*drive.stat([path])] == []


def test_a_cycle_is_verified_and_a_damaged_object_is_replaced(berth, tmp_path):
    measurement = Measurement(tmp_path / "home")
    measurement.close()
    dock = Dock(measurement.store, [berth], tmp_path, say=lambda line: None)
    [first] = load(dock, measurement.cycle)
    drive = berth.open(FileConnections(), tmp_path)
    other = tmp_path / "other"
    other.write_bytes(b"other")
    list(drive.put([Upload(measurement.cycle.manifest, other, "")]))
    [second] = load(dock, measurement.cycle)

    assert (first.state, second.state) == ("verified", "verified"), first.cause
    [held] = drive.stat([measurement.cycle.manifest])
    assert held.digest == digest_of(measurement.store.local(measurement.cycle.manifest), "md5")
