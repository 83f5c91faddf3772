"""
A large cycle onto a real server, beside `rclone copy` alone on the same files in the same run.

    python -m tests.drives.acceptance webdav|sftp [FILES] [MEGABYTES]

Prints seconds of both, their ratio, and the largest resident memory; exits 1 when a checksum
differs, throughput is below 80 % of rclone's, or memory is above 300 MB.
"""

import hashlib
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from hitscanner.infra.drives.rclone import RcloneDrive
from hitscanner.pipeline.cargo import cycle_files
from hitscanner.pipeline.load import Dock, load
from tests.support import rclone_serve
from tests.support.drives import Given
from tests.unit.pipeline.conftest import Measurement

LEAST_RATIO = 0.8
MOST_MB = 300


def prepare(home: Path, files: int, size_bytes: int) -> Measurement:
    """Make a finished cycle with *files* more raw files of random bytes, *size_bytes* together."""
    measurement = Measurement(home)
    measurement.close()
    for number in range(files):
        file = measurement.store.local(
            f"{measurement.cycle.raw}/vp-{number % 50:02d}/{number:05d}.bin"
        )
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(hashlib.shake_128(b"%d" % number).digest(size_bytes // files))
    return measurement


def copy_alone(measurement: Measurement, kind: str, folder: Path) -> float:
    """Give the seconds that rclone takes for the same files, checksums on."""
    port = rclone_serve.free_port()
    config = rclone_serve.configuration(kind, port, folder)
    names = "".join(f"{path}\n" for path in cycle_files(measurement.store, measurement.cycle))
    with rclone_serve.served(kind, folder / "alone", port, folder):
        began = time.monotonic()
        command = ["rclone", f"--config={config}", "copy", str(measurement.store.root), "box:"]
        options = ["--files-from-raw=-", "--checksum", "--transfers=4", "--checkers=4"]
        subprocess.run([*command, *options], input=names, text=True, check=True)
        return time.monotonic() - began


def copy_ours(measurement: Measurement, kind: str, folder: Path) -> float:
    """Give the seconds that a load takes, verification and all."""
    port = rclone_serve.free_port()
    config = rclone_serve.configuration(kind, port, folder)
    with rclone_serve.served(kind, folder / "ours", port, folder):
        began = time.monotonic()
        dock = Dock(measurement.store, [Given(RcloneDrive("box", "box:", config))], folder)
        [loaded] = load(dock, measurement.cycle)
        taken_s = time.monotonic() - began
    assert loaded.state == "verified", loaded.cause
    return taken_s


def differing(measurement: Measurement, folder: Path) -> list[str]:
    """Give the paths whose bytes are not the store's."""
    sums = folder / "ours" / measurement.cycle.folder / "manifest.sha256"
    command = ["sha256sum", "--check", "--quiet", sums]
    ended = subprocess.run(
        command, cwd=folder / "ours", capture_output=True, text=True, check=False
    )
    return ended.stdout.splitlines()


def peak_mb() -> float:
    """Give the largest resident memory of this process, and of the largest child, together."""
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(resource.getrusage(kind).ru_maxrss for kind in kinds) / 1024


def main(kind: str, files: int = 5000, megabytes: int = 2000) -> int:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        measurement = prepare(folder / "home", files, megabytes * 1_000_000)
        alone_s = copy_alone(measurement, kind, folder)
        ours_s = copy_ours(measurement, kind, folder)
        bad = differing(measurement, folder)
    ratio, memory_mb = alone_s / ours_s, peak_mb()
    print(
        f"{kind}: {files} files, {megabytes} MB: rclone alone {alone_s:.1f} s, load {ours_s:.1f} s,"
        f" throughput {100 * ratio:.0f} % of rclone's, {memory_mb:.0f} MB, {len(bad)} differ"
    )
    return 1 if bad or ratio < LEAST_RATIO or memory_mb > MOST_MB else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], *map(int, sys.argv[2:])))
