"""
`drives.toml`: which drives there are, which must hold a cycle, how long raw data stays here.

What talks to a cloud is imported when such a drive is opened: a folder needs none of it.
"""

import tomllib
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hitscanner.infra.drives.base import Drive, DriveError
from hitscanner.infra.drives.connections import Connections, from_extra
from hitscanner.infra.drives.folder import FileDrive
from hitscanner.infra.drives.rclone import RcloneDrive, check_rclone
from hitscanner.infra.drives.throttle import Throttle

if TYPE_CHECKING:
    from requests import Session

ANONYMOUS = "anonymous"
"""The connection that says nothing about who we are: public buckets, servers of a test."""


class _Entry(BaseModel, ABC):
    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")
    required: bool = True
    """Whether raw data expires here only when this drive holds it, and load fails without it."""

    transfers: int = Field(default=4, ge=1, le=64)
    """Files on their way at once."""

    max_mb_per_s: float | None = Field(default=None, gt=0)
    """Megabytes (10^6 bytes) a second that may be sent, over all its files; None is no limit."""

    @property
    def throttle(self) -> Throttle:
        """What keeps to the limit."""
        return Throttle(self.max_mb_per_s)

    @abstractmethod
    def open(self, connections: Connections, scratch: Path) -> Drive:
        """Open the drive; *scratch* keeps what must survive a killed process."""


class FolderEntry(_Entry):
    """`kind = "file"`: a mounted folder."""

    kind: Literal["file"]
    path: Path

    def open(self, connections: Connections, scratch: Path) -> Drive:
        """Open the folder; it may not exist yet."""
        return FileDrive(self.name, self.path, self.transfers, self.throttle)


class BucketEntry(_Entry):
    """`kind = "gcs"`: a bucket of Google Cloud Storage, or a folder of one."""

    kind: Literal["gcs"]
    bucket: str
    folder: str = ""
    connection: str = "default"
    endpoint: str | None = None

    def open(self, connections: Connections, scratch: Path) -> Drive:
        """Open the bucket with the connection's credentials."""
        from hitscanner.infra.drives.gcs import BucketDrive, open_client

        credentials = _google(connections, self.connection)
        client = open_client(credentials, self.endpoint)
        return BucketDrive(
            self.name, client, self.bucket, self.folder, self.transfers, self.throttle
        )


class GoogleDriveEntry(_Entry):
    """`kind = "gdrive"`: a folder of Google Drive, by its id."""

    kind: Literal["gdrive"]
    folder_id: str = "root"
    connection: str = "default"
    endpoint: str = "https://www.googleapis.com"
    transfers: int = Field(default=2, ge=1, le=8)
    """Google Drive limits how often it may be asked."""

    def open(self, connections: Connections, scratch: Path) -> Drive:
        """Open the folder with the connection's credentials."""
        from hitscanner.infra.drives.gdrive import GoogleDrive
        from hitscanner.infra.drives.gdrive_api import Api

        session = _session(_google(connections, self.connection))
        api = Api(self.name, session, self.endpoint)
        return GoogleDrive(
            api, scratch / self.name, self.folder_id, self.transfers, throttle=self.throttle
        )


class RcloneEntry(_Entry):
    """`kind = "rclone"`: a remote of an rclone configuration."""

    kind: Literal["rclone"]
    remote: str = Field(pattern=r"^[\w.+@-][\w .+@-]*:")
    connection: str

    def open(self, connections: Connections, scratch: Path) -> Drive:
        """Open the remote by the configuration file that the connection gives."""
        check_rclone("rclone")
        config = connections.rclone(self.connection, scratch / self.name)
        return RcloneDrive(self.name, self.remote, config, self.transfers, self.max_mb_per_s)


Entry = Annotated[
    FolderEntry | BucketEntry | GoogleDriveEntry | RcloneEntry, Field(discriminator="kind")
]
KINDS = ("file", "gcs", "gdrive", "rclone")


class Drives(BaseModel):
    """The whole file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    drive: tuple[Entry, ...] = ()
    retention_days: int | None = Field(default=None, ge=1)
    """Raw data older than this may be removed here; None keeps it for ever."""

    licence: str | None = None
    """Under which others may use the data, for the catalogue."""

    @property
    def required(self) -> tuple[str, ...]:
        """Names of the drives that must hold a cycle before its raw data expires here."""
        return tuple(entry.name for entry in self.drive if entry.required)


def read_drives(file: Path) -> Drives:
    """
    Read `drives.toml` (docs/drives.md).

    Raises:
        DriveError: naming the file, what is wrong and the fix.
    """
    if not file.is_file():
        raise DriveError(f"{file} is missing; list at least one [[drive]] with name, kind and path")
    try:
        found = tomllib.loads(file.read_text())
        _check_kinds(file, found.get("drive", []))
        drives = Drives.model_validate(found)
    except (tomllib.TOMLDecodeError, ValidationError, UnicodeDecodeError) as error:
        raise DriveError(f"{file}: {' '.join(str(error).split())}") from error
    if not drives.drive:
        raise DriveError(f"{file} names no [[drive]]; add one with name, kind and path")
    _check(file, drives)
    return drives


def _check_kinds(file: Path, tables: Any) -> None:
    for table in tables if isinstance(tables, list) else ():
        kind = table.get("kind")
        if kind not in KINDS:
            raise DriveError(
                f"{file}: drive {table.get('name')}: kind {kind!r} is unknown;"
                f" use {', '.join(KINDS)}"
            )


def _check(file: Path, drives: Drives) -> None:
    names = [entry.name for entry in drives.drive]
    for entry in drives.drive:
        if names.count(entry.name) > 1:
            raise DriveError(f"{file}: two drives are named {entry.name}; rename one")
        if isinstance(entry, FolderEntry) and not entry.path.is_absolute():
            raise DriveError(f"{file}: drive {entry.name}: path {entry.path} must be absolute")
    if drives.retention_days and not drives.required:
        raise DriveError(
            f"{file}: retention_days needs a drive with required = true, or raw data would be lost"
        )


def _google(connections: Connections, connection: str) -> Any:
    return None if connection == ANONYMOUS else connections.google(connection)


def _session(credentials: Any) -> "Session":
    import requests

    if credentials is None:
        return requests.Session()
    session: Session = from_extra("google.auth.transport.requests").AuthorizedSession(credentials)
    return session
