"""Who gets which targets: from a list, or once more as in an earlier cycle."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address

from hitscanner.domain.addresses import Address
from hitscanner.domain.crew import Crew, crew_of
from hitscanner.domain.cycle import Cycle, Shard
from hitscanner.domain.do_not_probe import DoNotProbe, select_targets
from hitscanner.domain.inventory import Inventory
from hitscanner.domain.params import TracerouteParams
from hitscanner.domain.sampling import expand
from hitscanner.domain.sharding import split_targets
from hitscanner.domain.targets import TargetList
from hitscanner.errors import MeasurementFailedError, NoTargetLeftError
from hitscanner.infra.files import sha256_hex
from hitscanner.infra.store import Store
from hitscanner.pipeline.gate import read_manifest


@dataclass(frozen=True)
class Sources:
    """What a plan is made from, read and valid."""

    inventory: Inventory
    targets: TargetList
    do_not_probe: DoNotProbe
    unfit: Mapping[str, str] = field(default_factory=dict)
    """Vantage point → why it is left out."""


@dataclass(frozen=True)
class Allotment:
    """The targets of every vantage point, and those that nobody gets."""

    crew: Crew
    parts: Mapping[str, Sequence[Address]]
    """Vantage point → targets in probing order."""

    targets: int
    """Different addresses asked for, before anything was dropped."""

    excluded: Mapping[str, int]
    """Dropped targets by reason."""

    excluded_assignments: int
    """The same, counted once for each vantage point that would have probed them."""

    list_sha256: str


def from_list(sources: Sources, params: TracerouteParams) -> Allotment:
    """
    Split a target list over the vantage points that were asked for.

    Raises:
        UnknownVantagePointError, UnfitError, TooManyTargetsError, NoTargetLeftError: nothing is
            planned then.
    """
    crew = crew_of(sources.inventory, params.vantage_points, sources.unfit, params.min_vp_ratio)
    asked = list(expand(sources.targets.entries, params.sample))
    chosen = select_targets(
        asked,
        sources.do_not_probe,
        allow_reserved=sources.targets.allow_reserved,
        list_name=sources.targets.name,
    )
    excluded = Counter(each.why for each in chosen.excluded)
    return Allotment(
        crew=crew,
        parts=split_targets(chosen.kept, crew.names, params.split),
        targets=len(asked),
        excluded=dict(sorted(excluded.items())),
        excluded_assignments=excluded.total() * (len(crew.vps) if params.split == "all" else 1),
        list_sha256=sha256_hex(sources.targets.to_text().encode()),
    )


def from_cycle(
    store: Store, cycle: Cycle, inventory: Inventory, do_not_probe: DoNotProbe
) -> Allotment:
    """
    Give every vantage point the targets it had in *cycle*, in the same order.

    Who has opted out since then is left out; nothing else differs.

    Raises:
        UnknownVantagePointError: when a vantage point is gone from the inventory.
        MeasurementFailedError: when a frozen list is not what the manifest says.
        NoTargetLeftError: when everybody has opted out.
    """
    asked = read_manifest(store, cycle).asked
    vps = inventory.select(asked.vantage_points)
    before = {
        planned.vp: _frozen(store, planned.of(cycle), sha)
        for planned in asked.shards
        for sha in [planned.targets_sha256]
    }
    parts = {
        vp: [target for target in targets if do_not_probe.covers(target) is None]
        for vp, targets in before.items()
    }
    dropped = sum(map(len, before.values())) - sum(map(len, parts.values()))
    if not any(parts.values()):
        raise NoTargetLeftError(f"{cycle}: every target has opted out since; nothing to replay")
    excluded = Counter(asked.excluded)
    if dropped:
        gone = {t for vp, targets in before.items() for t in targets} - {
            t for targets in parts.values() for t in targets
        }
        excluded["do-not-probe"] += len(gone)
    return Allotment(
        crew=Crew(vps),
        parts=parts,
        targets=asked.targets,
        excluded=dict(sorted(excluded.items())),
        excluded_assignments=asked.excluded_assignments + dropped,
        list_sha256=asked.list_sha256,
    )


def _frozen(store: Store, shard: Shard, sha256: str) -> list[Address]:
    data = store.read(shard.targets) if store.exists(shard.targets) else b""
    if sha256_hex(data) != sha256:
        raise MeasurementFailedError(
            f"{shard.targets} is not what the manifest of {shard.of} froze;"
            " restore it, or plan from the list"
        )
    return [ip_address(line) for line in data.decode().split()]
