"""Google Drive, as it was measured to behave: one file per path whatever happens on the way."""

import hashlib
from collections import deque
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from hitscanner.infra.drives import RefusedError, Upload
from hitscanner.infra.drives.base import CredentialsError, DriveFullError, UnreachableError
from hitscanner.infra.drives.gdrive import GoogleDrive
from hitscanner.infra.drives.gdrive_api import Api
from tests.support.drive_fake import AWAY, FOLDER, DriveFake, Fault, serving

DATA = bytes(range(256)) * 40  # three pieces of the tests' size
PIECE_BYTES = 4096
UPLOADS = r"/upload/"
SESSION = r"/session/"
FILES = r"/drive/v3/files"


@pytest.fixture
def fake():
    with serving(DriveFake()) as fake:
        yield fake


@pytest.fixture(autouse=True)
def _no_sleep(monkeypatch):
    monkeypatch.setattr("tenacity.nap.time.sleep", lambda seconds: None)


@pytest.fixture
def put(fake, tmp_path):
    def put(path="raw/lab/x.warts", data=DATA, drive=None):
        source = tmp_path / hashlib.sha256(path.encode()).hexdigest()
        source.write_bytes(data)
        upload = Upload(path, source, hashlib.sha256(data).hexdigest())
        return list((drive or opened(fake, tmp_path)).put([upload]))

    return put


def opened(fake, tmp_path, patience_s=20.0, transfers=2):
    with requests.Session() as session:
        api = Api("cloud", session, fake.url, patience_s)
        return GoogleDrive(api, tmp_path / "notes", "top", transfers, PIECE_BYTES)


def test_a_file_arrives_in_pieces_with_the_drive_s_own_checksum(fake, put, tmp_path):
    put()
    drive = opened(fake, tmp_path)

    [held] = drive.list(["raw/lab"])
    assert held.path == "raw/lab/x.warts"
    assert held.digest == hashlib.md5(DATA).hexdigest()
    assert [held] == [*drive.stat(["raw/lab/x.warts", "none"])]
    assert fake.read("raw/lab/x.warts") == DATA
    assert [f["appProperties"] for f in fake.files.values() if "size" in f] == [
        {"sha256": hashlib.sha256(DATA).hexdigest()}
    ]
    assert sum(path.startswith("/session") for _, path in fake.requests) == 3


@pytest.mark.parametrize("data", [b"", b"a", DATA[:PIECE_BYTES]], ids=len)
def test_every_size_arrives(fake, put, data):
    put(data=data)

    assert fake.read("raw/lab/x.warts") == data


@pytest.mark.parametrize("name", ["it's", 'a"b', "back\\slash", "ü 雪", "a&b=c?#%20", " x "])
def test_unusual_names_are_found_again(fake, put, tmp_path, name):
    put(f"raw/{name}/{name}")
    put(f"raw/{name}/{name}", b"new")

    assert fake.paths() == [f"raw/{name}/{name}"]
    [held] = opened(fake, tmp_path).stat([f"raw/{name}/{name}"])
    assert held.digest == hashlib.md5(b"new").hexdigest()


def test_sending_again_replaces_the_bytes_and_makes_no_second_file(fake, put):
    put()
    put(data=b"other")

    assert fake.paths() == ["raw/lab/x.warts"]
    assert fake.read("raw/lab/x.warts") == b"other"


BUSY = {
    "429": Fault("PUT", SESSION, 429, "rateLimitExceeded"),
    "403 that means later": Fault("PUT", SESSION, 403, "userRateLimitExceeded"),
    "500": Fault("POST", UPLOADS, 500),
    "503 at a query": Fault("GET", FILES, 503),
    "the connection is cut after the last piece": Fault("PUT", SESSION),
    "the connection is cut in a piece": Fault("PUT", SESSION, keep_bytes=1000),
    "the upload is forgotten": Fault("PUT", SESSION, 404, "notFound"),
    "the upload is gone": Fault("PUT", SESSION, 410),
}


@pytest.mark.parametrize("fault", BUSY.values(), ids=BUSY.keys())
@pytest.mark.parametrize("skipped", [0, 2], ids=["first piece", "last piece"])
def test_a_passing_fault_leaves_one_whole_file(fake, put, fault, skipped):
    passing = [Fault("PUT", SESSION, 500)] * (skipped if fault.method == "PUT" else 0)
    fake.faults = deque([*passing, fault])
    put()

    assert not fake.faults
    assert fake.paths() == ["raw/lab/x.warts"]
    assert fake.read("raw/lab/x.warts") == DATA


@pytest.mark.parametrize("method", ["GET", "POST", "PUT"])
def test_a_network_that_is_away_for_a_while_is_waited_for(fake, put, method):
    fake.faults = deque([Fault(method, "/", AWAY)] * 20)
    put()

    assert not fake.faults
    assert fake.paths() == ["raw/lab/x.warts"]
    assert fake.read("raw/lab/x.warts") == DATA


def test_retry_after_is_waited_for(fake, put, monkeypatch):
    slept = []
    monkeypatch.setattr("tenacity.nap.time.sleep", slept.append)
    fake.faults = deque([Fault("PUT", SESSION, 429, headers={"Retry-After": "7"})])
    put()

    assert slept == [7.0]


LASTING = {
    "quota": (Fault("POST", UPLOADS, 403, "storageQuotaExceeded"), DriveFullError),
    "credentials": (Fault("GET", FILES, 401, "authError"), CredentialsError),
    "not ours": (Fault("POST", UPLOADS, 403, "insufficientFilePermissions"), CredentialsError),
    "nonsense": (Fault("POST", UPLOADS, 400, "badRequest"), RefusedError),
}


@pytest.mark.parametrize(("fault", "kind"), LASTING.values(), ids=LASTING.keys())
def test_a_lasting_fault_is_named_at_once(fake, put, fault, kind):
    fake.faults = deque([fault])

    with pytest.raises(kind, match=f"drive cloud: {kind.cause}: {fault.status} {fault.reason}"):
        put()


def test_a_drive_that_never_answers_is_unreachable(put, tmp_path):
    with serving(DriveFake()) as closed:
        pass  # its port is closed again
    with pytest.raises(UnreachableError, match="drive cloud: unreachable"):
        put(drive=opened(closed, tmp_path, patience_s=0.2))


def test_an_upload_goes_on_where_a_killed_process_left_it(fake, put, tmp_path):
    fake.faults = deque([Fault("PUT", SESSION, 500), Fault("PUT", SESSION, keep_bytes=PIECE_BYTES)])
    fake.faults.extend([Fault("PUT", SESSION, 400, "killed")])
    with pytest.raises(RefusedError, match="killed"):
        put()
    mode = (tmp_path / "notes").stat().st_mode
    before = len(fake.requests)
    put()

    assert mode & 0o077 == 0
    assert fake.read("raw/lab/x.warts") == DATA
    assert ("POST", "/upload/drive/v3/files") not in fake.requests[before:]
    assert not list((tmp_path / "notes").iterdir())


@pytest.mark.parametrize("how", ["spoil", "truncate"])
def test_what_the_drive_spoiled_shows_in_its_checksum(fake, put, tmp_path, how):
    fake.faults = deque([Fault("PUT", SESSION, **{how: True})])
    put(data=b"abcdef")
    [held] = opened(fake, tmp_path).stat(["raw/lab/x.warts"])

    assert held.digest != hashlib.md5(b"abcdef").hexdigest()


def test_eight_parallel_uploads_make_no_twin_folder(fake, tmp_path):
    fake.blind = 1  # a new folder is not found by the first query after it
    source = tmp_path / "x"
    source.write_bytes(b"x")
    paths = [f"tables/t{number % 3}/list=lab/{number}" for number in range(24)]
    drive = opened(fake, tmp_path, transfers=8)
    list(drive.put([Upload(path, source, "") for path in paths]))

    assert fake.paths() == sorted(paths)
    assert len(fake.folders()) == len(set(fake.folders())) == 7


def test_processes_that_race_leave_one_folder_and_every_file(fake, tmp_path):
    source = tmp_path / "x"
    source.write_bytes(b"x")
    paths = [f"raw/lab/{number}" for number in range(8)]
    drives = [opened(fake, tmp_path) for _ in paths]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda d, p: list(d.put([Upload(p, source, "")])), drives, paths))
    for path, drive in zip(paths, [opened(fake, tmp_path) for _ in paths], strict=True):
        list(drive.put([Upload(path, source, "")]))

    assert fake.folders() == ["raw", "raw/lab"]
    assert fake.paths() == paths


def test_twins_that_are_there_are_made_one(fake, put, tmp_path):
    about = {"name": "raw", "mimeType": FOLDER, "parents": ["top"]}
    [top, twin] = [fake.create(dict(about)) for _ in "ab"]
    for parent in (top, twin):
        fake.create({"name": "x", "parents": [parent["id"]]}, b"old")
    held = list(opened(fake, tmp_path).list(["raw"]))
    put("raw/x", b"new")

    assert [file.path for file in held] == ["raw/x", "raw/x"]
    assert fake.folders() == ["raw"]
    assert fake.paths() == ["raw/x"]
    assert fake.read("raw/x") == b"new"


def test_what_is_deleted_is_gone_and_a_missing_file_is_fine(fake, put, tmp_path):
    put()
    drive = opened(fake, tmp_path)
    drive.delete("raw/lab/x.warts")
    drive.delete("raw/lab/x.warts")

    assert [*drive.stat(["raw/lab/x.warts"])] == []
