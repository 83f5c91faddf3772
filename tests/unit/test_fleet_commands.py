"""`hitscanner fleet …` as a user sees it: rows, exit codes, JSON, and refusals before any work."""

import json

import pytest

from hitscanner.cli import main
from hitscanner.commands import fleet as commands
from hitscanner.errors import UsageError
from hitscanner.fleet.rows import CLUSTER, Row
from hitscanner.infra.kube import ClusterUnreachableError, Node

GOOD = Row("us-0001", "changed", changed=("k3s: start it",), duration_s=2.0)
BAD = Row("jp-0001", "unreachable", "wrong-host-key", "compare them", "SHA256:a, not SHA256:b")
PLANNED = Row(
    "us-0001",
    "planned",
    changed=("k3s: start it",),
    plan=("us-0001: 1 change", "  k3s: start it", "    $ systemctl restart k3s-agent"),
)


class FakeFleet:
    def __init__(self):
        self.rows = [GOOD]
        self.asked = []
        self.cluster = Row(CLUSTER, "healthy")

    def _rows(self, *asked, **options):
        self.asked.append((*asked, options))
        return self.rows

    plan = apply = label = check = join_all = _rows

    def names(self, wanted, with_server=False):
        if "xx-0009" in wanted:
            raise UsageError("inventory.toml: no vantage point xx-0009; there are jp-0001, us-0001")
        return list(wanted)

    removable = names

    def rotate_all(self, names, *, dry_run):
        return self._rows(names, dry_run=dry_run)

    def remove_all(self, names, **options):
        return [row for row in [GOOD, BAD] if row.host in names]

    def check_cluster(self):
        return self.cluster

    def nodes(self):
        return {"us-0001": Node("us-0001", True, "", "v1.36.3+k3s1", {}, is_cordoned=True)}


@pytest.fixture
def fleet(monkeypatch):
    made = FakeFleet()
    monkeypatch.setattr(commands, "build_fleet", lambda **_: made)
    monkeypatch.setattr(commands, "build_rotation", lambda wish, of: of.asked.append(wish) or of)
    return made


@pytest.fixture
def said(capsys):
    return lambda: json.loads(capsys.readouterr().out.splitlines()[-1])


def test_all_well_is_exit_0_and_every_row_is_in_the_object(fleet, said):
    assert main(["fleet", "apply", "--json"]) == 0

    answered = said()
    assert (answered["good"], answered["bad"]) == (1, 0)
    assert answered["hosts"][0]["changed"] == ["k3s: start it"]


@pytest.mark.parametrize(("rows", "code"), [([GOOD, BAD], 2), ([BAD], 3)])
def test_some_bad_hosts_are_exit_2_and_nothing_but_bad_ones_exit_3(fleet, rows, code):
    fleet.rows = rows

    assert main(["fleet", "join", "--hosts", "us-0001,jp-0001"]) == code


def test_a_bad_hosts_line_has_its_cause_and_remedy(fleet, capsys):
    fleet.rows = [GOOD, BAD]
    main(["fleet", "apply"])

    lines = capsys.readouterr().out.splitlines()
    words = "jp-0001: unreachable (wrong-host-key): SHA256:a, not SHA256:b; compare them"
    assert words in lines
    assert lines[-1] == "2 hosts: 1 changed, 1 unreachable"


def test_a_plan_is_printed_line_by_line(fleet, capsys):
    fleet.rows = [PLANNED]
    main(["fleet", "plan"])

    assert "    $ systemctl restart k3s-agent" in capsys.readouterr().out.splitlines()


def test_a_dry_join_only_plans(fleet):
    main(["fleet", "join", "us-0001", "--dry-run"])

    assert fleet.asked == [(["us-0001"], {})]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["join"], "name the hosts: NAME"),
        (["remove"], "name the hosts: NAME"),
        (["remove", "xx-0009"], "no vantage point xx-0009; there are jp-0001, us-0001"),
        (["plan", "--only", "coffee"], "--only coffee: there are"),
    ],
)
def test_bad_input_is_one_line_and_exit_1_before_any_work(fleet, capsys, words, told):
    assert main(["fleet", *words]) == 1
    assert told in capsys.readouterr().err
    assert fleet.asked == []


def test_hosts_go_side_by_side_and_one_that_stays_is_told(fleet, said):
    assert main(["fleet", "remove", "us-0001", "jp-0001", "--json"]) == 2
    assert [row["state"] for row in said()["hosts"]] == ["changed", "unreachable"]


def test_a_finding_about_the_cluster_alone_is_exit_2(fleet, said):
    fleet.rows = [Row("us-0001", "healthy")]
    fleet.cluster = Row(CLUSTER, "unhealthy", "unknown-node", "add it", "xx-0009")

    assert main(["fleet", "check", "--json"]) == 2
    assert [row["host"] for row in said()["hosts"]] == ["us-0001", "(cluster)"]


def test_status_shows_nodes_beside_the_last_cycle(fleet, said, tmp_path, monkeypatch):
    monkeypatch.setenv("HITSCANNER_HOME", str(tmp_path))
    vps = '[[vantage_point]]\nname = "us-0001"\ntransport = "local"\n'
    (tmp_path / "inventory.toml").write_text('[server]\nname = "centre"\n' + vps)

    assert main(["fleet", "status", "--json"]) == 0
    [row] = said()["vantage_points"]
    assert (row["node"], row["version"]) == ("Ready, cordoned", "v1.36.3+k3s1")
    assert row["state"] == "never measured"


def test_status_goes_on_where_the_cluster_is_silent(fleet, said, tmp_path, monkeypatch):
    def silent():
        raise ClusterUnreachableError("nobody answers", "start it")

    test_home = '[server]\nname = "centre"\n[[vantage_point]]\nname = "a-1"\ntransport = "local"\n'
    monkeypatch.setenv("HITSCANNER_HOME", str(tmp_path))
    (tmp_path / "inventory.toml").write_text(test_home)
    monkeypatch.setattr(fleet, "nodes", silent)

    assert main(["fleet", "status", "--json"]) == 0
    assert said()["vantage_points"][0]["node"] == ""


def test_a_rotation_hands_on_what_was_asked_for(fleet):
    words = ["--hosts", "us-0001,server", "--new-keys", "--busy", "wait", "--wait-s", "60"]

    assert main(["fleet", "rotate-certs", *words, "--dry-run"]) == 0
    assert fleet.asked == [
        {"new_keys": True, "busy": "wait", "wait_s": 60},
        (["us-0001", "server"], {"dry_run": True}),
    ]


def test_a_rotation_is_of_all_hosts_and_only_of_what_is_near_its_end_unless_told(fleet):
    fleet.rows = [GOOD, BAD]

    assert main(["fleet", "rotate-certs"]) == 2
    assert fleet.asked == [
        {"new_keys": False, "busy": "refuse", "wait_s": 3600},
        (["all"], {"dry_run": False}),
    ]


def test_what_a_busy_host_gets_is_one_of_three(fleet, capsys):
    assert main(["fleet", "rotate-certs", "--busy", "perhaps"]) == 1
    assert "'refuse', 'wait', 'force'" in capsys.readouterr().err
    assert fleet.asked == []
