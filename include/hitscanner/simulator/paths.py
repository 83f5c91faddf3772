"""Compare whole paths: who answered at each TTL with who should have, and why traces ended."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from hitscanner.simulator import addressing
from hitscanner.simulator.tables import Trace, known_traces, read_hops, read_traces
from hitscanner.simulator.truth import Stop, TruePath, Truth
from hitscanner.simulator.world import World

_SHOWN = 20
_STOP_REASONS: dict[str, Stop] = {
    "COMPLETED": "completed",
    "UNREACH": "unreach",
    "LOOP": "loop",
    "GAPLIMIT": "gap",
}
_Hops = Mapping[int, set[int]]
"""TTL → addresses that answered."""


@dataclass(frozen=True)
class PathScore:
    """How well paths were measured; a hop is one TTL of one trace."""

    traces: int
    exact: int
    """Traces with every hop that could be seen, no other, and the right end."""
    hops_right: int
    hops_wrong: int
    """An address that no branch of the flow has at that TTL."""
    hops_missing: int
    """Nobody, although every branch has somebody there."""
    wrong_ends: int
    """Traces that stopped for another reason than a perfect prober would."""
    worst: tuple[str, ...] = ()

    def to_json(self) -> dict[str, object]:
        """Return it as JSON values."""
        return asdict(self)


@dataclass(frozen=True)
class Judged:
    """One trace against its true paths; hops are counted."""

    right: int
    wrong: int
    missing: int
    is_right_end: bool

    @property
    def is_exact(self) -> bool:
        """Say whether nothing is wrong or missing."""
        return self.is_right_end and not self.wrong and not self.missing


def score_paths(
    world: World, traces_parquets: Sequence[Path], replies_parquets: Sequence[Path]
) -> PathScore:
    """
    Score the paths of one cycle, in which a vantage point traces a destination once.

    Raises:
        TableError: if a table is missing or not of the expected form.
    """
    traces, _ = known_traces(world, read_traces(traces_parquets))
    seen: dict[tuple[str, int, int], dict[int, set[int]]] = defaultdict(lambda: defaultdict(set))
    for hop in read_hops(replies_parquets):
        seen[hop.named, hop.version, hop.dst][hop.ttl].add(hop.address)
    truth = Truth(world)
    judged = []
    for trace in traces:
        hops = seen.get((trace.named, trace.version, trace.dst), {})
        paths = truth.paths(trace.flow, trace.first_hop, trace.gap_limit)
        judged.append((trace, judge(trace.stop_reason, hops, paths)))
    return PathScore(
        traces=len(judged),
        exact=sum(one.is_exact for _, one in judged),
        hops_right=sum(one.right for _, one in judged),
        hops_wrong=sum(one.wrong for _, one in judged),
        hops_missing=sum(one.missing for _, one in judged),
        wrong_ends=sum(not one.is_right_end for _, one in judged),
        worst=tuple(_worst(judged)),
    )


def judge(stop_reason: str, hops: _Hops, paths: Sequence[TruePath]) -> Judged:
    """
    Judge one trace; with several true paths each hop may be of any of them.

    The address by which a prober notices a loop is recorded, and is neither right nor wrong.

    >>> from hitscanner.simulator.truth import TrueHop
    >>> judge("GAPLIMIT", {1: {7}}, [TruePath((TrueHop(1, 7, 1), TrueHop(2, 8, 2)), "gap")])
    Judged(right=1, wrong=0, missing=1, is_right_end=True)
    """
    possible = _possible(paths)
    loops = {path.hops[-1].ttl + 1 for path in paths if path.stop == "loop" and path.hops}
    found = {(ttl, address) for ttl, some in hops.items() for address in some}
    right = {(ttl, address) for ttl, address in found if address in possible.get(ttl, ())}
    wrong = {(ttl, address) for ttl, address in found - right if ttl not in loops}
    missing = [ttl for ttl, some in possible.items() if None not in some and ttl not in hops]
    is_right_end = _STOP_REASONS.get(stop_reason) in {path.stop for path in paths}
    return Judged(len(right), len(wrong), len(missing), is_right_end)


def _possible(paths: Sequence[TruePath]) -> dict[int, set[int | None]]:
    """Return TTL → addresses that may answer there; None where nobody does on some path."""
    each = [{hop.ttl: hop.address for hop in path.hops} for path in paths]
    ttls = {ttl for one in each for ttl in one}
    return {ttl: {one.get(ttl) for one in each} for ttl in sorted(ttls)}


def _worst(judged: Iterable[tuple[Trace, Judged]]) -> list[str]:
    """Describe the traces with most hops wrong or missing."""
    bad = [(one.wrong + one.missing, trace, one) for trace, one in judged if not one.is_exact]
    bad.sort(key=lambda row: (-row[0], row[1].vp, row[1].version, row[1].dst))
    return [
        f"{trace.vp} to {addressing.to_address(trace.version, trace.dst)}: {one.wrong} hops wrong,"
        f" {one.missing} missing, stopped by {trace.stop_reason}"
        for _, trace, one in bad[:_SHOWN]
    ]
