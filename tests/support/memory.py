"""How much memory a process and its children are resident with, together."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

EVERY_S = 0.05


@dataclass
class Memory:
    """The largest sum that was seen."""

    peak_mb: float = 0.0


@contextmanager
def watched(pid: int) -> Iterator[Memory]:
    """Look at the process *pid* and all that it started until the end of the block."""
    memory, is_over = Memory(), threading.Event()

    def look() -> None:
        while not is_over.wait(EVERY_S):
            memory.peak_mb = max(memory.peak_mb, resident_kib(pid) * 1024 / 1e6)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield memory
    finally:
        is_over.set()
        thread.join()


def resident_kib(pid: int) -> int:
    """Sum VmRSS of *pid* and of its children's trees (proc(5)); 0 when it is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
        tasks = [*Path(f"/proc/{pid}/task").iterdir()]
        children = [child for task in tasks for child in (task / "children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return 0
    own = [int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:")]
    return sum(own) + sum(resident_kib(int(child)) for child in children)
