"""Where finished cycles are copied: a folder, a bucket, Google Drive, or what rclone knows."""

from hitscanner.infra.drives.base import (
    Drive,
    DriveError,
    DriveFaultError,
    RefusedError,
    RemoteFile,
    Upload,
)
from hitscanner.infra.drives.config import Drives, Entry, read_drives
from hitscanner.infra.drives.connections import Connections, FileConnections
from hitscanner.infra.drives.folder import FileDrive

__all__ = [
    "Connections",
    "Drive",
    "DriveError",
    "DriveFaultError",
    "Drives",
    "Entry",
    "FileConnections",
    "FileDrive",
    "RefusedError",
    "RemoteFile",
    "Upload",
    "read_drives",
]
