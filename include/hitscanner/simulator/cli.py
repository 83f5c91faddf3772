"""`hitscanner simulator`: make a world, bring it up and down, ask for the truth, score a result."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from hitscanner.domain.cycle import Cycle
from hitscanner.errors import UsageError
from hitscanner.settings import Settings
from hitscanner.simulator import addressing, lifecycle
from hitscanner.simulator import score as scoring
from hitscanner.simulator.aliases import AliasScore, score_alias_tables
from hitscanner.simulator.lifecycle import Status
from hitscanner.simulator.paths import PathScore, score_paths
from hitscanner.simulator.truth import TruePath, Truth, flow_of
from hitscanner.simulator.world import World, WorldSpec, generate

app = typer.Typer(help="A simulated Internet that knows the truth.", no_args_is_help=True)

_DONE, _IN_PART, _FAILED = 0, 2, 3

StateDir = Annotated[Path, typer.Option(help="Where the running simulator keeps its state.")]
WorldFile = Annotated[Path, typer.Option("--world", help="World file (JSON Lines).")]
AsJson = Annotated[bool, typer.Option("--json", help="End with one JSON object.")]
_HOME = Path(".hitscanner/demo/simulator")
_WORLD = _HOME / "world.jsonl"


@app.command()
def world(
    out: Annotated[Path, typer.Argument(help="File to write.")],
    seed: Annotated[int, typer.Option(help="The same seed gives the same bytes.")] = 1,
    routers: Annotated[int, typer.Option(help="20 to 50,000.")] = 500,
    vantage_points: Annotated[
        str, typer.Option(help="Names separated by commas, or how many.")
    ] = "us-0001,jp-0001,de-0001,sg-0001",
    targets: Annotated[int, typer.Option(help="Half IPv4, half IPv6.")] = 2000,
    kind: Annotated[str, typer.Option(help="clean or dirty.")] = "clean",
    *,
    as_json: AsJson = False,
) -> None:
    """Generate a world file."""
    if kind not in ("clean", "dirty"):
        raise UsageError(f"--kind {kind}: say clean or dirty")
    names = _names(vantage_points)
    spec = WorldSpec(seed, routers, names, targets, "clean" if kind == "clean" else "dirty")
    made = generate(spec)
    made.dump(out)
    sizes = {"routers": len(made.routers), "links": len(made.links), "targets": targets}
    _answer(
        {"world": str(out), **sizes, "vantage_points": list(names)},
        [f"{out}: {len(made.routers)} routers, {len(made.links)} links, {targets} targets"],
        as_json=as_json,
    )


@app.command()
def up(
    world_file: WorldFile = _WORLD, state_dir: StateDir = _HOME, *, as_json: AsJson = False
) -> None:
    """Bring a world up; nothing happens if it is up already."""
    _show(lifecycle.up(world_file, state_dir), as_json=as_json)


@app.command()
def down(state_dir: StateDir = _HOME, *, as_json: AsJson = False) -> None:
    """Remove what `up` made, also after a crash."""
    _show(lifecycle.down(state_dir), as_json=as_json)


@app.command()
def status(state_dir: StateDir = _HOME, *, as_json: AsJson = False) -> None:
    """Show what is up and what passed through it; exit 3 if it crashed."""
    now = lifecycle.status(state_dir)
    _show(now, as_json=as_json, code=_FAILED if now.state == "crashed" else _DONE)


@app.command()
def counts(state_dir: StateDir = _HOME, *, as_json: AsJson = False) -> None:
    """Show what the network saw: packets per second, per prefix, and to opted-out prefixes."""
    seen = lifecycle.counts(state_dir)
    lines = [f"{prefix}: {packets}" for prefix, packets in seen["prefixes"].items()]
    lines += [f"opted out: {packet}" for packet in seen["opt_out"]["last"]]
    _answer(seen, lines, as_json=as_json)


@app.command()
def fault(
    kind: Annotated[str, typer.Argument(help="blackhole, cut, clock, or clear.")],
    vp: Annotated[str | None, typer.Argument(help="Vantage point; clear: all without it.")] = None,
    seconds: Annotated[float | None, typer.Option(help="How long; until cleared without.")] = None,
    offset_s: Annotated[float, typer.Option(help="How far a clock is ahead.")] = 0.0,
    state_dir: StateDir = _HOME,
    *,
    as_json: AsJson = False,
) -> None:
    """Break something of a running world, or mend it."""
    asked = {"kind": kind, "vp": vp, "seconds": seconds, "offset_s": offset_s}
    _show(lifecycle.fault(state_dir, asked), as_json=as_json)


@app.command()
def truth(
    vp: Annotated[str, typer.Argument(help="Vantage point.")],
    dst: Annotated[str, typer.Argument(help="Destination address.")],
    world_file: WorldFile = _WORLD,
    method: Annotated[str, typer.Option(help="scamper's method.")] = "udp-paris",
    sport: Annotated[int, typer.Option(help="Source port of the probes.")] = 0,
    dport: Annotated[int, typer.Option(help="Destination port, or ICMP checksum.")] = 33435,
    gap: Annotated[int, typer.Option(help="Silent hops before the prober stops.")] = 5,
    *,
    as_json: AsJson = False,
) -> None:
    """Show what a perfect prober would see; without --sport, on every branch."""
    made = World.load(world_file)
    prober = made.vantage_point(vp)
    if prober is None:
        names = ", ".join(v.name for v in made.vantage_points)
        raise UsageError(f"{vp}: no such vantage point; there are: {names}")
    try:
        version, value = addressing.parse(dst)
    except ValueError as error:
        raise UsageError(f"{dst}: not an IP address") from error
    src = addressing.vp_address(version, prober.id, 1)
    method = method if sport else method.removesuffix("-paris")
    probed = flow_of(vp, version, src, value, method, sport, dport)
    paths = [_path(version, path) for path in Truth(made).paths(probed, 1, gap)]
    lines = [line for path in paths for line in _path_lines(path)]
    _answer({"vp": vp, "dst": dst, "paths": paths}, lines, as_json=as_json)


@app.command()
def score(
    cycle: Annotated[
        str | None, typer.Option(help="LIST/CYCLE in this home's store, in place of the files.")
    ] = None,
    traces: Annotated[
        list[Path] | None, typer.Option(help="Parquet files or folders of `traces`.")
    ] = None,
    links: Annotated[Path | None, typer.Option(help="The merged links, Parquet.")] = None,
    replies: Annotated[
        list[Path] | None, typer.Option(help="Parquet files or folders of `replies`: for paths.")
    ] = None,
    alias_sets: Annotated[Path | None, typer.Option(help="Their alias sets, Parquet.")] = None,
    world_file: Annotated[
        Path | None, typer.Option("--world", help="World file; of a cycle, the home's own.")
    ] = None,
    *,
    as_json: AsJson = False,
) -> None:
    """Compare a cycle with the truth; exit 2 if a link is false or missing."""
    if cycle is not None and not (traces or links or replies or alias_sets):
        found = _scored(Settings.from_environment(), Cycle.parse(cycle))
    elif cycle is None and traces and links:
        found = _Scored(traces, links, replies or [], alias_sets, _WORLD)
    else:
        raise UsageError("say --cycle LIST/CYCLE, or --traces and --links; one of the two")
    made = World.load(world_file or found.world)
    result = scoring.score(made, found.traces, found.links)
    sets = found.alias_sets
    aliases = None if sets is None else score_alias_tables(made, sets, found.links)
    paths = score_paths(made, found.traces, found.replies) if found.replies else None
    lines = _link_lines(result)
    lines += [] if paths is None else _path_score_lines(paths)
    lines += [] if aliases is None else [_alias_line(aliases)]
    more = {"paths": paths and paths.to_json(), "alias_sets": aliases and aliases.to_json()}
    whole = result.precision == 1.0 and result.recall == 1.0
    _answer(result.to_json() | more, lines, as_json=as_json, code=_DONE if whole else _IN_PART)


@dataclass(frozen=True)
class _Scored:
    """The files of a cycle that are compared with a world."""

    traces: list[Path]
    links: Path
    replies: list[Path]
    alias_sets: Path | None
    world: Path


def _scored(settings: Settings, cycle: Cycle) -> _Scored:
    store = settings.store
    sets = store / cycle.topology / "alias_sets.parquet"
    replies = store / cycle.table("replies")
    return _Scored(
        traces=[store / cycle.table("traces")],
        links=store / cycle.topology / "links.parquet",
        replies=[replies] if replies.is_dir() else [],
        alias_sets=sets if sets.is_file() else None,
        world=settings.simulator / "world.jsonl",
    )


def _link_lines(found: scoring.Score) -> list[str]:
    return [
        (
            f"links: precision {found.precision:.4f}, recall {found.recall:.4f}"
            f" ({found.found} found, {found.visible} visible, {found.ambiguous} ambiguous)"
        ),
        *(
            f"  IPv{version}: precision {part.precision:.4f}, recall {part.recall:.4f}"
            f" ({part.found} found, {part.visible} visible)"
            for version, part in found.by_version.items()
        ),
        *(f"false:  {f.near} {f.far} x{f.count}: {f.reason}" for f in found.false_links),
        *(f"missed: {f.near} {f.far} x{f.count}: {f.reason}" for f in found.missed_links),
    ]


def _path_score_lines(found: PathScore) -> list[str]:
    counts = f"{found.hops_right} right, {found.hops_wrong} wrong, {found.hops_missing} missing"
    return [
        f"paths: {found.exact} of {found.traces} exact, {found.wrong_ends} wrong ends",
        f"hops: {counts}",
        *(f"path:   {line}" for line in found.worst),
    ]


def _alias_line(found: AliasScore) -> str:
    by_method = ", ".join(f"{name} {part:.4f}" for name, part in found.recall_by_method.items())
    return (
        f"alias sets: precision {found.precision:.4f}, recall {found.recall:.4f} ({by_method};"
        f" {found.found} pairs found, {found.resolvable} resolvable, {found.hidden} not)"
    )


def _names(text: str) -> tuple[str, ...]:
    """
    Read names, or a number of names to make up.

    >>> _names("us-0001,jp-0001"), _names("2")
    (('us-0001', 'jp-0001'), ('vp-0001', 'vp-0002'))
    """
    if text.isdigit():
        return tuple(f"vp-{i:04d}" for i in range(1, int(text) + 1))
    return tuple(name.strip() for name in text.split(","))


def _show(now: Status, *, as_json: bool, code: int = _DONE) -> None:
    line = f"{now.state}: {now.world or 'no world'}"
    vps = now.counts.get("vantage_points")
    lines = [f"  {name}: {counts}" for name, counts in vps.items()] if isinstance(vps, dict) else []
    lines += [f"  fault: {on}" for on in now.faults]
    _answer(now.to_json(), [line, *lines], as_json=as_json, code=code)


def _path(version: addressing.Version, path: TruePath) -> dict[str, Any]:
    hops = [
        {
            "ttl": hop.ttl,
            "addr": None
            if hop.address is None
            else str(addressing.to_address(version, hop.address)),
            "router": hop.router,
        }
        for hop in path.hops
    ]
    return {"stop": path.stop, "hops": hops}


def _path_lines(path: dict[str, Any]) -> list[str]:
    hops = [
        f"{hop['ttl']:3}  {hop['addr'] or '*':40} router {hop['router']}" for hop in path["hops"]
    ]
    return [*hops, f"     {path['stop']}"]


def _answer(
    result: dict[str, Any], lines: list[str], *, as_json: bool, code: int = _DONE
) -> NoReturn:
    for line in [json.dumps(result)] if as_json else lines:
        print(line)
    raise typer.Exit(code)
