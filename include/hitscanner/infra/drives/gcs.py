"""A bucket of Google Cloud Storage, by Google's own client."""

import base64
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from hitscanner.infra.drives.base import (
    ClockError,
    CredentialsError,
    DriveFaultError,
    DriveFullError,
    RefusedError,
    RemoteFile,
    UnreachableError,
    Upload,
    fault,
    in_parallel,
)
from hitscanner.infra.drives.connections import from_extra
from hitscanner.infra.drives.throttle import Throttle

PATIENCE_S = 300.0
"""How long the client tries again on 429, 5xx and lost connections, with back-off."""

CHUNK_BYTES = 8 << 20
"""Piece of a resumable upload, a multiple of 256 KiB; a smaller file is sent by one request."""

FIELDS = "items(name,md5Hash),nextPageToken"


class BucketDrive:
    """A bucket, or a folder of one; each object's MD5 is the bucket's own."""

    algorithm = "md5"
    may_hold_twins = False

    def __init__(
        self,
        name: str,
        client: Any,
        bucket: str,
        folder: str = "",
        transfers: int = 4,
        throttle: Throttle | None = None,
    ) -> None:
        self.name = name
        self.client = client
        self.bucket = client.bucket(bucket)
        self.prefix = f"{folder.strip('/')}/" if folder.strip("/") else ""
        self.transfers = transfers
        self.throttle = throttle or Throttle()

    def put(self, uploads: Sequence[Upload]) -> Iterator[RemoteFile]:
        """Copy files; an object appears when it is whole."""
        return in_parallel(self._put, uploads, self.transfers)

    def stat(self, paths: Sequence[str]) -> Iterator[RemoteFile]:
        """Describe the objects at *paths*."""
        with self._faults():
            for path in paths:
                blob = self.bucket.get_blob(self.prefix + path, **self._patience())
                if blob:
                    yield self._describe(blob)

    def list(self, folders: Sequence[str]) -> Iterator[RemoteFile]:
        """Describe the objects below *folders*, a thousand per request."""
        with self._faults():
            for folder in folders:
                asked = {"prefix": f"{self.prefix}{folder}/", "fields": FIELDS, **self._patience()}
                for blob in self.client.list_blobs(self.bucket, **asked):
                    yield self._describe(blob)

    def delete(self, path: str) -> None:
        """Remove *path*; a missing object is fine."""
        absent = from_extra("google.api_core.exceptions").NotFound
        with self._faults():
            try:
                self.bucket.blob(self.prefix + path).delete(**self._patience())
            except absent:
                return

    def _put(self, upload: Upload) -> RemoteFile:
        size_bytes = upload.source.stat().st_size
        with self._faults(), self.throttle.open(upload.source) as data:
            is_small = size_bytes <= CHUNK_BYTES
            chunk_size = None if is_small else CHUNK_BYTES
            blob = self.bucket.blob(self.prefix + upload.path, chunk_size=chunk_size)
            blob.upload_from_file(
                data,
                size=size_bytes,
                content_type="application/octet-stream",
                checksum=None,  # the bucket's own, of what it has stored, is in its answer
                **self._patience(),
            )
            return self._describe(blob)

    def _describe(self, blob: Any) -> RemoteFile:
        digest = base64.b64decode(blob.md5_hash).hex() if blob.md5_hash else None
        return RemoteFile(blob.name.removeprefix(self.prefix), digest)

    def _patience(self) -> dict[str, Any]:
        default = from_extra("google.cloud.storage.retry").DEFAULT_RETRY
        return {"retry": default.with_timeout(PATIENCE_S), "timeout": 60}

    @contextmanager
    def _faults(self) -> Iterator[None]:
        from requests import RequestException

        api, auth = (from_extra(f"google.{part}.exceptions") for part in ("api_core", "auth"))
        try:
            yield
        except auth.GoogleAuthError as error:
            raise fault(auth_meaning(str(error)), self.name, str(error)) from error
        except (api.RetryError, RequestException, ConnectionError) as error:
            raise fault(UnreachableError, self.name, str(error)) from error
        except api.GoogleAPIError as error:
            raise fault(_meaning(error), self.name, str(error)) from error
        except ValueError as error:  # a checksum that the client compared: see DataCorruption
            raise fault(RefusedError, self.name, str(error)) from error


def open_client(credentials: Any, endpoint: str | None) -> Any:
    """
    Make Google's client; *credentials* None means anonymous, *endpoint* another than Google's.

    Raises:
        DriveError: when Google's client is not installed.
    """
    storage = from_extra("google.cloud.storage")
    anonymous = from_extra("google.auth.credentials").AnonymousCredentials
    return storage.Client(
        project=getattr(credentials, "project_id", None) or "hitscanner",
        credentials=credentials or anonymous(),
        client_options={"api_endpoint": endpoint} if endpoint else None,
    )


def auth_meaning(words: str) -> type[DriveFaultError]:
    """
    Tell a wrong clock from wrong credentials; Google names the claims that are wrong.

    >>> auth_meaning("invalid_grant: Invalid JWT: check your iat and exp values").cause
    'clock'
    """
    said = words.lower()
    if "iat and exp" in said or "token used too early" in said:
        return ClockError
    return UnreachableError if "failed to establish" in said else CredentialsError


def _meaning(error: Any) -> type[DriveFaultError]:
    if "quota" in str(error).lower() and error.code != 429:
        return DriveFullError
    if error.code in (401, 403):
        return CredentialsError
    if error.code in (408, 429) or (error.code or 0) >= 500:
        return UnreachableError
    return RefusedError
