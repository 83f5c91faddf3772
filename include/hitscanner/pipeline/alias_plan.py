"""Plan the stages of alias resolution: whom to ask what, within the rules for packets."""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC

from hitscanner import __version__
from hitscanner.domain.alias_params import AliasParams
from hitscanner.domain.alias_sets import pairs_of, resolve
from hitscanner.domain.alias_tasks import AliasMethod, AliasTask, addresses_of, deal
from hitscanner.domain.alias_tasks import packets_of as packets_of_task
from hitscanner.domain.candidates import (
    SeenLink,
    candidate_pairs,
    groups_of,
    neighbourhoods,
    router_addresses,
)
from hitscanner.domain.cycle import Shard, cycle_number, list_number
from hitscanner.domain.do_not_probe import DoNotProbe
from hitscanner.domain.hosts import VantagePoint
from hitscanner.domain.manifest import Asked, CycleManifest, PlannedShard
from hitscanner.domain.quorum import State
from hitscanner.domain.reserved import reserved_reason
from hitscanner.infra.files import sha256_hex
from hitscanner.infra.store import Store
from hitscanner.pipeline.alias_evidence import Row, evidence_of
from hitscanner.pipeline.aliases import Asking, links_of, rows_so_far
from hitscanner.pipeline.plan import Plan, VantagePointPlan, shards_of

BYTES_PER_PACKET = 60
"""Size of a probe and its reply in warts, for estimates only."""


def plan_stage(
    store: Store,
    vps: Sequence[VantagePoint],
    dnp: DoNotProbe,
    asking: Asking,
    method: AliasMethod,
    *,
    allow_reserved: bool,
) -> Plan:
    """
    Plan one method's tests; the same store and asking give the same bytes.

    A test is left out when one of its addresses is on the do-not-probe list, or in reserved space
    unless *allow_reserved*: routers do answer from private addresses, and those are somebody
    else's here.

    Raises:
        UsageError: when a cycle has no links.
    """
    cycle, _ = asking.stage(store, method)
    links = [link for each in asking.cycles for link in links_of(store, each)]
    tasks = choose(method, links, rows_so_far(store, asking), asking.params)
    verdicts = [(t, _why_not(t, dnp, allow_reserved=allow_reserved)) for t in tasks]
    kept = [task for task, why in verdicts if why is None]
    parts = {vp: part for vp, part in deal(kept, [vp.name for vp in vps]).items() if part}
    texts = {vp: "".join(f"{t.line}\n" for t in part).encode() for vp, part in parts.items()}
    excluded = Counter(why for _, why in verdicts if why is not None)
    params = {**asking.params.as_conf(), "method": method, "cycles": [*map(str, asking.cycles)]}
    asked = Asked(
        params=params,
        run_id=asking.run_id,
        logical_time=asking.logical_time.astimezone(UTC).isoformat(),
        list_sha256=sha256_hex("".join(f"{t.line}\n" for t in tasks).encode()),
        dnp_sha256=dnp.sha256,
        vantage_points=sorted(vp.name for vp in vps),
        targets=len(tasks),
        excluded=dict(sorted(excluded.items())),
        excluded_assignments=excluded.total(),
        shards=[
            PlannedShard(
                vp=vp, shard="0000", targets=len(parts[vp]), targets_sha256=sha256_hex(text)
            )
            for vp, text in sorted(texts.items())
        ],
        versions={"hitscanner": __version__},
    )
    manifest = CycleManifest(list=cycle.list, cycle=cycle.cycle, state=State.PLANNED, asked=asked)
    files = {cycle.do_not_probe: dnp.text.encode()}
    named = {vp.name: vp for vp in vps}
    for shard, planned in zip(shards_of(manifest), asked.shards, strict=True):
        files[shard.targets] = texts[shard.vp]
        files[shard.job] = _job(shard, planned, named[shard.vp], asked, asking.params)
    lines = tuple(_line(named[vp], part, asking.params) for vp, part in sorted(parts.items()))
    return Plan(cycle, manifest, files, lines)


def _why_not(task: AliasTask, dnp: DoNotProbe, *, allow_reserved: bool) -> str | None:
    """Say why a test must not be made, or None."""
    addresses = addresses_of(task.line)
    if any(dnp.covers(address) is not None for address in addresses):
        return "do-not-probe"
    reserved = (reserved_reason(a, allow_reserved=allow_reserved) for a in addresses)
    return "reserved" if any(reserved) else None


def choose(
    method: AliasMethod, links: Sequence[SeenLink], so_far: Sequence[Row], params: AliasParams
) -> list[AliasTask]:
    """
    Choose the tests of a stage from the links and from what the earlier stages found.

    IP identifiers are IPv4's: IPv6 addresses are tested by mercator only (Debian's scamper lacks
    what speedtrap needs to draw fragment identifiers from routers).

    >>> link = SeenLink("192.0.2.1", "192.0.2.5", False, 0, 1)
    >>> [task.line for task in choose("mercator", [link], [], AliasParams())]
    ['mercator 192.0.2.1', 'mercator 192.0.2.5']
    """
    if method == "mercator":
        chosen = router_addresses(links)[: params.max_addresses]
        return [AliasTask("mercator", (address,)) for address in chosen]
    pairs = _open_pairs(links, so_far, params.max_pairs)
    if method == "ally":
        return [AliasTask("ally", pair) for pair in pairs]
    groups = groups_of(_unsure(pairs, so_far), params.group)
    groups += neighbourhoods(_open_addresses(links, so_far), params.group)
    return [AliasTask("radargun", tuple(group)) for group in groups]


def _open_addresses(links: Sequence[SeenLink], so_far: Sequence[Row]) -> list[str]:
    """Give the IPv4 addresses that mercator left open."""
    known = {row.a for row in so_far if row.method == "mercator" and row.verdict == "aliases"}
    return [a for a in router_addresses(links) if ":" not in a and a not in known]


def _open_pairs(
    links: Sequence[SeenLink], so_far: Sequence[Row], limit: int
) -> list[tuple[str, str]]:
    """
    Give the candidates that mercator left open.

    A router that answers from one address for all of them is known by it: two addresses with two
    such answers need no further test.
    """
    v4 = [link for link in links if ":" not in link.near and ":" not in link.far]
    known = {row.a for row in so_far if row.method == "mercator" and row.verdict == "aliases"}
    joined = pairs_of(resolve(evidence_of(r for r in so_far if r.method == "mercator")).sets)
    return [
        (each.a, each.b)
        for each in candidate_pairs(v4, limit)
        if (each.a, each.b) not in joined and not {each.a, each.b} <= known
    ]


def _unsure(pairs: Iterable[tuple[str, str]], so_far: Sequence[Row]) -> list[tuple[str, str]]:
    """
    Give the pairs that ally found to be aliases, or could not tell; not those that it denied.

    Two counters that happen to be close pass ally's five probes more easily than ten rounds.  An
    address that never answered is not asked again.
    """
    ally = {(row.a, row.b): row for row in so_far if row.method == "ally"}
    if not ally:
        return list(pairs)
    answered = {row.a for row in ally.values() if row.a_replies}
    answered |= {str(row.b) for row in ally.values() if row.b_replies}
    denied = {pair for pair, row in ally.items() if row.verdict == "not-aliases"}
    return [pair for pair in pairs if pair not in denied and set(pair) <= answered]


def _line(vp: VantagePoint, tasks: Sequence[AliasTask], params: AliasParams) -> VantagePointPlan:
    rate_pps = min(params.rate_pps, vp.max_pps)
    packets = sum(packets_of_task(task, params.rounds) for task in tasks)
    return VantagePointPlan(
        vp.name, len(tasks), rate_pps, -(-packets // rate_pps), packets * BYTES_PER_PACKET
    )


def _job(
    shard: Shard, planned: PlannedShard, vp: VantagePoint, asked: Asked, params: AliasParams
) -> bytes:
    """Write `job.json` of kind dealias (docs/prober.md); no clock in it."""
    job = {
        "version": 1,
        "kind": "dealias",
        **shard.to_json(),
        "list_id": list_number(shard.list),
        "cycle_id": cycle_number(shard.cycle),
        "source_addresses": {
            "4": str(vp.source_v4) if vp.source_v4 else None,
            "6": str(vp.source_v6) if vp.source_v6 else None,
        },
        "targets_sha256": planned.targets_sha256,
        "dnp_sha256": asked.dnp_sha256,
        "method": asked.params["method"],
        "rounds": params.rounds,
        "attempts": params.attempts,
        "wait_s": params.wait_s,
        "rate_pps": min(params.rate_pps, vp.max_pps),
        "max_pps": vp.max_pps,
        "slice_s": params.slice_s,
        "max_clock_offset_s": 30,
        "deadline_s": params.deadline_s,
    }
    return json.dumps(job, indent=2, sort_keys=True).encode() + b"\n"
