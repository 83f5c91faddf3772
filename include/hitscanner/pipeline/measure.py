"""Have a shard probed, and bring back what was finished of it: verified, joined, counted."""

import json
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

import zstandard
from pydantic import ValidationError

from hitscanner.domain.alias_tasks import addresses_of
from hitscanner.domain.cycle import Shard
from hitscanner.domain.do_not_probe import DoNotProbe
from hitscanner.domain.inventory import VantagePoint
from hitscanner.domain.manifest import Fetched, ProberReport, ShardRecord, Slice
from hitscanner.domain.quorum import Counts
from hitscanner.errors import UnfinishedError
from hitscanner.infra.files import scratch_folder, sha256_of
from hitscanner.infra.store import Store
from hitscanner.infra.transport import Job, Transport, TransportError
from hitscanner.pipeline.gate import read_record
from hitscanner.pipeline.live_list import LiveList
from hitscanner.pipeline.verify import BadResultError, Contents, verify
from hitscanner.prober.warts import WartsError, join_to

LOST_S = 600.0
"""A vantage point that cannot be reached for this long is given up for this try, seconds."""

START_S = 20.0
"""A prober that neither runs nor has reported after this long did not start, seconds."""

GRACE_S = 120.0
"""A prober that runs this long past its own deadline is given up, seconds."""

ZSTD_LEVEL = 3
"""8 times less CPU than gzip -6 and 15 % smaller (measured on 223 MB of warts)."""


class ShardFailedError(UnfinishedError):
    """A shard is not whole; what was finished of it is in the store all the same."""


@dataclass(frozen=True)
class Clock:
    """Time as the waiting needs it."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


@dataclass(frozen=True)
class Lane:
    """One vantage point's way into the store."""

    store: Store
    transport: Transport
    vp: VantagePoint
    do_not_probe: LiveList
    scratch: Path
    deadline_s: float
    clock: Clock = Clock()


def start(lane: Lane, shard: Shard) -> None:
    """Stage the shard's job and start its prober; find it running, done or already fetched."""
    if not _is_fetched(lane.store, shard):
        lane.transport.start(lane.vp, _job(lane, shard))


def fetch(lane: Lane, shard: Shard, *, may_start: bool = True) -> ShardRecord:
    """
    Wait for the shard's prober, then verify, join and store what it finished.

    A prober that is not there, or ended early, is started again first, unless nothing may start:
    it goes on behind its finished slices. A shard that was fetched whole is not asked again,
    and its place in the vantage point's spool is freed.  While it waits, a change of the
    do-not-probe list is handed on to the vantage point.

    Raises:
        ShardFailedError: when something is missing; the finished part is stored and counted.
    """
    record = read_record(lane.store, shard)
    if record is None or record.cause:
        if may_start:
            start(lane, shard)
        report = _wait(lane, shard)
        record = _collect(lane, shard, report)
        lane.store.write(shard.record, record.to_bytes())
    if record.cause:
        raise ShardFailedError(f"{shard.vp}: {record.cause}")
    with suppress(TransportError, OSError):  # the prober sweeps what stays behind
        lane.transport.forget(lane.vp, shard)
    return record


def _is_fetched(store: Store, shard: Shard) -> bool:
    record = read_record(store, shard)
    return record is not None and record.cause is None


def _job(lane: Lane, shard: Shard) -> Job:
    """Give the planned job with the do-not-probe list as it is now: opting out is never late."""
    planned = json.loads(lane.store.read(shard.job))
    dnp = lane.do_not_probe.current
    job = planned | {"dnp_sha256": dnp.sha256}
    return Job(
        shard=shard,
        job=json.dumps(job, indent=2, sort_keys=True).encode() + b"\n",
        targets=lane.store.read(shard.targets),
        do_not_probe=dnp.text.encode(),
    )


def _wait(lane: Lane, shard: Shard) -> ProberReport | str:
    """Give the prober's report, or why there is none; what is given up is ended."""
    found = _watch(lane, shard)
    if isinstance(found, str):
        with suppress(TransportError):
            lane.transport.abandon(lane.vp, shard)
    return found


def _watch(lane: Lane, shard: Shard) -> ProberReport | str:
    """
    Look at the prober until it has reported, or must be given up.

    A vantage point out of reach probes on; it is looked at again until `LOST_S` have passed.

    Raises:
        TransportError: when it stays out of reach.
    """
    clock = lane.clock
    begun = seen = reached = clock.now()
    while True:
        now = clock.now()
        try:
            _hand_on(lane)
            found = lane.transport.look(lane.vp, shard)
            if found.is_running:
                seen = now
            elif found.report:
                return _read_report(found.report)
            elif now - seen > START_S:
                return f"its prober is not running: {found.words}"
            reached = now
        except TransportError:
            if now - reached > LOST_S:
                raise
            seen = now
        if now - begun > lane.deadline_s + GRACE_S:
            return f"its prober is still running {GRACE_S:.0f} s past its deadline"
        clock.sleep(lane.transport.poll_s)


def _hand_on(lane: Lane) -> None:
    """Give the vantage point the do-not-probe list if it changed; try again at the next look."""
    if lane.do_not_probe.is_news():
        lane.transport.renew(lane.vp, lane.do_not_probe.content)
        lane.do_not_probe.handed_on()


def _read_report(data: bytes) -> ProberReport | str:
    try:
        return ProberReport.from_bytes(data)
    except ValidationError as error:
        return f"its report cannot be read: {' '.join(str(error).split()[:12])}"


def _collect(lane: Lane, shard: Shard, report: ProberReport | str) -> ShardRecord:
    """Fetch every slice; a bad one makes the whole shard fail, not vanish."""
    targets = lane.store.read(shard.targets).decode().splitlines()
    if isinstance(report, str):
        return _failed(lane, shard, None, targets, report)
    try:
        with _scratch(lane, shard) as folder:
            contents = _join(lane, shard, report, targets, folder / "joined.warts")
            fetched = _keep(lane, shard, contents, folder)
    except (BadResultError, FileNotFoundError) as error:
        return _failed(lane, shard, report, targets, report.cause or str(error))
    untraced = [target for target in targets if target not in contents.destinations]
    counts = _count(lane.do_not_probe.current, len(targets), untraced, report.unassigned)
    _write_missing(lane, shard, untraced)
    cause = report.cause or (f"{counts.missing} targets have no trace" if counts.missing else None)
    return ShardRecord(report=report, fetched=fetched, counts=counts, cause=cause)


def _failed(
    lane: Lane, shard: Shard, report: ProberReport | None, targets: list[str], cause: str
) -> ShardRecord:
    unassigned = report.unassigned if report else len(targets)
    _write_missing(lane, shard, targets)
    counts = _count(lane.do_not_probe.current, len(targets), targets, unassigned)
    return ShardRecord(report=report, fetched=None, counts=counts, cause=cause)


def _count(dnp: DoNotProbe, targets: int, untraced: list[str], unassigned: int) -> Counts:
    """
    Say what became of *targets*, of which *untraced* have no trace.

    A target without a trace that the do-not-probe list covers is excluded: it opted out on the way.
    """
    excluded = sum(_has_opted_out(dnp, target) for target in untraced)
    never_tried = min(unassigned, len(untraced) - excluded)
    return Counts(
        done=targets - len(untraced),
        failed=len(untraced) - excluded - never_tried,
        excluded=excluded,
        unassigned=never_tried,
    )


def _has_opted_out(dnp: DoNotProbe, target: str) -> bool:
    """Say whether the list covers an address, or one address of an alias test."""
    return any(dnp.covers(address) is not None for address in addresses_of(target))


def _write_missing(lane: Lane, shard: Shard, untraced: list[str]) -> None:
    wanted = [t for t in untraced if not _has_opted_out(lane.do_not_probe.current, t)]
    if wanted or lane.store.exists(shard.missing):
        lane.store.write(shard.missing, "".join(f"{target}\n" for target in wanted).encode())


def _join(
    lane: Lane, shard: Shard, report: ProberReport, targets: list[str], joined: Path
) -> Contents:
    if not report.slices:
        raise BadResultError(f"{shard.vp}: the prober finished no slice")
    parts = [_fetch_slice(lane, shard, piece, joined.parent) for piece in report.slices]
    try:
        with ExitStack() as stack, joined.open("wb") as out:
            join_to(out, [stack.enter_context(part.open("rb")) for part in parts])
    except WartsError as error:
        raise BadResultError(f"{shard.vp}: the fetched slices do not join: {error}") from error
    return verify(joined, shard, targets)


def _fetch_slice(lane: Lane, shard: Shard, piece: Slice, folder: Path) -> Path:
    part = folder / piece.name
    lane.transport.fetch_slice(lane.vp, shard, piece.name, part)
    if sha256_of(part) != piece.sha256:
        raise BadResultError(f"{shard.vp}: slice {piece.name} came with another checksum")
    return part


def _keep(lane: Lane, shard: Shard, contents: Contents, folder: Path) -> Fetched:
    """Compress the joined file into the store; the same traces give the same bytes."""
    packed = folder / "joined.warts.zst"
    joined = folder / "joined.warts"
    compressor = zstandard.ZstdCompressor(level=ZSTD_LEVEL, write_checksum=True)
    with joined.open("rb") as data, packed.open("wb") as out:
        compressor.copy_stream(data, out, size=joined.stat().st_size)
    lane.store.put(shard.raw, packed)
    return Fetched(
        sha256=sha256_of(packed),
        size_bytes=packed.stat().st_size,
        traces=contents.traces,
        packets_sent=contents.packets_sent,
        packets_received=contents.packets_received,
    )


def _scratch(lane: Lane, shard: Shard) -> AbstractContextManager[Path]:
    return scratch_folder(lane.scratch, shard.list, shard.cycle, shard.vp, f"{shard.shard}-fetch")
