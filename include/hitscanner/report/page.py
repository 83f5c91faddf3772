"""
Write a cycle's page: one file that needs no network, the same bytes for the same cycle.

igraph places the dots, a canvas shows them, Plotly plots, Jinja fills in.  The page's own policy
forbids it to fetch anything.
"""

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
from plotly.offline import get_plotlyjs

from hitscanner.infra.files import write_whole
from hitscanner.report import charts, terminal
from hitscanner.report.layout import (
    centre_hops,
    distances,
    place_by_distance,
    place_by_force,
)
from hitscanner.report.picture import (
    LINES_SHOWN,
    OriginOf,
    Picture,
    as_groups,
    compose,
    destinations,
    router_degrees,
    vp_groups,
)
from hitscanner.report.summary import Summary, format_accounting
from hitscanner.report.tables import Cycle, CycleFiles, Topology

MISSING_SHOWN = 200
"""Missing targets listed in the page; the file has them all."""

KINDS = ("vp", "router", "destination")


@dataclass(frozen=True)
class FileLink:
    """A file as the page shows it."""

    what: str
    href: str
    """Relative to the page, so that a folder can be moved or published as it is."""


@dataclass(frozen=True)
class Origins:
    """Who names the AS of an address, and where that comes from."""

    origin_of: OriginOf = lambda _: None
    source: str = ""


def write_report(
    summary: Summary,
    root: Path,
    out: Path,
    *,
    lines_shown: int = LINES_SHOWN,
    origins: Origins = Origins(),
) -> Path:
    """
    Write the page of the cycle of *summary* to *out*, by rename, and return *out*.

    Args:
        summary: the cycle's numbers.
        root: the folder that holds its `tables/` and `topology/`.
        out: the HTML file; its folder is made if need be.
        lines_shown: links drawn at most; the page says what was left out.
        origins: colours by AS; nothing is known without.

    Raises:
        duckdb.Error: if a table is there and cannot be read.
        OSError: if *out* cannot be written; then nothing is left behind under its name.
    """
    files = CycleFiles.find(root, summary.list_name, summary.cycle)
    with Cycle(files) as tables:
        topology = tables.topology()
    html = render(summary, topology, files, out.parent, lines_shown=lines_shown, origins=origins)
    write_whole(out, html.encode())
    return out


def render(
    summary: Summary,
    topology: Topology,
    files: CycleFiles,
    folder: Path,
    *,
    lines_shown: int = LINES_SHOWN,
    origins: Origins = Origins(),
) -> str:
    """Return the page as text; links in it are relative to *folder*."""
    picture = compose(topology, lines_shown, origins.origin_of)
    drawn = [
        charts.draw_rtts(summary),
        charts.draw_lengths(summary),
        charts.draw_degrees(router_degrees(topology)),
    ]
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("hitscanner.report"),
        autoescape=jinja2.select_autoescape(["html.j2"]),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"ms": terminal.format_ms, "ratio": terminal.format_ratio}
    return environment.get_template("report.html.j2").render(
        summary=summary,
        accounting=format_accounting(summary.counts),
        picture=picture,
        picture_says=_picture_in_words(summary, topology),
        charts=drawn,
        origins=origins.source,
        files=[FileLink(what, _relative(path, folder)) for what, path in summary.files.items()],
        query=_worked_query(files, folder),
        missing_file=_relative(summary.missing.file, folder) if summary.missing.file else None,
        missing=_missing(summary.missing.file),
        data=_script_json({"map": _map_data(summary, picture), "charts": _figures(drawn)}),
        plotly_js=get_plotlyjs().replace("</script", "<\\/script"),
    )


def _map_data(summary: Summary, picture: Picture) -> dict[str, Any]:
    """Return the picture as columns, coordinates in hops; names of vantage points by number."""
    seeing = {vp for vps in picture.seen_by() for vp in vps}
    names = sorted({vp.name for vp in summary.vantage_points} | seeing)
    number = {name: index for index, name in enumerate(names)}
    sets: dict[tuple[str, ...], int] = {}
    for vps in picture.seen_by():
        sets.setdefault(vps, len(sets))
    far = distances(picture)
    rings = place_by_distance(picture)
    radius = max(far, default=0) + centre_hops(picture)
    force = place_by_force(picture, radius)
    dots, lines = picture.dots, picture.lines
    links = [line.link for line in lines]
    ases = sorted({dot.asn for dot in dots if dot.asn is not None})
    return {
        "ases": ases,
        "own_as": [ases.index(asn) for asn in as_groups(dots)],
        "vps": names,
        "own_colour": [number[name] for name in vp_groups(names, lines)],
        "sets": [[number[vp] for vp in vps] for vps in sets],
        "centre_hops": centre_hops(picture),
        "radius": radius,
        "dots": {
            "name": [dot.name for dot in dots],
            "kind": [KINDS.index(dot.kind) for dot in dots],
            "far": [int(hops) for hops in far],
            "rtt": [_rounded(dot.rtt_ms) for dot in dots],
            "as": _places(ases, [dot.asn for dot in dots]),
            "set": [sets[dot.vps] for dot in dots],
            "degree": [dot.degree for dot in dots],
            "folded": [dot.folded for dot in dots],
            "x": [round(x, 2) for x, _ in rings],
            "y": [round(y, 2) for _, y in rings],
            "fx": [round(x, 2) for x, _ in force],
            "fy": [round(y, 2) for _, y in force],
        },
        "lines": {
            "near": [line.near for line in lines],
            "far": [line.far for line in lines],
            "hops": [line.hops for line in lines],
            "set": [sets[line.vps] for line in lines],
            "freq": [link.freq if link else None for link in links],
            "delay": [_rounded(link.delay_ms) if link else None for link in links],
            "near_rtt": [_rounded(link.near_rtt_ms) if link else None for link in links],
            "far_rtt": [_rounded(link.far_rtt_ms) if link else None for link in links],
            "first": [link.first_seen if link else None for link in links],
            "last": [link.last_seen if link else None for link in links],
        },
    }


def _rounded(value_ms: float | None) -> float | None:
    return None if value_ms is None else round(value_ms, 3)


def _places(ases: Sequence[int], asns: Iterable[int | None]) -> list[int]:
    """
    Give the place of each AS in *ases*, -1 where none is known.

    >>> _places([64500, 64501], [64501, None])
    [1, -1]
    """
    place = {asn: index for index, asn in enumerate(ases)}
    return [-1 if asn is None else place[asn] for asn in asns]


def _figures(drawn: Sequence[charts.Chart]) -> dict[str, Any]:
    return {chart.name: chart.figure for chart in drawn}


def _picture_in_words(summary: Summary, topology: Topology) -> str:
    """Describe the map for who cannot see it."""
    ends = len(destinations(topology))
    routers = len(topology.addresses) - ends
    return (
        f"Map of {len(topology.links):,} links between {routers:,} router addresses and {ends:,} "
        f"destinations, as seen from {len(summary.vantage_points)} vantage points."
    )


def _worked_query(files: CycleFiles, folder: Path) -> str:
    """Return a DuckDB query that works in the page's folder."""
    links = _relative(files.links, folder).replace("'", "''")
    return (
        "SELECT vp, count(*) AS links, round(median(delay_ms), 2) AS median_delay_ms\n"
        f"FROM '{links}'\n"
        "WHERE NOT is_dest\n"
        "GROUP BY vp ORDER BY links DESC;"
    )


def _missing(file: Path | None) -> list[str]:
    """Return the first missing targets, if they were written."""
    if file is None or not file.exists():
        return []
    with file.open(encoding="utf-8") as lines:
        return [line.strip() for line, _ in zip(lines, range(MISSING_SHOWN), strict=False)]


def _relative(path: Path, folder: Path) -> str:
    return Path(os.path.relpath(path, folder)).as_posix()


def _script_json(value: object) -> str:
    r"""
    Write JSON that may stand inside a script element.

    >>> _script_json({"a": "</script>"})
    '{"a":"<\\/script>"}'
    """
    text = json.dumps(value, separators=(",", ":"), sort_keys=True, allow_nan=False)
    return text.replace("</", "<\\/").replace("<!--", "<\\u0021--")
