"""Reach a vantage point's spool: stage a job, start its prober, look, take what is finished."""

import json
import os
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from hitscanner.domain.cycle import Shard
from hitscanner.domain.inventory import VantagePoint
from hitscanner.errors import UnfinishedError, UsageError
from hitscanner.infra.files import copy_whole, disk_errors, write_whole
from hitscanner.prober.leases import count_living
from hitscanner.prober.lock import running_pid

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""All that a prober inherits of our environment: where scamper and ip are."""


SAID_NOTHING = "it wrote nothing"

STAGED_OR_LEFT = ("targets.txt", "job.json", "shard.json")
"""Files of a job, beside its slices, that nobody needs when it is at home."""


class TransportError(UnfinishedError):
    """A vantage point could not be reached or would not take the job."""


@dataclass(frozen=True)
class Job:
    """What one prober is asked, as files."""

    shard: Shard
    job: bytes
    targets: bytes
    do_not_probe: bytes


@dataclass(frozen=True)
class Look:
    """What is seen of a job in one look."""

    is_running: bool
    report: bytes | None
    """`shard.json`, or None when the prober has not ended."""

    words: str
    """The last line that the prober, or what should have started it, wrote."""


class Transport(Protocol):
    """The same steps whatever lies between the centre and the vantage point."""

    poll_s: float
    """A good time between two looks at a prober, seconds."""

    def check(self, vp: VantagePoint) -> None:
        """Refuse, before anything is planned, what could never work from here (UsageError)."""

    def start(self, vp: VantagePoint, job: Job) -> None:
        """Stage *job* and start its prober, or find it running or done."""

    def look(self, vp: VantagePoint, shard: Shard) -> Look:
        """See whether a prober holds the job, and what it left."""

    def fetch_slice(self, vp: VantagePoint, shard: Shard, name: str, to: Path) -> None:
        """Copy one slice to the local file *to*."""

    def forget(self, vp: VantagePoint, shard: Shard) -> None:
        """Free the spool of a job that is safe at home; how it went may stay."""

    def abandon(self, vp: VantagePoint, shard: Shard) -> None:
        """See to it that nothing of the job goes on, or starts later: nobody waits for it."""

    def renew(self, vp: VantagePoint, do_not_probe: bytes | None) -> None:
        """Replace the list that running probers obey; None removes it, which silences them."""

    def hush(self, vp: VantagePoint, *, is_on: bool) -> None:
        """Set or remove the flag while which no prober sends."""

    def at_work(self, vp: VantagePoint) -> int:
        """Count the probers that may be sending there."""


class LocalTransport:
    """Vantage points on this machine, each in its own network namespace or in ours."""

    poll_s = 0.5

    def __init__(self, spool: Path, prober: Path, python: str):
        self.spool = spool
        self.prober = prober
        self.python = python

    def folder(self, shard: Shard) -> Path:
        """Where a shard's job lies."""
        return self.spool / shard.vp / "jobs" / shard.list / shard.cycle / shard.shard

    def check(self, vp: VantagePoint) -> None:
        """Need scamper, and root for its raw sockets."""
        if os.geteuid() != 0:
            raise UsageError(f"{vp.name}: probing from this machine needs root; run it with sudo")
        if shutil.which("scamper", path=PATH) is None:
            raise UsageError(f"{vp.name}: there is no scamper here; apt-get install scamper")

    def start(self, vp: VantagePoint, job: Job) -> None:
        """Stage *job* and start its prober, detached: it outlives the task that started it."""
        folder = self.folder(job.shard)
        self._enrol(vp)
        with disk_errors(folder):
            write_whole(self.spool / vp.name / "dnp.txt", job.do_not_probe)
            write_whole(folder / "targets.txt", job.targets)
            write_whole(folder / "job.json", job.job)
        seen = self.look(vp, job.shard)
        if seen.is_running or (seen.report and json.loads(seen.report)["state"] == "done"):
            return
        (folder / "shard.json").unlink(missing_ok=True)
        self._spawn(vp, folder)

    def look(self, vp: VantagePoint, shard: Shard) -> Look:
        """See whether a prober holds the job's lock, then what it left."""
        folder = self.folder(shard)
        is_running = running_pid(folder / "lock") is not None
        report, log = folder / "shard.json", folder / "prober.log"
        lines = log.read_text(errors="replace").split("\n") if log.is_file() else []
        return Look(
            is_running=is_running,
            report=report.read_bytes() if report.is_file() else None,
            words=next((line for line in reversed(lines) if line.strip()), SAID_NOTHING),
        )

    def fetch_slice(self, vp: VantagePoint, shard: Shard, name: str, to: Path) -> None:
        """Copy one slice; FileNotFoundError if the spool has lost it."""
        copy_whole(self.folder(shard) / "slices" / name, to)

    def forget(self, vp: VantagePoint, shard: Shard) -> None:
        """Remove what was staged and what was found; log and progress stay."""
        folder = self.folder(shard)
        shutil.rmtree(folder / "slices", ignore_errors=True)
        for name in STAGED_OR_LEFT:
            (folder / name).unlink(missing_ok=True)

    def abandon(self, vp: VantagePoint, shard: Shard) -> None:
        """Ask the job's prober to end, if there is one."""
        pid = running_pid(self.folder(shard) / "lock")
        if pid:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)

    def renew(self, vp: VantagePoint, do_not_probe: bytes | None) -> None:
        """Replace the list in the spool by rename, or remove it."""
        file = self.spool / vp.name / "dnp.txt"
        with disk_errors(file):
            if do_not_probe is None:
                file.unlink(missing_ok=True)
            else:
                write_whole(file, do_not_probe)

    def hush(self, vp: VantagePoint, *, is_on: bool) -> None:
        """Make or remove the spool's file `stop`; probers look at it twice a second."""
        flag = self.spool / vp.name / "stop"
        with disk_errors(flag):
            if is_on:
                write_whole(flag, b"")
            else:
                flag.unlink(missing_ok=True)

    def at_work(self, vp: VantagePoint) -> int:
        """Count the leases of its rate that are held."""
        return count_living(self.spool / vp.name / "leases")

    def _enrol(self, vp: VantagePoint) -> None:
        """Write the spool's identity at first use; the prober refuses any other name later."""
        identity = self.spool / vp.name / "identity.json"
        if not identity.exists():
            write_whole(identity, json.dumps({"vp": vp.name}).encode())

    def _spawn(self, vp: VantagePoint, folder: Path) -> None:
        inside = ["ip", "netns", "exec", vp.netns] if vp.netns else []
        argv = [*inside, self.python, "-I", str(self.prober), "run", str(folder)]
        argv += ["--centre-time", f"{time.time():.6f}"]
        with (folder / "prober.log").open("ab") as log:
            subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={"PATH": PATH},
                start_new_session=True,
                cwd="/",
            )
