"""Build the steps of the DAG `canary`, beside `wiring`: known paths, traced every hour."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hitscanner.domain.cycle import Cycle
from hitscanner.domain.fitness import CANARY
from hitscanner.infra.files import write_whole
from hitscanner.infra.store import FolderStore
from hitscanner.pipeline import canary, gate
from hitscanner.settings import Settings
from hitscanner.wiring import Pipeline

PARAMS: dict[str, Any] = {
    "list": CANARY,
    "split": "all",
    "rate_pps": 20,
    "deadline": "10m",
    "reshard": False,
    "min_vp_ratio": 0.0,
    "min_target_ratio": 0.0,
}
"""Every vantage point traces every known destination, slowly."""


@dataclass(frozen=True)
class Canaries:
    """The steps, over a store of their own."""

    steps: Pipeline

    def plan(self, logical_time: datetime, run_id: str) -> list[dict[str, str]]:
        """Freeze a canary run over all vantage points; nothing without a list of that name."""
        if CANARY not in self.steps.list_names():
            where = self.steps.settings.lists / f"{CANARY}.txt"
            print(f"there is no {where}; put 5 to 20 destinations there that answer everybody")
            return []
        return self.steps.plan(PARAMS, logical_time, run_id)

    def judge(self, cycle: dict[str, str], at: datetime) -> dict[str, Any]:
        """Say who is unfit and why, and keep it for the planner."""
        judged = Cycle(cycle["list"], cycle["cycle"])
        if self.steps.stop_flag.order() is not None:
            print("measurements are stopped; nobody is judged by a run that may have been cut")
            return {**cycle, "unfit": {}}
        try:
            gate.close_cycle(self.steps.store, judged)
        except gate.QuorumError as error:
            print(error)
        file = self.steps.settings.fitness
        fitness = canary.judge_cycle(self.steps.workbench(), judged, canary.read_fitness(file), at)
        write_whole(file, fitness.model_dump_json(indent=1).encode() + b"\n")
        canary.forget(self.steps.store, judged)
        for vp, verdict in fitness.unfit.items():
            print(f"{vp} is unfit since {verdict.since}: {verdict.reason}")
        return {**cycle, "unfit": {vp: each.reason for vp, each in fitness.unfit.items()}}


def canaries(settings: Settings | None = None) -> Canaries:
    """Build the steps of this installation."""
    settings = settings or Settings.from_environment()
    return Canaries(Pipeline(settings, FolderStore(settings.canary)))
