"""The order of a rotation over an engine in memory: server, canary, the others; where it ends."""

import pytest

from hitscanner.domain.inventory import parse_inventory
from hitscanner.errors import UnknownVantagePointError
from hitscanner.fleet.facade import Fleet
from hitscanner.fleet.rotation import Rotation
from hitscanner.provision import rotate
from hitscanner.provision.model import Change, HostPlan, HostResult, Refusal, Run
from hitscanner.provision.operations import Site
from hitscanner.provision.rotation import Wish
from hitscanner.settings import Settings
from tests.support.kube_fake import FakeApi, FakeClock, raw_node, refusal

KEY = "SHA256:" + "A" * 43
AGENTS = ("de-0001", "jp-0001", "us-0001")
POINTS = "".join(
    f'[[vantage_point]]\nname = "{name}"\naddress = "192.0.2.{number}"\nhost_key = "{KEY}"\n'
    for number, name in enumerate(AGENTS, start=10)
)
SERVER = (
    f'[server]\nname = "centre"\ntransport = "ssh"\naddress = "192.0.2.1"\nhost_key = "{KEY}"\n'
)


class Engine:
    """Stands for `provision.rotate`: every host is near its end unless it is said to be `far`."""

    def __init__(self):
        self.rotated = []
        self.far = set()
        self.plans = {}
        self.results = {}
        self.wishes = set()

    async def plan_rotations(self, site, names, wish):
        self.wishes.add(wish)
        return [self.plans.get(name) or self._plan(name) for name in names]

    def _plan(self, name):
        changes = (Change("certificates", "renew 2", Run("x")),)
        return HostPlan(name, changes=() if name in self.far else changes)

    async def rotate_hosts(self, site, names, wish):
        self.wishes.add(wish)
        self.rotated.append(list(names))
        return [self.results.get(name) or self._result(name) for name in names]

    def _result(self, name):
        return HostResult(name, "unchanged" if name in self.far else "changed")


@pytest.fixture
def engine(monkeypatch):
    made = Engine()
    for verb in ("plan_rotations", "rotate_hosts"):
        monkeypatch.setattr(rotate, verb, getattr(made, verb))
    return made


@pytest.fixture
def fetched(monkeypatch):
    """The hosts whose kubeconfig was fetched."""
    names = []

    def fetch(_, name):
        names.append(name)
        return ["kubeconfig: here"]

    monkeypatch.setattr(Fleet, "_fetch_kubeconfig", fetch)
    return names


@pytest.fixture
def api():
    return FakeApi(nodes={name: raw_node(name) for name in ("centre", *AGENTS)})


@pytest.fixture
def rotation(tmp_path, engine, fetched, api):
    site = Site(parse_inventory(SERVER + POINTS, "inventory.toml"), None, tmp_path, tmp_path)
    fleet = Fleet(Settings(tmp_path), site, api, FakeClock().clock())
    return Rotation(fleet, lambda: api, Wish(new_keys=True))


def states(rows):
    return {row.host: row.state for row in rows}


def everybody(rotation, **options):
    return rotation.rotate_all(rotation.names(["all"]), **options)


def test_the_server_comes_first_then_one_agent_then_the_others_together(rotation, engine, fetched):
    rows = everybody(rotation, dry_run=False)

    assert engine.rotated == [["centre"], ["de-0001"], ["jp-0001", "us-0001"]]
    assert states(rows) == dict.fromkeys(("centre", *AGENTS), "changed")
    assert fetched == ["centre"]
    assert engine.wishes == {Wish(new_keys=True)}


def test_a_dry_run_plans_and_no_more(rotation, engine, fetched):
    rows = everybody(rotation)

    assert states(rows) == dict.fromkeys(("centre", *AGENTS), "planned")
    assert (engine.rotated, fetched) == ([], [])


def test_agents_that_need_nothing_are_neither_canary_nor_touched(rotation, engine):
    engine.far = {"de-0001"}

    rows = everybody(rotation, dry_run=False)

    assert engine.rotated == [["centre"], ["jp-0001"], ["us-0001"]]
    assert states(rows)["de-0001"] == "unchanged"


def test_a_host_that_cannot_be_looked_at_is_told_and_the_others_are_done(rotation, engine):
    engine.plans["jp-0001"] = HostResult("jp-0001", "unreachable", "port-closed", "start sshd")

    rows = everybody(rotation, dry_run=False)

    assert engine.rotated == [["centre"], ["de-0001"], ["us-0001"]]
    assert states(rows)["jp-0001"] == "unreachable"


@pytest.mark.parametrize(
    ("host", "begun"), [("centre", [["centre"]]), ("de-0001", [["centre"], ["de-0001"]])]
)
def test_where_the_server_or_the_canary_fails_the_rest_is_not_begun(rotation, engine, host, begun):
    engine.results[host] = HostResult(host, "failed", "not-ready", "see the journal")

    rows = everybody(rotation, dry_run=False)

    assert engine.rotated == begun
    causes = {row.host: row.cause for row in rows}
    assert causes[host] == "not-ready"
    assert causes["us-0001"] == "not-begun"


def test_a_server_in_trouble_keeps_all_hosts_from_being_begun(rotation, engine):
    stopped = Refusal("k3s-stopped", "k3s.service is failed", "see")
    engine.plans["centre"] = HostPlan("centre", refusals=(stopped,))

    rows = everybody(rotation, dry_run=False)

    assert engine.rotated == []
    assert [row.cause for row in rows] == ["k3s-stopped", *["not-begun"] * 3]


def test_an_api_that_does_not_answer_with_the_new_kubeconfig_stops_it(rotation, engine, api):
    api.refusals["GET /api/v1/nodes"] = refusal(401, "no")

    rows = everybody(rotation, dry_run=False)

    assert engine.rotated == [["centre"]]
    assert (rows[0].state, rows[0].cause) == ("failed", "api-refused")


def test_a_server_with_nothing_due_still_gives_its_kubeconfig(rotation, engine, fetched):
    engine.far = {"centre", *AGENTS}

    [row, *rest] = everybody(rotation, dry_run=False)

    assert (row.state, row.changed) == ("changed", ("kubeconfig: here",))
    assert fetched == ["centre"]
    assert states(rest) == dict.fromkeys(AGENTS, "unchanged")


def test_agents_alone_need_no_server_among_the_hosts(rotation, engine):
    rotation.rotate_all(rotation.names(["us-0001"]), dry_run=False)

    assert engine.rotated == [["us-0001"]]


def test_an_unknown_name_ends_it_before_any_host(rotation, engine):
    with pytest.raises(UnknownVantagePointError):
        rotation.names(["xx-0009"])
    assert engine.rotated == []
