"""The fleet's verbs over an engine and a cluster in memory: rows, labels, dry runs."""

from pathlib import Path

import pytest

from hitscanner.domain.inventory import parse_inventory
from hitscanner.domain.node_labels import labels_of
from hitscanner.errors import UnknownVantagePointError, UsageError
from hitscanner.fleet import facade
from hitscanner.fleet.facade import Fleet
from hitscanner.provision import operations
from hitscanner.provision.model import Change, HostPlan, HostResult, Run
from hitscanner.provision.operations import Site
from hitscanner.settings import Settings
from tests.support.kube_fake import FakeApi, FakeClock, raw_node, raw_pod, refusal

KEY = "SHA256:" + "A" * 43
INVENTORY = f"""
[server]
name = "centre"
transport = "ssh"
address = "100.67.83.2"
host_key = "{KEY}"
{
    "".join(
        f'''
[[vantage_point]]
name = "{name}"
address = "100.67.83.{number}"
host_key = "{KEY}"
country = "{name[:2].upper()}"
tags = ["lab"]
'''
        for number, name in enumerate(("us-0001", "jp-0001"), start=10)
    )
}
[[vantage_point]]
name = "here-0001"
transport = "local"
tags = ["lab"]
"""


class Engine:
    """Stands for `provision.operations`: what it was asked, and what comes of each host."""

    def __init__(self):
        self.asked = []
        self.bad = {}

    def result(self, host):
        return self.bad.get(host) or HostResult(host, "changed", changed=("k3s: start it",))

    async def plan_hosts(self, site, names, only=None):
        self.asked.append(("plan", *names))
        change = Change("k3s", "start it", Run("systemctl start k3s-agent"))
        return [self.bad.get(name) or HostPlan(name, changes=(change,)) for name in names]

    async def apply_hosts(self, site, names, only=None):
        self.asked.append(("apply", *names))
        return [self.result(name) for name in names]

    async def remove_hosts(self, site, names, force=False):
        self.asked.append(("remove", *names))
        return [self.result(name) for name in names]


@pytest.fixture
def engine(monkeypatch):
    engine = Engine()
    for verb in ("plan_hosts", "apply_hosts", "remove_hosts"):
        monkeypatch.setattr(operations, verb, getattr(engine, verb))
    return engine


@pytest.fixture
def api():
    nodes = {name: raw_node(name) for name in ("centre", "us-0001", "jp-0001")}
    return FakeApi(nodes=nodes)


@pytest.fixture
def fleet(tmp_path, api, engine, monkeypatch):
    def no_ssh(name):
        raise AssertionError(f"nobody may log in to {name} here")

    inventory = parse_inventory(INVENTORY, "inventory.toml")
    site = Site(inventory, no_ssh, tmp_path / "bundle", tmp_path / "cluster")
    made = Fleet(Settings(tmp_path), site, api, FakeClock().clock())
    monkeypatch.setattr(Fleet, "_fetch_kubeconfig", lambda self, name: [])
    return made


def labels(api, name):
    return api.nodes[name]["metadata"]["labels"]


@pytest.mark.parametrize(
    ("wanted", "names"),
    [
        (["all"], ["jp-0001", "us-0001"]),
        (["lab"], ["jp-0001", "us-0001"]),
        (["us-0001", "server"], ["centre", "us-0001"]),
        (["centre"], ["centre"]),
    ],
)
def test_names_tags_all_and_the_server_are_resolved_without_hosts_that_are_here(
    fleet, wanted, names
):
    assert fleet.names(wanted) == names


def test_all_means_the_server_too_where_it_is_looked_at(fleet):
    assert fleet.names(["all"], with_server=True) == ["centre", "jp-0001", "us-0001"]


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ("xx-0009", 'no vantage point has the name or tag "xx-0009"'),
        ("here-0001", "vantage point here-0001 has no host to log in to"),
    ],
)
def test_a_host_that_nobody_can_log_in_to_is_refused_by_name(fleet, wanted, words):
    with pytest.raises((UsageError, UnknownVantagePointError), match=words):
        fleet.names([wanted])


def test_the_server_is_not_among_what_may_be_removed(fleet):
    with pytest.raises(UsageError, match="the server is not removed by this"):
        fleet.removable(["us-0001", "centre"])


def test_a_plan_shows_the_hosts_changes_and_the_drift_of_its_labels(fleet):
    [row] = fleet.plan(["us-0001"])

    assert row.state == "planned"
    assert row.changed[0] == "k3s: start it"
    assert "label hitscanner/country: US" in row.changed
    assert any("$ systemctl start k3s-agent" in line for line in row.plan)


def test_a_plan_changes_nothing(fleet, api):
    fleet.plan(["all"])
    fleet.apply(["all"], dry_run=True)
    fleet.label(["all"], dry_run=True)
    fleet.remove("us-0001")

    assert api.writes == []


def test_joining_labels_the_node_and_runs_a_pod_on_each_host(fleet, api):
    rows = fleet.join_all(["all"])

    assert [row.state for row in rows] == ["changed", "changed"]
    assert labels(api, "us-0001") == labels_of(fleet.site.inventory.host("us-0001"))
    probes = [line for line in api.asked if line.startswith("POST") and line.endswith("/pods")]
    assert len(probes) == 2
    assert api.pods == {}


def test_a_host_that_does_not_join_is_not_proven_and_the_other_is(fleet, api, engine):
    engine.bad["us-0001"] = HostResult("us-0001", "failed", "token-rejected", "see the server")
    rows = {row.host: row for row in fleet.join_all(["all"])}

    assert (rows["us-0001"].state, rows["us-0001"].cause) == ("failed", "token-rejected")
    assert rows["jp-0001"].state == "changed"
    assert not [line for line in api.asked if "hs-probe-us-0001" in line]


def test_a_node_that_never_gets_ready_is_told_with_the_kubelets_words(fleet, api):
    api.nodes["us-0001"] = raw_node("us-0001", is_ready=False)
    row = fleet.prove("us-0001")

    assert (row.state, row.cause) == ("failed", "probe-failed")
    assert "us-0001 is not Ready (Kubelet)" in row.detail


def test_apply_does_the_server_first_and_stops_where_it_fails(fleet, engine):
    engine.bad["centre"] = HostResult("centre", "failed", "disk-full", "free some")
    rows = fleet.apply(["all"])

    assert [(row.host, row.cause) for row in rows] == [
        ("centre", "disk-full"),
        ("jp-0001", "server-failed"),
        ("us-0001", "server-failed"),
    ]
    assert engine.asked == [("apply", "centre")]


def test_the_servers_node_keeps_the_label_of_old(fleet, api):
    fleet.apply(["server"])

    assert labels(api, "centre") == {"hitscanner/role": "server", "myrole": "master"}


def test_labels_that_drifted_are_mended_and_a_second_time_nothing_is_written(fleet, api):
    api.nodes["us-0001"] = raw_node("us-0001", hitscanner__country="XX", team="x")
    [first] = fleet.label(["us-0001"], dry_run=False)
    writes = len(api.writes)
    [second] = fleet.label(["us-0001"], dry_run=False)

    assert first.state == "changed"
    assert "label hitscanner/country: XX -> US" in first.changed
    assert labels(api, "us-0001")["team"] == "x"
    assert second.state == "unchanged"
    assert len(api.writes) == writes


def test_a_silent_api_server_is_a_row_and_not_an_exception(fleet, api):
    api.refusals["GET /api/v1/nodes/us-0001"] = refusal(503, "down")
    [row] = fleet.label(["us-0001"], dry_run=False)

    assert (row.state, row.cause) == ("failed", "api-refused")


def test_a_host_is_drained_before_its_node_goes(fleet, api, engine):
    api.add(raw_pod("shard", "us-0001"))
    row = fleet.remove("us-0001", dry_run=False)

    assert row.state == "changed"
    assert "pod default/shard: evicted" in row.changed
    assert engine.asked == [("remove", "us-0001")]


def test_several_hosts_go_and_one_that_must_stay_does_not_keep_them(fleet, api):
    api.add(raw_pod("shard", "us-0001"))
    api.refusals["POST /api/v1/namespaces/default/pods/shard/eviction"] = refusal(429)
    rows = fleet.remove_all(["jp-0001", "us-0001"], drain_s=5, dry_run=False)

    assert [(row.host, row.state) for row in rows] == [
        ("jp-0001", "changed"),
        ("us-0001", "failed"),
    ]


def test_a_host_with_pods_that_stay_is_not_removed(fleet, api, engine):
    api.add(raw_pod("shard", "us-0001"))
    api.refusals["POST /api/v1/namespaces/default/pods/shard/eviction"] = refusal(429)
    row = fleet.remove("us-0001", drain_s=5, dry_run=False)

    assert (row.state, row.cause) == ("failed", "drain-timed-out")
    assert engine.asked == []


def test_the_server_is_not_taken_down_under_its_hosts(fleet, engine):
    with pytest.raises(UsageError, match="jp-0001, us-0001 still joined to centre"):
        fleet.take_down()

    assert engine.asked == []


def test_taking_the_server_down_forgets_its_kubeconfig(fleet, api, tmp_path, monkeypatch):
    async def uninstalled(site, name):
        return ()

    monkeypatch.setattr(facade, "uninstall_server", uninstalled)
    kubeconfig = tmp_path / "cluster" / "kubeconfig"
    kubeconfig.parent.mkdir()
    kubeconfig.touch()
    del api.nodes["us-0001"], api.nodes["jp-0001"]
    fleet.take_down()

    assert not kubeconfig.exists()


def test_without_a_server_nothing_is_checked(fleet):
    lone = parse_inventory("", "inventory.toml")
    nobody = Fleet(fleet.settings, Site(lone, fleet.site.open, Path(), Path()), fleet.api)

    assert nobody.checkable(["all"]) == []
    assert nobody.check_cluster().state == "healthy"
