"""The topology of a cycle: ITDK files and tables, labelled, compared with the cycle before."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hitscanner.domain.cycle import Cycle
from hitscanner.domain.labels import Prefixes
from hitscanner.domain.params import parse_traceroute_params
from hitscanner.errors import UsageError
from hitscanner.infra.parquet import read_table, write_table
from hitscanner.infra.transform import TransformProgram
from hitscanner.pipeline import gate, measure, plan, topology, transform
from hitscanner.pipeline.topology import Labels
from hitscanner.pipeline.transform import Workbench
from hitscanner.report import summary as report
from hitscanner.report.page import write_report
from hitscanner.settings import REPOSITORY, Settings
from tests.support import warts
from tests.support.vantage import ROUTERS

from .conftest import NAMES, Measurement, tree

PROGRAM = Settings(Path("/"), REPOSITORY).transform
needs_transform = pytest.mark.skipif(
    not PROGRAM.is_file(), reason="needs hs-transform: make transform"
)
TYPES = {"in": "VARCHAR", "out": "VARCHAR", "is_dest": "BOOLEAN", "stars": "INTEGER"}
NUMBERS = {"freq": "BIGINT", "delay_us": "INTEGER", "ttl": "INTEGER", "vp": "VARCHAR"}


def close_at(measurement: Measurement, day: int, silent: tuple[str, ...] = ()) -> Cycle:
    """Measure and close a cycle of that day; *silent* vantage points bring nothing."""
    measurement.run_id = f"run-{day}"
    measurement.transport.silent = set(silent)
    params = parse_traceroute_params({"list": "lab", "min_vp_ratio": 0.1, "min_target_ratio": 0.1})
    request = plan.Request(params, measurement.run_id, datetime(2026, 11, day, tzinfo=UTC))
    cycle, _ = plan.name_cycle(measurement.store, "lab", request)
    planned = measurement.planned(request, cycle)
    plan.freeze(measurement.store, planned)
    for shard in planned.shards:
        lane = measurement.lane(shard)
        measure.start(lane, shard)
        if shard.vp not in silent:
            measure.fetch(lane, shard)
    gate.close_cycle(measurement.store, cycle)
    return cycle


def lay_links(measurement: Measurement, cycle: Cycle, links: list[tuple[str, str, str]]) -> None:
    """Write links as `transform` would: near, far, vantage point."""
    rows = [(near, far, False, 0, 1, 100, 1, vp) for near, far, vp in links]
    file = measurement.root / "some.parquet"
    write_table({**TYPES, **NUMBERS}, rows, file)
    measurement.store.put(f"{cycle.topology}/links.parquet", file)
    for vp in sorted({vp for _, _, vp in links}):
        mine = [row for row in rows if row[-1] == vp]
        write_table({**TYPES, **NUMBERS}, mine, file)
        measurement.store.put(f"{cycle.table('links')}/vp={vp}/0000.parquet", file)


def lay_sets(measurement: Measurement, cycle: Cycle, *sets: list[str]) -> None:
    rows = [(number, a) for number, some in enumerate(sets, start=1) for a in some]
    file = measurement.root / "sets.parquet"
    write_table({"alias_set": "INTEGER", "addr": "VARCHAR"}, rows, file)
    measurement.store.put(f"{cycle.topology}/alias_sets.parquet", file)


ONE, TWO, NEXT = ROUTERS[0], "100.127.0.3", ROUTERS[1]
"""Two interfaces of one router, seen from two vantage points, and the router behind it."""


def _from_elsewhere(shard, targets):
    return warts.slice_file(shard, targets, [TWO, NEXT])


def _from_silence(shard, targets):
    return warts.head(shard) + b"".join(map(warts.trace, targets)) + warts.stop()


@pytest.fixture
def built(measurement):
    measurement.transport.tampers["jp-0001"] = _from_elsewhere
    cycle = close_at(measurement, 22)
    lay_sets(measurement, cycle, [ONE, TWO])
    folder = measurement.root / "labels"
    folder.mkdir()
    (folder / "prefix2as-20261120.txt").write_text("100.127.0.0\t24\t64500\n")
    (folder / "prefix2as-20261201.txt").write_text("100.127.0.0\t24\t64999\n")
    header = "prefix,continent,country,region,city,latitude,longitude\n"
    (folder / "geo-20261101.csv").write_text(f"{header}100.127.0.0/30,NA,US,HI,Hilo,19.7,-155.1\n")
    return measurement, cycle, topology.read_labels(folder, cycle)


def build(measurement, cycle, labels):
    bench = Workbench(measurement.store, TransformProgram(PROGRAM), measurement.root / "s")
    return topology.build_topology(bench, cycle, labels)


def lines_of(measurement, cycle, ending):
    data = measurement.store.read(f"{cycle.topology}/lab-{cycle.cycle}.{ending}")
    return [line for line in data.decode().splitlines() if not line.startswith("#")]


def node_of(measurement, cycle):
    file = measurement.store.local(f"{cycle.topology}/nodes.parquet")
    return dict(read_table([file], ("addr", "node")))


@needs_transform
def test_aliases_become_one_node_in_text_and_table(built):
    measurement, cycle, labels = built
    summary = build(measurement, cycle, labels)

    nodes = node_of(measurement, cycle)
    assert nodes[ONE] == nodes[TWO] != nodes[NEXT]
    assert f"node N{nodes[ONE]}:  {ONE} {TWO}" in lines_of(measurement, cycle, "nodes")
    table = measurement.store.local(f"{cycle.topology}/node_links.parquet")
    ends = read_table([table], ("near_node", "far_node", "far_addr"))
    assert (nodes[ONE], nodes[NEXT], NEXT) in ends
    assert summary["routers_of_several_addresses"] == 1


@needs_transform
def test_interfaces_say_how_they_were_seen(built):
    measurement, cycle, labels = built
    build(measurement, cycle, labels)

    table = measurement.store.local(f"{cycle.topology}/ifaces.parquet")
    seen = {a: (t, d) for a, t, d in read_table([table], ("addr", "is_transit", "is_dest"))}
    assert seen[NEXT] == (True, False)
    assert seen["100.66.0.1"] == (False, True)


@needs_transform
def test_labels_carry_the_date_of_their_file(built):
    measurement, cycle, labels = built
    summary = build(measurement, cycle, labels)

    assert summary["labels"]["prefix2as"]["date"] == "20261120"
    assert summary["labels"]["geo"]["date"] == "20261101"
    nodes = node_of(measurement, cycle)
    lines = lines_of(measurement, cycle, "nodes.as")
    assert sorted(lines) == sorted(f"node.AS N{nodes[a]} 64500 origins" for a in (ONE, NEXT))
    [geo] = lines_of(measurement, cycle, "nodes.geo")
    assert geo.split("\t") == [
        f"node.geo N{nodes[ONE]}:", "NA", "US", "HI", "Hilo", "19.7", "-155.1", "", "", "file",
    ]  # fmt: skip
    table = measurement.store.local(f"{cycle.topology}/nodes.parquet")
    assert (ONE, 64500, "US", "Hilo") in read_table([table], ("addr", "asn", "country", "city"))


@needs_transform
def test_building_again_changes_no_byte(built):
    measurement, cycle, labels = built
    build(measurement, cycle, labels)
    before = tree(measurement.store.root)
    build(measurement, cycle, labels)

    assert before == tree(measurement.store.root)


@needs_transform
def test_without_aliases_and_labels_each_address_is_a_nameless_node(measurement, tmp_path):
    cycle = close_at(measurement, 22)
    labels = topology.read_labels(tmp_path / "none", cycle)

    summary = build(measurement, cycle, labels)

    assert isinstance(labels, Labels)
    assert (summary["nodes"], summary["routers_of_several_addresses"]) == (32, 0)
    assert not measurement.store.exists(f"{cycle.topology}/lab-{cycle.cycle}.nodes.as")


@needs_transform
def test_a_cycle_in_which_nobody_answered_has_tables_without_links_and_says_so(measurement):
    for vp in NAMES:
        measurement.transport.tampers[vp] = _from_silence
    cycle = close_at(measurement, 22)
    bench = Workbench(measurement.store, TransformProgram(PROGRAM), measurement.root / "s")
    for shard in transform.transformable(measurement.store, cycle):
        transform.convert(bench, shard)
    _, table = transform.merge(bench, cycle)
    summary = build(measurement, cycle, Labels(Prefixes(), Prefixes(), {}))
    said = report.summarise(
        *(measurement.store.root, cycle.list, cycle.cycle),
        state="complete",
        targets=30,
        counts={},
        wall_s=1.0,
        probing_s=1.0,
    )

    assert read_table([measurement.store.local(table)], ('"in"',)) == []
    assert measurement.store.read(f"{cycle.topology}/links.txt") == b""
    assert (summary["node_links"], said.links) == (0, 0)
    [words] = [words for words in said.warnings if "no link" in words]
    assert (
        words == f"no link in {said.everyone.traces} traces: nowhere did two hops in a row answer"
    )
    write_report(said, measurement.store.root, measurement.root / "picture.html")
    assert "no link in" in (measurement.root / "picture.html").read_text()


def test_a_cycle_without_traces_says_what_to_do(measurement):
    [first, *_] = measurement.plan()

    with pytest.raises(UsageError, match="has no traces; run traceroute"):
        build(measurement, first.of, topology.Labels(Prefixes(), Prefixes(), {}))


def test_the_first_cycle_has_nothing_to_be_compared_with(measurement):
    cycle = close_at(measurement, 22)
    lay_links(measurement, cycle, [("100.66.0.1", "100.66.0.9", "us-0001")])

    compared = topology.compare_with_previous(measurement.store, measurement.root / "s", cycle)
    assert compared == {"previous": None}


def test_what_a_vanished_vantage_point_saw_is_not_called_gone(measurement):
    first = close_at(measurement, 22)
    lay_links(measurement, first, [("100.66.0.1", "100.66.0.9", "us-0001"),
                                   ("100.66.0.3", "100.66.0.7", "jp-0001"),
                                   ("100.66.0.3", "100.66.0.5", "de-0001")])  # fmt: skip
    second = close_at(measurement, 23, silent=("us-0001",))
    lay_links(measurement, second, [("100.66.0.3", "100.66.0.7", "jp-0001"),
                                    ("100.66.0.3", "100.66.0.6", "jp-0001")])  # fmt: skip

    compared = topology.compare_with_previous(measurement.store, measurement.root / "s", second)

    assert compared["previous"] == first.cycle
    assert (compared["new"], compared["gone"], compared["moved"]) == (1, 1, 0)
    assert compared["by_vantage_points"] == {"new": 0, "gone": 1}
    assert compared["vps_removed"] == ["us-0001"]
    assert "the vantage points differ: added -; removed us-0001" in compared["warnings"]
    written = json.loads(measurement.store.read(f"{second.topology}/diff.json"))
    assert written["before"] == str(first)
