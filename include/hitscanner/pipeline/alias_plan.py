"""Plan the stages of alias resolution: whom to ask what, within the rules for packets."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC

from hitscanner import __version__
from hitscanner.domain.alias_params import AliasParams
from hitscanner.domain.alias_sets import pairs_of, resolve
from hitscanner.domain.alias_tasks import AliasMethod, AliasTask, addresses_of, deal
from hitscanner.domain.alias_tasks import packets_of as packets_of_task
from hitscanner.domain.budget import Budget, Load, fit, load_of
from hitscanner.domain.candidates import (
    SeenLink,
    candidate_pairs,
    groups_of,
    neighbourhoods,
    router_addresses,
)
from hitscanner.domain.crew import Crew
from hitscanner.domain.do_not_probe import DoNotProbe
from hitscanner.domain.hosts import VantagePoint
from hitscanner.domain.manifest import Asked, CycleManifest, PlannedShard
from hitscanner.domain.quorum import State
from hitscanner.domain.reserved import reserved_reason
from hitscanner.infra.files import sha256_hex
from hitscanner.infra.store import Store
from hitscanner.pipeline.alias_evidence import Row, evidence_of
from hitscanner.pipeline.aliases import Asking, links_of, rows_so_far
from hitscanner.pipeline.jobs import alias_job
from hitscanner.pipeline.plan import Plan, VantagePointPlan

BYTES_PER_PACKET = 60
"""Size of a probe and its reply in warts, for estimates only."""


def plan_stage(
    store: Store,
    crew: Crew,
    dnp: DoNotProbe,
    asking: Asking,
    method: AliasMethod,
    budget: Budget,
    *,
    allow_reserved: bool,
) -> Plan:
    """
    Plan one method's tests within *budget*; the same store and asking give the same bytes.

    A test is left out when one of its addresses is on the do-not-probe list, or in reserved space
    unless *allow_reserved*: routers do answer from private addresses, and those are somebody
    else's here.

    Raises:
        UsageError: when a cycle has no links.
        BudgetError: when running cycles leave nothing of a cap.
    """
    cycle, _ = asking.stage(store, method)
    links = [link for each in asking.cycles for link in links_of(store, each)]
    tasks = choose(method, links, rows_so_far(store, asking), asking.params)
    verdicts = [(t, _why_not(t, dnp, allow_reserved=allow_reserved)) for t in tasks]
    kept = [task for task, why in verdicts if why is None]
    parts = {vp: part for vp, part in deal(kept, crew.names).items() if part}
    texts = {vp: "".join(f"{t.line}\n" for t in part).encode() for vp, part in parts.items()}
    rates_pps, load, cap = _rates(crew.vps, parts, asking.params, budget)
    excluded = Counter(why for _, why in verdicts if why is not None)
    params = {**asking.params.as_conf(), "method": method, "cycles": [*map(str, asking.cycles)]}
    asked = Asked(
        params=params,
        run_id=asking.run_id,
        logical_time=asking.logical_time.astimezone(UTC).isoformat(),
        list_sha256=sha256_hex("".join(f"{t.line}\n" for t in tasks).encode()),
        dnp_sha256=dnp.sha256,
        vantage_points=crew.names,
        unfit=dict(crew.unfit),
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
        rate_pps=rates_pps,
        network_pps=load.rounded(),
        slowed_by=cap,
    )
    manifest = CycleManifest(list=cycle.list, cycle=cycle.cycle, state=State.PLANNED, asked=asked)
    files = {cycle.do_not_probe: dnp.text.encode()}
    named = {vp.name: vp for vp in crew.vps}
    for planned in asked.shards:
        shard, vp = planned.of(cycle), named[planned.vp]
        files[shard.targets] = texts[vp.name]
        files[shard.job] = alias_job(cycle, planned, vp, asked, asking.params)
    lines = tuple(_line(vp, parts[vp], rates_pps[vp], asking.params) for vp in sorted(parts))
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


def _rates(
    vps: Sequence[VantagePoint],
    parts: Mapping[str, Sequence[AliasTask]],
    params: AliasParams,
    budget: Budget,
) -> tuple[dict[str, int], Load, str | None]:
    """Give the vantage points' rates, what the stage sends at them, and the cap that slows it."""
    asked = {
        vp: [address for task in part for address in addresses_of(task.line)]
        for vp, part in parts.items()
    }
    wanted_pps = {vp.name: min(params.rate_pps, vp.max_pps) for vp in vps if vp.name in parts}
    rates_pps, cap = fit(asked, wanted_pps, budget)
    return dict(sorted(rates_pps.items())), load_of(asked, rates_pps), cap


def _line(
    vp: str, tasks: Sequence[AliasTask], rate_pps: int, params: AliasParams
) -> VantagePointPlan:
    packets = sum(packets_of_task(task, params.rounds) for task in tasks)
    expected_s = -(-packets // rate_pps)
    return VantagePointPlan(vp, len(tasks), rate_pps, expected_s, packets * BYTES_PER_PACKET)
