"""Run a job: checks, then slice after slice until every target is settled or something stops it."""

from __future__ import annotations

import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .dealias import command
from .dnp import load_dnp
from .errors import BadJobError, FailedError, ProberError
from .events import EventLog
from .files import check_room, disk_error, write_whole
from .guard import (
    Scamper,
    check_clock,
    check_dnp,
    check_identity,
    check_raw_socket,
    check_sources,
    find_scamper,
)
from .job import JobSpec, load_job, load_targets
from .leases import lease
from .ledger import Ledger
from .lock import job_lock
from .ports import FIRST_PORT, hold_port, ports_of
from .progress import Progress, ProgressFile, Speed, eta_s
from .scamper import Running, argv_of, start
from .shard import Facts, describe, finished_shard, write_shard
from .slices import cut, targets_per_slice, tests_per_slice
from .spool import PARTIAL, JobDir, open_job_dir
from .sweep import sweep
from .tasks import addresses_in
from .warts import Tail
from .watch import StopRequest, Watch, stamp_of_dnp

TICK_S = 0.5
"""Seconds between two looks at scamper, the stop flag and the do-not-probe list."""


def run(path: Path, centre_time_s: float, scamper: str = "scamper") -> dict[str, Any]:
    """
    Run the job in *path* as far as it goes and return what `shard.json` says.

    Finished slices of an earlier run are kept and not probed again; a job that is done is left as
    it is.

    Args:
        path: `<spool>/jobs/<list>/<cycle>/<shard>`.
        centre_time_s: the centre's clock when it gave the command, epoch seconds.
        scamper: the program, a path or a command on PATH.

    Raises:
        BadJobError: if the job cannot be read; nothing is written then but the log.
        RefusedError: if another prober runs the job.
        FailedError: if not even `shard.json` could be written.
    """
    started_at = time.time()
    paths = open_job_dir(path)
    spec = load_job(paths)
    with job_lock(paths.lock):
        shard = finished_shard(paths, spec)
        if shard is not None:
            return shard
        paths.shard.unlink(missing_ok=True)
        log = EventLog(paths.log)
        try:
            ledger = Ledger(paths, load_targets(paths, spec), log.event, spec.read_line)
        except BadJobError as error:  # said by whoever called; the log is for those who come later
            log.record(str(error))
            raise
        job = Run(paths, spec, ledger, log, Facts(started_at))
        return job.run(centre_time_s, scamper)


@dataclass
class Slice:
    """A slice in work."""

    number: int
    argv: list[str]
    targets: set[bytes]
    tail: Tail
    said_from: int
    """Size of the log before scamper could say anything, bytes."""

    excluded: set[bytes] = field(default_factory=set)
    """Targets that an opt-out took out before they were finished."""

    began: float = field(default_factory=time.monotonic)
    speed: Speed = field(default_factory=lambda: Speed(time.monotonic()))


class Run:
    """One run of one job, under its lock."""

    def __init__(
        self, paths: JobDir, spec: JobSpec, ledger: Ledger, log: EventLog, facts: Facts
    ) -> None:
        self.paths, self.spec, self.ledger, self.log, self.facts = paths, spec, ledger, log, facts
        self.stop = StopRequest()
        self.progress = ProgressFile(paths)
        is_trace = spec.kind == "trace"
        tests = ledger.targets
        self.slice_size = targets_per_slice(spec) if is_trace else tests_per_slice(spec, tests)
        self.probing_s = 0.0
        self.done_before = 0
        self.waiting_why = ""
        self.port = FIRST_PORT

    def run(self, centre_time_s: float, scamper: str) -> dict[str, Any]:
        """Check, probe, and write `shard.json` whatever happened."""
        self.stop.install()
        error: ProberError | None = None
        try:
            with _disk_errors(self.paths.path):
                self._probe(self._check(centre_time_s, scamper))
        except ProberError as caught:
            error = caught
        except Exception as fault:  # noqa: BLE001  our own faults need an account as well
            self.log.record(traceback.format_exc())
            error = FailedError(f"fault in the prober: {fault!r}; report it with prober.log")
        shard = describe(self.spec, self.ledger, self.facts, error, time.time())
        with suppress(ProberError, OSError):  # shard.json says it all
            self._show(shard["state"])
        with _disk_errors(self.paths.path):
            write_shard(self.paths, shard)
        self.log.event(f"{shard['state']}: {shard['cause'] or 'every target is settled'}")
        return shard

    def _check(self, centre_time_s: float, scamper: str) -> Scamper:
        """Do everything that comes before a packet; the cheap and the grave first."""
        spec, facts = self.spec, self.facts
        self.ledger.load()
        self.done_before = len(self.ledger.done)
        facts.clock_offset_s = check_clock(facts.started_at, centre_time_s, spec)
        if swept := sweep(self.paths.spool, facts.started_at):  # with a clock that is right
            self.log.event(f"removed {swept} old jobs from the spool")
        check_room(self.paths.path)
        self._show("starting")
        check_identity(self.paths.identity, spec)
        stamp = stamp_of_dnp(self.paths)
        dnp = load_dnp(self.paths.dnp)
        if not self.ledger.slices:  # later the list may differ: an opt-out that is on its way
            check_dnp(dnp, spec)
        self.watch = Watch(self.paths, self.stop, time.monotonic() + spec.deadline_s, dnp, stamp)
        self.ledger.exclude(dnp)
        found = find_scamper(scamper)
        facts.scamper_version = found.version
        check_raw_socket()
        check_sources(spec, (a for key in self.ledger.pending() for a in addresses_in(key)))
        self.watch.check_stop()
        return found

    def _probe(self, scamper: Scamper) -> None:
        spec = self.spec
        if not cut(self.ledger.pending(), 1):
            return
        name = f"{spec.list}.{spec.cycle}.{spec.shard}"
        leases, ports = self.paths.leases, ports_of(spec.list, spec.vp, spec.shard)
        with (
            lease(leases, name, spec.rate_pps, spec.max_pps, self._wait),
            hold_port(leases, ports) as self.port,
        ):
            while True:
                if self.watch.check():
                    self.ledger.exclude(self.watch.dnp)
                targets = cut(self.ledger.pending(), self.slice_size)
                if not targets:
                    return
                self._probe_slice(scamper, targets)

    def _wait(self, why: str) -> None:
        if why != self.waiting_why:
            self.log.event(why)
            self.waiting_why = why
        self._show("waiting")
        if self.watch.check():
            self.ledger.exclude(self.watch.dnp)
        time.sleep(TICK_S)

    def _probe_slice(self, scamper: Scamper, targets: list[bytes]) -> None:
        """
        Have scamper trace *targets* and keep what it finishes.

        Raises:
            ProberError: why no further slice is to follow.
        """
        work = self._begin_slice(scamper, targets)
        running = _start(work.argv, self.log)
        reason: ProberError | None = None
        status: int | None = None
        try:
            with _disk_errors(self.paths.path):
                status = self._follow(running, work)
        except ProberError as caught:
            reason = caught
        except BaseException:
            running.end()
            raise
        ended_by_us = status is None
        if ended_by_us:
            status = running.end()
            work.tail.read()
        self.probing_s += time.monotonic() - work.began
        kept = self.ledger.keep(work.number, status, len(work.excluded - work.tail.destinations))
        if not ended_by_us:
            self._judge(work, status, kept)
        if reason is not None:
            raise reason

    def _begin_slice(self, scamper: Scamper, targets: list[bytes]) -> Slice:
        number = self.ledger.next_number
        output = self.paths.slice_file(number, ".warts" + PARTIAL)
        is_trace = self.spec.kind == "trace"
        input_file = self.paths.slice_file(number, ".targets" if is_trace else ".commands")
        argv = argv_of(self.spec, scamper.path, self.port, output, input_file)
        about = {"argv": argv, "started_at": time.time(), "dnp_sha256": self.watch.dnp.sha256}
        self.ledger.begin(targets, about)
        if not is_trace:
            write_whole(input_file, self._commands(targets))
        self.log.event(f"slice {number:04d}: {len(targets)} targets")
        work = Slice(number, argv, set(targets), self.ledger.tail(output), self.log.size())
        self._show("probing", work)
        return work

    def _commands(self, targets: list[bytes]) -> bytes:
        numbers = self.ledger.numbers()
        lines = [
            command(target, numbers[target], self.spec, self.port) + "\n" for target in targets
        ]
        return "".join(lines).encode()

    def _follow(self, running: Running, work: Slice) -> int | None:
        """Wait for scamper; return its exit status, or None if an opt-out is to end it."""
        while True:
            status = running.wait(TICK_S)
            if status is not None:
                return status
            work.tail.read()
            self._show("probing", work)
            if self.watch.check():
                self.ledger.exclude(self.watch.dnp)
                unfinished = work.targets - work.tail.destinations
                work.excluded |= {target for target in unfinished if target in self.watch.dnp}
                if work.excluded:
                    self.log.event(f"opt-out: {len(work.excluded)} targets leave the slice")
                    return None

    def _judge(self, work: Slice, status: int | None, kept: Tail) -> None:
        """Raise FailedError unless scamper ended well by itself: exit status 0 proves nothing."""
        fault = None
        if status:
            how = f"was killed by signal {-status}" if status < 0 else f"exited with {status}"
            fault = f"scamper {how}"
        elif not kept.destinations:
            fault = "scamper exited with 0 and wrote no trace"
        elif not kept.probes:
            fault = "scamper exited with 0 and sent no packet; is there a route to the targets?"
        elif not kept.has_cycle_stop:
            fault = f"scamper exited with 0 and did not finish its file ({kept.damage or 'cut'})"
        if fault is None:
            return
        ledger = self.ledger
        ledger.failed |= work.targets - ledger.done - ledger.excluded
        said = self.log.last_line_since(work.said_from)
        raise FailedError(
            f"slice {work.number:04d}: {fault}{' (' + said + ')' if said else ''}; what is "
            "finished is kept, run the job again"
        )

    def _show(self, state: str, work: Slice | None = None) -> None:
        if not self.progress.is_due(state):
            return
        ledger, spec, now_s = self.ledger, self.spec, time.monotonic()
        done, replies = len(ledger.done), ledger.replies
        sent_pps, probing_s = 0.0, self.probing_s
        if work is not None:
            done += len(work.tail.destinations)
            replies += work.tail.replies
            sent_pps = work.speed.update(now_s, work.tail.probes)
            probing_s += now_s - work.began
        remaining = len(ledger.targets) - len(ledger.failed) - len(ledger.excluded) - done
        planned_per_s = self.slice_size / spec.slice_s
        more = -(-ledger.counts()["unassigned"] // self.slice_size)
        self.progress.write(
            Progress(
                state=state,
                done=done,
                total=len(ledger.targets),
                sent_pps=sent_pps,
                replies=replies,
                eta_s=eta_s(max(0, remaining), done - self.done_before, probing_s, planned_per_s),
                slice=ledger.next_number,
                slices=ledger.next_number + more,
                updated_at=time.time(),
            )
        )


@contextmanager
def _disk_errors(path: Path) -> Iterator[None]:
    """Turn what the operating system says about files into our errors."""
    try:
        yield
    except OSError as error:
        raise disk_error(Path(error.filename or path), error) from error


def _start(argv: list[str], log: EventLog) -> Running:
    try:
        return start(argv, log.fd)
    except OSError as error:
        raise FailedError(
            f"{argv[0]} does not start: {error.strerror}; repair it and run the job again"
        ) from error
