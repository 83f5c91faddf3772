"""The command line: what it prints, and what its exit code says."""

import json
import shutil

import pytest
from typer.testing import CliRunner

from hitscanner.domain.cycle import Cycle
from hitscanner.errors import UsageError
from hitscanner.simulator.cli import app
from hitscanner.simulator.world import World

from .tables_of_scamper import write_parquet
from .test_score import perfect


def run(*arguments):
    """Return (exit code, JSON object of the last line)."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments] + ["--json"])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, json.loads(result.stdout.splitlines()[-1])


@pytest.fixture
def world(tmp_path):
    path = tmp_path / "world.jsonl"
    code, made = run("world", path, "--routers", 40, "--vantage-points", "2", "--targets", 20)
    assert (code, made["vantage_points"]) == (0, ["vp-0001", "vp-0002"])
    return path


def test_the_truth_of_a_flow_ends_at_the_destination(world):
    target = next(str(t) for t in World.load(world).targets())
    code, said = run("truth", "vp-0001", target, "--world", world, "--sport", 33000)

    assert (code, len(said["paths"])) == (0, 1)
    assert said["paths"][0]["hops"][0]["ttl"] == 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("truth", "xx-0001", "100.96.0.1"), "xx-0001: no such vantage point; there are: vp-0001"),
        (("truth", "vp-0001", "nowhere"), "nowhere: not an IP address"),
    ],
)
def test_a_wrong_argument_is_refused_by_name(world, arguments, says):
    with pytest.raises(UsageError, match=says):
        run(*arguments, "--world", world)


def test_an_unknown_kind_of_world_is_refused(tmp_path):
    with pytest.raises(UsageError, match="--kind muddy: say clean or dirty"):
        run("world", tmp_path / "w", "--kind", "muddy")


def test_a_perfect_cycle_scores_and_exits_with_0_and_a_spoilt_one_with_2(world, tmp_path):
    traces, rows = perfect(World.load(world))
    tables = write_parquet(traces, tmp_path / "traces.parquet"), tmp_path / "links.parquet"
    arguments = ("score", "--world", world, "--traces", tables[0], "--links", tables[1])
    write_parquet(rows, tables[1])
    whole = run(*arguments)
    write_parquet(rows[1:], tables[1])
    spoilt = run(*arguments)

    assert (whole[0], whole[1]["recall"]) == (0, 1.0)
    assert (spoilt[0], spoilt[1]["missed"]) == (2, 1)


def test_a_cycle_of_the_home_is_scored_by_its_name(world, tmp_path, monkeypatch):
    monkeypatch.setenv("HITSCANNER_HOME", str(tmp_path))
    cycle = Cycle("demo", "20261122T030000Z")
    store, home = tmp_path / "store", tmp_path / "simulator"
    traces, rows = perfect(World.load(world))
    for folder in (store / cycle.table("traces"), store / cycle.topology, home):
        folder.mkdir(parents=True)
    shutil.copyfile(world, home / "world.jsonl")
    write_parquet(traces, store / cycle.table("traces") / "0000.parquet")
    write_parquet(rows, store / cycle.topology / "links.parquet")

    code, result = run("score", "--cycle", str(cycle))

    assert (code, result["precision"], result["recall"]) == (0, 1.0, 1.0)


@pytest.mark.parametrize(
    "arguments", [(), ("--cycle", "demo/20261122T030000Z", "--links", "links.parquet")]
)
def test_a_score_is_of_a_cycle_or_of_files(arguments):
    with pytest.raises(UsageError, match="say --cycle LIST/CYCLE, or --traces and --links"):
        run("score", *arguments)


def test_nothing_up_is_said_so(tmp_path):
    assert (lambda got: (got[0], got[1]["state"]))(
        run("status", "--state-dir", tmp_path / "none")
    ) == (0, "down")
