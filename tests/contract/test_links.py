"""Links and JSON of 50,000 traces are what Debian's own reader says, value by value."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from tests.support.paths import REPOSITORY

LAB = REPOSITORY / "transform_rs/tests/data/lab-50k-traces.warts.zst"
VP = "vp-1.example"


@pytest.fixture(scope="module")
def oracle(tmp_path_factory):
    """The lines that `sc_warts2json` prints."""
    if shutil.which("sc_warts2json") is None:
        pytest.skip("needs sc_warts2json: apt-get install scamper")
    raw = tmp_path_factory.mktemp("lab") / "lab.warts"
    subprocess.run(["zstd", "-q", "-d", LAB, "-o", raw], check=True)
    return raw


def objects(argv: list[Any]) -> Iterator[dict[str, Any]]:
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        yield from map(json.loads, program.stdout)
    assert program.returncode == 0


def links_of(trace: dict[str, Any]) -> Iterator[tuple[str, str, bool, int, int, int]]:
    """Neighbouring answers: in, out, is the destination, stars, RTT difference in µs, TTL."""
    hops = [(h["probe_ttl"], h["addr"], round(h["rtt"] * 1000)) for h in trace.get("hops", [])]
    for (ttl, near, near_us), (far_ttl, far, far_us) in pairwise(hops):
        yield near, far, far == trace["dst"], far_ttl - ttl - 1, far_us - near_us, ttl


def rows(oracle: Path) -> dict[tuple[str, str], tuple[bool, int, int, int, int, int, int]]:
    """Merge by design §4.4; this file has neither loops nor a TTL with two answers."""
    merged: dict[tuple[str, str], tuple[bool, int, int, int, int, int, int]] = {}
    for trace in objects(["sc_warts2json", oracle]):
        if trace["type"] != "trace":
            continue
        at = trace["start"]["sec"]
        for near, far, is_dest, stars, delay_us, ttl in links_of(trace):
            new = (is_dest, stars, delay_us, 1, ttl, at, at)
            old = merged.get((near, far), new)
            freq = old[3] + 1 if (near, far) in merged else 1
            merged[near, far] = (
                *(old[0] and is_dest, min(old[1], stars), min(old[2], delay_us), freq),
                *(min(old[4], ttl), min(old[5], at), max(old[6], at)),
            )
    return merged


def test_links_of_fifty_thousand_traces_are_those_of_debians_reader(oracle, hs_transform, tmp_path):
    out = tmp_path / "links.txt"
    subprocess.run([hs_transform, "convert", "--to", "links", "-o", out, LAB], check=True)

    found = {
        tuple(fields[:2]): fields[2:] for fields in map(str.split, out.read_text().splitlines())
    }
    expected = rows(oracle)
    assert expected.keys() == found.keys()
    for link, (is_dest, stars, delay_us, freq, ttl, first, last) in expected.items():
        dest, found_stars, delay_ms, found_freq, found_ttl, vp, found_first, found_last = found[
            link
        ]
        assert ("Y" if is_dest else "N") == dest, link
        assert [stars, freq, ttl, first, last] == list(
            map(int, (found_stars, found_freq, found_ttl, found_first, found_last))
        ), link
        assert abs(float(delay_ms) - max(0, delay_us) / 2000) < 0.000501, link  # three decimals
        assert vp == VP


def test_json_of_fifty_thousand_traces_has_every_value_that_debians_reader_prints(
    oracle, hs_transform, tmp_path
):
    out = tmp_path / "lab.jsonl"
    subprocess.run([hs_transform, "convert", "--to", "jsonl", "-o", out, LAB], check=True)

    compared = 0
    with out.open() as lines:
        pairs = zip(objects(["sc_warts2json", oracle]), map(json.loads, lines), strict=True)
        for theirs, ours in pairs:
            assert same(theirs, ours), theirs
            compared += 1
    assert compared == 50_002


def same(theirs: Any, ours: Any) -> bool:
    """Every key that they print is ours too, with an equal value, all the way down."""
    if isinstance(theirs, dict):
        return all(key in ours and same(value, ours[key]) for key, value in theirs.items())
    if isinstance(theirs, list):
        return len(theirs) == len(ours) and all(map(same, theirs, ours))
    return bool(theirs == ours)
