"""Where k3s keeps its files below the data directory (pkg/daemons/control/deps/deps.go)."""

from pathlib import Path
from typing import Any, NamedTuple

DEFAULT = "/var/lib/rancher/k3s"


class Layout(NamedTuple):
    """The folders of one host."""

    data: Path

    @property
    def server(self) -> Path:
        """What a server has."""
        return self.data / "server"

    @property
    def tls(self) -> Path:
        """The server's keys and certificates."""
        return self.server / "tls"

    @property
    def agent(self) -> Path:
        """What every host has."""
        return self.data / "agent"

    @property
    def socket(self) -> Path:
        """Where the supervisor answers the listener."""
        return self.server / "supervisor.sock"


def of(given: dict[str, Any]) -> Layout:
    """Return the folders below `data-dir`."""
    return Layout(Path(str(given.get("data-dir") or DEFAULT)))
