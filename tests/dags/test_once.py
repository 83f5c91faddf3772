"""The real DAG files, run once each in one process over a fake pipeline."""

import pytest

pytestmark = pytest.mark.slow

CYCLE = "sample/20261122T030000Z"


def states(run, task_id):
    """Name of a mapped task's instance (else "") → its state."""
    return {task["name"]: task["state"] for task in run["tasks"] if task["task_id"] == task_id}


def test_one_command_runs_the_three_dags_and_hands_the_cycle_on(runs):
    run = runs["all_well"]

    assert run["exit_code"] == 0
    assert [(dag["dag_id"], dag["state"], dag["error"]) for dag in run["dags"]] == [
        ("traceroute", "success", None),
        ("transform", "success", None),
        ("load", "success", None),
    ]
    assert [dag["cycles"] for dag in run["dags"]] == [[CYCLE], [CYCLE], []]
    assert run["calls"][-2:] == ["merge 20261122T030000Z", "load 20261122T030000Z"]


def test_every_prober_is_started_before_any_is_waited_for(runs):
    calls = runs["all_well"]["calls"]

    assert {call.split()[0] for call in calls[1:4]} == {"start"}
    assert {call.split()[0] for call in calls[4:7]} == {"fetch"}


def test_a_mapped_task_bears_the_name_of_its_vantage_point(runs):
    traceroute, transform, load = runs["all_well"]["dags"]

    assert set(states(traceroute, "one_vantage_point.fetch")) == {"de-0001", "jp-0001", "us-0001"}
    assert set(states(transform, "convert")) == {"de-0001", "jp-0001", "us-0001"}
    assert set(states(load, "load_cycle")) == {CYCLE}


def test_a_failed_vantage_point_stays_in_its_lane(runs):
    run = runs["one_vantage_point_fails"]

    assert states(run["dags"][0], "one_vantage_point.fetch") == {
        "de-0001": "success",
        "jp-0001": "failed",
        "us-0001": "success",
    }
    assert [(dag["dag_id"], dag["state"]) for dag in run["dags"]] == [
        ("traceroute", "success"),
        ("transform", "success"),
        ("load", "success"),
    ]
    assert run["exit_code"] == 0


def test_the_error_of_a_failed_lane_is_reported_in_one_line(runs):
    errors = [task["error"] for task in runs["one_vantage_point_fails"]["dags"][0]["tasks"]]

    assert [error for error in errors if error] == ["fetch jp-0001 is broken: mend it"]


def test_a_measured_failure_is_not_tried_again(runs):
    assert runs["one_vantage_point_fails"]["calls"].count("fetch jp-0001") == 1


def test_a_passing_trouble_is_cured_by_a_retry(runs):
    run = runs["one_start_fails_at_first"]

    assert run["calls"].count("start jp-0001") == 2
    assert set(states(run["dags"][0], "one_vantage_point.start").values()) == {"success"}
    assert run["exit_code"] == 0


def test_a_load_that_failed_is_tried_again(runs):
    run = runs["a_load_fails_at_first"]

    assert run["calls"] == ["load 20261122T030000Z"] * 2
    assert run["exit_code"] == 0


def test_the_gate_runs_and_fails_when_every_lane_failed(runs):
    run = runs["all_vantage_points_fail"]

    assert run["calls"][-1] == "close_cycle"
    assert [dag["dag_id"] for dag in run["dags"]] == ["traceroute"]
    assert states(run["dags"][0], "gate") == {"": "failed"}
    assert run["dags"][0]["error"] == "0 of 3 vantage points: see the lanes"
    assert run["dags"][0]["exit_code"] == 3
    assert run["exit_code"] == 3


def test_what_a_failed_vantage_point_left_is_started_elsewhere_before_the_gate(runs):
    run = runs["one_takes_over"]

    assert run["calls"][-4:] == [
        "reshard",
        "start us-0001 again",
        "fetch us-0001 again",
        "close_cycle",
    ]
    assert states(run["dags"][0], "second_chance.fetch") == {"us-0001": "success"}
    assert run["dags"][0]["state"] == "success"


@pytest.mark.parametrize("scenario", ["the_taker_fails", "reshard_fails"])
def test_the_gate_closes_the_cycle_also_when_the_second_chance_fails(runs, scenario):
    run = runs[scenario]

    assert run["calls"][-1] == "close_cycle"
    assert states(run["dags"][0], "gate") == {"": "success"}


def test_nothing_runs_after_a_plan_that_failed(runs):
    run = runs["plan_fails"]
    [traceroute] = run["dags"]

    assert run["calls"] == ["plan"]  # once: bad input is not tried again
    assert traceroute["state"] == "failed"
    assert states(traceroute, "gate") == {"": "failed"}
    assert traceroute["error"] == "plan is broken: mend it"
    assert traceroute["exit_code"] == 1
    assert run["exit_code"] == 3


def test_plan_only_skips_everything_after_the_plan_and_succeeds(runs):
    run = runs["plan_only"]
    [traceroute] = run["dags"]

    assert run["calls"] == ["plan"]
    assert traceroute["state"] == "success"
    assert states(traceroute, "gate") == {"": "skipped"}
    assert traceroute["cycles"] == []
    assert run["exit_code"] == 0


def test_an_unknown_key_is_refused_by_name_before_anything_is_planned(runs):
    run = runs["unknown_key"]

    assert run["calls"] == []
    assert run["dags"][0]["error"] == ('--conf: unknown key "rate_pp"; did you mean "rate_pps"?')
    assert run["dags"][0]["exit_code"] == 1


def test_a_value_of_the_wrong_type_starts_no_run(runs):
    run = runs["wrong_type"]

    assert (run["dags"], run["calls"], run["exit_code"]) == ([], [], 1)
    assert "gap" in run["error"]


@pytest.mark.parametrize(
    ("scenario", "words"),
    [("not_json", "--conf is not JSON: "), ("unknown_dag", "no DAG 'tracerout': ")],
)
def test_wrong_usage_is_a_one_line_error(runs, scenario, words):
    run = runs[scenario]

    assert run["error"].startswith(words)
    assert "\n" not in run["error"]
    assert run["exit_code"] == 1


def test_transform_by_hand_handles_every_cycle_named_once(runs):
    run = runs["two_cycles_by_hand"]

    assert run["dags"][0]["cycles"] == ["a/20261121T030000Z", "b/20261122T030000Z"]
    merged = sorted(run["calls"][-2:])  # Airflow promises no order among mapped tasks
    assert merged == ["merge 20261121T030000Z", "merge 20261122T030000Z"]
    assert len(run["calls"]) == 2 * 3 + 2


def test_load_by_hand_needs_a_cycle(runs):
    [load] = runs["no_cycle"]["dags"]

    assert load["state"] == "failed"
    assert load["error"].startswith("no cycle given: name one")
