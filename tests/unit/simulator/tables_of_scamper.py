"""Tables `traces` and `links` from scamper's own reader: the tests need no other part of ours."""

import json
import subprocess
from itertools import pairwise
from pathlib import Path

import duckdb


def read_warts(paths):
    """Return the traces of warts files as `sc_warts2json` prints them, with their vp."""
    traces = []
    for vp, path in paths.items():
        text = subprocess.run(
            ["sc_warts2json", str(path)], check=True, capture_output=True, text=True
        ).stdout
        records = [json.loads(line) for line in text.splitlines()]
        traces += [record | {"vp": vp} for record in records if record["type"] == "trace"]
    return traces


def trace_rows(traces):
    """Return the columns of the table `traces` that a score reads."""
    return [
        {
            "vp": trace["vp"],
            "src_addr": trace["src"],
            "dst_addr": trace["dst"],
            "type": trace["method"],
            "sport": trace.get("sport", 0),
            "dport": trace.get("icmp_sum", trace.get("dport", 0)),
            "first_hop": trace["firsthop"],
            "gap_limit": 5,  # sc_warts2json 20211212 does not print it
            "stop_reason": trace["stop_reason"],
            "hop_count": trace["hop_count"],
        }
        for trace in traces
    ]


def link_rows(traces):
    """Return merged links: neighbours that reply, up to an address that is met again."""
    links = {}
    for trace in traces:
        for near, far in pairwise(_hops(trace)):
            if near[1] != far[1]:
                row = links.setdefault((near[1], far[1]), {"stars": 255, "freq": 0})
                row["stars"] = min(row["stars"], far[0] - near[0] - 1)
                row["freq"] += 1
    return [
        {"in": near, "out": far, "ambiguous": False, **row} for (near, far), row in links.items()
    ]


def _hops(trace):
    first = {}
    for hop in trace.get("hops", []):
        first.setdefault(hop["probe_ttl"], hop["addr"])
    kept = []
    for ttl, address in sorted(first.items()):
        if any(address == old for old_ttl, old in kept if old_ttl != ttl - 1):
            break
        kept.append((ttl, address))
    return kept


def write_parquet(rows, path):
    """Write rows, all of one form, as a Parquet file."""
    lines = Path(f"{path}.json")
    lines.write_text("".join(json.dumps(row) + "\n" for row in rows))
    with duckdb.connect() as database:
        database.execute(f"copy (from read_json('{lines}')) to '{path}' (format parquet)")
    lines.unlink()
    return path
