"""Raw files for a cycle: as many and as large as a test wants."""

import hashlib

from tests.unit.pipeline.conftest import Measurement


def lay_raw_files(measurement: Measurement, files: int, size_bytes: int) -> None:
    """Put *files* more raw files of *size_bytes* into the cycle, each with bytes of its own."""
    folder = measurement.store.local(measurement.cycle.raw)
    for number in range(files):
        file = folder / f"vp-{number % 50:02d}" / f"{number:05d}.bin"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(hashlib.shake_128(b"%d" % number).digest(size_bytes))
