"""Compare links that were measured with the links that were there to be seen."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import permutations, takewhile
from pathlib import Path

from hitscanner.simulator import addressing
from hitscanner.simulator.addressing import Version
from hitscanner.simulator.tables import (
    FoundLink,
    TableError,
    Trace,
    known_traces,
    read_links,
    read_traces,
)
from hitscanner.simulator.truth import TrueLink, TruePath, Truth, is_one_flow, links
from hitscanner.simulator.world import World

_SHOWN = 20
"""Worst misses and false links in a score; the counts are complete."""

_Ends = tuple[Version, int, int]


@dataclass(frozen=True)
class Finding:
    """A link that is missing or false, and why."""

    near: str
    far: str
    count: int
    """Traces that should have shown it, or observations of it."""
    reason: str


@dataclass(frozen=True)
class FamilyScore:
    """The links of one address family."""

    precision: float
    recall: float
    found: int
    visible: int


@dataclass(frozen=True)
class Score:
    """How well links were measured, counted on the paths of the flows that were probed."""

    precision: float
    """Share of found links that are true; links marked ambiguous do not count."""
    recall: float
    """Share of visible links that were found."""
    traces: int
    found: int
    true: int
    ambiguous: int
    visible: int
    missed: int
    false_links: tuple[Finding, ...] = ()
    missed_links: tuple[Finding, ...] = ()
    unknown_vantage_points: tuple[str, ...] = ()
    by_version: dict[Version, FamilyScore] = field(default_factory=dict)
    """The same, IPv4 and IPv6 apart."""

    def to_json(self) -> dict[str, object]:
        """Return it as JSON values."""
        return asdict(self)


@dataclass(slots=True)
class _Visible:
    """Links on the paths of the flows that were probed."""

    certain: Counter[_Ends] = field(default_factory=Counter)
    """Links every branch shows → traces that had them."""
    possible: set[_Ends] = field(default_factory=set)
    ways: dict[tuple[Version, int], set[tuple[int, int]]] = field(default_factory=dict)
    """Address → (later address of the same path, silent or lost hops between them)."""
    reasons: dict[_Ends, str] = field(default_factory=dict)
    branched: list[tuple[Trace, list[TruePath]]] = field(default_factory=list)
    """Traces whose probes may have gone different ways."""


def score(world: World, traces_parquets: Sequence[Path], links_parquet: Path) -> Score:
    """
    Score one cycle.

    A found link (near, far, stars) is true if on the path of a flow that was probed *far* comes
    *stars* + 1 hops after *near*: a reply that was lost makes a longer link, not a false one.
    A link is visible if every path its flow could take shows it to a prober that loses nothing.

    Args:
        world: the world that was probed.
        traces_parquets: files or folders of the table `traces`.
        links_parquet: the merged table of links.

    Raises:
        TableError: if a table is missing or not of the expected form.
    """
    traces, strangers = known_traces(world, read_traces(traces_parquets))
    if not traces:
        raise TableError("no trace is from a vantage point of this world; give the one probed")
    truth = _see(world, traces)
    found = {(link.version, link.near, link.far): link for link in read_links(links_parquet)}
    judged = {ends: link for ends, link in found.items() if not link.ambiguous}
    false = [link for link in judged.values() if not _is_true(truth, link)]
    missed = {ends: count for ends, count in truth.certain.items() if ends not in found}
    return Score(
        precision=_share(len(judged) - len(false), len(judged)),
        recall=_share(len(truth.certain) - len(missed), len(truth.certain)),
        traces=len(traces),
        found=len(found),
        true=len(judged) - len(false),
        ambiguous=len(found) - len(judged),
        visible=len(truth.certain),
        missed=len(missed),
        false_links=tuple(_false(world, truth, link) for link in _worst(false)),
        missed_links=tuple(
            _missed(truth, ends, count) for ends, count in Counter(missed).most_common(_SHOWN)
        ),
        unknown_vantage_points=tuple(sorted(strangers)),
        by_version={
            version: _of_family(version, judged, false, truth.certain, missed)
            for version in addressing.VERSIONS
        },
    )


def _of_family(
    version: Version,
    judged: Mapping[_Ends, FoundLink],
    false: Iterable[FoundLink],
    visible: Iterable[_Ends],
    missed: Iterable[_Ends],
) -> FamilyScore:
    def count(links: Iterable[_Ends]) -> int:
        return sum(ends[0] == version for ends in links)

    found, seen = count(judged), count(visible)
    wrong = sum(link.version == version for link in false)
    return FamilyScore(
        _share(found - wrong, found), _share(seen - count(missed), seen), found, seen
    )


def _see(world: World, traces: Iterable[Trace]) -> _Visible:
    truth = Truth(world)
    seen = _Visible()
    for trace in traces:
        paths = truth.paths(trace.flow, trace.first_hop, trace.gap_limit)
        each = [
            {_ends(link): link for link in links(path, trace.version, trace.dst)} for path in paths
        ]
        if len(paths) > 1:
            seen.branched.append((trace, paths))
        _note_possible(seen, trace.version, paths)
        for ends in set[_Ends]().union(*each[:1]).intersection(*each[1:]):
            link = each[0][ends]
            seen.certain[ends] += 1
            seen.reasons.setdefault(ends, _why_missed(trace, link))
    return seen


def _note_possible(seen: _Visible, version: Version, paths: Iterable[TruePath]) -> None:
    for path in paths:
        hops = [(hop.ttl, hop.address) for hop in path.hops if hop.address is not None]
        for i, (ttl, near) in enumerate(hops):
            later = seen.ways.setdefault((version, near), set())
            later.update((far, far_ttl - ttl - 1) for far_ttl, far in hops[i + 1 :])


def _ends(link: TrueLink) -> _Ends:
    return link.version, link.near, link.far


def _is_true(truth: _Visible, link: FoundLink) -> bool:
    return (link.far, link.stars) in truth.ways.get((link.version, link.near), ())


def _why_missed(trace: Trace, link: TrueLink) -> str:
    where = f"the trace from {trace.vp} to {addressing.to_address(trace.version, trace.dst)}"
    last = link.ttl + link.stars + 1
    if trace.hop_count is not None and trace.hop_count < last:
        return f"{where} stopped at hop {trace.hop_count} ({trace.stop_reason}), before hop {last}"
    return f"{where} has no reply at hop {link.ttl} or {last}: lost, rate-limited or not written"


def _missed(truth: _Visible, ends: _Ends, count: int) -> Finding:
    version, near, far = ends
    return Finding(_text(version, near), _text(version, far), count, truth.reasons[ends])


def _worst(false: list[FoundLink]) -> list[FoundLink]:
    return sorted(false, key=lambda link: (-link.freq, link.version, link.near, link.far))[:_SHOWN]


def _false(world: World, truth: _Visible, link: FoundLink) -> Finding:
    near, far = _text(link.version, link.near), _text(link.version, link.far)
    return Finding(near, far, link.freq, _why_false(world, truth, link))


def _why_false(world: World, truth: _Visible, link: FoundLink) -> str:
    for value in (link.near, link.far):
        owner = addressing.owner_of(link.version, value)
        if owner is None or world.attachment(owner) is None:
            return f"{_text(link.version, value)} is not an address of this world"
    mixed = _why_mixed(world, truth, link) or _why_in_loop(world, truth, link)
    if mixed is not None:
        return mixed
    if (link.near, link.stars) in truth.ways.get((link.version, link.far), ()):
        return "the two ends are swapped"
    distances = sorted(
        stars for far, stars in truth.ways.get((link.version, link.near), ()) if far == link.far
    )
    if distances and distances[0] < link.stars and _is_host(link):
        return f"the destination's reply {link.stars - distances[0]} hop earlier was lost"
    if distances:
        return f"on the path, but with {distances[0]} hops between them, not {link.stars}"
    return "no path of a flow that was probed has both"


def _is_host(link: FoundLink) -> bool:
    owner = addressing.owner_of(link.version, link.far)
    return owner is not None and owner.kind == "prefix"


def _why_mixed(world: World, truth: _Visible, link: FoundLink) -> str | None:
    """Explain a link between two ways of one trace: who sent its probes apart, and why."""
    for trace, paths in truth.branched:
        if trace.version != link.version:
            continue
        for one, other in permutations(paths, 2):
            ttl = _ttl_of(one, link.near)
            if ttl is not None and _ttl_of(other, link.far) == ttl + link.stars + 1:
                return _why_apart(world, trace, one, other)
    return None


def _why_in_loop(world: World, truth: _Visible, link: FoundLink) -> str | None:
    """Explain a link of a loop that goes on: no address comes twice when each turn has its way."""
    for trace, paths in truth.branched:
        looping = [path for path in paths if path.stop == "loop"]
        met = {hop.address for path in looping for hop in path.hops}
        if trace.version == link.version and len(looping) > 1 and {link.near, link.far} <= met:
            return f"{_why_apart(world, trace, *looping[:2])}, round a loop"
    return None


def _ttl_of(path: TruePath, address: int) -> int | None:
    return next((hop.ttl for hop in path.hops if hop.address == address), None)


def _why_apart(world: World, trace: Trace, one: TruePath, other: TruePath) -> str:
    together = zip(one.hops, other.hops, strict=False)
    common = [hop.router for hop, _ in takewhile(lambda pair: pair[0] == pair[1], together)]
    fork = common[-1] if common else None
    if fork is not None and world.routers[fork].balance == "packet":
        return f"router {fork} balances by packet: two branches of one trace"
    if not is_one_flow(trace.method):
        return f"the method {trace.method} changes its flow: two branches behind router {fork}"
    return f"the route behind router {fork} changed: before and after in one trace"


def _text(version: Version, value: int) -> str:
    return str(addressing.to_address(version, value))


def _share(part: int, whole: int) -> float:
    """
    Return part of whole; 1.0 of nothing, because nothing was done wrong.

    >>> _share(3, 4), _share(0, 0)
    (0.75, 1.0)
    """
    return part / whole if whole else 1.0
