"""Judge the records of alias tests, and keep evidence and counter-evidence as a table."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import astuple, dataclass
from ipaddress import ip_address
from itertools import combinations
from pathlib import Path
from typing import Any

from hitscanner.domain.alias_sets import Evidence, Verdict
from hitscanner.domain.ip_ids import LEAST_REPLIES, Sample, compare
from hitscanner.infra.parquet import read_table, write_table

PORT_UNREACHABLE = {(1, 3, 3), (58, 1, 4)}
"""Protocol, ICMP type and code by which mercator knows a router (RFC 792; RFC 4443, 3.1)."""


@dataclass(frozen=True, order=True)
class Row:
    """One judged pair of one test; the columns of the table `aliases`."""

    method: str
    vp: str
    a: str
    b: str | None
    """None: mercator got no answer, or one from the probed address itself."""

    verdict: Verdict
    said: str
    """scamper's own verdict; it has none for radargun."""

    a_replies: int
    b_replies: int
    tested_s: int
    """Start of the test, epoch seconds of the vantage point's clock."""

    def evidence(self) -> Evidence | None:
        """Give what it says about a pair, or None."""
        if self.b is None or self.verdict == "none":
            return None
        return Evidence.of(self.a, self.b, self.verdict, self.method)


TYPES = {
    "method": "VARCHAR",
    "vp": "VARCHAR",
    "a": "VARCHAR",
    "b": "VARCHAR",
    "verdict": "VARCHAR",
    "said": "VARCHAR",
    "a_replies": "INTEGER",
    "b_replies": "INTEGER",
    "tested_s": "BIGINT",
}


def judge(record: Mapping[str, Any], vp: str) -> list[Row]:
    """
    Judge one dealias record, as `hs-transform convert --to jsonl` writes it.

    >>> row, = judge({"type": "dealias", "method": "mercator", "result": "aliases",
    ...     "start": {"sec": 5, "usec": 0}, "probedefs": [{"id": 0, "dst": "192.0.2.1"}],
    ...     "probes": [{"probedef_id": 0, "tx": {"sec": 5, "usec": 0}, "replies": [{
    ...         "src": "192.0.2.9", "proto": 1, "icmp_type": 3, "icmp_code": 3,
    ...         "rx": {"sec": 5, "usec": 9}}]}]}, "us-0001")
    >>> row.a, row.b, row.verdict
    ('192.0.2.1', '192.0.2.9', 'aliases')
    """
    method = record["method"]
    if method == "mercator":
        return _mercator(record, vp)
    targets = {probedef["id"]: probedef["dst"] for probedef in record["probedefs"]}
    samples = _samples(record, targets)
    common = (record["result"], record["start"]["sec"])
    return [_pair(method, vp, a, b, samples, *common) for a, b in combinations(targets.values(), 2)]


def evidence_of(rows: Iterable[Row]) -> list[Evidence]:
    """
    Give what the judged pairs say, without what a better test could not confirm.

    Five identifiers of no counter at all are in order now and then.  So an alias by ally does not
    count when radargun asked the same pair in rounds, was answered, and found no counter.

    >>> ally = Row("ally", "us", "192.0.2.1", "192.0.2.2", "aliases", "aliases", 3, 2, 0)
    >>> rounds = Row("radargun", "us", "192.0.2.1", "192.0.2.2", "none", "none", 10, 10, 9)
    >>> len(evidence_of([ally])), len(evidence_of([ally, rounds]))
    (1, 0)
    """
    rows = list(rows)
    refuted = {
        (row.a, row.b)
        for row in rows
        if row.method == "radargun" and row.verdict == "none" and _was_answered(row)
    }
    said = [row for row in rows if row.method != "ally" or (row.a, row.b) not in refuted]
    return [evidence for row in said if (evidence := row.evidence()) is not None]


def _was_answered(row: Row) -> bool:
    return min(row.a_replies, row.b_replies) >= LEAST_REPLIES


def read_records(jsonl: Path) -> Iterator[dict[str, Any]]:
    """Yield the dealias records of a file of JSON lines."""
    with jsonl.open() as lines:
        for line in lines:
            if '"dealias"' in line[:40]:
                yield json.loads(line)


def write_rows(rows: Iterable[Row], to: Path) -> None:
    """Write the table, sorted; the same rows give the same bytes."""
    write_table(TYPES, [astuple(row) for row in sorted(rows, key=_order)], to)


def read_rows(files: Iterable[Path]) -> list[Row]:
    """Read what `write_rows` wrote."""
    return [Row(*values) for values in read_table(files, tuple(TYPES))]


def _order(row: Row) -> tuple[Any, ...]:
    return (row.method, row.vp, row.a, row.b or "", row.tested_s, row.verdict)


def _mercator(record: Mapping[str, Any], vp: str) -> list[Row]:
    target = record["probedefs"][0]["dst"]
    replies = [reply for probe in record["probes"] for reply in probe["replies"]]
    sources = {
        reply["src"]
        for reply in replies
        if (reply["proto"], reply.get("icmp_type"), reply.get("icmp_code")) in PORT_UNREACHABLE
    }
    others: list[str | None] = sorted(sources - {target})
    return [
        Row(
            method="mercator",
            vp=vp,
            a=target,
            b=other,
            verdict="aliases" if other and _is_proof(target, other) else "none",
            said=record["result"],
            a_replies=len(replies),
            b_replies=0,
            tested_s=record["start"]["sec"],
        )
        for other in others or [None]
    ]


def _is_proof(target: str, other: str) -> bool:
    """
    Say whether an answer from *other* shows that it is the same router's.

    Private addresses mean another router in each network, so one that answers for a public address
    may be anybody's.

    >>> _is_proof("9.9.9.9", "10.0.0.1"), _is_proof("10.0.0.2", "10.0.0.1")
    (False, True)
    """
    return ip_address(target).is_private or not ip_address(other).is_private


def _samples(record: Mapping[str, Any], targets: Mapping[int, str]) -> dict[str, list[Sample]]:
    """Give the answers of each address that came from it; IPv6 has no identifier in its header."""
    found: dict[str, list[Sample]] = {target: [] for target in targets.values()}
    for probe in record["probes"]:
        target = targets[probe["probedef_id"]]
        found[target] += [
            Sample(_us(probe["tx"]), _us(reply["rx"]), reply["ipid"], probe["ipid"])
            for reply in probe["replies"]
            if reply.get("src") == target and "ipid" in reply
        ]
    return found


def _us(time: Mapping[str, int]) -> int:
    return time["sec"] * 1_000_000 + time["usec"]


def _pair(
    method: str,
    vp: str,
    a: str,
    b: str,
    samples: Mapping[str, list[Sample]],
    said: str,
    tested_s: int,
) -> Row:
    ours = compare(samples[a], samples[b])
    return Row(
        method=method,
        vp=vp,
        a=a,
        b=b,
        verdict=_agreed(ours, said) if method == "ally" else ours,
        said=said,
        a_replies=len(samples[a]),
        b_replies=len(samples[b]),
        tested_s=tested_s,
    )


def _agreed(ours: Verdict, said: str) -> Verdict:
    """
    Take scamper's verdict about a pair unless ours is another: ally has few samples.

    >>> _agreed("none", "aliases"), _agreed("not-aliases", "aliases"), _agreed("none", "halted")
    ('aliases', 'none', 'none')
    """
    if said == "aliases":
        return "none" if ours == "not-aliases" else "aliases"
    if said == "not-aliases":
        return "none" if ours == "aliases" else "not-aliases"
    return "none"
