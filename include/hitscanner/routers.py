"""Build the steps from links to routers, beside `wiring`: alias resolution and topology."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hitscanner.domain.alias_params import AliasParams, parse_alias_params
from hitscanner.domain.alias_tasks import AliasMethod
from hitscanner.domain.crew import crew_of
from hitscanner.domain.cycle import Cycle
from hitscanner.errors import UsageError
from hitscanner.infra.files import locked
from hitscanner.infra.transform import TransformProgram
from hitscanner.pipeline import aliases, gate, plan, topology, transform
from hitscanner.pipeline.alias_plan import plan_stage
from hitscanner.pipeline.plan import Plan
from hitscanner.wiring import Pipeline, pipeline

Names = dict[str, str]
"""`list` and `cycle`, as they travel between tasks."""


@dataclass(frozen=True)
class Routers:
    """The steps that the DAGs `alias_resolution` and `build_topology` call."""

    steps: Pipeline

    def wanted(self, params: dict[str, Any], announced: list[Names]) -> list[Names]:
        """Name the cycles to be resolved: those asked for, else the announced that want it."""
        named = parse_alias_params(params).cycles
        if named:
            cycles = [Cycle.parse(name) for name in named]
        else:
            cycles = aliases.wanted_cycles(self.steps.store, map(_cycle, announced))
        return [{"list": cycle.list, "cycle": cycle.cycle} for cycle in sorted(set(cycles))]

    def plan(
        self,
        cycles: list[Names],
        method: AliasMethod,
        params: dict[str, Any],
        logical_time: datetime,
        run_id: str,
    ) -> list[Names]:
        """Freeze one method's tests and give its shards; none where there is nothing to ask."""
        wanted = parse_alias_params(params)
        if not cycles or method not in wanted.methods:
            return []
        store = self.steps.store
        asking = aliases.Asking(wanted, tuple(map(_cycle, cycles)), run_id, logical_time)
        stage, is_planned = asking.stage(store, method)
        if is_planned:
            return [shard.to_json() for shard in gate.read_manifest(store, stage).shards]
        with locked(self.steps.settings.plan_lock):  # two that plan at once must know of each other
            planned = self._plan(asking, method)
            for line in planned.describe():
                print(line)
            if wanted.plan_only or not planned.shards:
                return []
            self.steps.check_ready(planned)
            plan.freeze(store, planned)
        return [shard.to_json() for shard in planned.shards]

    def _plan(self, asking: aliases.Asking, method: AliasMethod) -> Plan:
        return plan_stage(
            self.steps.store,
            crew_of(
                self.steps.inventory(),
                asking.params.vantage_points,
                self.steps.unfit(),
                asking.params.min_vp_ratio,
            ),
            self.steps.do_not_probe(),
            asking,
            method,
            self.steps.budget(),
            allow_reserved=all(self._allows_reserved(cycle) for cycle in asking.cycles),
        )

    def judge(self, stage: Names) -> Names:
        """Write the table `aliases` of every shard of a stage."""
        for shard in transform.transformable(self.steps.store, _cycle(stage)):
            aliases.convert(self._workbench(), shard)
        return stage

    def resolve(
        self,
        cycle: Names,
        cycles: list[Names],
        params: dict[str, Any],
        logical_time: datetime,
        run_id: str,
    ) -> dict[str, Any]:
        """Join all evidence about a cycle's addresses into alias sets."""
        wanted = parse_alias_params(params)
        asking = aliases.Asking(wanted, tuple(map(_cycle, cycles)), run_id, logical_time)
        files = self._iffinder(wanted)
        found = aliases.resolve_cycle(self._workbench(), asking, _cycle(cycle), files)
        print(f"{cycle['list']}/{cycle['cycle']}: {found}")
        return {**cycle, **found}

    def build(self, cycle: Names) -> Names:
        """Write a cycle's nodes, links and interfaces, with their labels."""
        settings = self.steps.settings
        labels = topology.read_labels(settings.labels, _cycle(cycle))
        built = topology.build_topology(self._workbench(), _cycle(cycle), labels)
        print(f"{cycle['list']}/{cycle['cycle']}: {built}")
        return {"list": cycle["list"], "cycle": cycle["cycle"]}

    def compare(self, cycle: Names) -> dict[str, Any]:
        """Write what changed since the previous cycle of the same list."""
        store, scratch = self.steps.store, self.steps.settings.scratch
        compared = topology.compare_with_previous(store, scratch, _cycle(cycle))
        print(f"{cycle['list']}/{cycle['cycle']}: {compared}")
        return {**cycle, **compared}

    def _allows_reserved(self, cycle: Cycle) -> bool:
        """Say whether the cycle's target list is meant for reserved space; inline ones are not."""
        is_there = cycle.list in self.steps.list_names()
        return is_there and self.steps.target_list(cycle.list).allow_reserved

    def _iffinder(self, params: AliasParams) -> dict[str, str]:
        folder = self.steps.settings.home / "aliases"
        for name in params.iffinder:
            if not (folder / name).is_file():
                raise UsageError(
                    f"there is no file {name} in {folder}; put iffinder's output there"
                )
        return {name: (folder / name).read_text() for name in params.iffinder}

    def _workbench(self) -> transform.Workbench:
        settings = self.steps.settings
        program = TransformProgram(settings.transform)
        return transform.Workbench(self.steps.store, program, settings.scratch)


def routers() -> Routers:
    """Build the steps of this installation."""
    return Routers(pipeline())


def _cycle(names: Names) -> Cycle:
    return Cycle(names["list"], names["cycle"])
