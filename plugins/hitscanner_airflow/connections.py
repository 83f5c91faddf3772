"""Open drives with Airflow's connections: the one place where a drive's secrets are looked up."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hitscanner.errors import HitscannerError
from hitscanner.infra.drives import DriveError, FileConnections
from hitscanner.infra.drives.connections import GOOGLE_SCOPES, from_extra


class AirflowConnections:
    """
    A name is a connection's id; an absolute path is a key file, as on the command line.

    Google: a connection of type "Google Cloud".  rclone: any type; its extra holds the remote's
    configuration, `{"type": "s3", "provider": …}`, and login and password become user and pass.
    """

    def google(self, connection: str) -> Any:
        """Give the credentials that Airflow's hook makes of the connection."""
        if connection.startswith("/"):
            return FileConnections().google(connection)
        name = "google_cloud_default" if connection == "default" else connection
        hooks = from_extra("airflow.providers.google.common.hooks.base_google")
        scoped = from_extra("google.auth.credentials").with_scopes_if_required
        try:
            credentials = hooks.GoogleBaseHook(gcp_conn_id=name).get_credentials()
        except HitscannerError:
            raise
        except Exception as error:
            raise _unusable(name, error) from error
        return scoped(credentials, GOOGLE_SCOPES)

    def rclone(self, connection: str, folder: Path) -> Path:
        """Write the connection as the only remote of a configuration that others cannot read."""
        if connection.startswith("/"):
            return FileConnections().rclone(connection, folder)
        from airflow.sdk.bases.hook import BaseHook

        try:
            found = BaseHook.get_connection(connection)
        except Exception as error:
            raise _unusable(connection, error) from error
        section = remote(found.login, found.password, found.extra_dejson)
        return write_private(folder / "rclone.conf", render(connection, section))


def remote(login: str | None, password: str | None, extra: Mapping[str, Any]) -> dict[str, str]:
    """
    Combine a connection's fields into rclone's; the extra wins.

    >>> remote("me", None, {"type": "webdav", "url": "http://127.0.0.1"})
    {'user': 'me', 'type': 'webdav', 'url': 'http://127.0.0.1'}
    """
    if "type" not in extra:
        raise DriveError('an rclone connection needs its kind in the extra: {"type": "s3", …}')
    fields = {"user": login} if login else {}
    if password and "pass" not in extra:
        fields["pass"] = _obscured(password)
    return {**fields, **{key: str(value) for key, value in extra.items()}}


def render(name: str, section: Mapping[str, str]) -> str:
    r"""
    Write rclone's configuration; a value with a line break is refused, as it would be another key.

    >>> render("box", {"type": "s3", "env_auth": "false"})
    '[box]\ntype = s3\nenv_auth = false\n'
    """
    broken = [key for key, value in section.items() if "\n" in f"{key}{value}"]
    if broken:
        raise DriveError(f"connection {name}: {broken[0]} holds a line break; remove it")
    return "".join([f"[{name}]\n", *(f"{key} = {value}\n" for key, value in section.items())])


def write_private(file: Path, text: str) -> Path:
    """Write a file that only this user can read."""
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as out:
        os.fchmod(descriptor, 0o600)
        out.write(text)
    return file


def _obscured(password: str) -> str:
    """Encode a password as rclone expects it; it travels on standard input."""
    try:
        ended = subprocess.run(
            ["rclone", "obscure", "-"], input=password, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError) as error:
        raise DriveError("rclone does not run; install it: apt-get install rclone") from error
    return ended.stdout.strip()


def _unusable(name: str, error: Exception) -> DriveError:
    words = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return DriveError(f"connection {name} cannot be used: {words}; see Admin → Connections")
