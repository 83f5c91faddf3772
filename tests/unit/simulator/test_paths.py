"""Paths are judged hop by hop, and by why they end."""

import pytest

from hitscanner.simulator.paths import Judged, judge, score_paths
from hitscanner.simulator.truth import TrueHop, TruePath, Truth, flow_of
from hitscanner.simulator.world import WorldSpec, generate

from .tables_of_scamper import write_parquet
from .test_score import DPORT, SPORT, _text, trace_table


def path(*addresses, stop="completed"):
    """A path of addresses; None is a silent hop."""
    return TruePath(tuple(TrueHop(i, a, i) for i, a in enumerate(addresses, 1)), stop)


@pytest.mark.parametrize(
    ("stop", "hops", "paths", "expected"),
    [
        pytest.param(
            "COMPLETED", {1: {5}, 3: {6}}, [path(5, None, 6)], Judged(2, 0, 0, True), id="exact"
        ),
        pytest.param("COMPLETED", {1: {5}}, [path(5, 6)], Judged(1, 0, 1, True), id="missing"),
        pytest.param(
            "COMPLETED", {1: {9}, 2: {6}}, [path(5, 6)], Judged(1, 1, 0, True), id="wrong"
        ),
        pytest.param("GAPLIMIT", {1: {5}}, [path(5)], Judged(1, 0, 0, False), id="wrong end"),
        pytest.param(
            "LOOP", {1: {5}, 2: {6}, 3: {5}}, [path(5, 6, stop="loop")], Judged(2, 0, 0, True),
            id="the address that closes a loop",
        ),
        pytest.param(
            "COMPLETED", {1: {5}, 2: {8}}, [path(5, 6), path(5, 8)], Judged(2, 0, 0, True),
            id="either branch",
        ),
        pytest.param(
            "COMPLETED", {1: {5}}, [path(5, None), path(5, 8)], Judged(1, 0, 0, True),
            id="silent on one branch",
        ),
    ],
)  # fmt: skip
def test_a_trace_is_judged_hop_by_hop(stop, hops, paths, expected):
    assert expected == judge(stop, hops, paths)


@pytest.fixture(scope="module")
def world():
    return generate(WorldSpec(8, 60, ("us-0001", "jp-0001"), 20))


def reply_table(world):
    """Return a row of `replies` for each hop that can be seen."""
    truth, rows = Truth(world), []
    for target in world.targets():
        for vp in world.vantage_points:
            version, dst = target.version, int(target)
            probed = flow_of(vp.name, version, vp.address(version), dst, "udp-paris", SPORT, DPORT)
            [seen] = truth.paths(probed, 1, 5)
            rows += [
                {
                    "vp": vp.name,
                    "dst_addr": str(target),
                    "section": "hop",
                    "probe_ttl": hop.ttl,
                    "addr": _text(version, hop.address),
                    "stop": seen.stop,
                }
                for hop in seen.hops
                if hop.address is not None
            ]
    return rows


STOPS = {"completed": "COMPLETED", "unreach": "UNREACH", "loop": "LOOP", "gap": "GAPLIMIT"}


def judged(world, tmp_path, replies):
    ends = {(row["vp"], row["dst_addr"]): STOPS[row["stop"]] for row in reply_table(world)}
    traces = [
        row | {"stop_reason": ends.get((row["vp"], row["dst_addr"]), "GAPLIMIT")}
        for row in trace_table(world)
    ]
    tables = [
        write_parquet(traces, tmp_path / "traces.parquet"),
        write_parquet(replies, tmp_path / "replies.parquet"),
    ]
    return score_paths(world, tables[:1], tables[1:])


def test_perfect_paths_are_exact(world, tmp_path):
    result = judged(world, tmp_path, reply_table(world))

    assert (
        result.traces, result.exact, result.hops_wrong, result.hops_missing, result.wrong_ends
    ) == (40, 40, 0, 0, 0)  # fmt: skip


def test_a_swapped_and_a_deleted_hop_are_counted_and_named(world, tmp_path):
    rows = reply_table(world)
    rows[1], rows[2] = rows[1] | {"addr": rows[2]["addr"]}, rows[2] | {"addr": rows[1]["addr"]}
    result = judged(world, tmp_path, [*rows[:4], *rows[5:]])

    assert (result.hops_wrong, result.hops_missing, result.exact) == (2, 1, 39)
    assert "2 hops wrong, 1 missing" in result.worst[0]
