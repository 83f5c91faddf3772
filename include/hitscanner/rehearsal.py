"""Rehearse: a simulated Internet up, the real DAGs once, the result against the truth, all down."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console

from hitscanner.domain.budget import Limits
from hitscanner.domain.candidates import router_addresses
from hitscanner.domain.hosts import VantagePoint
from hitscanner.domain.inventory import Inventory
from hitscanner.domain.targets import TargetList
from hitscanner.errors import UsageError
from hitscanner.infra.files import check_room, write_whole
from hitscanner.pipeline.aliases import alias_sets, links_of
from hitscanner.report.progress import Progress
from hitscanner.report.summary import Score
from hitscanner.runs import Airflow, Run, chain_of, run_traceroute
from hitscanner.settings import Settings
from hitscanner.simulator import lifecycle
from hitscanner.simulator.aliases import score_aliases
from hitscanner.simulator.objects import Kind, WorldSpec
from hitscanner.simulator.score import score
from hitscanner.simulator.world import World, generate
from hitscanner.wiring import ROOM_BYTES, Pipeline, pipeline

LIST = "demo"

UNLIMITED = Limits(network_pps=10_000_000, platform_pps=10_000_000)
"""A simulated Internet has nobody to be polite to; each vantage point's own rate holds."""
"""The list that holds the targets of the simulated Internet."""

PREFIX_TO_AS = "prefix2as-20260101-simulated.txt"
"""The simulated operators' registry; older than any cycle."""

COUNTRIES = ("us", "jp", "de", "sg", "br", "za", "au", "in", "fr", "gb", "ca", "kr", "nl", "se")
"""Where pretended vantage points stand; the first four are the demo's."""


@dataclass(frozen=True)
class Rehearsal:
    """What is simulated and asked; the same numbers give the same world and the same plan."""

    seed: int = 1
    routers: int = 500
    vantage_points: int = 4
    targets: int = 2000
    world: Kind = "clean"
    rate_pps: int = 250
    dealias: bool = False
    break_vp: str | None = None
    """Kill this vantage point's scamper from half-way on."""

    min_vp_ratio: float = 0.5

    @property
    def spec(self) -> WorldSpec:
        """The world that it takes place in."""
        return WorldSpec(self.seed, self.routers, self.names, self.targets, self.world)

    @property
    def names(self) -> tuple[str, ...]:
        """
        The vantage points.

        >>> Rehearsal().names
        ('us-0001', 'jp-0001', 'de-0001', 'sg-0001')
        """
        rounds = range(self.vantage_points)
        return tuple(
            f"{COUNTRIES[i % len(COUNTRIES)]}-{i // len(COUNTRIES) + 1:04d}" for i in rounds
        )

    @property
    def conf(self) -> dict[str, Any]:
        """What `airflow dags trigger traceroute --conf` would be given."""
        return {
            "list": LIST,
            "vantage_points": ["all"],
            "rate_pps": self.rate_pps,
            "dealias": self.dealias,
            "min_vp_ratio": self.min_vp_ratio,
            "reshard": self.break_vp is None,  # a broken one is to be seen, not made up for
            # Where packets of one trace part, one answer a hop would join ways that do not meet.
            "confirm": self.world == "dirty",
        }


@dataclass(frozen=True)
class Outcome:
    """How a rehearsal ended."""

    run: Run
    score: Score
    wall_s: float
    network: dict[str, Any]
    """What the simulated Internet counted: probes and replies, probes to opted-out prefixes."""


def rehearse(settings: Settings, rehearsal: Rehearsal, console: Console) -> Outcome:
    """
    Do all of it; the simulated Internet is taken down whatever happens.

    Raises:
        UsageError: for an impossible world or vantage point, or when not run by root.
    """
    began_at = time.monotonic()
    _check(rehearsal)
    check_room(settings.home, ROOM_BYTES)
    steps = pipeline(settings)
    chain = chain_of(rehearsal.conf)
    with Progress(console) as progress, Airflow(settings, chain, rehearsal.conf) as airflow:
        progress.step("world")
        world = prepare(settings, rehearsal)
        breaker = _Breaker(rehearsal.break_vp)
        with simulated(settings):
            run = run_traceroute(steps, airflow, progress, breaker.look)
            network = lifecycle.status(settings.simulator).counts
        progress.step("score")
        truth = _score(steps, run, world)
    return Outcome(run, truth, time.monotonic() - began_at, network)


def prepare(settings: Settings, rehearsal: Rehearsal) -> World:
    """Write world, inventory, lists and drives for the rehearsal into its home."""
    world = _world(settings, rehearsal.spec)
    points = tuple(
        VantagePoint(
            name=vp.name,
            transport="local",
            netns=vp.netns,
            source_v4=None if vp.nat else vp.address_v4,
            source_v6=vp.address_v6,
            max_pps=rehearsal.rate_pps,
            tags=("simulated",),
        )
        for vp in world.vantage_points
    )
    opted_out = world.opt_out_targets()
    targets = TargetList(LIST, (*world.targets(), *opted_out), allow_reserved=True)
    avoided = "".join(f"{target}\n" for target in opted_out) or "none\n"
    _write(settings.inventory, Inventory(vantage_points=points, limits=UNLIMITED).to_toml())
    _write(settings.lists / f"{LIST}.txt", targets.to_text())
    _write(settings.lists / "sample.txt", _sample(settings))  # what the daily run asks for
    _write(settings.do_not_probe, f"# The simulated Internet's own opt-outs.\n{avoided}")
    _write(settings.drives, _drives(settings))
    _write(settings.labels / PREFIX_TO_AS, _prefix_to_as(world))
    return world


@contextmanager
def simulated(settings: Settings) -> Iterator[None]:
    """Have the prepared world up, and take it down at the end."""
    lifecycle.up(_world_file(settings), settings.simulator)
    try:
        yield
    finally:
        lifecycle.down(settings.simulator)


def _check(rehearsal: Rehearsal) -> None:
    if rehearsal.break_vp not in (None, *rehearsal.names):
        raise UsageError(
            f"--break {rehearsal.break_vp}: no such vantage point;"
            f" there are: {', '.join(rehearsal.names)}"
        )


def _world_file(settings: Settings) -> Path:
    return settings.simulator / "world.jsonl"


def _world(settings: Settings, spec: WorldSpec) -> World:
    """Generate the world, or load it when it was generated from the same spec before."""
    file, made_from = _world_file(settings), settings.simulator / "spec.json"
    asked = json.dumps(asdict(spec), sort_keys=True)
    if not (file.is_file() and made_from.is_file() and made_from.read_text() == asked):
        world = generate(spec)
        settings.simulator.mkdir(parents=True, exist_ok=True)
        world.dump(file)
        _write(made_from, asked)
    return World.load(file)


def _write(file: Path, text: str) -> None:
    write_whole(file, text.encode())


def _sample(settings: Settings) -> str:
    return (settings.repository / "include" / "lists" / "sample.txt").read_text()


def _prefix_to_as(world: World) -> str:
    """Write who holds which prefix, as RouteViews' prefix-to-AS files do."""
    return "".join(
        f"{prefix.network_address}\t{prefix.prefixlen}\t{asn}\n"
        for prefix, asn in world.prefix_to_as()
    )


def _drives(settings: Settings) -> str:
    folder = json.dumps(str(settings.home / "drive"))
    return f'[[drive]]\nname = "folder"\nkind = "file"\npath = {folder}\n'


class _Breaker:
    """Kill the scamper of one vantage point from half-way on, as often as it comes back."""

    def __init__(self, vp: str | None):
        self.vp = vp
        self.is_broken = False

    def look(self, files: Mapping[str, Path]) -> None:
        if self.vp is None:
            return
        self.is_broken = self.is_broken or _is_half_way(files.get(self.vp))
        if self.is_broken:
            _kill_scamper(f"hs-{self.vp}")


def _is_half_way(file: Path | None) -> bool:
    if file is None or not file.is_file():
        return False
    progress = json.loads(file.read_bytes())
    return bool(progress["total"]) and progress["done"] * 2 >= progress["total"]


def _kill_scamper(netns: str) -> None:
    listed = subprocess.run(
        ["ip", "netns", "pids", netns], capture_output=True, text=True, check=False
    )
    for pid in map(int, listed.stdout.split()):
        with suppress(FileNotFoundError, ProcessLookupError):
            if Path(f"/proc/{pid}/comm").read_text().strip() == "scamper":
                os.kill(pid, signal.SIGKILL)


def _score(steps: Pipeline, run: Run, world: World) -> Score:
    if run.cycle is None:
        return Score()
    links = steps.store.local(f"{run.cycle.topology}/links.parquet")
    traces = [steps.store.local(file) for file in steps.store.files(run.cycle.table("traces"))]
    if not links.is_file():
        return Score()
    scored = score(world, traces, links)
    found = Score(precision=scored.precision, recall=scored.recall)
    if not steps.store.exists(f"{run.cycle.topology}/alias_sets.parquet"):
        return found
    seen = router_addresses(links_of(steps.store, run.cycle))
    aliases = score_aliases(world, alias_sets(steps.store, run.cycle), seen)
    return replace(
        found,
        alias_precision=aliases.precision,
        alias_recall=aliases.recall,
        alias_recall_by_method={str(m): r for m, r in aliases.recall_by_method.items()},
    )
