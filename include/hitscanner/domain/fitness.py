"""Which vantage points are fit to measure: what a canary run saw against what it usually sees."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from statistics import median
from typing import Self

from pydantic import BaseModel, ConfigDict

CANARY = "canary"
"""The list of known destinations, and the DAG that traces them every hour."""

REMEMBERED = 7
"""How many canary runs make what is usual."""

MAX_CLOCK_OFFSET_S = 1.0
"""Beyond this, times of different vantage points cannot be compared, seconds."""

LEAST_REACHED = 0.5
"""The part of the usual number of destinations that has to be reached."""

LEAST_SEEN = 0.5
"""The part of the usual routers that has to be on the way."""

VALID_FOR = timedelta(hours=24)
"""A verdict without a newer one is forgotten after this: nobody stays out because a DAG is off."""


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Sighting(_Record):
    """What one canary run saw from one vantage point."""

    cause: str | None = None
    """Why nothing, or not all, came home; None when it is whole."""

    was_stopped: bool = False
    """Whether the run was broken off, so that it tells nothing."""

    clock_offset_s: float | None = None
    replies: int = 0
    reached: int = 0
    """Destinations that answered."""

    routers: tuple[str, ...] = ()
    """Addresses on the way, sorted."""


class Verdict(_Record):
    """Why a vantage point is left out, and since which canary run."""

    reason: str
    since: str


class Fitness(_Record):
    """What the last canary run found."""

    judged_at: datetime | None = None
    unfit: dict[str, Verdict] = {}

    def reasons(self, now: datetime) -> dict[str, str]:
        """Give vantage point → reason; nobody when the verdicts are too old."""
        if self.judged_at is None or now - self.judged_at > VALID_FOR:
            return {}
        return {vp: verdict.reason for vp, verdict in self.unfit.items()}

    def reason(self, vp: str) -> str | None:
        """Say why *vp* was found unfit, or None."""
        return self.unfit[vp].reason if vp in self.unfit else None

    def after(self, cycle: str, at: datetime, reasons: Mapping[str, str | None]) -> Self:
        """
        Give the verdicts after another run; who was unfit before is so since then.

        >>> at = datetime.fromisoformat("2026-11-23T03:17:00Z")
        >>> before = Fitness().after("20261123T021700Z", at, {"us-0001": "silent"})
        >>> before.after("20261123T031700Z", at, {"us-0001": "clock"}).unfit["us-0001"]
        Verdict(reason='clock', since='20261123T021700Z')
        """
        unfit = {
            vp: Verdict(reason=why, since=self.unfit[vp].since if vp in self.unfit else cycle)
            for vp, why in sorted(reasons.items())
            if why is not None
        }
        return self.model_copy(update={"judged_at": at, "unfit": unfit})


def judge(seen: Sighting, before: Sequence[Sighting]) -> str | None:
    """
    Say why a vantage point is unfit, or None.

    What is usual comes from the runs before, whatever was thought of them: who moved to another
    uplink is unfit until that is what it usually sees.

    Args:
        seen: by the run that has just ended.
        before: by the runs before it, in any order; those without a reply tell nothing.

    >>> usual = [Sighting(replies=90, reached=6, routers=("192.0.2.1", "192.0.2.5"))]
    >>> judge(Sighting(replies=40, reached=2, routers=("192.0.2.1",)), usual)
    '2 of its known destinations answered, 6 usually do'
    >>> judge(Sighting(replies=90, reached=6, routers=("192.0.2.1", "192.0.2.9")), usual)
    """
    if seen.cause is not None:
        return seen.cause
    if seen.clock_offset_s is not None and abs(seen.clock_offset_s) > MAX_CLOCK_OFFSET_S:
        return f"its clock is {seen.clock_offset_s:+.1f} s off; look at chrony there"
    if not seen.replies:
        return "no probe was answered: they do not leave, or ICMP does not come back"
    past = [each for each in before if each.replies]
    if not past:
        return None
    reached = median(each.reached for each in past)
    if seen.reached < LEAST_REACHED * reached:
        return f"{seen.reached} of its known destinations answered, {reached:.0f} usually do"
    usual = _usual_routers(past)
    met = len(usual.intersection(seen.routers))
    if met < LEAST_SEEN * len(usual):
        return f"its ways are new: {met} of {len(usual)} usual routers; another uplink, or NAT?"
    return None


def _usual_routers(past: Sequence[Sighting]) -> set[str]:
    """Give the routers that at least half of the runs met."""
    times = Counter(router for each in past for router in each.routers)
    return {router for router, count in times.items() if 2 * count >= len(past)}
