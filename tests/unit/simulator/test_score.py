"""The score is perfect for what is perfect, and drops for everything that is not."""

import json

import pytest

from hitscanner.simulator import addressing
from hitscanner.simulator.addressing import link_address
from hitscanner.simulator.objects import Event, Link, Prefix, Router
from hitscanner.simulator.score import score
from hitscanner.simulator.tables import TableError
from hitscanner.simulator.truth import Truth, flow_of, links
from hitscanner.simulator.world import World, WorldSpec, generate

from .tables_of_scamper import write_parquet
from .worlds import VP, host, line, plain_line, source

SPORT, DPORT = 0x8001, 33435


def trace_table(world):
    """Return a row of `traces` for each target and vantage point."""
    return [
        {
            "vp": vp.name,
            "src_addr": _text(target.version, vp.address(target.version)),
            "dst_addr": str(target),
            "type": "udp-paris",
            "sport": SPORT,
            "dport": DPORT,
            "first_hop": 1,
            "gap_limit": 5,
            "stop_reason": "COMPLETED",
            "hop_count": 20,
        }
        for target in world.targets()
        for vp in world.vantage_points
    ]


def perfect(world):
    """Return rows of `traces` and `links` as a prober that loses nothing leaves them."""
    truth, found = Truth(world), {}
    for target in world.targets():
        for vp in world.vantage_points:
            version, dst = target.version, int(target)
            src = source(version, vp.id)
            probed = flow_of(vp.name, version, src, dst, "udp-paris", SPORT, DPORT)
            [path] = truth.paths(probed, 1, 5)
            for link in links(path, version, dst):
                ends = _text(version, link.near), _text(version, link.far)
                row = {"in": ends[0], "out": ends[1], "stars": link.stars, "freq": 1}
                found.setdefault(ends, {**row, "ambiguous": False})
    return trace_table(world), list(found.values())


def _text(version, value):
    return str(addressing.to_address(version, value))


@pytest.fixture(scope="module")
def world():
    return generate(WorldSpec(3, 60, ("us-0001", "jp-0001"), 30))


@pytest.fixture
def judge(world, tmp_path):
    """Score the perfect tables after something was done to the links."""

    def judged(spoil=lambda rows: rows, of=world):
        traces, rows = perfect(of)
        files = [write_parquet(traces, tmp_path / "traces.parquet")]
        return score(of, files, write_parquet(spoil(rows), tmp_path / "links.parquet"))

    return judged


def test_what_is_perfect_scores_one(judge):
    result = judge()

    assert (result.precision, result.recall, result.missed, result.ambiguous) == (1.0, 1.0, 0, 0)
    assert result.found == result.true == result.visible > 100


def test_links_of_the_two_families_are_counted_apart(judge):
    def without_v4(rows):
        return [row for row in rows if ":" in row["in"]]

    whole, spoilt = judge().by_version, judge(without_v4).by_version

    assert whole[4].visible + whole[6].visible == judge().visible
    assert (whole[4].recall, whole[6].recall) == (1.0, 1.0)
    assert (spoilt[4].recall, spoilt[4].found, spoilt[6]) == (0.0, 0, whole[6])


def test_a_deleted_link_is_missed_and_named(judge):
    result = judge(lambda rows: rows[1:])

    assert (result.precision, result.missed) == (1.0, 1)
    assert result.recall == 1 - 1 / result.visible
    assert "no reply at hop" in result.missed_links[0].reason


def test_swapped_ends_are_false_and_the_link_is_missed(judge):
    swap = lambda row: {**row, "in": row["out"], "out": row["in"]}  # noqa: E731
    result = judge(lambda rows: [swap(rows[0]), *rows[1:]])

    assert 1 == result.missed == len(result.false_links)
    assert result.false_links[0].reason == "the two ends are swapped"


def test_a_link_that_skips_a_hop_without_saying_so_is_false(judge):
    skip = lambda a, b: {**a, "out": b["out"]}  # noqa: E731
    result = judge(lambda rows: [skip(rows[0], rows[1]), *rows[2:]])

    assert len(result.false_links) == 1
    assert result.false_links[0].reason == "on the path, but with 1 hops between them, not 0"


def test_a_link_over_a_lost_reply_is_true_because_it_says_so(judge):
    skip = lambda a, b: {**a, "out": b["out"], "stars": 1}  # noqa: E731
    result = judge(lambda rows: [skip(rows[0], rows[1]), *rows[2:]])

    assert (result.precision, result.missed) == (1.0, 2)


def test_an_address_of_nobody_is_false(judge):
    result = judge(lambda rows: [{**rows[0], "out": "192.0.2.1"}, *rows[1:]])

    assert result.false_links[0].reason == "192.0.2.1 is not an address of this world"


def test_a_link_marked_ambiguous_is_counted_apart(judge):
    wrong = {"in": "100.64.0.1", "out": "192.0.2.1", "stars": 0, "freq": 1, "ambiguous": True}
    result = judge(lambda rows: [*rows, wrong])

    assert (result.precision, result.recall, result.ambiguous) == (1.0, 1.0, 1)


def test_silent_routers_are_no_fault_of_the_prober(judge):
    silent = line(Router(id=1), Router(id=2, silent=True), Router(id=3))

    assert (
        judge(of=silent).precision,
        judge(of=silent).recall,
        judge(of=silent).found,
    ) == (1.0, 1.0, 2)
    assert [f"{addressing.prefix_network(4, 0)[1]}"] == [str(t) for t in silent.targets()]
    assert host(4) == int(silent.targets()[0])


BRANCHES = {
    "balances by packet": ({"balance": "packet"}, [], "udp-paris", "router 1 balances by packet"),
    "changes route": ({}, [Event(at_s=1.0, action="link_down", link=0)], "udp-paris", "changed"),
    "method": ({}, [], "udp", "the method udp changes its flow: two branches behind router 1"),
}


@pytest.mark.parametrize(("habit", "events", "method", "says"), BRANCHES.values(), ids=BRANCHES)
def test_a_link_between_two_branches_is_false_and_explained(tmp_path, habit, events, method, says):
    """VP - 1 = (2 - 4 | 3 - 5) - 6: hop 2 of the one way, hop 3 of the other."""
    ends = [(1, 2), (1, 3), (2, 4), (3, 5), (4, 6), (5, 6)]
    links = [Link(id=i, a=a, b=b) for i, (a, b) in enumerate(ends)]
    routers = [Router(id=1, **habit), *(Router(id=i) for i in range(2, 7))]
    targets = Prefix(id=0, router=6, targets_v4=tuple(range(1, 20)))
    world = World([*routers, *links, targets, VP, *events])
    mixed = _text(4, link_address(4, 0, 1)), _text(4, link_address(4, 3, 1))
    rows = [{"in": mixed[0], "out": mixed[1], "stars": 0, "freq": 1, "ambiguous": False}]
    traces = [row | {"type": method} for row in trace_table(world)]
    files = [write_parquet(traces, tmp_path / "traces.parquet")]
    result = score(world, files, write_parquet(rows, tmp_path / "links.parquet"))

    assert result.precision == 0.0
    assert says in result.false_links[0].reason


def test_a_link_of_a_loop_whose_turns_take_different_ways_is_explained(tmp_path):
    """VP - 1 = (2 | 3) - 4, which sends the packets back: by 2 at one turn, by 3 at the other."""
    ends = [(1, 2), (1, 3), (2, 4), (3, 4)]
    routers = [Router(id=1, balance="packet"), *(Router(id=i) for i in (2, 3, 4))]
    links = [Link(id=i, a=a, b=b) for i, (a, b) in enumerate(ends)]
    world = World([*routers, *links, Prefix(id=0, router=4, end="loop", targets_v4=(1,)), VP])
    back, again = (_text(4, link_address(4, 3, end)) for end in (0, 1))
    rows = [{"in": back, "out": again, "stars": 0, "freq": 1, "ambiguous": False}]
    files = [write_parquet(trace_table(world), tmp_path / "traces.parquet")]
    result = score(world, files, write_parquet(rows, tmp_path / "links.parquet"))

    assert result.false_links[0].reason == (
        "router 1 balances by packet: two branches of one trace, round a loop"
    )


def test_a_destination_whose_first_reply_was_lost_is_explained(judge):
    rows = lambda rows: [{**row, "stars": 1} if _is_last(row) else row for row in rows]  # noqa: E731
    result = judge(rows, of=plain_line(targets_v4=(1,)))

    assert result.false_links[0].reason == "the destination's reply 1 hop earlier was lost"


def _is_last(row):
    return row["out"] == _text(4, host(4))


def test_a_score_is_json(judge):
    assert json.loads(json.dumps(judge().to_json()))["precision"] == 1.0


def test_a_vantage_point_is_known_by_its_address_when_the_file_names_the_machine(world, tmp_path):
    traces, rows = perfect(world)
    traces = [row | {"vp": "some-host"} for row in traces]
    files = [write_parquet(traces, tmp_path / "traces.parquet")]
    result = score(world, files, write_parquet(rows, tmp_path / "links.parquet"))

    assert (result.precision, result.recall, result.unknown_vantage_points) == (1.0, 1.0, ())


def test_traces_of_another_world_are_refused(world, tmp_path):
    traces = [row | {"vp": "some-host", "src_addr": "192.0.2.1"} for row in trace_table(world)]
    files = [write_parquet(traces, tmp_path / "traces.parquet")]
    with pytest.raises(TableError, match="no trace is from a vantage point of this world"):
        score(world, files, files[0])


def test_a_missing_or_foreign_table_is_refused_by_name(world, tmp_path):
    traces = write_parquet(perfect(world)[0], tmp_path / "traces.parquet")
    with pytest.raises(TableError, match=r"links\.parquet is missing; run the transform"):
        score(world, [traces], tmp_path / "links.parquet")
    with pytest.raises(TableError, match=r"traces\.parquet: .*; transform the cycle again"):
        score(world, [traces], traces)
    with pytest.raises(TableError, match="no traces"):
        score(world, [], traces)
