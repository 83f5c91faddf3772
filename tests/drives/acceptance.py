"""
A large cycle onto real servers, beside `rclone copy` alone on the same files in the same run.

    python -m tests.drives.acceptance [--files N] [--megabytes N] [KIND …]

Each kind's server is a process of its own on loopback.  `rclone copy` runs before and after the
load, and its mean counts.  Where a server computes no checksum, `rclone check --download` after the
copy is the peer that promises as much; both ratios are printed.  Exits 1 when a file differs, a
ratio is below 80 %, or the load and its children together are resident with more than 300 MB.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from hitscanner.pipeline.cargo import cycle_files
from tests.drives.servers import KINDS, Server
from tests.support.files import lay_raw_files
from tests.support.memory import watched
from tests.support.paths import REPOSITORY
from tests.support.rclone_serve import ENVIRONMENT, RCLONE
from tests.unit.pipeline.conftest import Measurement

LEAST_RATIO = 0.8
MOST_MB = 300


@dataclass(frozen=True)
class Result:
    """What one kind of drive came to."""

    kind: str
    alone_s: float
    """`rclone copy`."""

    peer_s: float
    """What promises as much as a load: the copy, and reading back where there is no checksum."""

    ours_s: float
    memory_mb: float
    differing: tuple[str, ...]

    @property
    def is_good(self) -> bool:
        return (
            not self.differing
            and self.peer_s >= LEAST_RATIO * self.ours_s
            and self.memory_mb <= MOST_MB
        )

    def line(self) -> str:
        return (
            f"| {self.kind} | {self.alone_s:.1f} | {self.peer_s:.1f} | {self.ours_s:.1f}"
            f" | {100 * self.alone_s / self.ours_s:.0f} % | {100 * self.peer_s / self.ours_s:.0f} %"
            f" | {self.memory_mb:.0f} | {len(self.differing)} |"
        )


HEAD = (
    "| drive | rclone copy, s | the peer, s | load, s | of rclone copy | of the peer"
    " | resident MB | differ |\n|---|---|---|---|---|---|---|---|"
)


def prepare(home: Path, files: int, size_bytes: int) -> Measurement:
    """Make a finished cycle with *files* raw files of random bytes, *size_bytes* together."""
    measurement = Measurement(home)
    measurement.close()
    lay_raw_files(measurement, files, size_bytes // files)
    return measurement


def measure(kind: str, measurement: Measurement, folder: Path) -> Result:
    """Copy, load, copy, each onto an empty server; then compare every file."""
    alone_s, peer_s = copy_alone(kind, measurement, folder / "before")
    with Server(kind, folder / "ours") as server:
        os.sync()
        ours_s, memory_mb = load(measurement.root, server)
        time.sleep(0.1)
    differing = server.differing(measurement)
    shutil.rmtree(folder / "ours")
    again_s, peer_again_s = copy_alone(kind, measurement, folder / "after")
    print(f"{kind}: copy {alone_s:.1f} s, load {ours_s:.1f} s, copy {again_s:.1f} s", flush=True)
    return Result(
        kind,
        (alone_s + again_s) / 2,
        (peer_s + peer_again_s) / 2,
        ours_s,
        memory_mb,
        tuple(differing),
    )


def copy_alone(kind: str, measurement: Measurement, folder: Path) -> tuple[float, float]:
    """Give the seconds of `rclone copy`, and of what promises as much as a load."""
    names = "".join(f"{path}\n" for path in cycle_files(measurement.store, measurement.cycle))
    root = str(measurement.store.root)
    with Server(kind, folder) as server:
        os.sync()  # what was written before is not to be paid for here
        began = time.monotonic()
        copy = ["copy", root, server.remote, "--checksum", "--transfers=4", "--checkers=4"]
        rclone(server, [*copy, "--files-from-raw=-", "--no-traverse"], names)
        alone_s = time.monotonic() - began
        if not server.has_checksums:
            check = ["check", root, server.remote, "--download", "--checkers=8"]
            rclone(server, [*check, "--files-from-raw=-"], names)
        peer_s = time.monotonic() - began
    shutil.rmtree(folder)
    return alone_s, peer_s


def rclone(server: Server, arguments: list[str], names: str) -> None:
    command = [RCLONE, f"--config={server.config}", *arguments]
    environment = {**ENVIRONMENT, **server.environment}
    subprocess.run(command, input=names, text=True, check=True, env=environment)


def load(home: Path, server: Server) -> tuple[float, float]:
    """Load in a process of its own; give its seconds and its largest resident memory, MB."""
    (home / "drives.toml").write_text(server.drives_toml)
    environment = {
        **ENVIRONMENT,
        **server.environment,
        "HITSCANNER_HOME": str(home),
        "PYTHONPATH": "include:plugins:.",
        "PATH": os.pathsep.join([str(Path(RCLONE).parent), os.environ["PATH"]]),
    }
    command = [sys.executable, "-m", "tests.support.load_timed"]
    with (
        subprocess.Popen(
            command, cwd=REPOSITORY, env=environment, stdout=subprocess.PIPE, text=True
        ) as child,
        watched(child.pid) as memory,
    ):
        out, _ = child.communicate()
    said = json.loads(out.splitlines()[-1])
    assert [each["state"] for each in said["drives"]] == ["verified"], said
    return said["seconds"], memory.peak_mb


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("kinds", nargs="*", choices=[*KINDS, []], default=[])
    parser.add_argument("--files", type=int, default=5000)
    parser.add_argument("--megabytes", type=int, default=2000)
    asked = parser.parse_args(arguments)
    results = []
    print(HEAD, flush=True)
    for kind in asked.kinds or KINDS:
        with tempfile.TemporaryDirectory(prefix="hs-drives-") as name:
            measurement = prepare(Path(name, "home"), asked.files, asked.megabytes * 1_000_000)
            results.append(measure(kind, measurement, Path(name)))
        print(results[-1].line(), flush=True)
    return 0 if all(result.is_good for result in results) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
