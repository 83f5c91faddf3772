"""The fleet's DAG files, run once each over a fake fleet: lanes, dry runs, and the summary."""

import pytest

pytestmark = pytest.mark.slow

HOSTS = {"de-0001", "jp-0001", "us-0001"}


def states(run, task_id):
    """Name of a mapped task's instance (else "") → its state."""
    return {task["name"]: task["state"] for task in run["tasks"] if task["task_id"] == task_id}


def the_run(runs, name):
    [run] = runs[name]["dags"]
    return run


def test_a_join_without_parameters_shows_the_plan_and_changes_nothing(runs):
    run = the_run(runs, "join_dry")

    assert run["state"] == "success"
    assert states(run, "one_host.preflight") == dict.fromkeys(HOSTS, "success")
    assert states(run, "one_host.join") == dict.fromkeys(HOSTS, "skipped")
    assert states(run, "summarise") == {"": "success"}
    assert {call.split()[0] for call in runs["join_dry"]["calls"]} == {"plan"}


def test_a_join_looks_joins_and_proves_each_host(runs):
    run = the_run(runs, "join")

    assert run["state"] == "success"
    assert states(run, "one_host.prove") == dict.fromkeys(HOSTS, "success")
    for host in HOSTS:
        mine = [call for call in runs["join"]["calls"] if host in call]
        assert mine == [f"plan {host}", f"join {host}", f"prove {host}"]


@pytest.mark.parametrize(
    ("scenario", "cause"),
    [("join_one_refused", "wrong-host-key"), ("join_one_cut", "connection-lost")],
)
def test_a_host_that_fails_leaves_the_others_unharmed_and_its_cause_is_told(runs, scenario, cause):
    run = the_run(runs, scenario)

    proven = states(run, "one_host.prove").values()
    assert sorted(proven) == ["success", "success", "upstream_failed"]
    assert run["state"] == "failed"
    assert run["error"].startswith("3 hosts: 2 changed, 1 ")
    assert f"jp-0001: {cause}" in run["error"].replace("unreachable (", "").replace("failed (", "")
    assert runs[scenario]["exit_code"] == 3


def test_only_what_may_pass_by_itself_is_tried_again(runs):
    assert runs["join_one_refused"]["calls"].count("plan jp-0001") == 1
    assert runs["join_one_cut"]["calls"].count("join jp-0001") == 2


@pytest.mark.parametrize(
    ("scenario", "words"),
    [
        ("join_unknown_host", "inventory.toml: no vantage point is called xx-0009"),
        ("join_unknown_key", '--conf: unknown key "host"; did you mean "hosts"?'),
        ("remove_nobody", "--conf: hosts is empty; give a list of names or tags"),
    ],
)
def test_a_wrong_name_or_key_ends_the_run_before_any_host(runs, scenario, words):
    run = the_run(runs, scenario)

    assert run["error"].startswith(words)
    assert run["state"] == "failed"
    assert states(run, "summarise").keys() == {""}
    assert runs[scenario]["calls"] == []


def test_labels_are_mended_host_by_host(runs):
    assert the_run(runs, "label")["state"] == "success"
    assert sorted(runs["label"]["calls"]) == [f"label {host}" for host in sorted(HOSTS)]


def test_a_removal_is_shown_and_then_made_of_the_named_host_alone(runs):
    assert the_run(runs, "remove")["state"] == "success"
    assert runs["remove"]["calls"] == ["plan us-0001", "remove us-0001"]


def test_a_check_of_a_healthy_fleet_is_green(runs):
    run = the_run(runs, "check")

    assert run["state"] == "success"
    assert min(runs["check"]["calls"]) == "check (cluster)"


def test_a_check_with_a_finding_is_red_and_says_it(runs):
    run = the_run(runs, "check_finds")

    assert run["state"] == "failed"
    assert "jp-0001: unhealthy (clock-skew): clock-skew: 301 s ahead; set it" in run["error"]
    assert states(run, "check") == dict.fromkeys(HOSTS, "success") | {"jp-0001": "failed"}


STEPS = ("rotate_server", "rotate_canary", "rotate_rest")


def steps(run):
    """The states of the three steps' hosts, in the order of the steps."""
    return [states(run, step) for step in STEPS]


def test_a_rotation_without_parameters_shows_the_plan_and_changes_nothing(runs):
    run = the_run(runs, "rotate_dry")

    assert run["state"] == "success"
    assert states(run, "preflight") == dict.fromkeys(HOSTS, "success")
    assert steps(run) == [{"": "skipped"}] * 3
    assert {call.split()[0] for call in runs["rotate_dry"]["calls"]} == {"plan"}


def test_an_approved_rotation_does_the_server_then_one_agent_then_the_others(runs):
    run = the_run(runs, "rotate_approved")

    assert run["state"] == "success"
    done = [call for call in runs["rotate_approved"]["calls"] if call.startswith("rotate")]
    assert done == ["rotate de-0001", "rotate jp-0001", "rotate us-0001"]
    assert states(run, "approve") == {"": "success"}


def test_a_broken_host_is_told_and_the_others_are_rotated(runs):
    run = the_run(runs, "rotate_one_broken")

    assert states(run, "approve") == {"": "skipped"}
    assert steps(run) == [{"de-0001": "success"}, {"us-0001": "success"}, {"": "skipped"}]
    assert run["error"].startswith("3 hosts: 2 changed, 1 unreachable")
    assert "jp-0001: unreachable (wrong-host-key)" in run["error"]


@pytest.mark.parametrize(
    ("scenario", "rotated", "words"),
    [
        ("rotate_canary_fails", ["de-0001", "jp-0001"], "jp-0001: failed (not-renewed)"),
        ("rotate_server_fails", ["de-0001"], "de-0001: failed (not-ready)"),
    ],
)
def test_where_server_or_canary_fail_the_others_are_not_begun_and_told_so(
    runs, scenario, rotated, words
):
    run = the_run(runs, scenario)

    done = [call for call in runs[scenario]["calls"] if call.startswith("rotate")]
    assert done == [f"rotate {host}" for host in rotated]
    assert run["state"] == "failed"
    assert words in run["error"]
    assert "us-0001: refused (not-begun)" in run["error"]


def test_a_rejected_rotation_touches_nobody_and_is_told_so(runs):
    run = the_run(runs, "rotate_rejected")

    assert {call.split()[0] for call in runs["rotate_rejected"]["calls"]} == {"plan"}
    assert run["state"] == "failed"
    assert run["error"].startswith("3 hosts: 3 refused")
    assert "jp-0001: refused (not-begun)" in run["error"]
