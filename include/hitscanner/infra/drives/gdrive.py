"""
A folder of Google Drive.

Airflow's own hook creates a new file at every upload and a twin folder at every race, and never
asks for a checksum.  Here a name is looked up before anything is created, what was created twice is
made one again, and the checksum is the drive's.
"""

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from hitscanner.infra.drives.base import RefusedError, RemoteFile, Upload, fault, in_parallel
from hitscanner.infra.drives.gdrive_api import FIELDS, FOLDER, SHARED, Api, quoted
from hitscanner.infra.drives.gdrive_upload import CHUNK_BYTES, ResumableUpload
from hitscanner.infra.drives.throttle import Throttle

PARENTS_PER_QUERY = 40
"""Folders whose children are asked for at once; a query has a longest length."""

File = dict[str, Any]
"""A file resource with `FIELDS` (Drive API v3, "files")."""


class GoogleDrive:
    """Files below one folder of Google Drive; each file's MD5 is the drive's own."""

    algorithm = "md5"
    may_hold_twins = True

    def __init__(
        self,
        api: Api,
        notes: Path,
        folder_id: str = "root",
        transfers: int = 2,
        chunk_bytes: int = CHUNK_BYTES,
        throttle: Throttle | None = None,
    ) -> None:
        self.name = api.drive
        self.api = api
        self.notes = notes
        self.root = folder_id
        self.transfers = transfers
        self.chunk_bytes = chunk_bytes
        self.throttle = throttle or Throttle()
        self._folders: dict[str, str] = {}
        self._lock = threading.Lock()

    def put(self, uploads: Sequence[Upload]) -> Iterator[RemoteFile]:
        """Copy files; a file appears, or changes, when it is whole."""
        return in_parallel(self._put, uploads, self.transfers)

    def stat(self, paths: Sequence[str]) -> Iterator[RemoteFile]:
        """Describe the files at *paths*, twins each."""
        for path in paths:
            yield from (_describe(path, file) for file in self._named(path))

    def list(self, folders: Sequence[str]) -> Iterator[RemoteFile]:
        """Describe the files below *folders*, level by level."""
        level = {each: folder for folder in folders for each in self._resolve(folder)}
        while level:
            deeper: dict[str, str] = {}
            for child in self._children(level):
                path = f"{level[child['parents'][0]]}/{child['name']}"
                if child["mimeType"] == FOLDER:
                    deeper[child["id"]] = path
                else:
                    yield _describe(path, child)
            level = deeper

    def delete(self, path: str) -> None:
        """Remove *path* and its twins; a missing file is fine."""
        for file in self._named(path):
            self._remove(file)

    def _put(self, upload: Upload) -> RemoteFile:
        place = PurePosixPath(upload.path)
        parent = self._folder(place.parent)
        found = self._in(parent, place.name, is_folder=False)
        metadata: File = {"appProperties": {"sha256": upload.sha256}}
        if not found:
            metadata |= {"name": place.name, "parents": [parent]}
        file_id = found[0]["id"] if found else None
        sending = ResumableUpload(
            self.api, upload, metadata, file_id, self.notes, self.chunk_bytes, self.throttle
        )
        try:
            kept = sending.send()
        except RefusedError:
            self._folders.clear()  # one of them may be gone; the next try looks again
            raise
        for twin in self._in(parent, place.name, is_folder=False) if found else ():
            if twin["id"] != kept["id"]:
                self._remove(twin)
        return _describe(upload.path, kept)

    def _folder(self, path: PurePosixPath) -> str:
        """Find or create a folder; one thread at a time, so that none is created twice."""
        with self._lock:
            return self._folder_locked(path)

    def _folder_locked(self, path: PurePosixPath) -> str:
        key = path.as_posix()
        if key == ".":
            return self.root
        if key not in self._folders:
            parent = self._folder_locked(path.parent)
            found = self._in(parent, path.name, is_folder=True)
            if not found:
                created = self._create_folder(parent, path.name)
                # another process may have done the same a moment ago
                seen = self._in(parent, path.name, is_folder=True)
                found = sorted({f["id"]: f for f in (created, *seen)}.values(), key=_age)
            self._unite(found)
            self._folders[key] = found[0]["id"]
        return self._folders[key]

    def _create_folder(self, parent: str, name: str) -> File:
        answer = self.api.call(
            "POST",
            "/drive/v3/files",
            params={"fields": FIELDS, **SHARED},
            json={"name": name, "mimeType": FOLDER, "parents": [parent]},
        )
        if answer.status_code >= 400:
            raise fault(RefusedError, self.name, f"folder {name}: its parent {parent} is gone")
        return dict(answer.json())

    def _unite(self, twins: Sequence[File]) -> None:
        """Move what is in younger twins of a folder to the oldest, and the twins to the trash."""
        for twin in twins[1:]:
            for child in self._children([twin["id"]]):
                moved = {"addParents": twins[0]["id"], "removeParents": twin["id"], **SHARED}
                self.api.call("PATCH", f"/drive/v3/files/{child['id']}", params=moved, json={})
            path = f"/drive/v3/files/{twin['id']}"
            self.api.call("PATCH", path, params=SHARED, json={"trashed": True})

    def _named(self, path: str) -> Sequence[File]:
        place = PurePosixPath(path)
        parents = self._resolve(place.parent.as_posix())
        return [f for parent in parents for f in self._in(parent, place.name, is_folder=False)]

    def _resolve(self, folder: str) -> Sequence[str]:
        """Give the folders that *folder* names, several where there are twins."""
        ids: Sequence[str] = [self.root]
        for part in PurePosixPath(folder).parts:
            ids = [f["id"] for each in ids for f in self._in(each, part, is_folder=True)]
        return ids

    def _in(self, parent: str, name: str, *, is_folder: bool) -> Sequence[File]:
        sign = "=" if is_folder else "!="
        query = f"{quoted(parent)} in parents and name = {quoted(name)} and mimeType {sign}"
        return sorted(self.api.files(f"{query} {quoted(FOLDER)}"), key=_age)

    def _children(self, parents: Sequence[str] | dict[str, str]) -> Iterator[File]:
        ids = [*parents]
        for start in range(0, len(ids), PARENTS_PER_QUERY):
            some = ids[start : start + PARENTS_PER_QUERY]
            yield from self.api.files(
                "(" + " or ".join(f"{quoted(each)} in parents" for each in some) + ")"
            )

    def _remove(self, file: File) -> None:
        self.api.call("DELETE", f"/drive/v3/files/{file['id']}", params=SHARED)


def _age(file: File) -> tuple[str, str]:
    """Order twins so that every process picks the same one."""
    return file["createdTime"], file["id"]


def _describe(path: str, file: File) -> RemoteFile:
    return RemoteFile(path, file.get("md5Checksum"))
