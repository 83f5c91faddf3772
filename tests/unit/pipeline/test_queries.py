"""The queries of docs/queries-topology.md run on two cycles that went the whole way."""

import json
import re
from pathlib import Path

import pytest

from hitscanner.cli import main
from hitscanner.infra.parquet import write_table
from hitscanner.infra.transform import TransformProgram
from hitscanner.infra.views import TABLES, TOPOLOGY, open_store
from hitscanner.pipeline import topology, transform
from hitscanner.pipeline.alias_evidence import Row, write_rows
from hitscanner.settings import REPOSITORY, Settings
from tests.support import warts
from tests.support.vantage import ROUTERS

from .conftest import Measurement
from .test_topology import close_at, lay_sets

PAGE = (REPOSITORY / "docs" / "queries-topology.md").read_text()
QUERIES = dict(
    re.findall(r"^## (\d+)\. .*?^```sql\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)
)
PROGRAM = Settings(Path("/"), REPOSITORY).transform
LEAVER = "us-0001"

pytestmark = pytest.mark.skipif(not PROGRAM.is_file(), reason="needs hs-transform: make transform")


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Two cycles; in the second one vantage point brings nothing, and another's way has moved."""
    home = tmp_path_factory.mktemp("home")
    measurement = Measurement(home)
    bench = transform.Workbench(measurement.store, TransformProgram(PROGRAM), home / "scratch")
    (home / "labels").mkdir()
    lines = f"{ROUTERS[0]}\t32\t64500\n{ROUTERS[1]}\t32\t64501\n"
    (home / "labels" / "prefix2as-20261101.txt").write_text(lines)
    for day, silent in ((22, ()), (23, (LEAVER,))):
        if silent:
            measurement.transport.tampers["jp-0001"] = _by_another_way
        cycle = close_at(measurement, day, silent)
        for shard in transform.transformable(measurement.store, cycle):
            transform.convert(bench, shard)
        transform.merge(bench, cycle)
        lay_aliases(measurement, cycle)
        labels = topology.read_labels(home / "labels", cycle)
        topology.build_topology(bench, cycle, labels)
        topology.compare_with_previous(measurement.store, home / "scratch", cycle)
    return home


def _by_another_way(shard, targets):
    return warts.slice_file(shard, targets, [ROUTERS[0], "100.127.0.7"])


def lay_aliases(measurement, cycle):
    lay_sets(measurement, cycle, [ROUTERS[0], "100.127.0.99"])
    rows = [
        Row("mercator", "us-0001", ROUTERS[0], "100.127.0.99", "aliases", "aliases", 1, 0, 1),
        Row("mercator", "us-0001", ROUTERS[1], None, "none", "none", 0, 0, 1),
    ]
    file = measurement.root / "some.parquet"
    for path in (f"{cycle.topology}/aliases.parquet", f"{cycle.table('aliases')}/vp=x/0.parquet"):
        write_rows(rows, file)
        measurement.store.put(path, file)
    names = ("a", "b", "method", "against_a", "against_b", "against_method")
    conflict = [("1.1.1.1", "1.1.1.2", "ally", "1.1.1.1", "1.1.1.2", "radargun")]
    write_table(dict.fromkeys(names, "VARCHAR"), conflict, file)
    measurement.store.put(f"{cycle.topology}/alias_conflicts.parquet", file)


@pytest.fixture(scope="module")
def database(home):
    with open_store(home / "store") as found:
        yield found


def ask(database, number):
    query = QUERIES[number].replace("'demo'", "'lab'")
    return database.execute(query).fetchall()


def test_the_page_has_ten_queries_and_every_view_that_it_names(database):
    assert list(QUERIES) == [str(number) for number in range(1, 11)]
    views = {
        name for (name,) in database.execute("SELECT view_name FROM duckdb_views()").fetchall()
    }
    assert {*TABLES, *TOPOLOGY} <= views
    assert all(f"`{view}`" in PAGE for view in (*TABLES, *TOPOLOGY))


@pytest.mark.parametrize("number", QUERIES)
def test_a_query_of_the_page_runs_and_finds_something(database, number):
    assert ask(database, number)


def test_the_size_of_both_cycles_is_told(database):
    assert [row[:3] for row in ask(database, "1")] == [
        ("lab", "20261122T000000Z", 31),
        ("lab", "20261123T000000Z", 22),
    ]


def test_aliases_are_one_router_with_two_interfaces(database):
    [first, *_] = ask(database, "2")
    assert first[2:] == (2, ROUTERS[0])


def test_links_of_the_vantage_point_that_left_are_in_no_list_of_changes(database):
    changes = ask(database, "4")
    blamed = database.execute("SELECT count(*) FROM link_changes WHERE by_vantage_points")

    assert changes == [("20261123T000000Z", "moved", 10), ("20261123T000000Z", "new", 1)]
    assert blamed.fetchall() == [(10,)]


def test_the_vantage_point_of_a_row_is_that_of_its_path(database):
    found = database.execute("SELECT DISTINCT vp FROM traces WHERE cycle LIKE '20261123%'")
    assert sorted(found.fetchall()) == [("de-0001",), ("jp-0001",)]


def test_the_two_ases_are_joined(database):
    assert {row[:2] for row in ask(database, "10")} == {(64500, 64501)}


def run(capsys, monkeypatch, home, *words):
    monkeypatch.setenv("HITSCANNER_HOME", str(home))
    code = main(list(words))
    out = capsys.readouterr()
    return code, json.loads(out.out.splitlines()[-1]) if out.out else out.err


def test_cycles_diff_tells_changes_and_what_vantage_points_explain(capsys, monkeypatch, home):
    cycles = ("lab/20261122T000000Z", "lab/20261123T000000Z")
    code, result = run(capsys, monkeypatch, home, "cycles", "diff", *cycles, "--json")

    assert code == 0
    assert result["vps_removed"] == [LEAVER]
    assert (result["new"], result["gone"], result["moved"]) == (1, 0, 10)
    assert result["by_vantage_points"] == {"new": 0, "gone": 10}
    assert len(result["changes"]) == 21


def test_cycles_diff_of_an_unknown_cycle_names_it(capsys, monkeypatch, home):
    unknown = ("lab/20261122T000000Z", "lab/20251123T000000Z")
    code, said = run(capsys, monkeypatch, home, "cycles", "diff", *unknown, "--json")

    assert code == 1
    assert "lab/20251123T000000Z has no manifest" in said


def test_cycles_query_gives_rows_and_a_mistake_one_line(capsys, monkeypatch, home):
    sql = "SELECT count(*) AS n FROM alias_conflicts"
    assert run(capsys, monkeypatch, home, "cycles", "query", sql, "--json") == (
        0,
        {"columns": ["n"], "rows": [[2]]},
    )
    code, said = run(capsys, monkeypatch, home, "cycles", "query", "SELECT nothing", "--json")
    assert code == 1
    assert said.startswith("hitscanner: Binder Error")
    assert len(said.splitlines()) == 1
