"""A vantage point that answers at once: the fake of the prober and all that lies before it."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from hitscanner.domain.cycle import Shard
from hitscanner.domain.hosts import VantagePoint
from hitscanner.infra.transport import Job, Look
from tests.support import warts

ROUTERS = ["100.127.0.1", "100.127.0.5"]

Tamper = Callable[[Shard, list[str]], bytes]
"""Makes the bytes of a slice other than they should be."""


@dataclass
class FakeTransport:
    """Keeps what the prober of each vantage point would have left; times are constant."""

    poll_s: float = 0.5
    traced: dict[str, float] = field(default_factory=dict)
    """Vantage point → the part of its targets that it finishes; others finish all."""

    tampers: dict[str, Tamper] = field(default_factory=dict)
    silent: set[str] = field(default_factory=set)
    """Vantage points whose prober never starts."""

    started: list[Shard] = field(default_factory=list)
    reports: dict[Shard, bytes] = field(default_factory=dict)
    abandoned: list[Shard] = field(default_factory=list)
    forgotten: list[Shard] = field(default_factory=list)
    renewed: list[tuple[str, bytes | None]] = field(default_factory=list)
    hushed: set[str] = field(default_factory=set)
    slices: dict[tuple[Shard, str], bytes] = field(default_factory=dict)

    def start(self, vp: VantagePoint, job: Job) -> None:
        self.started.append(job.shard)
        if vp.name not in self.silent and job.shard not in self.reports:
            self._probe(job)

    def look(self, vp: VantagePoint, shard: Shard) -> Look:
        report = self.reports.get(shard)
        return Look(is_running=False, report=report, words="prober: no such namespace")

    def fetch_slice(self, vp: VantagePoint, shard: Shard, name: str, to: Path) -> None:
        to.write_bytes(self.slices[shard, name])

    def forget(self, vp: VantagePoint, shard: Shard) -> None:
        self.forgotten.append(shard)

    def abandon(self, vp: VantagePoint, shard: Shard) -> None:
        self.abandoned.append(shard)

    def renew(self, vp: VantagePoint, do_not_probe: bytes | None) -> None:
        self.renewed.append((vp.name, do_not_probe))

    def hush(self, vp: VantagePoint, *, is_on: bool) -> None:
        (self.hushed.add if is_on else self.hushed.discard)(vp.name)

    def at_work(self, vp: VantagePoint) -> int:
        return 0 if vp.name in self.hushed else 1

    def _probe(self, job: Job) -> None:
        targets = job.targets.decode().splitlines()
        done = targets[: int(len(targets) * self.traced.get(job.shard.vp, 1.0))]
        half = len(done) // 2
        tamper = self.tampers.get(job.shard.vp, lambda s, t: warts.slice_file(s, t, ROUTERS))
        pieces = [tamper(job.shard, part) for part in (done[:half], done[half:]) if part]
        for number, data in enumerate(pieces):
            self.slices[job.shard, f"{number:04d}.warts"] = data
        self.reports[job.shard] = _report(job, targets, done, pieces)


def _report(job: Job, targets: list[str], done: list[str], pieces: list[bytes]) -> bytes:
    is_whole = len(done) == len(targets)
    about = json.loads(job.job)
    common = {"started_at": 1000.0, "ended_at": 1060.0, "dnp_sha256": about["dnp_sha256"]}
    slices = [
        {
            "name": f"{number:04d}.warts",
            "sha256": hashlib.sha256(data).hexdigest(),
            "size_bytes": len(data),
            "targets": len(done),
            "done": len(done),
            "failed": 0,
            "excluded": 0,
            "exit_status": 0,
            "argv": ["scamper"],
            **common,
        }
        for number, data in enumerate(pieces)
    ]
    report = {
        "version": 1,
        **job.shard.to_json(),
        "state": "done" if is_whole else "failed",
        "cause": None if is_whole else "scamper was killed by SIGKILL",
        "exit_code": 0 if is_whole else 3,
        "prober_version": "0.1.0",
        "scamper_version": "20211212",
        "source_addresses": {"4": warts.SOURCE, "6": None},
        "clock_offset_s": 0.0,
        "targets": len(targets),
        "done": len(done),
        "failed": 0,
        "excluded": 0,
        "unassigned": len(targets) - len(done),
        "targets_sha256": about["targets_sha256"],
        "slices": slices,
        **common,
    }
    return json.dumps(report).encode()
