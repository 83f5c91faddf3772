"""A world: its objects, checked against each other and indexed."""

import re
from collections.abc import Iterable, Iterator
from copy import copy
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self, TypeVar

from hitscanner.simulator import addressing, worldfile
from hitscanner.simulator.addressing import Address, Network, Owner, Version
from hitscanner.simulator.generate import world_objects
from hitscanner.simulator.objects import (
    AutonomousSystem,
    Event,
    Header,
    Link,
    Prefix,
    Router,
    VantagePoint,
    WorldObject,
    WorldSpec,
)
from hitscanner.simulator.worldfile import WorldFileError

__all__ = ["Neighbour", "World", "WorldFileError", "WorldSpec", "generate"]

_VP_NAME = re.compile("[a-z0-9]([a-z0-9-]*[a-z0-9])?")
_Thing = TypeVar("_Thing", Router, Link, Prefix)


@dataclass(frozen=True, slots=True)
class Neighbour:
    """One end of a link as its router sees it."""

    link: int
    router: int
    cost: int


class World:
    """
    A simulated Internet that does not change.

    Raises:
        WorldFileError: if two objects share a number or one names another that is not there.

    >>> world = World([Router(id=1), Router(id=2), Link(id=0, a=1, b=2),
    ...                VantagePoint(id=0, name="us-0001", router=1),
    ...                Prefix(id=0, router=2, targets_v4=(1,), targets_v6=(1,))])
    >>> [str(target) for target in world.targets()]
    ['100.96.0.1', 'fd00:0:8000::1']
    """

    def __init__(self, objects: Iterable[WorldObject]) -> None:
        self.header = Header()
        self.ases: tuple[AutonomousSystem, ...] = ()
        self.routers: dict[int, Router] = {}
        self.links: dict[int, Link] = {}
        self.prefixes: dict[int, Prefix] = {}
        self.vantage_points: tuple[VantagePoint, ...] = ()
        self.events: tuple[Event, ...] = ()
        for thing in objects:
            self._add(thing)
        self.neighbours = self._check()

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a world file; errors name file and line, or the object that does not fit."""
        try:
            return cls(worldfile.read(path))
        except WorldFileError as error:
            where = "" if str(error).startswith(str(path)) else f"{path}: "
            raise WorldFileError(f"{where}{error}") from error

    def dump(self, path: Path) -> None:
        """Write a world file; the same world gives the same bytes."""
        worldfile.write(path, self.objects())

    def objects(self) -> Iterator[WorldObject]:
        """Yield everything, in the order of a world file."""
        yield self.header
        yield from self.ases
        yield from self.routers.values()
        yield from self.links.values()
        yield from self.prefixes.values()
        yield from self.vantage_points
        yield from self.events

    def targets(self) -> list[Address]:
        """Return the addresses to ask for, IPv4 and IPv6, by prefix, without opted-out ones."""
        return list(self._targets(opt_out=False))

    def opt_out_targets(self) -> list[Address]:
        """Return addresses nobody may probe: for a target list and its do-not-probe list."""
        return list(self._targets(opt_out=True))

    def vantage_point(self, name: str) -> VantagePoint | None:
        """Return the vantage point of that name."""
        return self._by_name.get(name)

    def without(self, links: frozenset[int]) -> "World":
        """Return the same world with some links down; it shares all else with this one."""
        then = copy(self)
        then.events = ()
        then.links = {number: link for number, link in self.links.items() if number not in links}
        ends = {end for number in links for end in (self.links[number].a, self.links[number].b)}
        then.neighbours = self.neighbours | {
            end: tuple(near for near in self.neighbours[end] if near.link not in links)
            for end in ends
        }
        return then

    def epochs(self) -> list[tuple[int, "World"]]:
        """Return (start in us after ready, the world without the links down from then on)."""
        down: frozenset[int] = frozenset()
        epochs: list[tuple[int, World]] = [(0, self)]
        for event in sorted(self.events, key=lambda event: event.at_s):
            down = down | {event.link} if event.action == "link_down" else down - {event.link}
            epochs.append((int(event.at_s * 1_000_000), self.without(down)))
        return epochs

    def prefix_to_as(self) -> list[tuple[Network, int]]:
        """
        Return (prefix, AS number) as an operator's registry would, sorted; for labels.

        Links and loopbacks by the blocks of their AS, destinations by the AS of their router.
        """
        pairs: list[tuple[Network, int]] = []
        for version in addressing.VERSIONS:
            for here in self.ases:
                links = addressing.link_address(version, here.first_link, 0)
                routers = addressing.router_address(version, here.first_router)
                pairs.append((addressing.block(version, links, 2 * here.links), here.asn))
                pairs.append((addressing.block(version, routers, here.routers), here.asn))
            for prefix in self.prefixes.values():
                network = addressing.prefix_network(version, prefix.id)
                pairs.append((network, self.routers[prefix.router].asn))
        return sorted(pairs, key=lambda pair: (pair[0].version, int(pair[0].network_address)))

    def attachment(self, owner: Owner) -> int | None:
        """Return the router that an address belongs to or hangs on; None if nothing is there."""
        match owner.kind:
            case "link":
                link = self.links.get(owner.number)
                return None if link is None else (link.b if owner.part else link.a)
            case "router":
                return owner.number if owner.number in self.routers else None
            case "vp":
                vp = self._by_id.get(owner.number)
                return None if vp is None else vp.router
            case "prefix":
                prefix = self.prefixes.get(owner.number)
                return None if prefix is None else prefix.router

    def addresses_of(self, router: int, version: Version) -> frozenset[int]:
        """Return every address of a router: link ends, vp access links and its loopback."""
        ends = {
            addressing.link_address(version, near.link, self.links[near.link].end_of(router))
            for near in self.neighbours[router]
        }
        gates = {
            addressing.vp_address(version, vp.id, 0)
            for vp in self.vantage_points
            if vp.router == router
        }
        return frozenset(ends | gates | {addressing.router_address(version, router)})

    @cached_property
    def _by_name(self) -> dict[str, VantagePoint]:
        return {vp.name: vp for vp in self.vantage_points}

    @cached_property
    def _by_id(self) -> dict[int, VantagePoint]:
        return {vp.id: vp for vp in self.vantage_points}

    def _targets(self, *, opt_out: bool) -> Iterator[Address]:
        for prefix in self.prefixes.values():
            if prefix.opt_out == opt_out:
                for host in prefix.targets_v4:
                    yield addressing.to_address(4, addressing.host_address(4, prefix.id, host))
                for host in prefix.targets_v6:
                    yield addressing.to_address(6, addressing.host_address(6, prefix.id, host))

    def _add(self, thing: WorldObject) -> None:
        match thing:
            case Header():
                self.header = thing
            case AutonomousSystem():
                self.ases += (thing,)
            case Router():
                _put(self.routers, thing.id, thing, addressing.MAX_ROUTERS)
            case Link():
                _put(self.links, thing.id, thing, addressing.MAX_LINKS)
            case Prefix():
                _put(self.prefixes, thing.id, thing, addressing.MAX_PREFIXES)
            case VantagePoint():
                self.vantage_points += (thing,)
            case Event():
                self.events += (thing,)

    def _check(self) -> dict[int, tuple[Neighbour, ...]]:
        for prefix in self.prefixes.values():
            self._need_router(f"prefix {prefix.id}", prefix.router)
        self._check_vantage_points()
        for event in self.events:
            if event.link not in self.links:
                raise WorldFileError(f"an event names link {event.link}, which no line defines")
        near: dict[int, list[Neighbour]] = {router: [] for router in self.routers}
        relations: dict[tuple[int, int], str] = {}
        for link in self.links.values():
            self._check_link(link, relations)
            near[link.a].append(Neighbour(link.id, link.b, link.cost))
            near[link.b].append(Neighbour(link.id, link.a, link.cost))
        return {
            router: tuple(sorted(ends, key=lambda end: end.link)) for router, ends in near.items()
        }

    def _check_vantage_points(self) -> None:
        seen: dict[object, str] = {}
        for vp in self.vantage_points:
            self._need_router(f"vp {vp.name}", vp.router)
            if not 0 <= vp.id < addressing.MAX_VANTAGE_POINTS:
                raise WorldFileError(f"vp {vp.name}: its id must be 0 to 4095")
            if not _VP_NAME.fullmatch(vp.name):
                raise WorldFileError(f"vp {vp.name}: name it like us-0001")
            for key in (vp.id, vp.name):
                if key in seen:
                    raise WorldFileError(
                        f"vp {vp.name}: {key!r} is taken by {seen[key]}; rename it"
                    )
                seen[key] = vp.name

    def _check_link(self, link: Link, relations: dict[tuple[int, int], str]) -> None:
        for router in (link.a, link.b):
            self._need_router(f"link {link.id}", router)
        if link.a == link.b:
            raise WorldFileError(
                f"link {link.id} joins router {link.a} to itself; give it two ends"
            )
        if link.cost < 1 or link.delay_us < 0 or not 0 <= link.loss <= 1:
            raise WorldFileError(f"link {link.id}: needs cost >= 1, delay_us >= 0, loss 0 to 1")
        near, far = self.routers[link.a].asn, self.routers[link.b].asn
        if (near == far) != (link.relation is None):
            remedy = "drop its relation" if near == far else "say relation provider or peer"
            raise WorldFileError(f"link {link.id} joins AS {near} and AS {far}; {remedy}")
        if link.relation is None:
            return
        up = "peer" if link.relation == "peer" else f"provider {near}"
        said = relations.setdefault((min(near, far), max(near, far)), up)
        if said != up:
            raise WorldFileError(f"link {link.id}: AS {near} and AS {far} are already {said}")

    def _need_router(self, who: str, router: int) -> None:
        if router not in self.routers:
            raise WorldFileError(f"{who} names router {router}, which no line defines")


def _put(table: dict[int, _Thing], number: int, thing: _Thing, limit: int) -> None:
    what = type(thing).__name__.lower()
    if number in table:
        raise WorldFileError(f"two lines define {what} {number}; give one another id")
    if not 0 <= number < limit:
        raise WorldFileError(f"{what} {number}: its id must be 0 to {limit - 1}")
    table[number] = thing


def generate(spec: WorldSpec) -> World:
    """
    Make a world from a seed: the same spec gives the same bytes.

    >>> spec = WorldSpec(seed=1, routers=100, vantage_points=("us-0001",), targets=10, kind="clean")
    >>> world = generate(spec)
    >>> len(world.routers), len(world.targets())
    (100, 10)
    """
    return World(world_objects(spec))
