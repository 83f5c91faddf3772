"""Place the dots of a picture: by distance from the vantage points, or by who neighbours whom."""

import math
import random
from collections import defaultdict
from collections.abc import Sequence

import igraph

from hitscanner.report.picture import Picture

Point = tuple[float, float]

VP_ROOM_HOPS = 0.4
"""Room for each vantage point on the inner circle's radius, in hops."""

SEED = 7
"""Of the force layout; any number, but always the same one."""


def distances(picture: Picture) -> list[float]:
    """
    Return how many hops each dot is from the nearest vantage point along the drawn links.

    A silent hop counts as a hop.  What no drawn link leads to is as far as its TTL says.
    """
    count = len(picture.dots)
    edges = [(line.near, line.far) for line in picture.lines]
    hops = [line.hops for line in picture.lines]
    roots = [number for number, dot in enumerate(picture.dots) if dot.kind == "vp"]
    graph = igraph.Graph(
        n=count + 1, edges=edges + [(count, root) for root in roots], directed=True
    )
    found = graph.distances(source=count, weights=hops + [0] * len(roots))[0]
    return [
        dot.hop if math.isinf(far) else far for dot, far in zip(picture.dots, found, strict=False)
    ]


def centre_hops(picture: Picture) -> float:
    """Return the radius of the circle of the vantage points, in hops: from 1.5 to 4."""
    vps = sum(dot.kind == "vp" for dot in picture.dots)
    return 0.0 if vps == 1 else min(4.0, max(1.5, VP_ROOM_HOPS * vps))


def place_by_distance(picture: Picture) -> list[Point]:
    """
    Place the dots on rings: the radius is the distance in hops, the angle follows the tree.

    Each dot hangs on the neighbour on a shortest way to it that was seen most often; what is on no
    such way hangs on the centre.  The leaves of the tree share the circle evenly, and so do the
    vantage points, in the order of their trees.
    """
    if not picture.dots:
        return []
    far = distances(picture)
    angles = _angles(_children(picture, far), len(picture.dots))
    _spread(angles, [number for number, dot in enumerate(picture.dots) if dot.kind == "vp"])
    inner = centre_hops(picture)
    return [
        ((ring + inner) * math.cos(angle), (ring + inner) * math.sin(angle))
        for ring, angle in zip(far, angles, strict=True)
    ]


def _spread(angles: list[float], numbers: Sequence[int]) -> None:
    """
    Space some of the angles evenly, in their order, turned to where they are on average.

    >>> angles = [1.0, 5.0, 1.2]
    >>> _spread(angles, [0, 2])
    >>> [round(angle, 2) for angle in angles]
    [-0.47, 5.0, 2.67]
    """
    if not numbers:
        return
    ordered = sorted(numbers, key=lambda number: angles[number])
    steps = [math.tau * rank / len(ordered) for rank in range(len(ordered))]
    turn = sum(angles[n] - step for n, step in zip(ordered, steps, strict=True)) / len(ordered)
    for number, step in zip(ordered, steps, strict=True):
        angles[number] = step + turn


def _children(picture: Picture, far: Sequence[float]) -> dict[int, list[int]]:
    """Return the tree: dot → those that hang on it; the centre is the number after the last."""
    centre = len(picture.dots)
    best: dict[int, tuple[int, int]] = {}
    for line in picture.lines:
        if far[line.near] + line.hops == far[line.far]:
            rank = (line.link.freq if line.link else 0, -line.near)
            best[line.far] = max(rank, best.get(line.far, rank))
    children: dict[int, list[int]] = defaultdict(list)
    for number in range(centre):
        children[-best[number][1] if number in best else centre].append(number)
    return children


def _angles(children: dict[int, list[int]], centre: int) -> list[float]:
    """Deal the circle to the leaves in the order of the tree; a parent is amid its children."""
    slots: dict[int, float] = {}
    leaves = 0
    todo = [(centre, False)]
    while todo:
        number, is_done = todo.pop()
        below = children.get(number, [])
        if is_done:
            slots[number] = (slots[below[0]] + slots[below[-1]]) / 2
        elif below:
            todo.append((number, True))
            todo.extend((child, False) for child in reversed(below))
        else:
            slots[number] = leaves
            leaves += 1
    return [math.tau * slots[number] / leaves for number in range(centre)]


def place_by_force(picture: Picture, radius: float) -> list[Point]:
    """Place neighbours near each other (Fruchterman-Reingold), within *radius* of the centre."""
    edges = [(line.near, line.far) for line in picture.lines]
    graph = igraph.Graph(n=len(picture.dots), edges=edges).simplify()
    igraph.set_random_number_generator(random.Random(SEED))  # noqa: S311 (a picture, no secret)
    try:
        layout = graph.layout_fruchterman_reingold(niter=300, grid=True)
    finally:
        igraph.set_random_number_generator(random)
    return _fit(layout.coords, radius)


def _fit(points: Sequence[Sequence[float]], radius: float) -> list[Point]:
    """
    Centre the points and scale them so that 99 of 100 are within *radius*; pull in the rest.

    >>> _fit([[0.0, 0.0], [2.0, 0.0]], 5.0)
    [(-5.0, 0.0), (5.0, 0.0)]
    """
    if not points:
        return []
    x0 = sum(point[0] for point in points) / len(points)
    y0 = sum(point[1] for point in points) / len(points)
    moved = [(point[0] - x0, point[1] - y0) for point in points]
    lengths = sorted(math.hypot(*point) for point in moved)
    reach = lengths[min(len(lengths) - 1, len(lengths) * 99 // 100)] or 1.0
    scale = [radius / max(reach, math.hypot(*point)) for point in moved]
    return [(x * by, y * by) for (x, y), by in zip(moved, scale, strict=True)]
