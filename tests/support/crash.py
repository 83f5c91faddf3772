"""
Kill a program at each of its writes in turn, run it again, and compare what it leaves.

`python -m tests.support.crash FOLDER` measures a small cycle undisturbed; then, for N = 1, 2, …,
in a child that kills itself (SIGKILL) at its N-th fsync, followed by an undisturbed child. Prints
how many kills there were. Exits 1 with the first path that differs.
"""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from hitscanner.infra.drives import FileDrive
from hitscanner.infra.transform import TransformProgram
from hitscanner.pipeline import load, transform
from hitscanner.settings import Settings
from tests.support.drives import Given
from tests.unit.pipeline.conftest import Measurement, tree


def steps(root: Path) -> None:
    """Plan, start, fetch, gate, convert, merge, load."""
    measurement = Measurement(root)
    measurement.close()
    store, cycle = measurement.store, measurement.cycle
    program = TransformProgram(Settings(root).transform)
    bench = transform.Workbench(store, program, root / "scratch")
    for shard in transform.transformable(store, cycle):
        transform.convert(bench, shard)
    transform.merge(bench, cycle)
    dock = load.Dock(
        store, [Given(FileDrive("folder", root / "drive"))], root / "scratch", say=lambda line: None
    )
    load.require(cycle, load.load(dock, cycle))


def in_child(work: Callable[[], None]) -> int:
    """Run *work* in a forked child and give its wait status."""
    child = os.fork()
    if child == 0:
        work()
        os._exit(0)
    return os.waitpid(child, 0)[1]


def dying_at(count: int, work: Callable[[], None]) -> Callable[[], None]:
    """Let *work* die at its *count*-th fsync, before the file gets its name."""
    real, calls = os.fsync, 0

    def fsync(descriptor: int) -> None:
        nonlocal calls
        calls += 1
        if calls == count:
            os.kill(os.getpid(), signal.SIGKILL)
        real(descriptor)

    def run() -> None:
        os.fsync = fsync
        work()

    return run


def difference(expected: dict[str, bytes], found: dict[str, bytes]) -> str | None:
    """Give the first path that is not the same."""
    paths = sorted({*expected, *found})
    return next((p for p in paths if expected.get(p) != found.get(p)), None)


def main(folder: Path) -> int:
    if in_child(lambda: steps(folder / "calm")) != 0:
        return 1
    expected = tree(folder / "calm")
    for count in range(1, 1000):
        root = folder / str(count)
        status = in_child(dying_at(count, lambda: steps(root)))  # noqa: B023 (called at once)
        if status == 0:
            print(f"{count - 1} kills")
            return 0
        if in_child(lambda: steps(root)) != 0:  # noqa: B023 (called at once)
            return 1
        if path := difference(expected, tree(root)):
            print(f"after a kill at write {count}: {path} differs")
            return 1
    return 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
