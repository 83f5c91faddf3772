"""
Load the one cycle of a folder onto its drives: a process that may be killed.

`python -m tests.support.load_once HOME` says `ready` when the work begins, and `done`.
"""

import sys
from pathlib import Path

import requests

from hitscanner.infra.drives import FileDrive
from hitscanner.infra.drives.gdrive import GoogleDrive
from hitscanner.infra.drives.gdrive_api import Api
from hitscanner.infra.drives.rclone import RcloneDrive
from hitscanner.pipeline.catalogue import publish
from hitscanner.pipeline.load import Dock, load, require
from tests.support.drives import Given
from tests.unit.pipeline.conftest import Measurement


def main(home: Path) -> None:
    measurement = Measurement(home)
    scratch = home / "scratch"
    drives = [FileDrive("folder", home / "drive")]
    if (home / "google").is_file():
        api = Api("google", requests.Session(), (home / "google").read_text())
        drives.append(GoogleDrive(api, scratch / "google", "top", 8, 4096))
    if (home / "rclone.conf").is_file():
        drives.append(RcloneDrive("box", "box:", home / "rclone.conf"))
    dock = Dock(
        store=measurement.store,
        berths=[Given(drive) for drive in drives],
        scratch=scratch,
        say=lambda line: None,
        after=lambda drive: publish(measurement.store, drive, scratch),
    )
    print("ready", flush=True)
    require(measurement.cycle, load(dock, measurement.cycle))
    print("done", flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
