"""The canary judges whatever came home, and does nothing where there is no list for it."""

import pytest

pytestmark = pytest.mark.slow


def states(run, task_id):
    """Name of a mapped task's instance (else "") → its state."""
    [dag] = run["dags"]
    return {task["name"]: task["state"] for task in dag["tasks"] if task["task_id"] == task_id}


def test_every_vantage_point_is_probed_then_judged(runs):
    run = runs["canary"]

    assert set(states(run, "one_vantage_point.fetch")) == {"de-0001", "jp-0001", "us-0001"}
    assert run["calls"][-1] == "judge canary/20261122T030000Z"
    assert run["exit_code"] == 0


def test_a_vantage_point_that_fails_is_a_red_lane_and_the_judge_comes_all_the_same(runs):
    run = runs["canary_finds"]

    assert states(run, "one_vantage_point.fetch") == {
        "0": "upstream_failed",  # it never ran, so that Airflow has not named it
        "jp-0001": "failed",
        "us-0001": "success",
    }
    assert states(run, "judge") == {"": "success"}


def test_without_a_list_nothing_is_sent_and_nobody_judged(runs):
    run = runs["canary_without_list"]

    assert run["calls"] == ["plan"]
    assert states(run, "judge") == {"": "skipped"}
    assert run["exit_code"] == 0
