"""
Tell from IP identifiers whether two addresses share one counter.

Ally (Spring, Mahajan, Wetherall, "Measuring ISP Topologies with Rocketfuel", SIGCOMM 2002): probe
two addresses in turn; identifiers from one counter come back in order and close together.
RadarGun (Bender, Sherwood, Spring, "Fixing Ally's Growing Pains with Velocity Modeling", IMC 2008):
probe many addresses in rounds and compare their counters afterwards.
MIDAR (Keys, Hyun, Luckie, claffy, "Internet-Scale IPv4 Alias Resolution with MIDAR", ToN 2013): the
monotonic bounds test: replies of a shared counter, put in order of time, never go backwards.

scamper stores the replies of a radargun run without judging them; the judgement is here.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from hitscanner.domain.alias_sets import Verdict

MODULUS = 1 << 16
"""IPv4 identifiers are 16 bits (RFC 791, 3.1)."""

LARGEST_STEP = MODULUS // 4
"""A counter that moves on by more between two probes is too fast, or random: no evidence."""

FUDGE = 200
"""Steps backwards that reordering on the way explains, if the two probes overlapped in time."""

LEAST_REPLIES = 4
"""Replies of each address; random identifiers pass for a counter less than once in 64 then."""


@dataclass(frozen=True, order=True)
class Sample:
    """One answered probe; times in microseconds since the epoch."""

    tx_us: int
    rx_us: int
    ip_id: int
    probe_ip_id: int = -1
    """What the probe carried: some routers send it back."""


def is_counter(samples: Sequence[Sample]) -> bool:
    """
    Say whether the identifiers of one address can come from a counter that is slow enough.

    Constant, echoed and random ones cannot.

    >>> is_counter([Sample(i, i, 100 + 7 * i) for i in range(6)])
    True
    >>> is_counter([Sample(i, i, 0) for i in range(6)])
    False
    >>> is_counter([Sample(i, i, 5 + i, 5 + i) for i in range(6)])
    False
    """
    if len(samples) < LEAST_REPLIES or all(s.ip_id == s.probe_ip_id for s in samples):
        return False
    steps = _steps(sorted(samples))
    return all(0 < step <= LARGEST_STEP for step in steps)


def compare(one: Sequence[Sample], other: Sequence[Sample]) -> Verdict:
    """
    Say whether two addresses share a counter, by the monotonic bounds test.

    A counter never gives one number twice, so equal identifiers are two counters in step.
    `none` when one of them has no usable counter, or they were not probed in turn often enough for
    two counters to show.

    >>> a = [Sample(20 * i, 20 * i + 5, 100 + 4 * i) for i in range(6)]
    >>> b = [Sample(20 * i + 10, 20 * i + 15, 102 + 4 * i) for i in range(6)]
    >>> far = [Sample(s.tx_us, s.rx_us, s.ip_id + 30000) for s in b]
    >>> compare(a, b), compare(a, far), compare(a, b[:2])
    ('aliases', 'not-aliases', 'none')
    """
    if not (is_counter(one) and is_counter(other)):
        return "none"
    merged = sorted([(s, 0) for s in one] + [(s, 1) for s in other])
    turns = sum(before[1] != after[1] for before, after in pairwise(merged))
    if turns < LEAST_REPLIES:
        return "none"
    steps = _steps([s for s, _ in merged])
    return "aliases" if all(0 < step <= LARGEST_STEP for step in steps) else "not-aliases"


def _steps(samples: Iterable[Sample]) -> list[int]:
    """Give how far the counter moved between neighbours; a reordering counts as one step."""
    return [_step(before, after) for before, after in pairwise(samples)]


def _step(before: Sample, after: Sample) -> int:
    step = (after.ip_id - before.ip_id) % MODULUS
    is_overlapping = after.tx_us < before.rx_us
    return 1 if is_overlapping and 0 < MODULUS - step <= FUDGE else step
