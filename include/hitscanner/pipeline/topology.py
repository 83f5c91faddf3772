"""Build a cycle's routers: nodes, links, interfaces; labels; what changed since the last cycle."""

import json
import shutil
from collections import Counter
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
from hitscanner.errors import UsageError
from hitscanner.infra.files import scratch_folder, sha256_of
from hitscanner.infra.parquet import read_table, write_table
from hitscanner.infra.store import Store
from hitscanner.pipeline.aliases import alias_sets
from hitscanner.pipeline.gate import read_manifest
from hitscanner.pipeline.transform import Workbench, transformable

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


def build_topology(bench: Workbench, cycle: Cycle, labels: Labels) -> dict[str, Any]:
    """
    Write the nodes, node links and interfaces of a cycle, as ITDK files and as Parquet.

    The same store and labels give the same bytes.

    Raises:
        UsageError: when the cycle has no traces.
        TransformError: when hs-transform fails.
    """
    shards = transformable(bench.store, cycle)
    if not shards:
        raise UsageError(f"{cycle} has no traces; run traceroute for it first")
    name = f"{cycle.list}-{cycle.cycle}"
    with scratch_folder(bench.scratch, cycle.list, cycle.cycle, "topology") as folder:
        sets, graph, out = folder / "sets.iffout", folder / "graph", folder / "out"
        out.mkdir()
        sets.write_text(_as_iffinder(alias_sets(bench.store, cycle)))
        raw = [bench.store.local(shard.raw) for shard in shards]
        bench.program.graph(graph, name, raw, sets)
        for text in sorted(graph.glob(f"{name}.*")):
            shutil.copyfile(text, out / text.name)
        summary = _write_tables(graph, out, name, labels)
        (out / "topology.json").write_text(json.dumps(summary, indent=2, sort_keys=True) + "\n")
        for file in sorted(out.iterdir()):
            bench.store.put(f"{cycle.topology}/{file.name}", file)
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
    keys = ("method", "first_hop", "gap", "attempts", "confirm", "split")
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


def _as_iffinder(sets: Iterable[Sequence[str]]) -> str:
    r"""
    Write alias sets as pairs that hs-transform reads: the first member answered for the others.

    >>> _as_iffinder([["192.0.2.1", "192.0.2.2"]])
    '192.0.2.2 192.0.2.1 - - - D\n'
    """
    return "".join(f"{other} {first} - - - D\n" for first, *rest in sets for other in rest)


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


@dataclass(frozen=True)
class _Labelled:
    """What is known of one node."""

    asn: int | None
    place: Place | None


def _write_tables(graph: Path, out: Path, name: str, labels: Labels) -> dict[str, Any]:
    """Write nodes with their labels, node links and interfaces; give their numbers."""
    columns = ("node_id", "addr", "addr_class", "is_anonymous")
    rows = read_table([graph / "nodes.parquet"], columns)
    known = _label(rows, labels)
    where = ("country", "city", "latitude", "longitude")
    types = {"node": "BIGINT", "addr": "VARCHAR", "addr_class": "VARCHAR"}
    types |= {"is_anonymous": "BOOLEAN", "asn": "BIGINT", **dict.fromkeys(where, "VARCHAR")}
    labelled = [
        (*row, known[row[0]].asn, *(getattr(known[row[0]].place, key, "") or None for key in where))
        for row in rows
    ]
    write_table(types, labelled, out / "nodes.parquet")
    ends = {"link": "BIGINT", "near_node": "BIGINT", "far_node": "BIGINT", "far_addr": "VARCHAR"}
    links = read_table(
        [graph / "node_links.parquet"], ("link_id", "near_node_id", "far_node_id", "far_addr")
    )
    write_table(ends, links, out / "node_links.parquet")
    interfaces = [_interface(line) for line in _lines(graph / f"{name}.ifaces")]
    flags = {"is_transit": "BOOLEAN", "is_dest": "BOOLEAN"}
    ids = {"addr": "VARCHAR", "node": "BIGINT", "link": "BIGINT"}
    write_table({**ids, **flags}, interfaces, out / "ifaces.parquet")
    _write_labels(known, out, name, labels)
    sizes = Counter(node for node, *_ in rows)
    return {
        "nodes": len(sizes),
        "routers_of_several_addresses": sum(size > 1 for size in sizes.values()),
        "node_links": len(links),
        "interfaces": len(interfaces),
        "labels": labels.sources,
    }


def _label(rows: Iterable[tuple[Any, ...]], labels: Labels) -> dict[int, _Labelled]:
    """Elect the AS and the place of each node, in the order of nodes."""
    addresses: dict[int, list[str]] = {}
    for node, address, _, is_anonymous in rows:
        addresses.setdefault(node, []).extend([] if is_anonymous else [address])
    return {
        node: _Labelled(
            elect(labels.origins.find(address) for address in some),
            elect(labels.places.find(address) for address in some),
        )
        for node, some in sorted(addresses.items())
    }


def _lines(file: Path) -> list[str]:
    return [line for line in file.read_text().splitlines() if not line.startswith("#")]


def _interface(line: str) -> tuple[str, int | None, int | None, bool, bool]:
    """
    Read a line of `.ifaces`: address, node, link, `T` in transit, `D` as destination.

    >>> _interface("192.0.2.7 N2 L1 T")
    ('192.0.2.7', 2, 1, True, False)
    """
    address, *words = line.split()
    numbers = {word[0]: int(word[1:]) for word in words if len(word) > 1}
    return address, numbers.get("N"), numbers.get("L"), "T" in words, "D" in words


def _write_labels(known: dict[int, _Labelled], out: Path, name: str, labels: Labels) -> None:
    """Write `.nodes.as` and `.nodes.geo`, each only when there is a file to label by."""
    head = f"# labels: {json.dumps(labels.sources, sort_keys=True)}\n"
    asns = (f"node.AS N{n} {k.asn} origins\n" for n, k in known.items() if k.asn is not None)
    places = (_geo_line(node, each.place) for node, each in known.items() if each.place)
    for kind, ending, lines in (("prefix2as", "as", asns), ("geo", "geo", places)):
        if kind in labels.sources:
            (out / f"{name}.nodes.{ending}").write_text(head + "".join(lines))


def _geo_line(node: int, place: Place) -> str:
    """Write nine fields behind the name: readers take the ninth as the method (ITDK)."""
    found = (place.continent, place.country, place.region, place.city)
    where = (place.latitude, place.longitude, "", "", "file")
    return "\t".join([f"node.geo N{node}:", *found, *where]) + "\n"
