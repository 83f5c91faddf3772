"""What a job asks for: `job.json` and `targets.txt`, checked strictly."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .errors import BadJobError
from .spool import JobDir
from .tasks import DEALIAS_METHODS, pack, pack_test

METHODS = ("udp-paris", "icmp-paris", "udp", "icmp", "tcp", "tcp-ack")
"""Probe methods; the names are those of scamper's `trace -P` (scamper(1), TRACE OPTIONS)."""

KINDS = {"trace": METHODS, "dealias": tuple(DEALIAS_METHODS)}
"""What a job can be, and the methods of each."""

_NAMES = {
    "list": re.compile(r"[a-z0-9][a-z0-9_-]*"),
    "cycle": re.compile(r"\d{8}T\d{6}Z(-\d+)?"),
    "vp": re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?"),
    "shard": re.compile(r"\d{4}"),
    "targets_sha256": re.compile(r"[0-9a-f]{64}"),
    "dnp_sha256": re.compile(r"[0-9a-f]{64}"),
}

_RANGES = {
    "version": (1, 1),
    "list_id": (1, 2**32 - 1),
    "cycle_id": (1, 2**32 - 1),
    "first_hop": (1, 254),
    "gap": (1, 255),
    "attempts": (1, 20),
    "rounds": (4, 100),
    "wait_s": (1, 10),
    "rate_pps": (1, 10_000),
    "max_pps": (1, 10_000),
    "slice_s": (1, 86_400),
    "max_clock_offset_s": (1, 86_400),
    "deadline_s": (1, 30 * 86_400),
}
"""Least and greatest value; those of the trace options and of the rate are scamper 20211212's."""


@dataclass(frozen=True)
class JobSpec:
    """One shard's work, frozen when the cycle was planned."""

    version: int
    list: str
    cycle: str
    vp: str
    shard: str
    list_id: int
    cycle_id: int
    source_addresses: dict[str, str | None]
    """`"4"` and `"6"` → the address probes must leave from, or None: whatever the kernel picks."""

    targets_sha256: str
    dnp_sha256: str
    method: str
    attempts: int
    wait_s: int
    rate_pps: int
    max_pps: int
    """Packets per second of all probers of this vantage point together."""

    slice_s: int
    max_clock_offset_s: int
    deadline_s: int
    kind: str = "trace"
    first_hop: int = 1
    """Of a trace: TTL of the first probe."""

    gap: int = 5
    """Of a trace: silent hops that end it."""

    confirm: bool = False
    """Of a trace: send every attempt to each hop, also after an answer."""

    rounds: int = 0
    """Of a dealias job: how often radargun asks each address."""

    @property
    def read_line(self) -> Callable[[str], bytes | None]:
        """What turns a line of `targets.txt` into bytes."""
        return pack_test if self.kind == "dealias" else pack


_OWN_KEYS = {"trace": {"first_hop", "gap"}, "dealias": {"rounds"}}
_MAY_BE_ABSENT = {"trace": {"kind", "confirm"}, "dealias": {"kind"}}
_KEYS = set(JobSpec.__dataclass_fields__).difference({"kind", "confirm"}, *_OWN_KEYS.values())


def parse_job(text: str) -> JobSpec:
    """
    Return the job that *text*, a JSON object, describes.

    Raises:
        BadJobError: naming the key that is missing, unknown or out of range.

    >>> parse_job('{"version": 1}')
    Traceback (most recent call last):
    hitscanner.prober.errors.BadJobError: job.json: key 'attempts' is missing; plan the cycle again
    """
    try:
        raw = json.loads(text)
    except ValueError as error:
        raise BadJobError(f"job.json is not JSON ({error}); stage the job again") from error
    if not isinstance(raw, dict):
        raise BadJobError("job.json is not a JSON object; stage the job again")
    kind = raw.get("kind", "trace")
    if not isinstance(kind, str) or kind not in KINDS:
        raise BadJobError(f"job.json: kind is {kind!r}; use one of {', '.join(KINDS)}")
    keys = _KEYS | _OWN_KEYS[kind]
    for key in sorted(keys - set(raw)):
        raise BadJobError(f"job.json: key {key!r} is missing; plan the cycle again")
    for key in sorted(set(raw) - keys - _MAY_BE_ABSENT[kind]):
        raise BadJobError(f"job.json: unknown key {key!r}; use the prober of the same release")
    _check_values(raw)
    return JobSpec(**raw)


def _check_values(raw: dict[str, Any]) -> None:
    for key, (least, greatest) in ((k, r) for k, r in _RANGES.items() if k in raw):
        value = raw[key]
        if type(value) is not int or not least <= value <= greatest:
            raise BadJobError(f"job.json: {key} is {value!r}; give {least} to {greatest}")
    if type(raw.get("confirm", False)) is not bool:
        raise BadJobError(f"job.json: confirm is {raw['confirm']!r}; give true or false")
    for key, pattern in _NAMES.items():
        value = raw[key]
        if not isinstance(value, str) or not pattern.fullmatch(value):
            raise BadJobError(f"job.json: {key} is {value!r}; it must match {pattern.pattern}")
    methods = KINDS[raw.get("kind", "trace")]
    if raw["method"] not in methods:
        raise BadJobError(f"job.json: method is {raw['method']!r}; use one of {', '.join(methods)}")
    if raw["rate_pps"] > raw["max_pps"]:
        raise BadJobError(
            f"job.json: rate_pps {raw['rate_pps']} is above max_pps {raw['max_pps']}; lower it"
        )
    _check_sources(raw["source_addresses"])


def _check_sources(sources: Any) -> None:
    if not isinstance(sources, dict) or set(sources) != {"4", "6"}:
        raise BadJobError('job.json: source_addresses must have the keys "4" and "6"; null is fine')
    for family, address in sources.items():
        if address is None:
            continue
        packed = pack(address) if isinstance(address, str) else None
        if packed is None or len(packed) != (4 if family == "4" else 16):
            raise BadJobError(
                f"job.json: source_addresses[{family}] is {address!r}; "
                f"give an IPv{family} address or null"
            )


def parse_targets(text: str, read_line: Callable[[str], bytes | None] = pack) -> dict[bytes, str]:
    r"""
    Return packed line → line as it is written, in the order of *text*.

    Args:
        text: an address a line, or what else *read_line* reads.
        read_line: packs a line; None if it is wrong.

    Raises:
        BadJobError: naming the line that is wrong or is there twice, or an empty list.

    >>> list(parse_targets("192.0.2.1\n2001:db8::1\n").values())
    ['192.0.2.1', '2001:db8::1']
    """
    targets: dict[bytes, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        packed = read_line(line)
        if packed is None:
            what = "address" if read_line is pack else "test"
            raise BadJobError(f"targets.txt line {number}: {line!r} is no {what}; stage it again")
        if packed in targets:
            raise BadJobError(f"targets.txt line {number}: {line} is there twice; plan again")
        targets[packed] = line
    if not targets:
        raise BadJobError("targets.txt has no target; plan the cycle again")
    return targets


def load_job(paths: JobDir) -> JobSpec:
    """
    Read `job.json` of *paths*.

    Raises:
        BadJobError: if it is missing, wrong, or lies in another job's directory.
    """
    try:
        spec = parse_job(paths.job.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise BadJobError(f"cannot read {paths.job}: {error}; stage the job again") from error
    here = tuple(paths.path.parts[-3:])
    named = (spec.list, spec.cycle, spec.shard)
    if here != named:
        raise BadJobError(f"job.json is of {'/'.join(named)} but lies in {'/'.join(here)}; move it")
    return spec


def load_targets(paths: JobDir, spec: JobSpec) -> dict[bytes, str]:
    """
    Read `targets.txt` of *paths*, whose digest *spec* knows.

    Raises:
        BadJobError: if it is missing, is another list than was planned, or has a wrong line.
    """
    try:
        data = paths.targets.read_bytes()
        text = data.decode("ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise BadJobError(f"cannot read {paths.targets}: {error}; stage the job again") from error
    digest = hashlib.sha256(data).hexdigest()
    if digest != spec.targets_sha256:
        raise BadJobError(
            f"targets.txt has digest {digest[:12]}, job.json says {spec.targets_sha256[:12]}; "
            "stage the job again"
        )
    return parse_targets(text, spec.read_line)
