"""Compare alias sets that were inferred with the routers that the addresses belong to."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path
from typing import Literal

from hitscanner.simulator import addressing
from hitscanner.simulator.addressing import Version
from hitscanner.simulator.objects import Router
from hitscanner.simulator.tables import read_alias_sets, read_routers
from hitscanner.simulator.world import World

Method = Literal["mercator", "ipid"]
"""`mercator`: the source of port unreachables; `ipid`: counters, as ally and radargun use them."""

_SHOWN = 20
_Interface = tuple[Version, int]
_Pair = tuple[_Interface, _Interface]


@dataclass(frozen=True)
class AliasScore:
    """How well routers were found; every number counts pairs of addresses."""

    precision: float
    recall: float
    """Of the pairs that any method can resolve, among the addresses that were seen."""
    found: int
    true: int
    resolvable: int
    hidden: int
    """True pairs that no method can resolve."""
    recall_by_method: dict[Method, float]
    """Of the pairs that this method can resolve."""
    false_pairs: tuple[tuple[str, str], ...] = ()
    missed_pairs: tuple[tuple[str, str], ...] = ()

    def to_json(self) -> dict[str, object]:
        """Return it as JSON values."""
        return asdict(self)


def score_aliases(world: World, sets: Iterable[Iterable[str]], seen: Iterable[str]) -> AliasScore:
    """
    Score alias sets pair by pair.

    Args:
        world: the world that was probed.
        sets: addresses said to be of one router each.
        seen: addresses that alias resolution was given: those of routers in the traces.

    >>> world = World([Router(id=1), Router(id=2)])
    >>> score_aliases(world, [["100.80.0.1", "100.80.0.2"]], []).false_pairs
    (('100.80.0.1', '100.80.0.2'),)
    """
    found = {
        pair
        for some in sets
        for pair in combinations(sorted({addressing.parse(text) for text in some}), 2)
    }
    true = {
        pair for pair in found if _router(world, pair[0]) == _router(world, pair[1]) is not None
    }
    by_method, hidden = _true_pairs(world, seen)
    resolvable = set().union(*by_method.values())
    return AliasScore(
        precision=_share(len(true), len(found)),
        recall=_share(len(resolvable & found), len(resolvable)),
        found=len(found),
        true=len(true),
        resolvable=len(resolvable),
        hidden=hidden,
        recall_by_method={
            method: _share(len(pairs & found), len(pairs)) for method, pairs in by_method.items()
        },
        false_pairs=_shown(found - true),
        missed_pairs=_shown(resolvable - found),
    )


def score_alias_tables(world: World, alias_sets: Path, links: Path) -> AliasScore:
    """
    Score the alias sets of a cycle, among the router addresses in its links.

    Raises:
        TableError: if a table is missing or not of the expected form.
    """
    return score_aliases(world, read_alias_sets(alias_sets), read_routers(links))


def methods_for(router: Router, version: Version) -> frozenset[Method]:
    """
    Say by which methods two addresses of a router can be told to be aliases.

    >>> sorted(methods_for(Router(id=1), 4)), sorted(methods_for(Router(id=1), 6))
    (['ipid', 'mercator'], ['mercator'])
    >>> sorted(methods_for(Router(id=1, ip_id="random", port_unreachable_from="probed"), 4))
    []
    """
    methods: set[Method] = set()
    if not router.silent and router.port_unreachable_from == "loopback":
        methods.add("mercator")
    if not router.silent and version == 4 and router.ip_id == "shared":
        methods.add("ipid")
    return frozenset(methods)


def _true_pairs(world: World, seen: Iterable[str]) -> tuple[dict[Method, set[_Pair]], int]:
    """Return the true pairs among *seen* by method, and how many no method can resolve."""
    of_router: dict[tuple[int, Version], set[_Interface]] = defaultdict(set)
    for text in seen:
        interface = addressing.parse(text)
        router = _router(world, interface)
        if router is not None:
            of_router[router, interface[0]].add(interface)
    by_method: dict[Method, set[_Pair]] = {"mercator": set(), "ipid": set()}
    hidden = 0
    for (router, version), interfaces in of_router.items():
        pairs = set(combinations(sorted(interfaces), 2))
        methods = methods_for(world.routers[router], version)
        for method in methods:
            by_method[method] |= pairs
        hidden += 0 if methods else len(pairs)
    return by_method, hidden


def _router(world: World, interface: _Interface) -> int | None:
    """Return the router that holds an address; None for hosts and strangers."""
    owner = addressing.owner_of(*interface)
    if owner is None or owner.kind == "prefix" or (owner.kind == "vp" and owner.part == 1):
        return None
    return world.attachment(owner)


def _shown(pairs: Iterable[_Pair]) -> tuple[tuple[str, str], ...]:
    first = sorted(pairs)[:_SHOWN]
    return tuple((str(addressing.to_address(*a)), str(addressing.to_address(*b))) for a, b in first)


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 1.0
