"""Send one file to Google Drive in pieces; a cut connection or a killed process goes on later."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from hitscanner.infra.drives.base import RefusedError, Upload, fault
from hitscanner.infra.drives.gdrive_api import FIELDS, SHARED, Api, TryLaterError
from hitscanner.infra.drives.throttle import Throttle
from hitscanner.infra.files import sha256_hex, write_whole

CHUNK_BYTES = 8 << 20
"""A piece; a multiple of 256 KiB (Drive API, "Resumable upload")."""

RESUME = 308
SESSIONS = 3
"""How many upload sessions may be lost before the drive is said to refuse."""


class _SessionLostError(Exception):
    """The drive has forgotten the upload; begin again."""


@dataclass
class ResumableUpload:
    """One file on its way."""

    api: Api
    upload: Upload
    metadata: dict[str, Any]
    file_id: str | None
    """The file that gets new bytes, or None to create one."""

    notes: Path
    """Folder in which the addresses of unfinished uploads are kept from other eyes."""

    chunk_bytes: int = CHUNK_BYTES
    throttle: Throttle = field(default_factory=Throttle)
    position: int | None = field(default=0, init=False)
    """Bytes the drive has; None when it must be asked."""

    def send(self) -> dict[str, Any]:
        """
        Send the file and give what the drive says of it.

        Raises:
            DriveFaultError: what the drive said, named.
        """
        for _ in range(SESSIONS):
            try:
                answer = self._push(self._begun() or self._begin())
            except _SessionLostError:
                self._note.unlink(missing_ok=True)
            else:
                self._note.unlink(missing_ok=True)
                return dict(answer.json())
        raise self._refused("the upload was forgotten again and again")

    @property
    def _note(self) -> Path:
        key = f"{self.api.drive}\0{self.upload.path}\0{self.upload.sha256}\0{self.file_id}"
        return self.notes / f"{sha256_hex(key.encode())}.session"

    def _begun(self) -> str | None:
        """Give the address of an upload that a killed process left."""
        if not self._note.is_file():
            return None
        self.position = None
        return self._note.read_text()

    def _begin(self) -> str:
        size_bytes = self.upload.source.stat().st_size
        target = f"/{self.file_id}" if self.file_id else ""
        answer = self.api.call(
            "PATCH" if self.file_id else "POST",
            f"/upload/drive/v3/files{target}",
            params={"uploadType": "resumable", "fields": FIELDS, **SHARED},
            headers={"X-Upload-Content-Length": str(size_bytes)},
            json=self.metadata,
        )
        if answer.status_code >= 400:
            raise self._refused("its folder is gone")
        uri = answer.headers["Location"]
        self.notes.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_whole(self._note, uri.encode())
        self.position = 0
        return uri

    def _push(self, uri: str) -> requests.Response:
        size_bytes = self.upload.source.stat().st_size
        while True:
            answer = self.api.patiently(lambda: self._step(uri, size_bytes))
            if answer.status_code in (404, 410):
                raise _SessionLostError
            if answer.status_code != RESUME:
                return answer

    def _step(self, uri: str, size_bytes: int) -> requests.Response:
        """Ask how much arrived unless that is known, and send the next piece."""
        if self.position is None:
            answer = self._put(uri, b"", f"bytes */{size_bytes}")
            if answer.status_code != RESUME:
                return answer
            self.position = _received_bytes(answer)
        begin, self.position = self.position, None
        with self.throttle.open(self.upload.source) as data:
            data.seek(begin)
            piece = data.read(self.chunk_bytes)
        if not piece and size_bytes:
            raise self._refused("the file became shorter while it was sent")
        last = begin + len(piece) - 1
        answer = self._put(
            uri, piece, f"bytes {begin}-{last}/{size_bytes}" if piece else "bytes */0"
        )
        if answer.status_code == RESUME:
            self.position = _received_bytes(answer)
            if self.position <= begin:
                raise TryLaterError("the drive takes nothing")
        return answer

    def _put(self, uri: str, piece: bytes, content_range: str) -> requests.Response:
        headers = {"Content-Range": content_range, "Content-Length": str(len(piece))}
        return self.api.once("PUT", uri, data=piece, headers=headers)

    def _refused(self, words: str) -> Exception:
        return fault(RefusedError, self.api.drive, f"{self.upload.path}: {words}")


def _received_bytes(answer: requests.Response) -> int:
    """Read `Range: bytes=0-LAST`; without it nothing has arrived."""
    held = answer.headers.get("Range", "")
    return int(held.rpartition("-")[2]) + 1 if held else 0
