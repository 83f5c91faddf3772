"""Build the real thing: the one place that joins settings, infrastructure and the pipeline."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hitscanner.domain.budget import Budget
from hitscanner.domain.cycle import Cycle, Shard
from hitscanner.domain.do_not_probe import DoNotProbe, parse_do_not_probe
from hitscanner.domain.fitness import CANARY
from hitscanner.domain.hosts import VantagePoint
from hitscanner.domain.inventory import Inventory, parse_inventory
from hitscanner.domain.params import TracerouteParams, parse_duration_s, parse_traceroute_params
from hitscanner.domain.targets import TargetList, parse_target_list
from hitscanner.errors import InventoryError, TargetListError
from hitscanner.infra.audit import AuditLog
from hitscanner.infra.drives import Connections, Drive, FileConnections, read_drives
from hitscanner.infra.files import check_room, disk_errors, locked
from hitscanner.infra.store import FolderStore, Store
from hitscanner.infra.transform import TransformProgram
from hitscanner.infra.transport import Transport
from hitscanner.pipeline import allot, gate, load, measure, plan, prune, transform
from hitscanner.pipeline.canary import read_fitness
from hitscanner.pipeline.cargo import finished_cycles
from hitscanner.pipeline.control import Control, StopFlag
from hitscanner.pipeline.live_list import LiveList
from hitscanner.pipeline.load import Dock
from hitscanner.pipeline.pace import Progress
from hitscanner.pipeline.plan import Plan, Request
from hitscanner.pipeline.progress import read_progress, write_progress
from hitscanner.pipeline.reshard import reshard
from hitscanner.pipeline.running import running_loads
from hitscanner.prober.build import build_pyz
from hitscanner.settings import Settings
from hitscanner.wiring_hosts import Transports, opener

if TYPE_CHECKING:
    from hitscanner.fleet.facade import Fleet
    from hitscanner.fleet.rotation import Rotation

PROGRESS = "drives-progress"
"""Folder of the notes about running loads, below the scratch folder."""

ROOM_BYTES = 32 << 20
"""Free space that any run needs, for logs and Airflow's database."""

ROOM_FACTOR = 3
"""A trace is kept in the spool, in the store and in tables."""


@dataclass(frozen=True)
class Pipeline:
    """The steps that DAG tasks call; what travels between them is small JSON."""

    settings: Settings
    store: Store
    connections: Connections = field(default_factory=FileConnections)

    def plan(
        self, params: dict[str, Any], logical_time: datetime, run_id: str
    ) -> list[dict[str, str]]:
        """Freeze a cycle's plan and give its shards; nothing is written with `plan_only`."""
        wanted = self._wanted(params)
        request = Request(wanted, run_id, logical_time)
        with locked(self.settings.plan_lock):  # two that plan at once must know of each other
            cycle, is_planned = plan.name_cycle(self.store, wanted.cycle_list, request)
            if is_planned:
                manifest = gate.read_manifest(self.store, cycle)
                return [shard.to_json() for shard in manifest.shards]
            planned = self._plan(request, cycle)
            for line in planned.describe():
                print(line)
            if wanted.plan_only:
                return []
            self.check_ready(planned)
            plan.freeze(self.store, planned)
        return [shard.to_json() for shard in planned.shards]

    def preview(self, params: dict[str, Any], logical_time: datetime) -> Plan:
        """Plan as `plan` would and write nothing."""
        request = Request(self._wanted(params), "preview", logical_time)
        cycle, _ = plan.name_cycle(self.store, request.params.cycle_list, request)
        return self._plan(request, cycle)

    def _wanted(self, params: dict[str, Any]) -> TracerouteParams:
        """Read the parameters; those of a replay are the ones of the cycle it repeats."""
        wanted = parse_traceroute_params(params)
        if wanted.replay is None:
            return wanted
        before = gate.read_manifest(self.store, Cycle.parse(wanted.replay)).asked.params
        now = {"replay": wanted.replay, "plan_only": wanted.plan_only}
        return parse_traceroute_params({**before, **now}, wanted.replay)

    def _plan(self, request: Request, cycle: Cycle) -> Plan:
        inventory, dnp = self.inventory(), self.do_not_probe()
        params = request.params
        if params.replay:
            repeated = Cycle.parse(params.replay)
            allotment = allot.from_cycle(self.store, repeated, inventory, dnp)
        else:
            targets = params.inline_targets() or self.target_list(params.list_name)
            unfit = {} if params.list_name == CANARY else self.unfit()  # who is out may come back
            allotment = allot.from_list(allot.Sources(inventory, targets, dnp, unfit), params)
        return plan.plan_cycle(allotment, dnp, request, cycle, self.budget())

    def budget(self) -> Budget:
        """Give what a cycle planned now may send; ask with the lock of plans held."""
        stores = map(FolderStore, (self.settings.store, self.settings.canary))
        running = [load for store in stores for load in running_loads(store)]
        return Budget(self.inventory().limits, running)

    def unfit(self) -> dict[str, str]:
        """Give vantage point → why the last canary run took it out."""
        return read_fitness(self.settings.fitness).reasons(datetime.now(UTC))

    def check_ready(self, planned: Plan) -> None:
        """Refuse a plan that this machine could not carry out: stopped, rights, programs, room."""
        self.stop_flag.require_go()
        inventory = self.inventory()
        for vp in inventory.select(planned.manifest.asked.vantage_points):
            self._transport(vp).check(vp)
        needed = ROOM_BYTES + ROOM_FACTOR * sum(v.expected_bytes for v in planned.vantage_points)
        check_room(self.settings.home, needed)

    def start(self, shard: dict[str, str]) -> dict[str, str]:
        """Stage a shard's job and start its prober, or find it at work."""
        self.stop_flag.require_go()
        with disk_errors(self.settings.prober):
            build_pyz(self.settings.prober)  # the same bytes each time, so that any task may do it
        measure.start(self._lane(Shard.from_json(shard)), Shard.from_json(shard))
        return shard

    def fetch(self, shard: dict[str, str]) -> dict[str, Any]:
        """Wait for a shard's prober and bring home what it finished; raises if that is not all."""
        wanted = Shard.from_json(shard)
        may_start = self.stop_flag.order() is None
        record = measure.fetch(self._lane(wanted), wanted, may_start=may_start)
        return {**shard, "state": "done", **record.counts.to_json()}

    def reshard(self, cycle: dict[str, str]) -> list[dict[str, str]]:
        """Give what nobody brought home to whole vantage points; the new shards, often none."""
        with locked(self.settings.plan_lock):
            dealt = reshard(self.store, _cycle(cycle), self.inventory(), self.do_not_probe())
        for shard in dealt:
            print(f"{shard.vp} takes over targets of others")
        return [shard.to_json() for shard in dealt]

    def close_cycle(self, cycle: dict[str, str]) -> dict[str, Any]:
        """Count, decide and write the manifest; raises when the state is `failed`."""
        manifest = gate.close_cycle(self.store, _cycle(cycle))
        assert manifest.outcome is not None
        return {**cycle, "state": str(manifest.state), **manifest.outcome.counts}

    def transformable(self, cycles: list[dict[str, str]]) -> list[dict[str, str]]:
        """Give the shards of *cycles* that brought traces."""
        found = (transform.transformable(self.store, _cycle(cycle)) for cycle in cycles)
        return [shard.to_json() for shards in found for shard in shards]

    def convert(self, shard: dict[str, str]) -> dict[str, Any]:
        """Write the tables of one shard."""
        tables = transform.convert(self.workbench(), Shard.from_json(shard))
        return {**shard, "tables": len(tables)}

    def merge(self, cycle: dict[str, str]) -> dict[str, str]:
        """Merge the links of a cycle."""
        transform.merge(self.workbench(), _cycle(cycle))
        return cycle

    def load(self, cycle: dict[str, str], run_id: str = "") -> dict[str, Any]:
        """Copy a cycle to every drive; raises when a required one does not hold it then."""
        from hitscanner.pipeline.catalogue import alarm_of

        outcomes = load.load(self.dock(run_id), _cycle(cycle))
        load.require(_cycle(cycle), outcomes)
        alarm = alarm_of(self.store, _cycle(cycle))
        if alarm:
            print(f"ALARM: {_cycle(cycle)}: {alarm}")
        return {**cycle, "alarm": alarm, "drives": [vars(outcome) for outcome in outcomes]}

    def unloaded(self) -> list[dict[str, str]]:
        """Name the finished cycles that some drive is not known to hold."""
        berths = read_drives(self.settings.drives).drive
        cycles = [c for c in finished_cycles(self.store) if load.lacking(self.store, c, berths)]
        return [{"list": cycle.list, "cycle": cycle.cycle} for cycle in cycles]

    def prune(self, now: datetime, *, is_dry: bool = False) -> list[dict[str, Any]]:
        """Remove raw data here that all required drives hold and whose time is over."""
        days = read_drives(self.settings.drives).retention_days
        outcomes = prune.prune(self.dock(), days, now, is_dry=is_dry)
        return [outcome.to_json() for outcome in outcomes]

    def progress(self, run_id: str | None = None) -> list[Progress]:
        """Tell how far the loads of one run are, or those of all runs."""
        return [*read_progress(self.settings.scratch / PROGRESS, run_id)]

    def dock(self, run_id: str = "") -> Dock:
        """Read drives.toml; the drives are opened when they are needed."""
        scratch = self.settings.scratch / "drives"
        drives = read_drives(self.settings.drives)
        return Dock(
            store=self.store,
            berths=drives.drive,
            scratch=scratch,
            connections=self.connections,
            after=lambda drive: _publish(self.store, drive, scratch, drives.licence),
            note=partial(write_progress, self.settings.scratch / PROGRESS, run_id),
        )

    def progress_file(self, shard: Shard) -> Path:
        """Say where the prober of a local vantage point shows how far it is."""
        return self._transports.local.folder(shard) / "progress.json"

    @property
    def stop_flag(self) -> StopFlag:
        """Give the word that nothing may be sent, if it was given."""
        return StopFlag(self.settings.stop_flag)

    def control(self) -> Control:
        """Give the switch that stops everything, and what tells the vantage points."""
        return Control(
            flag=self.stop_flag,
            dnp=self.settings.do_not_probe,
            audit=AuditLog(self.settings.audit),
            vantage_points=self._known_vantage_points(),
            transport=self._transport,
        )

    def _known_vantage_points(self) -> tuple[VantagePoint, ...]:
        """Give those of the inventory; none where it cannot be read, for the flag holds alone."""
        try:
            return self.inventory().vantage_points
        except InventoryError as error:
            print(f"no vantage point can be told: {error}")
            return ()

    def inventory(self) -> Inventory:
        """Read the inventory."""
        file = self.settings.inventory
        text = _read(file)
        if text is None:
            raise InventoryError(f"{file} is missing; copy inventory.sample.toml there and edit it")
        return parse_inventory(text, str(file))

    def target_list(self, name: str) -> TargetList:
        """Read a target list of the lists folder."""
        file = self.settings.lists / f"{name}.txt"
        text = _read(file)
        if text is None:
            raise TargetListError(
                f"there is no list {name!r} in {self.settings.lists};"
                f" there are: {', '.join(self.list_names()) or 'none'}"
            )
        return parse_target_list(text, name)

    def list_names(self) -> list[str]:
        """Give the names of the target lists."""
        dnp = self.settings.do_not_probe
        return sorted(file.stem for file in self.settings.lists.glob("*.txt") if file != dnp)

    def do_not_probe(self) -> DoNotProbe:
        """Read the do-not-probe list; raises, so that nothing is sent, when there is none."""
        file = self.settings.do_not_probe
        return parse_do_not_probe(file.read_bytes() if file.is_file() else None, str(file))

    def _lane(self, shard: Shard) -> measure.Lane:
        vp = self.inventory().select([shard.vp])[0]
        params = gate.read_manifest(self.store, shard.of).asked.params
        return measure.Lane(
            store=self.store,
            transport=self._transport(vp),
            vp=vp,
            do_not_probe=LiveList(self.settings.do_not_probe),
            scratch=self.settings.scratch,
            deadline_s=parse_duration_s(params["deadline"]),
        )

    def _transport(self, vp: VantagePoint) -> Transport:
        return self._transports.of(vp)

    @cached_property
    def _transports(self) -> Transports:
        return Transports(self.settings, self.inventory)

    def workbench(self) -> transform.Workbench:
        """Give where files are transformed."""
        program = TransformProgram(self.settings.transform)
        return transform.Workbench(self.store, program, self.settings.scratch)


def pipeline(settings: Settings | None = None, connections: Connections | None = None) -> Pipeline:
    """Build the pipeline of this installation; Airflow hands in its own *connections*."""
    settings = settings or Settings.from_environment()
    return Pipeline(settings, FolderStore(settings.store), connections or FileConnections())


def fleet(
    settings: Settings | None = None,
    parallel: int = 8,
    say: Callable[[str, str], None] = lambda host, line: print(f"{host}: {line}", flush=True),
) -> "Fleet":
    """Build the fleet of this installation: its inventory, the way to its hosts, its cluster."""
    from hitscanner.fleet.facade import Fleet  # asyncssh costs a second
    from hitscanner.infra.kube import KubeApi
    from hitscanner.provision.operations import Site

    settings = settings or Settings.from_environment()
    inventory = pipeline(settings).inventory()
    open_host = opener(settings, inventory)
    site = Site(
        inventory,
        lambda name: open_host(inventory.host(name)),
        settings.bundle,
        settings.cluster,
        parallel=parallel,
        say=say,
    )
    return Fleet(settings, site, KubeApi(settings.cluster / "kubeconfig"))


def rotation(wish: Mapping[str, Any] | None = None, of: "Fleet | None" = None) -> "Rotation":
    """Build the renewal of certificates of this installation; *wish* has the fields of `Wish`."""
    from hitscanner.fleet.rotation import Rotation
    from hitscanner.infra.kube import KubeApi
    from hitscanner.provision.rotation import Wish

    built = of or fleet()
    kubeconfig = built.settings.cluster / "kubeconfig"
    return Rotation(built, lambda: KubeApi(kubeconfig), Wish(**(wish or {})))


def _publish(store: Store, drive: Drive, scratch: Path, licence: str | None) -> None:
    from hitscanner.pipeline.catalogue import publish  # DuckDB costs half a second

    publish(store, drive, scratch, licence)


def _cycle(names: dict[str, str]) -> Cycle:
    return Cycle(names["list"], names["cycle"])


def _read(file: Path) -> str | None:
    return file.read_text(errors="replace") if file.is_file() else None
