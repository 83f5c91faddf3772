"""Cut a shard into slices: the unit of stopping, of accounting and of fetching."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from itertools import islice
from typing import TypeVar

from .dealias import packets_of
from .job import JobSpec

T = TypeVar("T")

EXPECTED_HOPS = 16
"""Hops of a trace from TTL 1, a little above the median of Internet paths (12 to 15)."""

SILENT_SHARE = 0.25
"""Part of the hops that does not answer and so costs every attempt."""


def tests_per_slice(spec: JobSpec, tests: Collection[bytes]) -> int:
    """
    Return how many of a job's alias *tests* make a slice, as `targets_per_slice` does for traces.

    >>> from types import SimpleNamespace
    >>> from .tasks import pack_test
    >>> spec = SimpleNamespace(rate_pps=100, slice_s=300)
    >>> tests_per_slice(spec, [pack_test("ally 192.0.2.1 192.0.2.2") or b""])
    6000
    """
    packets = sum(packets_of(test, spec) for test in tests) / len(tests)
    return max(1, int(spec.slice_s * spec.rate_pps / packets))


def targets_per_slice(spec: JobSpec) -> int:
    """
    Return how many targets make a slice of about `slice_s` seconds at `rate_pps`.

    It depends on the job only, so a run that is resumed cuts as the first one did.

    >>> from types import SimpleNamespace
    >>> spec = SimpleNamespace(first_hop=1, attempts=2, rate_pps=100, slice_s=300, confirm=False)
    >>> targets_per_slice(spec)
    1500
    """
    hops = max(1, EXPECTED_HOPS + 1 - spec.first_hop)
    repeated = 1 if spec.confirm else SILENT_SHARE
    packets = hops * (1 + (spec.attempts - 1) * repeated)
    return max(1, int(spec.slice_s * spec.rate_pps / packets))


def cut(pending: Iterable[T], size: int) -> list[T]:
    """
    Return the next slice of *pending*: its first *size* items, in order.

    >>> cut("abc", 2)
    ['a', 'b']
    """
    return list(islice(pending, size))
