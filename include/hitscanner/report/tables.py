"""
Read a cycle's Parquet files with DuckDB: the one place that knows their columns.

Files (docs/formats.md)::

    tables/traces/list=<list>/cycle=<cycle>/vp=<vp>/<shard>.parquet    one row per trace
    tables/replies/list=<list>/cycle=<cycle>/vp=<vp>/<shard>.parquet   one row per reply
    topology/<list>/<cycle>/links.parquet                              one row per link

The vantage point is taken from the path, because accounting is by path.  A trace is named by its
file and `trace_id`.  Only replies of the path count (`section` is `hop`), not those of PMTUD or of
last-ditch probing.  A file that does not exist reads as no rows: silence stays silence.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import duckdb

QUANTILES = 100
"""Steps of the RTT distributions: one point per percentile."""

_SCHEMA = """
CREATE TEMP TABLE traces (vp VARCHAR, filename VARCHAR, trace_id BIGINT);
CREATE TEMP TABLE replies (
    vp VARCHAR, filename VARCHAR, trace_id BIGINT, addr VARCHAR, probe_ttl INTEGER,
    probe_id INTEGER, rtt_us BIGINT, is_dst BOOLEAN
);
CREATE TEMP TABLE links (
    near_addr VARCHAR, far_addr VARCHAR, is_dest BOOLEAN, stars INTEGER, delay_ms DOUBLE,
    freq BIGINT, ttl INTEGER, vp VARCHAR, first_seen BIGINT, last_seen BIGINT
);
"""

_TRACES = """
INSERT INTO traces SELECT regexp_extract(filename, '/vp=([^/]+)/', 1), filename, trace_id
FROM read_parquet($files, filename = true, union_by_name = true, hive_partitioning = false)
"""

_REPLIES = """
INSERT INTO replies
SELECT regexp_extract(filename, '/vp=([^/]+)/', 1), filename, trace_id, addr, probe_ttl,
       probe_id, rtt_us, addr = dst_addr
FROM read_parquet($files, filename = true, union_by_name = true, hive_partitioning = false)
WHERE addr IS NOT NULL AND section = 'hop'
"""

_LINKS = """
INSERT INTO links
SELECT "in", "out", CAST(is_dest AS VARCHAR) IN ('Y', 'true'), stars, delay_ms, freq, ttl, vp,
       first_seen, last_seen
FROM read_parquet($files, hive_partitioning = false)
"""

_COUNTS = """
SELECT vp, count(*), (
    SELECT count(DISTINCT (filename, trace_id)) FROM replies AS r WHERE r.vp = traces.vp
)
FROM traces GROUP BY vp ORDER BY vp
"""

_REACHED = """
CREATE TEMP TABLE reached AS
SELECT vp, filename, trace_id, min(rtt_us) / 1000 AS rtt_ms, min(probe_ttl) AS hops
FROM replies WHERE is_dst GROUP BY ALL
"""

_RTT = """
SELECT vp, median(rtt_ms), quantile_cont(rtt_ms, $points) FROM reached
WHERE rtt_ms IS NOT NULL GROUP BY ROLLUP (vp) HAVING count(*) > 0
"""

_HOPS = (
    "SELECT vp, hops, count(*) FROM reached GROUP BY GROUPING SETS ((vp, hops), (hops)) ORDER BY 2"
)

_ADDRESSES = """
SELECT addr, min(probe_ttl), min(rtt_us) / 1000, bool_and(is_dst), list_sort(list(DISTINCT vp))
FROM replies GROUP BY addr ORDER BY addr
"""

_FIRST_REPLIES = """
WITH nearest AS (
    SELECT vp, arg_min(addr, probe_ttl) AS addr, min(probe_ttl) AS ttl
    FROM replies GROUP BY vp, filename, trace_id
)
SELECT vp, addr, min(ttl) FROM nearest GROUP BY vp, addr ORDER BY vp, addr
"""

_SEEN_BY = """
WITH step AS (
    SELECT vp, addr AS far_addr,
           lag(addr) OVER path AS near_addr, lag(rtt_us) OVER path AS near_us, rtt_us AS far_us
    FROM replies
    WINDOW path AS (PARTITION BY filename, trace_id ORDER BY probe_ttl, probe_id)
)
SELECT near_addr, far_addr, list_sort(list(DISTINCT vp)), min(near_us) / 1000, min(far_us) / 1000
FROM step
WHERE near_addr IS NOT NULL AND near_addr <> far_addr
GROUP BY ALL
"""

_ALL_LINKS = "SELECT * FROM links ORDER BY near_addr, far_addr"


@dataclass(frozen=True)
class CycleFiles:
    """Where the Parquet files of a cycle are."""

    traces: tuple[Path, ...]
    replies: tuple[Path, ...]
    links: Path

    @classmethod
    def find(cls, root: Path, list_name: str, cycle: str) -> "CycleFiles":
        """List what there is of *cycle* under the store's *root*, sorted; that may be nothing."""

        def shards(table: str) -> tuple[Path, ...]:
            folder = root / "tables" / table / f"list={list_name}" / f"cycle={cycle}"
            return tuple(sorted(folder.glob("vp=*/*.parquet")))

        links = root / "topology" / list_name / cycle / "links.parquet"
        return cls(traces=shards("traces"), replies=shards("replies"), links=links)


@dataclass(frozen=True)
class Answers:
    """What came back to one vantage point, or to all of them."""

    traces: int
    replied: int
    """Traces with at least one reply."""

    reached: int
    """Traces whose destination replied."""

    median_rtt_ms: float | None
    """Of the destinations' replies, the fastest of each trace; None without any."""

    rtt_quantiles_ms: tuple[float, ...] = ()
    """The same distribution at every percentile from 0 to 100."""

    path_lengths: tuple[tuple[int, int], ...] = ()
    """(hops to the destination, traces), ascending."""


@dataclass(frozen=True)
class Link:
    """Two addresses at neighbouring responding hops (docs/formats.md, links)."""

    near_addr: str
    far_addr: str
    is_dest: bool
    stars: int
    delay_ms: float | None
    freq: int
    ttl: int
    vps: tuple[str, ...]
    """Everyone who saw it, sorted."""

    first_seen: int | None = None
    """Start of the first trace that shows it, epoch seconds."""

    last_seen: int | None = None
    near_rtt_ms: float | None = None
    """The least RTT of the near end on a path that shows the link."""

    far_rtt_ms: float | None = None


@dataclass(frozen=True)
class Seen:
    """An address that replied."""

    hop: int
    """The smallest TTL it answered at."""

    rtt_ms: float | None
    is_destination: bool
    """It never answered but as the destination of a trace."""

    vps: tuple[str, ...]


@dataclass(frozen=True)
class Topology:
    """Everything a picture of the cycle needs."""

    links: tuple[Link, ...]
    addresses: Mapping[str, Seen]
    first_replies: tuple[tuple[str, str, int], ...]
    """(vantage point, address, TTL) of the first reply of each trace, without repeats."""


class Cycle:
    """
    The tables of one cycle, open for questions.

    Raises:
        duckdb.Error: if a file is there and cannot be read.
    """

    def __init__(self, files: CycleFiles) -> None:
        self._db = duckdb.connect(config={"threads": 2})
        self._db.execute(_SCHEMA)
        self._read(_TRACES, files.traces)
        self._read(_REPLIES, files.replies)
        self._read(_LINKS, (files.links,) if files.links.exists() else ())
        self._db.execute(_REACHED)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    def _read(self, query: str, files: Sequence[Path]) -> None:
        if files:
            self._db.execute(query, {"files": [str(file) for file in files]})

    def _rows(self, query: str, **parameters: object) -> list[tuple[Any, ...]]:
        return self._db.execute(query, parameters or None).fetchall()

    def answers(self) -> tuple[dict[str, Answers], Answers]:
        """Return what came back, by vantage point that has a table, and to all together."""
        points = [step / QUANTILES for step in range(QUANTILES + 1)]
        rtts = {row[0]: row[1:] for row in self._rows(_RTT, points=points)}
        lengths: dict[str | None, list[tuple[int, int]]] = {}
        for vp, hops, count in self._rows(_HOPS):
            lengths.setdefault(vp, []).append((hops, count))
        each = {
            vp: _answers(traces, replied, rtts.get(vp), lengths.get(vp, []))
            for vp, traces, replied in self._rows(_COUNTS)
        }
        traces = sum(vp.traces for vp in each.values())
        replied = sum(vp.replied for vp in each.values())
        return each, _answers(traces, replied, rtts.get(None), lengths.get(None, []))

    def count_links(self) -> int:
        """Return how many links the cycle has."""
        return int(self._rows("SELECT count(*) FROM links")[0][0])

    def count_addresses(self) -> int:
        """Return how many addresses replied, routers and destinations together."""
        return int(self._rows("SELECT count(DISTINCT addr) FROM replies")[0][0])

    def topology(self) -> Topology:
        """Return links, addresses and first hops, each in the order of its text."""
        seen_by = {
            (near, far): _Sight(tuple(vps), *rtts) for near, far, vps, *rtts in self._rows(_SEEN_BY)
        }
        links = tuple(_link(row, seen_by) for row in self._rows(_ALL_LINKS))
        addresses = {row[0]: _seen(row) for row in self._rows(_ADDRESSES)}
        first = tuple((vp, addr, ttl) for vp, addr, ttl in self._rows(_FIRST_REPLIES))
        return Topology(links, addresses, first)


def _answers(
    traces: int, replied: int, rtt: tuple[Any, ...] | None, lengths: list[tuple[int, int]]
) -> Answers:
    reached = sum(count for _, count in lengths)
    if rtt is None:
        return Answers(traces, replied, reached, None, (), tuple(lengths))
    median, quantiles = rtt
    return Answers(traces, replied, reached, median, tuple(quantiles), tuple(lengths))


@dataclass(frozen=True)
class _Sight:
    """Who saw a link, and with what RTTs."""

    vps: tuple[str, ...]
    near_rtt_ms: float | None = None
    far_rtt_ms: float | None = None


def _link(row: tuple[Any, ...], seen_by: Mapping[tuple[str, str], _Sight]) -> Link:
    near, far, is_dest, stars, delay_ms, freq, ttl, vp, first_seen, last_seen = row
    sight = seen_by.get((near, far), _Sight(() if vp is None else (vp,)))
    return Link(
        *(near, far, is_dest, stars, delay_ms, freq, ttl, sight.vps, first_seen, last_seen),
        near_rtt_ms=sight.near_rtt_ms,
        far_rtt_ms=sight.far_rtt_ms,
    )


def _seen(row: tuple[Any, ...]) -> Seen:
    _, hop, rtt_ms, is_destination, vps = row
    return Seen(hop, rtt_ms, is_destination, tuple(vps))
