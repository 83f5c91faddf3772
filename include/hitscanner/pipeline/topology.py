"""Build a cycle's routers: nodes, links, interfaces; labels; what changed since the last cycle."""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from hitscanner.domain.cycle import Cycle
from hitscanner.domain.cycle_diff import CycleDiff, Sight, compare_cycles
from hitscanner.domain.labels import (
    Place,
    Prefixes,
    date_of,
    elect,
    newest,
    parse_places,
    parse_prefix2as,
)
from hitscanner.domain.quorum import State
from hitscanner.domain.topology import (
    Graph,
    SeenHops,
    build,
    ifaces_text,
    links_text,
    nodes_text,
)
from hitscanner.errors import UsageError
from hitscanner.infra.files import scratch_folder, sha256_of
from hitscanner.infra.parquet import read_table, write_table
from hitscanner.infra.store import Store
from hitscanner.pipeline.aliases import alias_sets
from hitscanner.pipeline.gate import read_manifest

T = TypeVar("T")

FINISHED = (State.COMPLETE, State.PARTIAL)


@dataclass(frozen=True)
class Source:
    """A file of labels and the date that its name carries."""

    file: Path

    def to_json(self) -> dict[str, Any]:
        """Say which file it was, so that a label can be traced to it."""
        return {
            "file": self.file.name,
            "date": date_of(self.file.name),
            "sha256": sha256_of(self.file),
        }


@dataclass(frozen=True)
class Labels:
    """What names the AS and the place of a node, and where that comes from."""

    origins: Prefixes[int]
    places: Prefixes[Place]
    sources: dict[str, dict[str, Any]]


def read_labels(folder: Path, cycle: Cycle) -> Labels:
    """
    Read the files `prefix2as…DATE…` and `geo…DATE….csv` of *folder* that fit the cycle's day.

    Without such files nothing is labelled.

    Raises:
        UsageError: naming the file and line that cannot be read.
    """
    sources: dict[str, dict[str, Any]] = {}

    def read(kind: str, parse: Callable[[str, str], Prefixes[T]]) -> Prefixes[T]:
        names = [each.name for each in folder.glob(f"*{kind}*") if each.is_file()]
        chosen = newest(names, cycle.cycle)
        if chosen is None:
            return Prefixes()
        sources[kind] = Source(folder / chosen).to_json()
        return parse((folder / chosen).read_text(errors="replace"), chosen)

    return Labels(read("prefix2as", parse_prefix2as), read("geo", parse_places), sources)


def build_topology(store: Store, scratch: Path, cycle: Cycle, labels: Labels) -> dict[str, Any]:
    """
    Write the nodes, node links and interfaces of a cycle, as ITDK files and as Parquet.

    The same store and labels give the same bytes.

    Raises:
        UsageError: when the cycle has no links.
    """
    graph = build(_links(store, cycle), alias_sets(store, cycle))
    with scratch_folder(scratch, cycle.list, cycle.cycle, "topology") as folder:
        _write_texts(graph, labels, folder, cycle)
        _write_tables(graph, labels, folder)
        summary = {
            "nodes": len(graph.nodes),
            "routers_of_several_addresses": sum(len(n.addresses) > 1 for n in graph.nodes),
            "node_links": len(graph.links),
            "interfaces": len(graph.interfaces),
            "labels": labels.sources,
        }
        text = json.dumps(summary, indent=2, sort_keys=True) + "\n"
        (folder / "topology.json").write_text(text)
        for file in sorted(folder.iterdir()):
            store.put(f"{cycle.topology}/{file.name}", file)
    return summary


def previous_cycle(store: Store, cycle: Cycle) -> Cycle | None:
    """Give the last finished cycle of the same list before *cycle* that has links."""
    names = [name for name in store.folders(f"cycles/{cycle.list}") if name < cycle.cycle]
    for name in reversed(names):
        other = Cycle(cycle.list, name)
        if (
            store.exists(other.manifest)
            and read_manifest(store, other).state in FINISHED
            and store.exists(f"{other.topology}/links.parquet")
        ):
            return other
    return None


def diff(store: Store, before: Cycle, after: Cycle) -> CycleDiff:
    """
    Compare the direct links of two cycles.

    Raises:
        UsageError: when one was not transformed.
    """
    return compare_cycles(
        _sights(store, before), _sights(store, after), _vps(store, before), _vps(store, after)
    )


def warnings_of(store: Store, before: Cycle, after: Cycle, found: CycleDiff) -> list[str]:
    """Say what makes two cycles hard to compare."""
    old, new = (read_manifest(store, cycle).asked for cycle in (before, after))
    keys = ("method", "first_hop", "gap", "attempts", "split")
    changed = [key for key in keys if old.params.get(key) != new.params.get(key)]
    said = []
    if found.vps_added or found.vps_removed:
        added, gone = ", ".join(found.vps_added) or "-", ", ".join(found.vps_removed) or "-"
        said.append(f"the vantage points differ: added {added}; removed {gone}")
    if old.list_sha256 != new.list_sha256:
        said.append("the target list differs")
    if changed:
        said.append(f"asked in another way: {', '.join(changed)}")
    return said


def compare_with_previous(store: Store, scratch: Path, cycle: Cycle) -> dict[str, Any]:
    """Write what changed since the previous cycle of the list; nothing when there is none."""
    before = previous_cycle(store, cycle)
    if before is None:
        return {"previous": None}
    found = diff(store, before, cycle)
    warnings = warnings_of(store, before, cycle, found)
    summary = summarise(before, cycle, found, warnings)
    with scratch_folder(scratch, cycle.list, cycle.cycle, "diff") as folder:
        types = dict.fromkeys(("change", "near", "far", "was_near"), "VARCHAR")
        rows = [(c.change, c.near, c.far, c.was_near, c.by_vantage_points) for c in found.changes]
        write_table({**types, "by_vantage_points": "BOOLEAN"}, rows, folder / "diff.parquet")
        (folder / "diff.json").write_text(json.dumps(summary, indent=2, sort_keys=True) + "\n")
        for file in sorted(folder.iterdir()):
            store.put(f"{cycle.topology}/{file.name}", file)
    return {"previous": before.cycle, **summary}


def summarise(
    before: Cycle, after: Cycle, found: CycleDiff, warnings: Sequence[str]
) -> dict[str, Any]:
    """Give the numbers of a comparison as JSON values."""
    by_vps = {kind: found.count(kind, by_vantage_points=True) for kind in ("new", "gone")}
    return {
        "before": str(before),
        "after": str(after),
        "links_before": found.links_before,
        "links_after": found.links_after,
        "common": found.common,
        "new": found.count("new"),
        "gone": found.count("gone"),
        "moved": found.count("moved"),
        "by_vantage_points": by_vps,
        "vps_added": list(found.vps_added),
        "vps_removed": list(found.vps_removed),
        "warnings": list(warnings),
    }


def _links(store: Store, cycle: Cycle) -> list[SeenHops]:
    path = f"{cycle.topology}/links.parquet"
    if not store.exists(path):
        raise UsageError(f"{cycle} has no links; run transform for it first")
    columns = ('"in"', '"out"', "is_dest", "stars", "freq", "delay_us", "ttl")
    return [SeenHops(*row) for row in read_table([store.local(path)], columns)]


def _sights(store: Store, cycle: Cycle) -> list[Sight]:
    files = [store.local(path) for path in store.files(cycle.table("links"))]
    if not files:
        raise UsageError(f"{cycle} has no links; run transform for it first")
    rows = read_table(files, ('"in"', '"out"', "vp", "stars"))
    return [Sight(near, far, frozenset({vp})) for near, far, vp, stars in rows if stars == 0]


def _vps(store: Store, cycle: Cycle) -> list[str]:
    """Name the vantage points that measured; one that failed saw nothing."""
    outcome = read_manifest(store, cycle).outcome
    return sorted({s.vp for s in outcome.shards if s.counts.done}) if outcome else []


def _write_texts(graph: Graph, labels: Labels, folder: Path, cycle: Cycle) -> None:
    name = f"{cycle.list}-{cycle.cycle}"
    texts = {
        "nodes": nodes_text(graph),
        "links": links_text(graph),
        "ifaces": ifaces_text(graph),
        "nodes.as": "".join(_as_lines(graph, labels)),
        "nodes.geo": "".join(_geo_lines(graph, labels)),
    }
    head = f"# hitscanner {cycle}; labels: {json.dumps(labels.sources, sort_keys=True)}\n"
    for ending, text in texts.items():
        if text or ending in ("nodes", "links", "ifaces"):
            (folder / f"{name}.{ending}").write_text(head + text)


def _as_lines(graph: Graph, labels: Labels) -> Iterable[str]:
    for node in graph.nodes:
        asn = elect(labels.origins.find(address) for address in node.addresses)
        if asn is not None:
            yield f"node.AS N{node.number} {asn} origins\n"


def _geo_lines(graph: Graph, labels: Labels) -> Iterable[str]:
    """Write nine fields behind the name: readers take the ninth as the method (ITDK)."""
    for node in graph.nodes:
        place = elect(labels.places.find(address) for address in node.addresses)
        if place is not None:
            found = (place.continent, place.country, place.region, place.city)
            where = (place.latitude, place.longitude, "", "", "file")
            yield "\t".join([f"node.geo N{node.number}:", *found, *where]) + "\n"


def _write_tables(graph: Graph, labels: Labels, folder: Path) -> None:
    types = {"node": "INTEGER", "addr": "VARCHAR", "asn": "BIGINT"}
    places = ("country", "city", "latitude", "longitude")
    rows = []
    for node in graph.nodes:
        asn = elect(labels.origins.find(address) for address in node.addresses)
        place = elect(labels.places.find(address) for address in node.addresses)
        where = [getattr(place, name) or None if place else None for name in places]
        rows += [(node.number, address, asn, *where) for address in node.addresses]
    write_table({**types, **dict.fromkeys(places, "VARCHAR")}, rows, folder / "nodes.parquet")
    numbers = {"link": "INTEGER", "near_node": "INTEGER", "far_node": "INTEGER"}
    ends = {"near_addr": "VARCHAR", "far_addr": "VARCHAR"}
    seen = {"freq": "BIGINT", "delay_us": "INTEGER", "ttl": "INTEGER"}
    write_table(
        {**numbers, **ends, **seen},
        [tuple(vars(link).values()) for link in graph.links],
        folder / "node_links.parquet",
    )
    flags = {"is_transit": "BOOLEAN", "is_dest": "BOOLEAN"}
    write_table(
        {"addr": "VARCHAR", "node": "INTEGER", "link": "INTEGER", **flags},
        [tuple(vars(each).values()) for each in graph.interfaces],
        folder / "ifaces.parquet",
    )
