"""What the lab needs of the machine's one kernel, put back when it ends."""

import ctypes
import json
from pathlib import Path

from tests.cluster.paths import RUN

INSTANCES = Path("/proc/sys/fs/inotify/max_user_instances")
"""All hosts are one user to the kernel; each has some fifty watchers (systemd, kubelet, CRI)."""

NEEDED_INSTANCES = 8192
UNKNOWN_ERROR_US = 16_000_000
"""The kernel's "nobody keeps this clock" (NTP_PHASE_LIMIT); systemd says unsynchronised."""

SET_MAXERROR = 0x0004
BEFORE = RUN / "machine.json"


class _Timex(ctypes.Structure):
    """The head of `struct timex` (adjtimex(2))."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("rest", ctypes.c_long * 32),
    )


def prepare() -> None:
    """
    Allow enough watchers, and declare the clock good; remember both as they were.

    The hosts share the machine's clock, so they agree; no host may set it.
    """
    RUN.mkdir(parents=True, exist_ok=True)
    now = {"instances": int(INSTANCES.read_text()), "error_us": _clock_error_us()}
    if not BEFORE.exists():
        BEFORE.write_text(json.dumps(now))
    INSTANCES.write_text(f"{max(now['instances'], NEEDED_INSTANCES)}\n")
    if now["error_us"] >= UNKNOWN_ERROR_US:
        _clock_error_us(0)


def restore() -> None:
    """Leave the machine as it was."""
    if BEFORE.exists():
        before = json.loads(BEFORE.read_text())
        INSTANCES.write_text(f"{before['instances']}\n")
        if before["error_us"] >= UNKNOWN_ERROR_US:
            _clock_error_us(before["error_us"])
        BEFORE.unlink()


def _clock_error_us(wanted: int | None = None) -> int:
    """Return the kernel's bound for the error of its clock, and set it if *wanted* is given."""
    timex = _Timex()
    if wanted is not None:
        timex.modes, timex.maxerror = SET_MAXERROR, wanted
    ctypes.CDLL(None).adjtimex(ctypes.byref(timex))
    return int(timex.maxerror)
