"""The platform's DAG file, run over a fake installer: a plan always, an installation when asked."""

import pytest

pytestmark = pytest.mark.slow


def states(run):
    return {task["task_id"]: task["state"] for task in run["tasks"]}


def the_run(runs, name):
    [run] = runs[name]["dags"]
    return run


def test_without_parameters_the_plan_is_shown_and_nothing_installed(runs):
    assert states(the_run(runs, "platform_dry")) == {"plan": "success", "apply": "skipped"}
    assert runs["platform_dry"]["calls"] == ["plan "]


def test_what_is_named_is_planned_and_installed(runs):
    assert states(the_run(runs, "platform")) == {"plan": "success", "apply": "success"}
    assert runs["platform"]["calls"] == ["plan metallb", "apply metallb"]


def test_a_release_that_fails_makes_the_run_red_and_is_tried_again(runs):
    run = the_run(runs, "platform_fails")

    assert states(run) == {"plan": "success", "apply": "failed"}
    assert runs["platform_fails"]["calls"] == ["plan ", "apply ", "apply ", "apply "]


def test_a_wrong_parameter_installs_nothing(runs):
    assert runs["platform_wrong_type"]["calls"] == []
