"""The demo does the whole way of the data, says honestly how it ended, and can be repeated."""

import subprocess

import pytest

from tests.unit.pipeline.conftest import tree

pytestmark = [pytest.mark.root, pytest.mark.slow, pytest.mark.usefixtures("hs_transform")]


@pytest.fixture(scope="module")
def demo(installation):
    """The demo as the README has it; the tests of this module look at what it left."""
    return installation.bootstrap("demo", "--json")


def adds_up(result):
    parts = ("done", "failed", "excluded", "unassigned")
    return result["assigned"] == sum(result[part] for part in parts)


def test_the_demo_is_complete_and_finds_the_links_that_are_there(demo):
    assert demo.code == 0, demo.err
    assert demo.result["state"] == "complete"
    assert demo.result["targets"] >= 2000
    assert adds_up(demo.result)
    assert demo.result["links"]["precision"] == 1.0
    assert demo.result["links"]["recall"] >= 0.99
    keys = [
        *("state", "targets", "assigned", "done", "failed", "excluded", "unassigned"),
        *("links", "alias_sets", "wall_s", "probing_s", "overhead_s"),
    ]
    assert keys == list(demo.result)[: len(keys)]


def test_the_network_saw_every_probe_and_none_to_an_opted_out_prefix(demo):
    network = demo.result["network"]

    assert network["opt_out"] == 0
    assert all(vp["probes"] > 500 for vp in network["vantage_points"].values())


def test_the_drive_holds_the_cycle_and_sha256sum_agrees(demo, installation):
    drive = installation.home / "drive"
    sums = f"cycles/demo/{demo.result['cycle']}/manifest.sha256"
    subprocess.run(["sha256sum", "--check", "--quiet", sums], cwd=drive, check=True)

    assert list(drive.glob("topology/demo/*/links.parquet"))
    assert len(list(drive.glob("tables/traces/list=demo/cycle=*/vp=*/*.parquet"))) == 4


def test_raw_files_are_read_whole_by_scampers_own_tools(demo, installation):
    traces = 0
    for raw in sorted(installation.store.glob(f"raw/demo/{demo.result['cycle']}/*/*.warts.zst")):
        warts = subprocess.run(["zstd", "-dc", raw], capture_output=True, check=True).stdout
        read = subprocess.run(["sc_warts2json"], input=warts, capture_output=True, check=True)
        traces += read.stdout.count(b'"type":"trace"')
        assert read.stdout.count(b'"type":"cycle-stop"') == 1

    assert traces == demo.result["done"]


def test_the_report_is_one_page_that_fetches_nothing(demo, installation):
    page = (installation.store / f"reports/demo/{demo.result['cycle']}.html").read_text()

    assert demo.result["files"]["report"].endswith(".html")
    assert "<script src=" not in page
    assert "<link " not in page


def test_transforming_and_loading_again_changes_no_byte(demo, installation):
    before = {**tree(installation.store), **tree(installation.home / "drive")}
    conf = f'{{"cycles": ["demo/{demo.result["cycle"]}"]}}'
    for dag_id in ("transform", "load"):
        again = installation.hitscanner("run", dag_id, "--conf", conf)
        assert again.code == 0, again.err
    assert before == {**tree(installation.store), **tree(installation.home / "drive")}


def test_a_broken_vantage_point_makes_it_partial_and_is_listed(installation):
    ended = installation.bootstrap("demo", "--json", "--targets", "1000", "--break", "us-0001")

    assert ended.code == 2, ended.err
    assert ended.result["state"] == "partial"
    assert adds_up(ended.result)
    missing = installation.store / f"cycles/demo/{ended.result['cycle']}/missing.txt"
    lines = missing.read_text().splitlines()
    assert len(lines) == ended.result["missing"]["count"] > 0
    assert {line.split()[0] for line in lines} == {"us-0001"}
    whole = {v["vp"] for v in ended.result["vantage_points"] if v["done"] == v["assigned"] > 0}
    assert whole == {"jp-0001", "de-0001", "sg-0001"}
    published = installation.home / f"drive/topology/demo/{ended.result['cycle']}/links.parquet"
    assert published.is_file()


def test_the_same_below_the_quorum_is_failed_and_not_published(installation):
    ended = installation.bootstrap(
        *("demo", "--json", "--targets", "400", "--break", "us-0001", "--min-vp-ratio", "1.0")
    )

    assert ended.code == 3, ended.err
    assert ended.result["state"] == "failed"
    assert adds_up(ended.result)
    assert not (installation.home / f"drive/cycles/demo/{ended.result['cycle']}").exists()
