"""The command line of the prober: run, status, stop."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from . import __version__
from .errors import BadJobError, ProberError
from .files import disk_error
from .lock import running_pid
from .run import run
from .spool import JobDir, open_job_dir

STOP_WITHIN_S = 10
"""Seconds that `stop` waits for a prober to end."""

EPILOG = """exit status of run:
  0  every target is settled (also when it was so before)
  1  the command line or the job is wrong
  2  stopped early by SIGTERM, the stop flag or the deadline; the finished part is kept
  3  scamper or the disk failed; the finished part is kept
  4  refused: vantage point, source address, clock, do-not-probe list, scamper, rights
"""


class _Parser(argparse.ArgumentParser):
    """argparse exits with 2 on a usage error, which here means something else."""

    def error(self, message: str) -> Any:
        raise BadJobError(f"{message}; see --help")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    try:
        given = _parser().parse_args(arguments)
        return int(given.do(given))
    except ProberError as error:
        sys.stderr.write(f"prober: {error}\n")
        return error.exit_code
    except OSError as error:
        sys.stderr.write(f"prober: {disk_error(Path(error.filename or '.'), error)}\n")
        return ProberError.exit_code


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="prober.pyz",
        description="Trace the targets of one job with scamper, politely.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"hitscanner prober {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=_Parser)
    for name, do, says in (
        ("run", _run, "run the job, or the rest of it"),
        ("status", _status, "print how far it is, as one line of JSON"),
        ("stop", _stop, "end the prober that runs the job; its finished part is kept"),
    ):
        command = commands.add_parser(name, help=says, description=says)
        command.add_argument("job_dir", type=Path, metavar="JOB_DIR")
        command.set_defaults(do=do)
        if name == "run":
            clock = command.add_mutually_exclusive_group(required=True)
            clock.add_argument(
                "--centre-time",
                type=float,
                metavar="EPOCH",
                help="the centre's clock at the time of the command, seconds",
            )
            clock.add_argument(
                "--clock-offset",
                type=float,
                metavar="SECONDS",
                help="this host's clock minus the centre's, where a command may start late",
            )
            command.add_argument("--scamper", default="scamper", help="path of scamper")
    return parser


def _run(given: argparse.Namespace) -> int:
    centre_time_s = given.centre_time
    if centre_time_s is None:
        centre_time_s = time.time() - given.clock_offset
    shard = run(given.job_dir, centre_time_s, given.scamper)
    keys = ("targets", "done", "failed", "excluded", "unassigned")
    counts = ", ".join(f"{shard[key]} {key}" for key in keys)
    sys.stdout.write(f"{shard['state']}: {counts}\n")
    return int(shard["exit_code"])


def _status(given: argparse.Namespace) -> int:
    paths = open_job_dir(given.job_dir)
    status = {
        "running": running_pid(paths.lock) is not None,
        "progress": _read(paths.progress),
        "shard": _read(paths.shard),
        "log": _last_line(paths),
    }
    sys.stdout.write(json.dumps(status, sort_keys=True) + "\n")
    return 0


def _stop(given: argparse.Namespace) -> int:
    paths = open_job_dir(given.job_dir)
    pid = running_pid(paths.lock)
    if pid is None:
        sys.stdout.write("no prober runs this job\n")
        return 0
    with suppress(ProcessLookupError):  # it died, and its warden holds the lock for a moment
        os.kill(pid, signal.SIGTERM)
    give_up_at = time.monotonic() + STOP_WITHIN_S
    while running_pid(paths.lock) is not None:
        if time.monotonic() > give_up_at:
            raise ProberError(f"process {pid} did not end in {STOP_WITHIN_S} s; kill it")
        time.sleep(0.05)
    sys.stdout.write(f"stopped process {pid}\n")
    return 0


def _read(path: Path) -> Any:
    """Return the JSON in *path*, or None: these files appear whole, so it is missing then."""
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None


def _last_line(paths: JobDir) -> str | None:
    try:
        lines = paths.log.read_text("utf-8", "replace").splitlines()
    except OSError:
        return None
    return lines[-1] if lines else None
