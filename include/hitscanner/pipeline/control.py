"""
Who may measure now: the stop switch, opt-outs on the way, and the account of both.

The centre's flag comes first, because every planner looks at it; then every vantage point is told
at once, each by its own thread, so that one that does not answer delays nobody.
"""

import json
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from hitscanner.domain.do_not_probe import DoNotProbe, parse_do_not_probe, with_opt_outs
from hitscanner.domain.hosts import VantagePoint
from hitscanner.errors import HitscannerError, MeasurementFailedError, UnfinishedError, UsageError
from hitscanner.infra.audit import AuditLog
from hitscanner.infra.files import disk_errors, write_whole
from hitscanner.infra.transport import Transport

SILENT_WITHIN_S = 10.0
"""How long a vantage point that was reached may take to fall silent, seconds."""

LOOK_S = 0.2
"""Between two looks at a vantage point that is falling silent, seconds."""

SIDE_BY_SIDE = 64
"""Vantage points told at once."""


class StoppedError(MeasurementFailedError):
    """Somebody stopped all probing, and nobody has released it yet."""


@dataclass(frozen=True)
class Told:
    """What became of one vantage point that was told something."""

    vp: str
    state: Literal["silent", "still probing", "told", "unreachable"]
    cause: str | None = None

    @property
    def has_heard(self) -> bool:
        """Whether it does what it was told."""
        return self.state in ("silent", "told")


def require_heard(told: Sequence[Told]) -> list[dict[str, Any]]:
    """Print and give what became of each vantage point; UnfinishedError if one did not hear."""
    for each in told:
        print(f"{each.vp}: {each.state}{f': {each.cause}' if each.cause else ''}")
    deaf = [f"{each.vp} ({each.cause})" for each in told if not each.has_heard]
    if deaf:
        raise UnfinishedError(f"not told: {'; '.join(deaf)}; the others are; try these again")
    return [asdict(each) for each in told]


@dataclass(frozen=True)
class StopFlag:
    """The centre's word that nothing may be sent, as a file."""

    file: Path
    """Exists while nothing may be sent; holds the order as JSON."""

    def order(self) -> dict[str, Any] | None:
        """Give the stop order in force, or None; a flag that cannot be read is an order too."""
        if not self.file.exists():
            return None
        try:
            return dict(json.loads(self.file.read_bytes()))
        except (ValueError, OSError):
            return {"at": "an unknown time", "by": "somebody", "why": f"{self.file} is unreadable"}

    def require_go(self) -> None:
        """Raise StoppedError while probing is stopped."""
        if order := self.order():
            raise StoppedError(
                f"probing was stopped at {order['at']} by {order['by']} ({order['why']});"
                " nothing is sent before: hitscanner release"
            )


@dataclass(frozen=True)
class Control:
    """The switch of one installation."""

    flag: StopFlag
    dnp: Path
    audit: AuditLog
    vantage_points: Sequence[VantagePoint]
    transport: Callable[[VantagePoint], Transport]

    def stop(self, by: str, why: str) -> list[Told]:
        """
        Silence every vantage point that can be reached, and let nothing start until `release`.

        One that cannot be reached sends until its prober's go-ahead ends (its deadline).
        """
        entry = self.audit.record("stop", by, why)
        with disk_errors(self.flag.file):
            write_whole(self.flag.file, json.dumps(entry, indent=2).encode() + b"\n")
        told = self._tell(self._silence)
        self.audit.record("stopped", by, why, vantage_points=[asdict(each) for each in told])
        return told

    def release(self, by: str, why: str) -> list[Told]:
        """Let measurements start again; those that were stopped go on when their run is cleared."""
        told = self._tell(self._free)
        self.flag.file.unlink(missing_ok=True)
        facts = [asdict(each) for each in told]
        self.audit.record("release", by, why, vantage_points=facts)
        return told

    def opt_out(self, prefixes: Sequence[str], by: str, why: str) -> tuple[DoNotProbe, list[Told]]:
        """
        Add *prefixes* to the do-not-probe list and give it to every vantage point at once.

        Raises:
            UsageError: if there is none, or DoNotProbeError if a list or prefix is unreadable.
        """
        if not prefixes:
            raise UsageError(
                "no prefix given; name one, e.g. hitscanner lists opt-out 192.0.2.0/24"
            )
        old = parse_do_not_probe(
            self.dnp.read_bytes() if self.dnp.is_file() else None, str(self.dnp)
        )
        new = parse_do_not_probe(with_opt_outs(old.text, prefixes, why), str(self.dnp))
        with disk_errors(self.dnp):
            write_whole(self.dnp, new.text.encode())
        told = self._tell(lambda vp, to: _renew(vp, to, new))
        self.audit.record(
            "opt-out",
            by,
            why,
            prefixes=list(prefixes),
            before_sha256=old.sha256,
            after_sha256=new.sha256,
            vantage_points=[asdict(each) for each in told],
        )
        return new, told

    def _tell(self, tell: Callable[[VantagePoint, Transport], Told]) -> list[Told]:
        def one(vp: VantagePoint) -> Told:
            try:
                return tell(vp, self.transport(vp))
            except HitscannerError as error:
                return Told(vp.name, "unreachable", str(error))
            except OSError as error:
                return Told(vp.name, "unreachable", f"{error}")

        if not self.vantage_points:
            return []
        with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
            return list(pool.map(one, self.vantage_points))

    def _silence(self, vp: VantagePoint, transport: Transport) -> Told:
        transport.hush(vp, is_on=True)
        until = time.monotonic() + SILENT_WITHIN_S
        while probing := transport.at_work(vp):
            if time.monotonic() > until:
                cause = f"{probing} probers did not end in {SILENT_WITHIN_S:.0f} s; kill them there"
                return Told(vp.name, "still probing", cause)
            time.sleep(LOOK_S)
        return Told(vp.name, "silent")

    def _free(self, vp: VantagePoint, transport: Transport) -> Told:
        transport.hush(vp, is_on=False)
        return Told(vp.name, "told")


def _renew(vp: VantagePoint, transport: Transport, dnp: DoNotProbe) -> Told:
    transport.renew(vp, dnp.text.encode())
    return Told(vp.name, "told")
