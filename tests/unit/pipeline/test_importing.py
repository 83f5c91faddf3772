"""Files from elsewhere become a cycle like ours; a later program's tables lie beside the first."""

import gzip
import json
import shutil
import subprocess
from datetime import UTC, datetime

import duckdb
import pytest
import zstandard

from hitscanner.cli import main
from hitscanner.infra.store import FolderStore
from hitscanner.infra.transform import TransformProgram
from hitscanner.pipeline.cargo import cycle_files
from hitscanner.pipeline.gate import read_manifest
from hitscanner.pipeline.importing import ImportedFileError, Origin, import_files
from hitscanner.pipeline.reprocess import cycles_between, reprocess
from hitscanner.pipeline.transform import Workbench, convert, merge, transformable

from .conftest import NAMES, tree

OURS = Origin("elsewhere")


@pytest.fixture
def program(hs_transform):
    return TransformProgram(hs_transform)


@pytest.fixture
def files(measurement, tmp_path):
    """The raw files of three vantage points: zstd, gzip, and as scamper wrote it."""
    shards = measurement.fetch_all()
    packed = [measurement.store.local(shard.raw).read_bytes() for shard in shards]
    raw = [zstandard.ZstdDecompressor().decompressobj().decompress(data) for data in packed]
    contents = [packed[0], gzip.compress(raw[1], mtime=0), raw[2]]
    found = []
    for number, data in enumerate(contents):
        found.append(tmp_path / f"file{number}")
        found[-1].write_bytes(data)
    return found


@pytest.fixture
def take(tmp_path, program):
    def take(files, origin=OURS):
        store = FolderStore(tmp_path / "other")
        return store, import_files(store, program, tmp_path / "scratch", files, origin)

    return take


def test_every_packing_is_taken_and_counted(take, files):
    store, cycle = take(files)
    manifest = read_manifest(store, cycle)

    assert str(manifest.state) == "complete"
    assert manifest.asked.vantage_points == sorted(NAMES)
    assert manifest.outcome.counts["done"] == manifest.outcome.counts["assigned"] > 0
    assert sorted(manifest.asked.params["imported"].values()) == ["file0", "file1", "file2"]


def test_the_same_files_again_are_the_same_cycle_and_bytes(take, files):
    store, cycle = take(files)
    before = tree(store.root)

    assert take(files)[1] == cycle
    assert before == tree(store.root)


def test_other_files_of_the_same_time_get_a_cycle_of_their_own(take, files):
    _, first = take(files)
    _, second = take(files[:1])

    assert second.cycle == f"{first.cycle}-1"


def test_what_the_file_does_not_say_can_be_said(take, files):
    at = datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC)
    store, cycle = take(files[:1], Origin("elsewhere", "ark-0001", at))

    assert cycle.cycle == "20200102T030405Z"
    assert read_manifest(store, cycle).asked.vantage_points == ["ark-0001"]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is no whole file of traces: .*no usable record"),
        (b"no warts here", "is no whole file of traces"),
        (gzip.compress(b"x")[:-3], "is no whole file of traces"),
    ],
    ids=["empty", "something else", "cut"],
)
def test_a_bad_file_is_named_and_nothing_written(take, tmp_path, data, words):
    (tmp_path / "bad").write_bytes(data)

    with pytest.raises(ImportedFileError, match=f"bad {words}"):
        take([tmp_path / "bad"])
    assert not (tmp_path / "other").exists()


@pytest.fixture
def as_json(files, tmp_path):
    """What scamper's own tool prints of the file that is not packed."""
    if shutil.which("sc_warts2json") is None:
        pytest.skip("needs sc_warts2json: apt-get install scamper")
    made = tmp_path / "file2.jsonl"
    with made.open("wb") as out:
        subprocess.run(["sc_warts2json", files[2]], stdout=out, check=True)
    return made


def by_mlab(lines, vp):
    """The same traces as M-Lab publishes them: its line before, the site in each trace."""
    rows = [json.loads(line) for line in lines.splitlines()]
    rows = [{**row, "monitor": vp} if row["type"] == "trace" else row for row in rows]
    first = {"UUID": "ndt-x_1_00000000000001", "TracerouteCallerVersion": "v0.12.0"}
    return "".join(f"{json.dumps(row)}\n" for row in [first, *rows])


@pytest.mark.parametrize(
    "pack", [bytes, gzip.compress, zstandard.compress], ids=lambda p: p.__name__
)
def test_json_lines_of_m_lab_give_the_links_of_the_warts_they_were(
    take, files, as_json, program, tmp_path, pack
):
    [vp] = read_manifest(*take(files[2:])).asked.vantage_points
    published = tmp_path / "mlab.jsonl"
    published.write_bytes(pack(by_mlab(as_json.read_text(), vp).encode()))
    found = []
    for name, file in (("warts", files[2]), ("json", published)):
        store, cycle = take([file], Origin(name))
        bench = Workbench(store, program, tmp_path / "scratch")
        for shard in transformable(store, cycle):
            convert(bench, shard)
        merge(bench, cycle)
        manifest = read_manifest(store, cycle)
        links = store.read(f"{cycle.topology}/links.txt")
        found.append((cycle.cycle, manifest.asked.vantage_points, manifest.outcome.counts, links))

    assert found[0] == found[1]
    assert found[0][1] == [vp]
    assert found[0][3].count(b"\n") > 0


def test_a_damaged_line_of_json_is_named_and_nothing_written(take, as_json, tmp_path):
    (tmp_path / "bad").write_bytes(as_json.read_bytes()[:-40])

    with pytest.raises(ImportedFileError, match=r"bad is no whole file of traces: byte \d+: line"):
        take([tmp_path / "bad"], Origin("elsewhere", "us-0001"))
    assert not (tmp_path / "other").exists()


def test_a_file_that_names_no_vantage_point_asks_for_it(take, as_json, tmp_path):
    lines = [line for line in as_json.read_text().splitlines() if '"trace"' in line]
    (tmp_path / "bare").write_text("\n".join(lines))

    with pytest.raises(ImportedFileError, match=r"names 0 vantage points; .* --vp NAME"):
        take([tmp_path / "bare"])


def test_the_command_imports_converts_and_merges(files, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("HITSCANNER_HOME", str(tmp_path / "home"))

    assert main(["cycles", "import", "--list", "lab", "--json", *map(str, files)]) == 0
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    store = FolderStore(tmp_path / "home" / "store")
    assert store.exists(f"topology/lab/{said['cycle']}/links.parquet")


def test_a_reprocessed_cycle_lies_beside_the_first_and_is_published_with_it(
    measurement, program, tmp_path
):
    measurement.close()
    store, cycle = measurement.store, measurement.cycle
    bench = Workbench(store, program, tmp_path / "scratch")
    for shard in transformable(store, cycle):
        convert(bench, shard)
    merge(bench, cycle)
    before = tree(store.root)
    said = []
    reprocess(bench, cycle, "9.9.9", say=said.append)
    after = tree(store.root)

    assert {path: after[path] for path in before} == before
    beside = {path for path in after if path not in before}
    prefix = "reprocessed/schema=9.9.9/"
    assert all(path.startswith(prefix) for path in beside)
    assert {after[p] for p in beside} == {before[p.removeprefix(prefix)] for p in beside}
    assert beside <= set(cycle_files(store, cycle))
    assert said[-1] == f"{cycle}: 3 of 3 shards, schema 9.9.9"


def test_an_interval_names_the_cycles_that_began_in_it(measurement):
    measurement.close()
    store, cycle = measurement.store, measurement.cycle
    began, day = datetime(2026, 11, 22, 3, tzinfo=UTC), datetime(2026, 11, 23, tzinfo=UTC)

    assert cycles_between(store, "lab", began, day) == [cycle]
    assert cycles_between(store, None, None, began) == []
    assert cycles_between(store, "other", None, None) == []


def test_a_number_is_traced_to_its_raw_file(measurement, program, tmp_path):
    """docs/queries.md, run as printed."""
    from tests.support.paths import REPOSITORY

    measurement.close()
    store, cycle = measurement.store, measurement.cycle
    bench = Workbench(store, program, tmp_path / "scratch")
    for shard in transformable(store, cycle):
        convert(bench, shard)
    merge(bench, cycle)
    text = (REPOSITORY / "docs" / "queries.md").read_text()
    queries = text.split("```sql\n")[1:4]
    with duckdb.connect() as database:
        database.execute(f"SET file_search_path = '{store.root}'")
        results = [database.sql(query.split("```")[0]).fetchall() for query in queries]

    assert len(results) == 3
    assert all(results)
    assert store.exists(results[2][0][0])
