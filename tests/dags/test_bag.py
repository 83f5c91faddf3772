"""Every DAG file gives the DAG it is named after, and each keeps the rules of the house."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
DAGS = (
    "alias_resolution",
    "build_topology",
    "canary",
    "check_fleet",
    "join_agent",
    "label_nodes",
    "load",
    "provision_platform",
    "provision_registry",
    "prune",
    "remove_agent",
    "rotate_certs",
    "stop_probing",
    "traceroute",
    "transform",
)
FLEET = ("check_fleet", "join_agent", "label_nodes", "remove_agent", "rotate_certs")
"""A host that failed needs a person: one retry, for what passes by itself."""

RETRIES = {**dict.fromkeys(FLEET, 1), "canary": 0}
"""A canary that fails is its finding."""

STAGES = ("ally", "mercator", "radargun")
FORM = (
    "list", "targets", "vantage_points", "split", "sample", "method", "first_hop", "gap",
    "attempts", "confirm", "rate_pps", "dealias", "plan_only", "min_vp_ratio", "min_target_ratio",
    "deadline",
)  # fmt: skip


def test_the_folder_holds_exactly_the_dags_we_know(facts):
    assert facts["import_errors"] == {}
    assert sorted(facts["dags"]) == sorted(DAGS)
    assert sorted(path.stem for path in (REPOSITORY / "dags").glob("*.py")) == sorted(DAGS)


@pytest.mark.parametrize("dag_id", DAGS)
def test_a_dag_is_named_like_its_file_and_has_a_page(facts, dag_id):
    dag = facts["dags"][dag_id]

    assert dag["file"] == f"{dag_id}.py"
    assert dag["doc"].strip().startswith(f"### {dag_id}: ")
    assert "**After a failure**" in dag["doc"]


@pytest.mark.parametrize("dag_id", DAGS)
def test_a_dag_has_tags_and_limits_and_does_not_catch_up(facts, dag_id):
    dag = facts["dags"][dag_id]

    assert dag["tags"]
    assert dag["dagrun_timeout_s"]
    assert dag["catchup"] is False
    assert dag["max_active_runs"] <= 4


@pytest.mark.parametrize("dag_id", DAGS)
def test_every_task_has_an_owner_a_doc_a_timeout_and_retries(facts, dag_id):
    for task_id, task in facts["dags"][dag_id]["tasks"].items():
        assert task["owner"] == "hitscanner", task_id
        assert task["doc"].strip(), task_id
        assert task["execution_timeout_s"], task_id
        assert task["retries"] == RETRIES.get(dag_id, 2), task_id


def test_the_retry_delay_is_governed_by_the_configuration_alone(facts):
    delays = {
        task["retry_delay_s"] for dag in facts["dags"].values() for task in dag["tasks"].values()
    }

    assert delays == {1.0}


def test_every_mapped_task_shows_the_name_of_its_vantage_point_or_cycle(facts):
    mapped = {
        task_id: task["map_index_template"]
        for dag_id, dag in facts["dags"].items()
        for task_id, task in dag["tasks"].items()
        if task["is_mapped"] and dag_id not in FLEET
    }

    lanes = ["one_vantage_point.fetch", "one_vantage_point.start"]
    again = ["second_chance.fetch", "second_chance.start"]
    of_stages = [f"{stage}.{lane}" for stage in STAGES for lane in lanes]
    others = ["build", "compare", "convert", "draw", "load_cycle", "merge", "resolve"]
    assert sorted(mapped) == sorted([*others, *lanes, *again, *of_stages])
    assert all(mapped.values())


@pytest.mark.parametrize("dag_id", FLEET)
def test_a_fleet_dag_has_one_lane_a_host_and_a_summary_that_comes_whatever_happens(facts, dag_id):
    dag = facts["dags"][dag_id]
    mapped = [task for task in dag["tasks"].values() if task["is_mapped"]]

    assert mapped
    assert {task["map_index_template"] for task in mapped} == {"{{ task.op_kwargs['host'] }}"}
    # A dry run of these skips tasks, with which the other rule would skip the summary.
    skips = ("join_agent", "remove_agent", "rotate_certs")
    rule = "all_done" if dag_id in skips else "all_done_min_one_success"
    assert dag["tasks"]["summarise"]["trigger_rule"] == rule
    assert "choose_hosts" in dag["tasks"]["summarise"]["upstream"]
    assert dag["max_active_runs"] == 1


def test_whatever_changes_hosts_is_a_dry_run_unless_told_otherwise(facts):
    defaults = {
        dag_id: facts["dags"][dag_id]["params"]["dry_run"]["value"]
        for dag_id in FLEET
        if "dry_run" in facts["dags"][dag_id]["params"]
    }

    changing = ("join_agent", "label_nodes", "remove_agent", "rotate_certs")
    assert defaults == dict.fromkeys(changing, True)


def test_certificates_are_rotated_step_by_step_and_after_the_approval(facts):
    tasks = facts["dags"]["rotate_certs"]["tasks"]
    steps = [f"rotate_{step}" for step in ("server", "canary", "rest")]

    assert tasks["approve"]["upstream"] == ["is_approval_wanted"]
    for number, step in enumerate(steps):
        assert {"approve", *steps[:number][-1:]} <= set(tasks[step]["upstream"])
        assert tasks[step]["trigger_rule"] == "none_failed"


def test_nobody_is_removed_who_was_not_named(facts):
    assert facts["dags"]["remove_agent"]["params"]["hosts"]["value"] == []


def test_traceroute_runs_daily_at_three_and_asks_for_every_key_of_the_form(facts):
    dag = facts["dags"]["traceroute"]

    assert dag["schedule"] == "0 3 * * *"
    assert set(FORM) <= set(dag["params"])
    assert all(param["schema"].get("type") for param in dag["params"].values())
    assert all(param["schema"].get("title") for param in dag["params"].values())
    assert all(param["description"] for param in dag["params"].values())


def test_what_is_left_is_moved_if_every_lane_failed_but_not_if_plan_failed(facts):
    """`plan` is the one success that `all_done_min_one_success` counts when no lane succeeded."""
    reshard = facts["dags"]["traceroute"]["tasks"]["reshard"]

    assert reshard["trigger_rule"] == "all_done_min_one_success"
    assert reshard["upstream"] == ["one_vantage_point.fetch", "plan"]


def test_the_gate_runs_whatever_became_of_the_second_chances(facts):
    gate = facts["dags"]["traceroute"]["tasks"]["gate"]

    assert gate["trigger_rule"] == "all_done"
    assert gate["upstream"] == ["plan", "second_chance.fetch"]
    assert gate["outlets"] == ["raw_traces"]


def test_nothing_but_a_gate_a_judge_and_what_moves_targets_looks_past_a_failure(facts):
    rules = {
        task_id: task["trigger_rule"]
        for dag_id, dag in facts["dags"].items()
        for task_id, task in dag["tasks"].items()
        if dag_id not in FLEET
        if task["trigger_rule"] not in ("all_success", "none_failed")
    }

    of_stages = [f"{stage}.gate" for stage in STAGES]
    assert sorted(rules) == sorted(["gate", "judge", "reshard", *of_stages])


def test_a_skipped_method_does_not_keep_the_next_one_from_running(facts):
    tasks = facts["dags"]["alias_resolution"]["tasks"]
    patient = {name for name, task in tasks.items() if task["trigger_rule"] == "none_failed"}

    assert patient == {"resolve", *(f"{stage}.plan" for stage in STAGES)}
    assert tasks["ally.plan"]["upstream"] == ["find_cycles", "mercator.judge"]
    assert tasks["radargun.plan"]["upstream"] == ["ally.judge", "find_cycles"]
    assert tasks["resolve"]["upstream"] == ["find_cycles", "radargun.judge"]
    assert tasks["resolve"]["outlets"] == ["alias_evidence"]


def test_links_are_merged_only_after_every_shard_was_converted(facts):
    merge = facts["dags"]["transform"]["tasks"]["merge"]

    assert merge["upstream"] == ["convert", "find_cycles"]
    assert merge["outlets"] == ["topology_tables"]


def test_assets_chain_the_dags(facts):
    assert "name='raw_traces'" in facts["dags"]["transform"]["schedule"]
    assert "name='topology_tables'" in facts["dags"]["load"]["schedule"]
    assert "name='topology_tables'" in facts["dags"]["alias_resolution"]["schedule"]
    either = facts["dags"]["build_topology"]["schedule"]
    assert "name='topology_tables'" in either
    assert "name='alias_evidence'" in either
    assert facts["dags"]["build_topology"]["tasks"]["compare"]["outlets"] == ["router_topology"]


def test_a_run_that_several_events_started_is_for_all_their_cycles(facts):
    assert facts["cycles_of_three_events"] == [
        {"list": "sample", "cycle": "20261122T030000Z"},
        {"list": "sample", "cycle": "20261123T030000Z"},
    ]


def test_parsing_imports_nothing_heavy_and_never_the_wiring(facts):
    """`facts.py` also refuses sockets and child processes while it parses."""
    heavy = {"kubernetes", "asyncssh", "google", "duckdb", "igraph", "plotly", "pyroute2", "pandas"}

    assert heavy.isdisjoint(facts["modules"])
    assert not [name for name in facts["ours"] if name.startswith("hitscanner.wiring")]


def test_a_dag_serialises_to_the_same_json_each_time(facts, facts_of_another_process):
    """Otherwise Airflow makes a new version of the DAG at every parse."""
    assert facts["serialised"] == facts["serialised_again"]
    assert facts["serialised"] == facts_of_another_process["serialised"]


def test_the_examples_in_the_docstrings_of_our_plugin_are_true(facts):
    assert sum(counts["attempted"] for counts in facts["doctests"].values()) > 0
    assert {name: counts["failed"] for name, counts in facts["doctests"].items()} == dict.fromkeys(
        facts["doctests"], 0
    )


def test_nobody_sees_the_cycles_without_a_login(facts):
    """FastAPI applications of plugins are open to all unless each route asks for the user."""
    assert facts["cycles_page"]["anonymous"] == {
        "/cycles": 401,
        "/drives": 401,
        "/docs": 404,
        "/openapi.json": 404,
    }
    assert facts["cycles_page"]["known"] == 200


def test_the_cycles_page_shows_states_and_leads_to_the_run(facts):
    assert "No cycle yet." in facts["cycles_page"]["empty"]
    assert '<td class="partial">partial</td>' in facts["cycles_page"]["page"]
    assert 'href="../dags/traceroute/runs/by-hand"' in facts["cycles_page"]["page"]


def test_the_tab_of_a_run_shows_how_far_its_drives_are(facts):
    assert facts["cycles_page"]["drives_asked"] == ["manual__1", None]
    assert all("<td>1 of 4</td><td>2.0 of 8.0</td>" in p for p in facts["cycles_page"]["drives"])


def test_the_page_of_all_dags_is_up_to_date(tmp_path):
    environment = {
        **os.environ,
        "AIRFLOW_HOME": str(tmp_path),
        "PYTHONPATH": os.pathsep.join(str(REPOSITORY / name) for name in ("include", "plugins")),
    }
    done = subprocess.run(
        [sys.executable, "-m", "hitscanner_airflow.docs"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )

    assert (REPOSITORY / "docs" / "DAGS.md").read_text("utf-8") == done.stdout, "run `make docs`"
