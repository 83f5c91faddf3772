"""
Put links and alias sets together into routers: nodes, node links and interfaces.

The text forms are those of CAIDA's Internet Topology Data Kit (ITDK): `.nodes`, `.links`,
`.ifaces`.  Silence stays silence: a link over silent hops is no link of two nodes and is left out
(ITDK writes placeholders for the silent routers; two gaps are never taken for one router here).
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from hitscanner.domain.alias_sets import address_key
from hitscanner.domain.candidates import mates


@dataclass(frozen=True, order=True)
class SeenHops:
    """A link of the links table: two addresses that answered one after the other."""

    near: str
    far: str
    is_dest: bool
    stars: int
    freq: int
    delay_us: int | None
    """Least half difference of the round-trip times; may be negative."""

    ttl: int


@dataclass(frozen=True, order=True)
class Node:
    """An inferred router, or host."""

    number: int
    addresses: tuple[str, ...]
    """Sorted."""


@dataclass(frozen=True, order=True)
class NodeLink:
    """One interface and a node that comes before it."""

    number: int
    """Of the IP link: all that come before one interface are on the same."""

    near: int
    far: int
    near_addr: str | None
    """The near node's interface on this link, where it is known: the mate of the far one."""

    far_addr: str
    freq: int
    delay_us: int | None
    ttl: int


@dataclass(frozen=True, order=True)
class Interface:
    """An address: its node, its link, and how it was seen."""

    addr: str
    node: int
    link: int | None
    is_transit: bool
    is_dest: bool


@dataclass(frozen=True)
class Graph:
    """A cycle's routers; everything sorted, so that the same input gives the same bytes."""

    nodes: tuple[Node, ...]
    links: tuple[NodeLink, ...]
    interfaces: tuple[Interface, ...]


def build(links: Iterable[SeenHops], sets: Iterable[Sequence[str]]) -> Graph:
    """
    Build the graph; the order of what comes in does not matter.

    Nodes are numbered by their smallest address, IP links by their far interface.

    >>> graph = build([SeenHops("192.0.2.1", "192.0.2.7", False, 0, 3, 500, 1),
    ...                SeenHops("192.0.2.3", "192.0.2.7", False, 0, 1, 700, 1)],
    ...               [("192.0.2.1", "192.0.2.3")])
    >>> [node.addresses for node in graph.nodes]
    [('192.0.2.1', '192.0.2.3'), ('192.0.2.7',)]
    >>> [(link.near, link.far, link.freq, link.delay_us) for link in graph.links]
    [(1, 2, 4, 500)]
    """
    links = sorted(links)
    nodes = _nodes({a for link in links for a in (link.near, link.far)}, sets)
    node_of = {address: node.number for node in nodes for address in node.addresses}
    joined = _links(links, node_of)
    return Graph(nodes, joined, _interfaces(links, joined, node_of))


def _nodes(addresses: set[str], sets: Iterable[Sequence[str]]) -> tuple[Node, ...]:
    groups = [tuple(sorted(members, key=address_key)) for members in sets]
    grouped = {address for group in groups for address in group}
    groups += [(address,) for address in addresses - grouped]
    ordered = sorted(groups, key=lambda group: address_key(group[0]))
    return tuple(Node(number, group) for number, group in enumerate(ordered, start=1))


def _links(links: Iterable[SeenHops], node_of: dict[str, int]) -> tuple[NodeLink, ...]:
    found: dict[tuple[str, int], list[SeenHops]] = defaultdict(list)
    for link in links:
        if link.stars == 0 and node_of[link.near] != node_of[link.far]:
            found[link.far, node_of[link.near]].append(link)
    fars = sorted({far for far, _ in found}, key=address_key)
    numbers = {far: number for number, far in enumerate(fars, start=1)}
    return tuple(
        sorted(
            NodeLink(
                number=numbers[far],
                near=near,
                far=node_of[far],
                near_addr=next((m for m in mates(far) if node_of.get(m) == near), None),
                far_addr=far,
                freq=sum(link.freq for link in some),
                delay_us=min((s.delay_us for s in some if s.delay_us is not None), default=None),
                ttl=min(link.ttl for link in some),
            )
            for (far, near), some in found.items()
        )
    )


def _interfaces(
    links: Iterable[SeenHops], joined: Iterable[NodeLink], node_of: dict[str, int]
) -> tuple[Interface, ...]:
    transit: set[str] = set()
    dest: set[str] = set()
    for link in links:
        transit.add(link.near)
        (dest if link.is_dest else transit).add(link.far)
    on_link = {link.far_addr: link.number for link in joined}
    return tuple(
        Interface(a, node_of[a], on_link.get(a), a in transit, a in dest)
        for a in sorted(node_of, key=address_key)
    )


def nodes_text(graph: Graph) -> str:
    r"""
    Write `.nodes`: two spaces after the colon, then single ones.

    >>> nodes_text(Graph((Node(1, ("192.0.2.1", "192.0.2.3")),), (), ()))
    'node N1:  192.0.2.1 192.0.2.3\n'
    """
    return "".join(f"node N{node.number}:  {' '.join(node.addresses)}\n" for node in graph.nodes)


def links_text(graph: Graph) -> str:
    r"""
    Write `.links`: the far interface first, then each node that comes before it.

    >>> link = NodeLink(1, 4, 2, None, "192.0.2.7", 1, 500, 1)
    >>> links_text(Graph((), (link,), ()))
    'link L1:  N2:192.0.2.7 N4\n'
    """
    lines: dict[int, list[str]] = {}
    for link in graph.links:
        parts = lines.setdefault(link.number, [f"N{link.far}:{link.far_addr}"])
        parts.append(f"N{link.near}:{link.near_addr}" if link.near_addr else f"N{link.near}")
    return "".join(f"link L{number}:  {' '.join(parts)}\n" for number, parts in lines.items())


def ifaces_text(graph: Graph) -> str:
    r"""
    Write `.ifaces`: address, node, link if known, `T` seen in transit, `D` as destination.

    >>> ifaces_text(Graph((), (), (Interface("192.0.2.7", 2, 1, True, False),)))
    '192.0.2.7 N2 L1 T\n'
    """
    return "".join(_iface_line(each) + "\n" for each in graph.interfaces)


def _iface_line(each: Interface) -> str:
    words = [each.addr, f"N{each.node}"]
    words += [f"L{each.link}"] if each.link else []
    words += ["T"] if each.is_transit else []
    words += ["D"] if each.is_dest else []
    return " ".join(words)
