"""
Run `once` over the real DAG files with a fake pipeline, all scenarios in one process.

    python once_scenarios.py FOLDER

The first `dag.test()` of a process costs seconds, so one process does all; each scenario writes
FOLDER/<name>.json (the result of `once`), and FOLDER/exit_codes.json holds their exit codes.
"""

import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

from hitscanner.errors import HitscannerError, MeasurementFailedError, UsageError
from hitscanner.fleet.rotation import Order, begun
from hitscanner.fleet.rows import CLUSTER, Row
from hitscanner.platform.plan import ReleasePlan
from hitscanner.platform.releases import Release

VANTAGE_POINTS = ("de-0001", "jp-0001", "us-0001")


class FakePipeline:
    """Does nothing, remembers nothing on disk; fails where a scenario says so."""

    def __init__(
        self, broken: dict[str, type[Exception]], quorum: int = 1, takers: Sequence[str] = ()
    ) -> None:
        self.broken = broken
        self.quorum = quorum
        self.takers = takers
        self.calls: list[str] = []
        self.fetched: list[str] = []

    def plan(
        self, params: dict[str, Any], logical_time: datetime, run_id: str
    ) -> list[dict[str, str]]:
        self._call("plan")
        if params["plan_only"]:
            return []
        cycle = logical_time.strftime("%Y%m%dT%H%M%SZ")
        return [
            {"list": params["list"], "cycle": cycle, "vp": vp, "shard": "0000"}
            for vp in VANTAGE_POINTS
        ]

    def start(self, shard: dict[str, str]) -> dict[str, str]:
        self._call(_lane("start", shard))
        return shard

    def fetch(self, shard: dict[str, str]) -> dict[str, Any]:
        self._call(_lane("fetch", shard))
        self.fetched.append(shard["vp"])
        return {**shard, "state": "done", "done": 10}

    def reshard(self, cycle: dict[str, str]) -> list[dict[str, str]]:
        self._call("reshard")
        return [{**cycle, "vp": vp, "shard": "0001"} for vp in self.takers]

    def close_cycle(self, cycle: dict[str, str]) -> dict[str, Any]:
        self._call("close_cycle")
        if len(self.fetched) < self.quorum:
            raise MeasurementFailedError(f"{len(self.fetched)} of 3 vantage points: see the lanes")
        whole = len(self.fetched) == len(VANTAGE_POINTS)
        return {**cycle, "state": "complete" if whole else "partial", "done": 30}

    def transformable(self, cycles: list[dict[str, str]]) -> list[dict[str, str]]:
        return [{**cycle, "vp": vp, "shard": "0000"} for cycle in cycles for vp in VANTAGE_POINTS]

    def convert(self, shard: dict[str, str]) -> dict[str, Any]:
        self._call(f"convert {shard['vp']}")
        return {**shard, "traces": 10}

    def merge(self, cycle: dict[str, str]) -> dict[str, Any]:
        self._call(f"merge {cycle['cycle']}")
        return {**cycle, "links": 7}

    def load(self, cycle: dict[str, str], run_id: str) -> dict[str, Any]:
        self._call(f"load {cycle['cycle']}")
        return {**cycle, "files": 3}

    def _call(self, name: str) -> None:
        self.calls.append(name)
        if error := self.broken.get(name):
            raise error(f"{name} is broken: mend it\nand a second line")


def _lane(verb: str, shard: dict[str, str]) -> str:
    return f"{verb} {shard['vp']}{' again' if shard['shard'] == '0001' else ''}"


class OnceBroken(FakePipeline):
    """Fails at each place once, as a vantage point does that was unreachable for a moment."""

    def _call(self, name: str) -> None:
        error = self.broken.pop(name, None)
        self.calls.append(name)
        if error:
            raise error(f"{name} is broken: mend it")


class FakeFleet:
    """Three hosts; keeps which were changed, and makes of a host what a scenario says."""

    def __init__(self, bad: dict[str, Row], answer: str = "") -> None:
        self.bad = bad
        self.answer = answer
        self.calls: list[str] = []

    def names(self, wanted: Sequence[str], *, with_server: bool = False) -> list[str]:
        """Among the certificates' verbs, de-0001 is the server."""
        if unknown := set(wanted) - {"all", *VANTAGE_POINTS}:
            raise UsageError(f"inventory.toml: no vantage point is called {min(unknown)}")
        return [vp for vp in VANTAGE_POINTS if "all" in wanted or vp in wanted]

    checkable = removable = names

    def plan(self, wanted: Sequence[str]) -> list[Row]:
        return [self._row("plan", host, "planned") for host in wanted]

    def join(self, host: str) -> Row:
        return self._row("join", host, "changed")

    def prove(self, host: str, images: Sequence[str]) -> Row:
        return self._row("prove", host, "unchanged")

    def label(self, wanted: Sequence[str], *, dry_run: bool) -> list[Row]:
        return [self._row("label", host, "planned" if dry_run else "changed") for host in wanted]

    def remove(self, host: str, *, drain_s: float = 0, dry_run: bool = True) -> Row:
        verb, state = ("plan", "planned") if dry_run else ("remove", "changed")
        return self._row(verb, host, state)

    def order(self, planned: Sequence[Row]) -> Order:
        return Order.of(planned, VANTAGE_POINTS[0])

    def rotate(self, wanted: Sequence[str]) -> list[Row]:
        return [self._row("rotate", host, "changed") for host in wanted]

    def ended(self, row: Row, *, dry_run: bool) -> Row:
        return row if dry_run else begun(row)

    def check(self, wanted: Sequence[str]) -> list[Row]:
        return [self._row("check", host, "healthy") for host in wanted]

    def check_cluster(self) -> Row:
        return self._row("check", CLUSTER, "healthy")

    def _row(self, verb: str, host: str, state: str) -> Row:
        self.calls.append(f"{verb} {host}")
        made = Row(host, state, changed=("k3s: start it",) if state in CHANGING else ())
        return self.bad.get(f"{verb} {host}", made)


CHANGING = ("planned", "changed")
WRONG_KEY = Row("jp-0001", "unreachable", "wrong-host-key", "compare them", "SHA256:a, not b")
LOST = Row("jp-0001", "failed", "connection-lost", "trigger it again", "cut")
FINDING = Row("jp-0001", "unhealthy", "clock-skew", "set it", "clock-skew: 301 s ahead")
NOT_RENEWED = Row("jp-0001", "failed", "not-renewed", "look", "port 10250 still shows serial 1")
SERVER_DOWN = Row("de-0001", "failed", "not-ready", "see journalctl", "k3s.service")
WET = {"hosts": ["all"], "dry_run": False}
ROTATE = ["--dag", "rotate_certs", "--conf", json.dumps(WET)]
ASKED = ["--dag", "rotate_certs", "--conf", json.dumps(WET | {"approve": True})]

FLEET_SCENARIOS: dict[str, tuple[FakeFleet, list[str]]] = {
    "join_dry": (FakeFleet({}), ["--dag", "join_agent"]),
    "join": (FakeFleet({}), ["--dag", "join_agent", "--conf", json.dumps(WET)]),
    "join_one_refused": (
        FakeFleet({"plan jp-0001": WRONG_KEY}),
        ["--dag", "join_agent", "--conf", json.dumps(WET)],
    ),
    "join_one_cut": (
        FakeFleet({"join jp-0001": LOST}),
        ["--dag", "join_agent", "--conf", json.dumps(WET)],
    ),
    "join_unknown_host": (
        FakeFleet({}),
        ["--dag", "join_agent", "--conf", '{"hosts": ["xx-0009"]}'],
    ),
    "join_unknown_key": (FakeFleet({}), ["--dag", "join_agent", "--conf", '{"host": ["all"]}']),
    "label": (FakeFleet({}), ["--dag", "label_nodes", "--conf", json.dumps(WET)]),
    "remove_nobody": (FakeFleet({}), ["--dag", "remove_agent", "--conf", '{"dry_run": false}']),
    "remove": (
        FakeFleet({}),
        ["--dag", "remove_agent", "--conf", '{"hosts": ["us-0001"], "dry_run": false}'],
    ),
    "rotate_dry": (FakeFleet({}), ["--dag", "rotate_certs"]),
    "rotate_approved": (FakeFleet({}, answer="Approve"), ASKED),
    "rotate_rejected": (FakeFleet({}, answer="Reject"), ASKED),
    "rotate_one_broken": (FakeFleet({"plan jp-0001": WRONG_KEY}), ROTATE),
    "rotate_canary_fails": (FakeFleet({"rotate jp-0001": NOT_RENEWED}), ROTATE),
    "rotate_server_fails": (FakeFleet({"rotate de-0001": SERVER_DOWN}), ROTATE),
    "check": (FakeFleet({}), ["--dag", "check_fleet"]),
    "check_finds": (FakeFleet({"check jp-0001": FINDING}), ["--dag", "check_fleet"]),
}


class FakeInstaller:
    """Three releases; installs them all but the one that a scenario breaks."""

    def __init__(self, broken: str = "") -> None:
        self.broken = broken
        self.calls: list[str] = []

    def plan(self, names: Sequence[str] = ()) -> list[ReleasePlan]:
        self.calls.append(f"plan {','.join(names)}")
        chosen = (Release(name=name, namespace="x", chart="x") for name in RELEASES)
        return [ReleasePlan(release, "install") for release in chosen]

    def apply(self, names: Sequence[str] = ()) -> list[dict[str, str]]:
        self.calls.append(f"apply {','.join(names)}")
        place = RELEASES.index(self.broken) if self.broken else len(RELEASES)
        rows = [{"release": name, "state": "changed"} for name in RELEASES[:place]]
        if self.broken:
            rows.append({"release": self.broken, "state": "failed", "cause": "no room"})
        return rows + [{"release": name, "state": "waits"} for name in RELEASES[place + 1 :]]


class FakeCanaries:
    """Known paths from three vantage points; *steps* measures them, or fails."""

    def __init__(self, broken: dict[str, type[Exception]], *, has_list: bool = True) -> None:
        self.steps = FakePipeline(broken)
        self.has_list = has_list

    @property
    def calls(self) -> list[str]:
        return self.steps.calls

    def plan(self, logical_time: datetime, run_id: str) -> list[dict[str, str]]:
        params = {"list": "canary", "plan_only": not self.has_list}
        return self.steps.plan(params, logical_time, run_id)

    def judge(self, cycle: dict[str, str], at: datetime) -> dict[str, Any]:
        self.steps.calls.append(f"judge {cycle['list']}/{cycle['cycle']}")
        return {**cycle, "unfit": {}}


CANARY_SCENARIOS: dict[str, tuple[FakeCanaries, list[str]]] = {
    "canary": (FakeCanaries({}), ["--dag", "canary"]),
    "canary_finds": (
        FakeCanaries({"fetch jp-0001": MeasurementFailedError, "start de-0001": UsageError}),
        ["--dag", "canary"],
    ),
    "canary_without_list": (FakeCanaries({}, has_list=False), ["--dag", "canary"]),
}

RELEASES = ("metallb", "hitscanner", "airflow")
PLATFORM = ["--dag", "provision_platform"]

PLATFORM_SCENARIOS: dict[str, tuple[FakeInstaller, list[str]]] = {
    "platform_dry": (FakeInstaller(), PLATFORM),
    "platform": (
        FakeInstaller(),
        [*PLATFORM, "--conf", '{"releases": ["metallb"], "dry_run": false}'],
    ),
    "platform_fails": (FakeInstaller("hitscanner"), [*PLATFORM, "--conf", '{"dry_run": false}']),
    "platform_wrong_type": (FakeInstaller(), [*PLATFORM, "--conf", '{"dry_run": "no"}']),
}

THEN = ["--then", "transform", "--then", "load"]
TWO_CYCLES = {"cycles": ["b/20261122T030000Z", "a/20261121T030000Z", "b/20261122T030000Z"]}

SCENARIOS: dict[str, tuple[FakePipeline, list[str]]] = {
    "all_well": (FakePipeline({}), ["--dag", "traceroute", "--conf", '{"gap": 4}', *THEN]),
    "one_vantage_point_fails": (
        FakePipeline({"fetch jp-0001": MeasurementFailedError}),
        ["--dag", "traceroute", *THEN],
    ),
    "one_start_fails_at_first": (
        OnceBroken({"start jp-0001": HitscannerError}),
        ["--dag", "traceroute"],
    ),
    "all_vantage_points_fail": (
        FakePipeline({f"fetch {vp}": MeasurementFailedError for vp in VANTAGE_POINTS}),
        ["--dag", "traceroute", *THEN],
    ),
    "one_takes_over": (
        FakePipeline({"fetch jp-0001": MeasurementFailedError}, takers=["us-0001"]),
        ["--dag", "traceroute"],
    ),
    "the_taker_fails": (
        FakePipeline(
            {f"fetch {lane}": MeasurementFailedError for lane in ("jp-0001", "us-0001 again")},
            takers=["us-0001"],
        ),
        ["--dag", "traceroute"],
    ),
    "reshard_fails": (FakePipeline({"reshard": MeasurementFailedError}), ["--dag", "traceroute"]),
    "plan_fails": (FakePipeline({"plan": UsageError}), ["--dag", "traceroute", *THEN]),
    "plan_only": (
        FakePipeline({}),
        ["--dag", "traceroute", "--conf", '{"plan_only": true}', *THEN],
    ),
    "unknown_key": (
        FakePipeline({}),
        ["--dag", "traceroute", "--conf", '{"rate_pp": 7}', *THEN],
    ),
    "wrong_type": (FakePipeline({}), ["--dag", "traceroute", "--conf", '{"gap": "many"}']),
    "not_json": (FakePipeline({}), ["--dag", "traceroute", "--conf", "{gap: 1}"]),
    "unknown_dag": (FakePipeline({}), ["--dag", "tracerout"]),
    "two_cycles_by_hand": (
        FakePipeline({}),
        ["--dag", "transform", "--conf", json.dumps(TWO_CYCLES)],
    ),
    "a_load_fails_at_first": (
        OnceBroken({"load 20261122T030000Z": HitscannerError}),
        ["--dag", "load", "--conf", '{"cycles": ["a/20261122T030000Z"]}'],
    ),
    "no_cycle": (FakePipeline({}), ["--dag", "load"]),
}


def answer_at_once(answer: str) -> None:
    """Have a person answer an approval as soon as it is asked for; by nobody it is never."""
    from airflow.providers.standard.operators.hitl import ApprovalOperator

    def execute(self: ApprovalOperator, context: Any) -> Any:
        event = {
            "chosen_options": [answer],
            "params_input": {},
            "responded_at": datetime(2026, 11, 22, 3, tzinfo=UTC),
            "responded_by_user": {"id": "1", "name": "somebody"},
        }
        return self.execute_complete(context, event)

    ApprovalOperator.execute = execute  # type: ignore[method-assign] # in place of a person


def main(folder: Path) -> None:
    """Run every scenario at the same logical time, so that each replaces the former's run."""
    from hitscanner_airflow import once

    wiring = ModuleType("hitscanner.wiring")
    for name in ("hitscanner.wiring", "hitscanner.wiring_platform", "hitscanner.canaries"):
        sys.modules[name] = wiring
    codes, calls = {}, {}
    others = CANARY_SCENARIOS | FLEET_SCENARIOS | PLATFORM_SCENARIOS
    for name, (fake, argv) in (SCENARIOS | others).items():
        for entrance in ("pipeline", "fleet", "rotation", "installer", "canaries"):
            setattr(wiring, entrance, lambda *_, fake=fake, **__: fake)
        answer_at_once(getattr(fake, "answer", ""))
        result = ["--result", str(folder / f"{name}.json")]
        codes[name] = once.main([*argv, "--logical-time", "2026-11-22T03:00:00", *result])
        calls[name] = fake.calls
    (folder / "exit_codes.json").write_text(json.dumps(codes))
    (folder / "calls.json").write_text(json.dumps(calls))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
