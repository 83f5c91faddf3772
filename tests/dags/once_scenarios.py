"""
Run `once` over the real DAG files with a fake pipeline, all scenarios in one process.

    python once_scenarios.py FOLDER

The first `dag.test()` of a process costs seconds, so one process does all; each scenario writes
FOLDER/<name>.json (the result of `once`), and FOLDER/exit_codes.json holds their exit codes.
"""

import json
import sys
from datetime import datetime
from pathlib import Path
from types import ModuleType
from typing import Any

from hitscanner.errors import HitscannerError, MeasurementFailedError, UsageError

VANTAGE_POINTS = ("de-0001", "jp-0001", "us-0001")


class FakePipeline:
    """Does nothing, remembers nothing on disk; fails where a scenario says so."""

    def __init__(self, broken: dict[str, type[Exception]], quorum: int = 1) -> None:
        self.broken = broken
        self.quorum = quorum
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
        self._call(f"start {shard['vp']}")
        return shard

    def fetch(self, shard: dict[str, str]) -> dict[str, Any]:
        self._call(f"fetch {shard['vp']}")
        self.fetched.append(shard["vp"])
        return {**shard, "state": "done", "done": 10}

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

    def load(self, cycle: dict[str, str]) -> dict[str, Any]:
        self._call(f"load {cycle['cycle']}")
        return {**cycle, "files": 3}

    def _call(self, name: str) -> None:
        self.calls.append(name)
        if error := self.broken.get(name):
            raise error(f"{name} is broken: mend it\nand a second line")


class OnceBroken(FakePipeline):
    """Fails at each place once, as a vantage point does that was unreachable for a moment."""

    def _call(self, name: str) -> None:
        error = self.broken.pop(name, None)
        self.calls.append(name)
        if error:
            raise error(f"{name} is broken: mend it")


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
    "no_cycle": (FakePipeline({}), ["--dag", "load"]),
}


def main(folder: Path) -> None:
    """Run every scenario at the same logical time, so that each replaces the former's run."""
    from hitscanner_airflow import once

    wiring = ModuleType("hitscanner.wiring")
    sys.modules["hitscanner.wiring"] = wiring
    codes, calls = {}, {}
    for name, (pipeline, argv) in SCENARIOS.items():
        wiring.pipeline = lambda pipeline=pipeline, **_: pipeline  # type: ignore[attr-defined] # a fake
        result = ["--result", str(folder / f"{name}.json")]
        codes[name] = once.main([*argv, "--logical-time", "2026-11-22T03:00:00", *result])
        calls[name] = pipeline.calls
    (folder / "exit_codes.json").write_text(json.dumps(codes))
    (folder / "calls.json").write_text(json.dumps(calls))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
