"""A cycle's Parquet files from traces written by hand, with the columns of docs/formats.md."""

from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import duckdb
import pytest

LIST = "demo"
CYCLE = "20261122T030000Z"
START_AT = 1795316400
"""That moment, epoch seconds."""


@dataclass(frozen=True)
class Trace:
    """The hops of one trace: (address, RTT in ms) by TTL from 1; None is silence."""

    dst_addr: str
    hops: tuple[tuple[str, float] | None, ...]


def _table(path: Path, columns: str, rows: list[tuple]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with duckdb.connect() as db:
        db.execute(f"CREATE TABLE t ({columns})")
        if rows:
            marks = ", ".join("?" * len(rows[0]))
            db.executemany(f"INSERT INTO t VALUES ({marks})", rows)
        db.execute(f"COPY t TO '{path}' (FORMAT parquet)")


def _links(traces: dict[str, list[Trace]]) -> list[tuple]:
    found: dict[tuple[str, str], list[tuple]] = defaultdict(list)
    for vp, of_vp in traces.items():
        for trace in of_vp:
            heard = [(ttl, *hop) for ttl, hop in enumerate(trace.hops, 1) if hop]
            for (near_ttl, near, near_ms), (far_ttl, far, far_ms) in pairwise(heard):
                delay = max(0.0, (far_ms - near_ms) / 2)
                seen = (far == trace.dst_addr, far_ttl - near_ttl - 1, delay, near_ttl, vp)
                found[near, far].append(seen)
    rows = []
    for (near, far), seen in sorted(found.items()):
        ttl, vp = min((s[3], s[4]) for s in seen)
        when = START_AT, START_AT + len(seen)
        first = (all(s[0] for s in seen), min(s[1] for s in seen), min(s[2] for s in seen))
        rows.append((near, far, *first, len(seen), ttl, vp, *when))
    return rows


def write_cycle(root: Path, traces: dict[str, list[Trace]]) -> None:
    """Write the tables of vantage point → traces under *root*."""
    for vp, of_vp in traces.items():
        where = f"list={LIST}/cycle={CYCLE}/vp={vp}/0000.parquet"
        rows = [(i, vp, "192.0.2.1", t.dst_addr) for i, t in enumerate(of_vp)]
        columns = "trace_id BIGINT, vp VARCHAR, src_addr VARCHAR, dst_addr VARCHAR"
        _table(root / "tables/traces" / where, columns, rows)
        replies = [
            (i, vp, t.dst_addr, "hop", hop[0], ttl, 1, round(hop[1] * 1000))
            for i, t in enumerate(of_vp)
            for ttl, hop in enumerate(t.hops, 1)
            if hop
        ]
        replies.extend(
            (i, vp, t.dst_addr, "pmtud", "198.51.100.99", 1, 1, 1) for i, t in enumerate(of_vp)
        )
        columns = (
            "trace_id BIGINT, vp VARCHAR, dst_addr VARCHAR, section VARCHAR, addr VARCHAR,"
            "probe_ttl INTEGER, probe_id INTEGER, rtt_us BIGINT"
        )
        _table(root / "tables/replies" / where, columns, replies)
    columns = (
        '"in" VARCHAR, "out" VARCHAR, is_dest BOOLEAN, stars INTEGER, delay_ms DOUBLE,'
        "freq BIGINT, ttl INTEGER, vp VARCHAR, first_seen BIGINT, last_seen BIGINT"
    )
    _table(root / f"topology/{LIST}/{CYCLE}/links.parquet", columns, _links(traces))


R1, R2, R3, R4 = "198.51.100.1", "198.51.100.2", "198.51.100.3", "198.51.100.4"
SMALL = {
    "us-0001": [
        Trace("203.0.113.1", ((R1, 1.0), (R2, 5.0), ("203.0.113.1", 9.0))),
        Trace("203.0.113.2", ((R1, 1.0), None, ("203.0.113.2", 19.0))),
        Trace("203.0.113.3", (None, None, None)),
    ],
    "jp-0001": [
        Trace("203.0.113.1", ((R3, 2.0), (R1, 4.0), (R2, 8.0), ("203.0.113.1", 11.0))),
        Trace("2001:db8::9", ((R3, 2.0), (R4, 3.0))),
    ],
}


@pytest.fixture
def small_cycle(tmp_path: Path) -> Path:
    """A store with the two vantage points of SMALL; one target silent, one not reached."""
    write_cycle(tmp_path, SMALL)
    return tmp_path
