"""
Who we are to a drive: the seam between a drive and where its secrets are kept.

The package knows no Airflow.  A DAG hands in `hitscanner_airflow.connections`, which asks Airflow's
connections; the command line has `FileConnections`, which reads key files that drives.toml names.
"""

from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from hitscanner.infra.drives.base import DriveError

GOOGLE_SCOPES = (
    "https://www.googleapis.com/auth/drive",
    "https://www.googleapis.com/auth/devstorage.read_write",
)


class Connections(Protocol):
    """Turn the name of a connection into what opens a drive; raise DriveError where it cannot."""

    def google(self, connection: str) -> Any:
        """Give `google.auth` credentials."""
        ...

    def rclone(self, connection: str, folder: Path) -> Path:
        """Give an rclone configuration file; one that must be written goes into *folder*."""
        ...


class FileConnections:
    """A connection is the path of a key file; Google's are found by themselves for `default`."""

    def google(self, connection: str) -> Any:
        """Read a service account's key file, or find Application Default Credentials."""
        auth = from_extra("google.auth")
        accounts = from_extra("google.oauth2.service_account")
        errors = from_extra("google.auth.exceptions")
        try:
            if connection == "default":
                credentials, _ = auth.default(scopes=GOOGLE_SCOPES)
            else:
                credentials = accounts.Credentials.from_service_account_file(
                    connection, scopes=GOOGLE_SCOPES
                )
        except (errors.DefaultCredentialsError, OSError, ValueError) as error:
            raise DriveError(f"credentials {connection}: {' '.join(str(error).split())}") from error
        return credentials

    def rclone(self, connection: str, folder: Path) -> Path:
        """Give the file as it is, so that rclone can renew the tokens in it."""
        file = Path(connection)
        if not file.is_file():
            raise DriveError(f"there is no rclone configuration {file}; write it: rclone config")
        return file


def from_extra(module: str) -> Any:
    """
    Import a module of Google's, which only the extra brings.

    Raises:
        DriveError: saying what to install.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise DriveError(
            f"{module} is not installed; Google's drives need: pip install hitscanner[google]"
        ) from error
