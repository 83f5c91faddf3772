"""Drives for tests, as `drives.toml` would name them."""

from dataclasses import dataclass
from pathlib import Path

from hitscanner.infra.drives import Connections, Drive


@dataclass(frozen=True)
class Given:
    """A drive that is open already."""

    drive: Drive
    required: bool = True

    @property
    def name(self) -> str:
        return self.drive.name

    def open(self, connections: Connections, scratch: Path) -> Drive:
        return self.drive
