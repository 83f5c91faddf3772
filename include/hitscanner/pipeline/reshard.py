"""
The second map: what nobody brought home goes to the vantage points that are whole.

A vantage point that died keeps what it finished.  Its other targets are dealt out once, in shards
of number 0001, and are counted where they were dealt to: every target is accounted for once.
"""

from collections.abc import Iterable, Sequence
from ipaddress import ip_address

from hitscanner.domain.addresses import Address
from hitscanner.domain.cycle import SECOND, Cycle, Shard
from hitscanner.domain.do_not_probe import DoNotProbe
from hitscanner.domain.inventory import Inventory
from hitscanner.domain.manifest import CycleManifest, PlannedShard
from hitscanner.domain.params import parse_traceroute_params
from hitscanner.domain.sharding import split_targets
from hitscanner.infra.files import sha256_hex
from hitscanner.infra.store import Store
from hitscanner.pipeline.gate import missing_of, read_manifest, read_record
from hitscanner.pipeline.jobs import trace_job
from hitscanner.pipeline.plan import lines_of


def reshard(
    store: Store, cycle: Cycle, inventory: Inventory, do_not_probe: DoNotProbe
) -> list[Shard]:
    """
    Deal the missing targets of *cycle* over its whole vantage points, and give the new shards.

    Nothing is dealt when every vantage point has its own copy of the list (`split` is `all`), when
    the run does not want it, or when nobody or everybody is whole. Asked again, it gives the same.
    """
    manifest = read_manifest(store, cycle)
    params = manifest.asked.params
    if params["split"] != "shard" or not params.get("reshard", False):
        return []
    if dealt := [each for each in manifest.asked.shards if each.shard == SECOND]:
        return [each.of(cycle) for each in dealt]
    first = {each.vp: each.of(cycle) for each in manifest.asked.shards}
    whole = [vp for vp, shard in first.items() if _is_whole(store, shard)]
    missing = [t for vp, s in first.items() if vp not in whole for t in missing_of(store, s)]
    wanted = [t for t in map(ip_address, missing) if do_not_probe.covers(t) is None]
    if not whole or not wanted:
        return []
    return _freeze(store, cycle, manifest, split_targets(wanted, whole), inventory)


def _freeze(
    store: Store,
    cycle: Cycle,
    manifest: CycleManifest,
    parts: dict[str, list[Address]],
    inventory: Inventory,
) -> list[Shard]:
    """Write lists and jobs, the manifest last."""
    vps = {vp.name: vp for vp in inventory.select(list(parts))}
    params = parse_traceroute_params(manifest.asked.params, str(cycle))
    added = []
    for vp, targets in _filled(parts):
        data = lines_of(targets)
        planned = PlannedShard(
            vp=vp, shard=SECOND, targets=len(targets), targets_sha256=sha256_hex(data)
        )
        shard = planned.of(cycle)
        store.write(shard.targets, data)
        store.write(shard.job, trace_job(cycle, planned, vps[vp], manifest.asked, params))
        added.append(planned)
    asked = manifest.asked.model_copy(update={"shards": [*manifest.asked.shards, *added]})
    store.write(cycle.manifest, manifest.model_copy(update={"asked": asked}).to_bytes())
    return [each.of(cycle) for each in added]


def _filled(parts: dict[str, list[Address]]) -> Iterable[tuple[str, Sequence[Address]]]:
    return ((vp, targets) for vp, targets in sorted(parts.items()) if targets)


def _is_whole(store: Store, shard: Shard) -> bool:
    record = read_record(store, shard)
    return record is not None and record.cause is None
