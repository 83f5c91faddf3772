"""From bare hosts to a cluster by the commands of the README, and back."""

import json

import pytest

from hitscanner.domain.inventory import parse_inventory
from hitscanner.domain.node_labels import labels_of
from tests.cluster import faults, kubernetes, secrets
from tests.cluster.console import Console

pytestmark = [pytest.mark.cluster, pytest.mark.root, pytest.mark.timeout(1800)]

HOSTS = ["us-0001", "jp-0001", "de-0001"]
WET = {"hosts": HOSTS, "dry_run": False}

LONGEST_JOIN_S = 60.0
"""Of one host while others join beside it."""

FOOTPRINT = """
find /etc/rancher /etc/systemd/system/k3s* /etc/hitscanner /usr/local/bin /etc/sysctl.d \
    /etc/modules-load.d -type f -printf '%p %T@ %s\n' | sort
systemctl show k3s-agent --property ActiveEnterTimestampMonotonic,MainPID
"""
"""Every file of ours with its time, and since when the unit runs."""


@pytest.fixture(scope="module")
def server(console: Console) -> Console:
    """A k3s server by ./bootstrap.sh cluster."""
    done = console.bootstrap("cluster", "--json")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return console


@pytest.fixture(scope="module")
def airflow(server: Console) -> Console:
    """Airflow at the centre, and three bare hosts."""
    code, rows = server.fleet("remove", *HOSTS)
    assert code == 0, rows
    server.start_airflow()
    return server


@pytest.fixture(scope="module")
def fleet(airflow: Console) -> Console:
    """Three hosts in the cluster, by the DAG unless they are there."""
    nodes = airflow.nodes()
    if not all(name in nodes and nodes[name]["ready"] for name in HOSTS):
        run = airflow.trigger("join_agent", WET)
        assert run.state == "success", run.rows
    return airflow


def test_bootstrap_makes_a_server_of_a_bare_host_and_a_second_time_changes_nothing(server):
    again = server.bootstrap("cluster", "--json")

    [row] = json.loads(again.stdout.strip().splitlines()[-1])["hosts"]
    assert (row["host"], row["state"], row["changed"]) == ("server", "unchanged", [])
    node = server.nodes()["server"]
    assert node["ready"]
    assert node["labels"]["myrole"] == "master"
    assert "airflow dags trigger join_agent --conf" in again.stderr


def test_a_dry_join_logs_the_plan_and_leaves_the_hosts_as_they_are(airflow):
    before = [host.run(FOOTPRINT) for host in airflow.lab.vantage_points]
    run = airflow.trigger("join_agent", {"hosts": HOSTS})

    assert run.state == "success"
    assert {host: row["state"] for host, row in run.rows.items()} == dict.fromkeys(HOSTS, "planned")
    assert all("k3s: start k3s-agent.service" in row["changed"] for row in run.rows.values())
    assert before == [host.run(FOOTPRINT) for host in airflow.lab.vantage_points]


def test_three_hosts_join_get_ready_and_labelled_and_nobody_sees_a_secret(airflow):
    canaries = secrets.planted(airflow)
    with secrets.Processes(canaries) as processes:
        run = airflow.trigger("join_agent", WET)

    assert run.state == "success", run.rows
    assert {host: row["state"] for host, row in run.rows.items()} == dict.fromkeys(HOSTS, "changed")
    durations = {host: row["duration_s"] for host, row in run.rows.items()}
    assert max(durations.values()) <= LONGEST_JOIN_S, durations
    assert kubernetes.tokens(airflow.lab) == []
    inventory = parse_inventory((airflow.lab.home / "inventory.toml").read_text(), "lab")
    nodes = airflow.nodes()
    for host in HOSTS:
        assert nodes[host]["ready"]
        assert labels_of(inventory.host(host)).items() <= nodes[host]["labels"].items()
    assert processes.seen == set()
    assert processes.looks > 10
    files = airflow.lab.home / "airflow"
    assert secrets.in_files(files, canaries) == []
    assert secrets.in_files(files, {"a word that is there": b"us-0001"}) != []
    assert secrets.on_hosts(airflow) == []


def test_a_second_join_changes_no_file_and_restarts_no_unit(fleet):
    before = [host.run(FOOTPRINT) for host in fleet.lab.vantage_points]
    run = fleet.trigger("join_agent", WET)

    assert run.state == "success"
    assert {row["state"] for row in run.rows.values()} == {"unchanged"}
    assert before == [host.run(FOOTPRINT) for host in fleet.lab.vantage_points]


def test_one_host_with_another_key_leaves_the_others_unharmed(fleet):
    with faults.other_host_key(fleet.lab.host("jp-0001")):
        run = fleet.trigger("join_agent", WET)

    assert run.state == "failed"
    assert run.rows["jp-0001"]["cause"] == "wrong-host-key"
    assert {run.rows[host]["state"] for host in ("us-0001", "de-0001")} == {"unchanged"}


def test_labels_that_drifted_are_shown_and_then_mended(fleet):
    kubectl = "k3s kubectl label node de-0001 --overwrite"
    fleet.lab.server.run(f"{kubectl} hitscanner/country=XX myrole=master team=blue")
    named = [*HOSTS, "server"]
    shown = fleet.trigger("label_nodes", {"hosts": named})
    drifted = fleet.nodes()["de-0001"]["labels"]
    mended = fleet.trigger("label_nodes", {"hosts": named, "dry_run": False})
    labels = fleet.nodes()["de-0001"]["labels"]

    assert "label hitscanner/country: XX -> DE" in shown.rows["de-0001"]["changed"]
    assert drifted["hitscanner/country"] == "XX"
    assert mended.state == "success"
    assert (labels["hitscanner/country"], labels["team"]) == ("DE", "blue")
    assert "myrole" not in labels
    assert mended.rows["server"]["state"] == "unchanged"


def test_a_host_that_was_removed_is_gone_and_joins_again(fleet):
    host = fleet.lab.host("de-0001")
    gone = fleet.trigger("remove_agent", {"hosts": ["de-0001"], "dry_run": False})
    nodes = fleet.nodes()
    secret = "k3s kubectl get secret -n kube-system de-0001.node-password.k3s"

    assert gone.state == "success", gone.rows
    assert "de-0001" not in nodes
    assert fleet.lab.server.attempt(secret).returncode != 0
    assert host.attempt("test -e /etc/systemd/system/k3s-agent.service").returncode != 0
    back = fleet.trigger("join_agent", {"hosts": ["de-0001"], "dry_run": False})
    assert back.state == "success", back.rows
    assert fleet.nodes()["de-0001"]["ready"]


def test_check_fleet_is_green_on_a_healthy_fleet(fleet):
    run = fleet.trigger("check_fleet", {"hosts": [*HOSTS, "server"]})

    assert run.state == "success", run.rows
    assert sorted(run.rows) == sorted([*HOSTS, "server", "(cluster)"])


def test_check_fleet_is_red_and_names_each_host_with_its_own_fault(fleet):
    lab = fleet.lab
    config = "/etc/rancher/k3s/config.yaml"
    with faults.clock_off(lab.host("us-0001"), 301):
        lab.host("jp-0001").run(f"cp -p {config} /root/kept && echo '#' >> {config}")
        lab.server.run("k3s kubectl cordon de-0001")
        try:
            run = fleet.trigger("check_fleet", {"hosts": [*HOSTS, "server"]})
        finally:
            lab.host("jp-0001").run(f"cp -p /root/kept {config} && rm /root/kept")
            lab.server.run("k3s kubectl uncordon de-0001")

    assert run.state == "failed"
    found = {host: row["cause"].split(", ") for host, row in run.rows.items()}
    assert found["server"] == found["(cluster)"] == [""], found
    for host, cause in (("us-0001", "clock-skew"), ("jp-0001", "drift"), ("de-0001", "cordoned")):
        assert cause in found[host], found
        assert run.rows[host]["remedy"]


def test_the_server_is_not_taken_down_under_its_hosts(fleet):
    refused = fleet.bootstrap("down")

    assert refused.returncode == 1
    assert "still joined to server; remove them first" in refused.stderr
    assert fleet.nodes()["server"]["ready"]
