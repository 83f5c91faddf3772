"""
Google Drive's API v3 as it was measured, on loopback, with its faults on demand.

Names are not unique: every POST creates.  A created file is found by a query only after `blind`
further queries.  Resumable uploads answer 308 with what arrived.  An id that was generated before
can be created once; again, it is a conflict.  `faults` are used up in order: each may answer a
request before it has any effect, or cut what an upload keeps.
"""

import hashlib
import json
import re
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

FOLDER = "application/vnd.google-apps.folder"
AWAY = -1
"""Instead of a status: no answer."""


@dataclass
class Fault:
    """What happens to the next request that fits."""

    method: str
    path: str
    """A regular expression that the path must match from its beginning."""

    status: int = 0
    """Answered instead of doing anything; 0 does it first and then cuts the connection."""

    reason: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    keep_bytes: int | None = None
    """Of a piece, how much arrives, as a cut connection leaves it."""

    spoil: bool = False
    """Keep other bytes than were sent."""

    truncate: bool = False
    """Keep half of the file and say that all is well."""


@dataclass
class DriveFake:
    """The state of the drive."""

    faults: deque[Fault] = field(default_factory=deque)
    blind: int = 0
    quota_bytes: int | None = None
    page_files: int = 3
    """Files in an answer; few, so that paging is used."""

    requests: list[tuple[str, str]] = field(default_factory=list)
    files: dict[str, dict[str, Any]] = field(default_factory=dict)
    contents: dict[str, bytes] = field(default_factory=dict)
    sessions: dict[str, dict[str, Any]] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)
    count: int = 0
    url: str = ""

    def paths(self) -> list[str]:
        """Every file's path, twins twice, what is in the trash left out."""
        return sorted(
            self.path(f) for f in self.files.values() if f["mimeType"] != FOLDER and self.is_seen(f)
        )

    def folders(self) -> list[str]:
        return sorted(
            self.path(f) for f in self.files.values() if f["mimeType"] == FOLDER and self.is_seen(f)
        )

    def is_seen(self, file: dict[str, Any] | None) -> bool:
        while file is not None:
            if file["trashed"]:
                return False
            file = self.files.get(file["parents"][0])
        return True

    def path(self, file: dict[str, Any]) -> str:
        parent = self.files.get(file["parents"][0])
        return f"{self.path(parent)}/{file['name']}" if parent else file["name"]

    def read(self, path: str) -> bytes:
        [found] = [i for i, f in self.files.items() if self.path(f) == path and self.is_seen(f)]
        return self.contents[found]

    def create(self, metadata: dict[str, Any], data: bytes | None = None) -> dict[str, Any]:
        with self.lock:
            file = {
                "id": self.new_id(),
                "mimeType": "application/octet-stream",
                "trashed": False,
                "createdTime": f"2026-01-01T00:{self.count // 60000:02d}:"
                f"{self.count % 60000 / 1000:06.3f}Z",
                "blind": self.blind,
                **metadata,
            }
            self.files[file["id"]] = file
            if data is not None:
                self.fill(file, data)
            return file

    def new_id(self) -> str:
        with self.lock:
            self.count += 1
            return f"id-{self.count:05d}"

    def fill(self, file: dict[str, Any], data: bytes) -> None:
        self.keep(file, data)
        file["size"] = str(len(data))
        file["md5Checksum"] = hashlib.md5(data).hexdigest()

    def keep(self, file: dict[str, Any], data: bytes) -> None:
        self.contents[file["id"]] = data

    def query(self, text: str) -> list[dict[str, Any]]:
        parents = re.findall(r"'([^']+)' in parents", text)
        name = re.search(r"name = '((?:\\.|[^'\\])*)'", text)
        kind = re.search(rf"mimeType (=|!=) '{FOLDER}'", text)
        with self.lock:
            found = [f for f in self.files.values() if f["parents"][0] in parents]
            visible = []
            for file in found:
                if file["blind"] > 0:
                    file["blind"] -= 1
                else:
                    visible.append(file)
        if name:
            wanted = re.sub(r"\\(.)", r"\1", name[1])
            visible = [f for f in visible if f["name"] == wanted]
        if kind:
            visible = [f for f in visible if (f["mimeType"] == FOLDER) == (kind[1] == "=")]
        return sorted((f for f in visible if not f["trashed"]), key=lambda f: f["createdTime"])

    def take_fault(self, method: str, path: str) -> Fault | None:
        with self.lock:
            for fault in self.faults:
                if fault.method == method and re.match(fault.path, path):
                    self.faults.remove(fault)
                    return fault
        return None


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    fake: DriveFake
    fault: Fault | None

    def log_message(self, *_: Any) -> None:
        pass

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except (ConnectionError, TimeoutError):
            self.close_connection = True

    def _serve(self) -> None:
        address = urlsplit(self.path)
        body = self._body()
        self.fake.requests.append((self.command, address.path))
        self.fault = self.fake.take_fault(self.command, address.path)
        if self.fault and self.fault.status == AWAY:
            self.close_connection = True
            return
        if self.fault and self.fault.status:
            self._error(self.fault.status, self.fault.reason, self.fault.headers)
            return
        self._route(address.path, {k: v[0] for k, v in parse_qs(address.query).items()}, body)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815 http.server's names

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        pieces = []
        while size := int(self.rfile.readline(), 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(pieces)

    def _route(self, path: str, query: dict[str, str], body: bytes) -> None:
        fake, file_id = self.fake, path.rpartition("/")[2]
        if path.startswith("/session/"):
            self._piece(file_id, body)
        elif query.get("uploadType") == "multipart":
            self._whole(file_id if self.command == "PATCH" else None, body)
        elif path.startswith("/upload/"):
            self._begin(file_id if self.command == "PATCH" else None, json.loads(body))
        elif path == "/drive/v3/files" and self.command == "GET":
            self._page(query)
        elif path == "/drive/v3/files/generateIds":
            self._json({"ids": [fake.new_id() for _ in range(int(query["count"]))]})
        elif path == "/drive/v3/files":
            self._json(fake.create(json.loads(body)))
        elif file_id not in fake.files:
            self._error(404, "notFound")
        elif self.command == "DELETE":
            fake.files.pop(file_id)
            self._answer(204, b"")
        else:
            file = fake.files[file_id]
            file.update(json.loads(body))
            if "addParents" in query:
                file["parents"] = [query["addParents"]]
            self._json(file)

    def _page(self, query: dict[str, str]) -> None:
        found = self.fake.query(query["q"])
        start = int(query.get("pageToken", 0))
        end = start + self.fake.page_files
        page: dict[str, Any] = {"files": found[start:end]}
        if end < len(found):
            page["nextPageToken"] = str(end)
        self._json(page)

    def _has_room(self, size_bytes: int) -> bool:
        held = sum(map(len, self.fake.contents.values()))
        quota_bytes = self.fake.quota_bytes
        if quota_bytes is not None and held + size_bytes > quota_bytes:
            self._error(403, "storageQuotaExceeded")
            return False
        return True

    def _whole(self, file_id: str | None, body: bytes) -> None:
        """Take metadata and bytes in one request (RFC 2387)."""
        boundary = re.search(r'boundary="?([^";]+)', self.headers["Content-Type"])[1]
        parts = body.split(b"--" + boundary.encode())[1:-1]
        about, data = (part.split(b"\r\n\r\n", 1)[1].removesuffix(b"\r\n") for part in parts)
        metadata = json.loads(about)
        if not self._has_room(len(data)) or not self._is_new(metadata):
            return
        if self.fault and self.fault.keep_bytes is not None:
            self.close_connection = True  # a part of it makes no file
            return
        file = self._store({"id": file_id, "meta": metadata}, self._spoilt(data))
        if self.fault and not (self.fault.spoil or self.fault.truncate):
            self.close_connection = True
            return
        self._json(file)

    def _is_new(self, metadata: dict[str, Any]) -> bool:
        if metadata.get("id") in self.fake.files:
            self._error(409, "fileIdInUse")
            return False
        return True

    def _begin(self, file_id: str | None, metadata: dict[str, Any]) -> None:
        fake = self.fake
        size_bytes = int(self.headers["X-Upload-Content-Length"])
        if not self._has_room(size_bytes) or not self._is_new(metadata):
            return
        with fake.lock:
            key = f"s{len(fake.sessions)}"
            fake.sessions[key] = {"id": file_id, "meta": metadata, "data": b"", "done": None}
        self._answer(200, b"", {"Location": f"{fake.url}/session/{key}"})

    def _piece(self, key: str, body: bytes) -> None:
        session = self.fake.sessions.get(key)
        if session is None:
            self._error(404, "notFound")
            return
        if session["done"] is None:
            self._keep(session, body)
        if self.fault and not (self.fault.spoil or self.fault.truncate):
            self.close_connection = True  # it had its effect, and the answer is lost
            return
        if session["done"] is not None:
            self._json(session["done"])
            return
        held = len(session["data"])
        self._answer(308, b"", {"Range": f"bytes=0-{held - 1}"} if held else {})

    def _keep(self, session: dict[str, Any], body: bytes) -> None:
        span, total = re.fullmatch(r"bytes (\S+)/(\d+)", self.headers["Content-Range"]).groups()
        keep = self.fault.keep_bytes if self.fault else None
        if span != "*":
            begin = int(span.partition("-")[0])
            if begin != len(session["data"]):
                return
            session["data"] += body[:keep]
        data = session["data"]
        if len(data) < int(total):
            return
        session["done"] = self._store(session, self._spoilt(data))

    def _spoilt(self, data: bytes) -> bytes:
        if self.fault and self.fault.spoil:
            return b"x" + data[1:]
        if self.fault and self.fault.truncate:
            return data[: len(data) // 2]
        return data

    def _store(self, session: dict[str, Any], data: bytes) -> dict[str, Any]:
        if session["id"] is None:
            return self.fake.create(session["meta"], data)
        file = self.fake.files[session["id"]]
        file.update(session["meta"])
        self.fake.fill(file, data)
        return file

    def _json(self, value: Any) -> None:
        self._answer(200, json.dumps(value).encode())

    def _error(self, status: int, reason: str, headers: dict[str, str] | None = None) -> None:
        error = {"error": {"code": status, "errors": [{"reason": reason}]}}
        self._answer(status, json.dumps(error).encode(), headers)

    def _answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64


@contextmanager
def serving(fake: DriveFake) -> Iterator[DriveFake]:
    """Answer requests on a free port of loopback."""
    handler = type("Handler", (Handler,), {"fake": fake})
    server = Server(("127.0.0.1", 0), handler)
    fake.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=lambda: server.serve_forever(0.02), daemon=True)
    thread.start()
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
