"""The fleet: plan, apply, join, label, check, remove …; a row per host, exit 2 if some failed."""

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from hitscanner.commands.answer import Json, answer, console
from hitscanner.commands.look import read_manifests, show
from hitscanner.errors import HitscannerError, UsageError
from hitscanner.fleet.rows import GOOD, Row, exit_code, summary
from hitscanner.wiring import fleet as build_fleet
from hitscanner.wiring import pipeline
from hitscanner.wiring import rotation as build_rotation

if TYPE_CHECKING:
    from hitscanner.fleet.facade import Fleet

app = typer.Typer(no_args_is_help=True, help="The hosts: bring them in, look after them.")

Hosts = Annotated[
    list[str] | None,
    typer.Option("--hosts", help='Names or tags, with commas; "server"; "all" (default).'),
]
Named = Annotated[list[str] | None, typer.Argument(help="Names or tags, or --hosts.")]
Only = Annotated[str | None, typer.Option("--only", help="One phase, as `plan` names them.")]
Parallel = Annotated[int, typer.Option(help="Hosts worked on at once.", min=1, max=50)]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would change.")]
Image = Annotated[list[str] | None, typer.Option("--image", help="Pull it onto the hosts first.")]
NewKeys = Annotated[
    bool, typer.Option("--new-keys", help="New keys for all, near their end or not.")
]
Busy = Annotated[
    Literal["refuse", "wait", "force"], typer.Option(help="What becomes of a host that measures.")
]
WaitS = Annotated[int, typer.Option(help="Longest wait for a host to be idle.", min=0)]
DrainS = Annotated[int, typer.Option(help="Seconds that pods get to leave.", min=0)]


@app.command()
def plan(
    hosts: Hosts = None, only: Only = None, parallel: Parallel = 8, *, as_json: Json = False
) -> None:
    """Look at hosts and show exactly what would change; change nothing."""
    fleet = _build(parallel, is_json=as_json)
    _check_phase(only)
    _do(lambda: fleet.plan(_words(hosts), only), "looking at hosts", is_json=as_json)


@app.command()
def apply(
    hosts: Hosts = None,
    only: Only = None,
    parallel: Parallel = 8,
    *,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Make the server and hosts as the inventory says: set up, joined, labelled."""
    fleet = _build(parallel, is_json=as_json)
    _check_phase(only)
    _do(
        lambda: fleet.apply(_words(hosts), only, dry_run=dry_run),
        "working on hosts",
        is_json=as_json,
    )


@app.command()
def join(
    named: Named = None,
    hosts: Hosts = None,
    image: Image = None,
    parallel: Parallel = 8,
    *,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Bring hosts into the cluster, label them, and run a pod on each."""
    fleet = _build(parallel, is_json=as_json)
    names = fleet.removable(_named(named, hosts))
    work = (lambda: fleet.plan(names)) if dry_run else lambda: fleet.join_all(names, image or [])
    _do(work, f"joining {', '.join(names)}", is_json=as_json)


@app.command()
def label(hosts: Hosts = None, *, dry_run: DryRun = False, as_json: Json = False) -> None:
    """Make the labels of kube nodes what the inventory says."""
    fleet = _build(is_json=as_json)
    _do(lambda: fleet.label(_words(hosts), dry_run=dry_run), "labelling", is_json=as_json)


@app.command()
def check(hosts: Hosts = None, parallel: Parallel = 8, *, as_json: Json = False) -> None:
    """Find what is wrong with hosts and cluster; change nothing, exit 2 if something is found."""
    fleet = _build(parallel, is_json=as_json)
    words = _words(hosts)
    fleet.names(words, with_server=True)
    work = lambda: [*fleet.check(words), fleet.check_cluster()]  # noqa: E731 as the others above
    _do(work, "looking at hosts", is_json=as_json)


@app.command()
def remove(
    named: Named = None,
    hosts: Hosts = None,
    drain_s: DrainS = 300,
    *,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Drain hosts, delete their nodes with their passwords, and uninstall."""
    fleet = _build(is_json=as_json)
    names = fleet.removable(_named(named, hosts))
    _do(
        lambda: fleet.remove_all(names, drain_s=drain_s, dry_run=dry_run),
        f"removing {', '.join(names)}",
        is_json=as_json,
    )


@app.command("rotate-certs")
def rotate_certs(
    hosts: Hosts = None,
    busy: Busy = "refuse",
    wait_s: WaitS = 3600,
    parallel: Parallel = 8,
    *,
    new_keys: NewKeys = False,
    dry_run: DryRun = False,
    as_json: Json = False,
) -> None:
    """Renew certificates that end within 120 days: the server, one agent, then the others."""
    wish = {"new_keys": new_keys, "busy": busy, "wait_s": wait_s}
    rotation = build_rotation(wish, _build(parallel, is_json=as_json))
    names = rotation.names(_words(hosts))
    _do(
        lambda: rotation.rotate_all(names, dry_run=dry_run),
        "renewing certificates",
        is_json=as_json,
    )


@app.command()
def status(*, as_json: Json = False) -> None:
    """Show each host's node in the cluster and what it brought in its last cycle."""
    steps = pipeline()
    last = {
        shard.vp: {"cycle": f"{m.list}/{m.cycle}", "state": shard.state, "cause": shard.cause or ""}
        for m in read_manifests(steps)
        if m.outcome
        for shard in m.outcome.shards
    }
    never = {"cycle": "", "state": "never measured", "cause": ""}
    nodes = _nodes(_build(is_json=as_json)) if steps.inventory().server else {}
    blank = {"node": "", "version": ""}
    rows = [
        {"name": vp.name, **nodes.get(vp.name, blank), **last.get(vp.name, never)}
        for vp in steps.inventory().vantage_points
    ]
    show(["name", "node", "version", "cycle", "state", "cause"], rows, is_json=as_json)
    answer({"vantage_points": rows}, is_json=as_json)


def _build(parallel: int = 8, *, is_json: bool) -> "Fleet":
    """Build the fleet; each change is said as it begins, beside the JSON object."""
    out = console(is_json=is_json)

    def say(host: str, line: str) -> None:
        out.print(f"{host}: {line}", soft_wrap=True, markup=False, highlight=False)

    return build_fleet(parallel=parallel, say=say)


def _nodes(fleet: "Fleet") -> dict[str, dict[str, str]]:
    """Give of each kube node whether it is Ready; nothing where the cluster cannot be asked."""
    try:
        nodes = fleet.nodes()
    except HitscannerError as error:
        console(is_json=True).print(f"the cluster is not asked: {error}", soft_wrap=True)
        return {}
    return {
        name: {
            "node": ("Ready" if node.is_ready else "NotReady")
            + (", cordoned" if node.is_cordoned else ""),
            "version": node.version,
        }
        for name, node in nodes.items()
    }


def _words(hosts: Sequence[str] | None) -> list[str]:
    """
    Split what `--hosts` was given.

    >>> _words(["us-0001,jp-0001", "europe"]), _words(None)
    (['us-0001', 'jp-0001', 'europe'], ['all'])
    """
    words = [word.strip() for text in hosts or ["all"] for word in text.split(",")]
    return [word for word in words if word]


def _named(named: Sequence[str] | None, hosts: Sequence[str] | None) -> list[str]:
    """
    Give the hosts that were named; nobody is meant unless somebody is named.

    Raises:
        UsageError: if nobody is.
    """
    if not named and not hosts:
        raise UsageError('name the hosts: NAME …, --hosts NAME,NAME, or "all"')
    return _words([*(named or ()), *(hosts or ())])


def _check_phase(only: str | None) -> None:
    from hitscanner.provision.plan import PHASES

    if only is not None and only not in PHASES:
        raise UsageError(f"--only {only}: there are {', '.join(PHASES)}")


def _do(work: Callable[[], list[Row]], says: str, *, is_json: bool) -> None:
    """Do the work, show a row for each host, and end with the exit code that they make."""
    out = console(is_json=is_json)
    began_at = time.monotonic()
    if out.is_terminal:
        with out.status(f"{says} …"):
            rows = work()
    else:
        out.print(f"{says} …", soft_wrap=True)
        rows = work()
    for row in rows:
        for line in row.plan:
            out.print(_styled(line), soft_wrap=True)
    _show(out, rows)
    result: dict[str, Any] = {
        "hosts": [row.to_json() for row in rows],
        "good": sum(row.is_good for row in rows),
        "bad": sum(not row.is_good for row in rows),
        "wall_s": round(time.monotonic() - began_at, 1),
    }
    answer(result, is_json=is_json, code=exit_code(rows))


def _show(out: Console, rows: Sequence[Row]) -> None:
    if not out.is_terminal:  # a table is cut where a log is read
        for line in summary(rows):
            out.print(line, soft_wrap=True, markup=False, highlight=False)
        return
    table = Table("host", "state", "cause", "what", "s", caption=summary(rows)[-1])
    for row in rows:
        style = "green" if row.state in GOOD else "red"
        what = "; ".join(filter(None, (row.detail, row.remedy, *row.warnings)))
        what = what or f"{len(row.changed)} changes" * bool(row.changed)
        table.add_row(row.host, Text(row.state, style), row.cause, what, f"{row.duration_s:.1f}")
    out.print(table)


def _styled(line: str) -> Text:
    """
    Colour a line of a plan as diffs are.

    >>> _styled("      + server: https://192.0.2.1").style, _styled("us-0001: 3 changes").style
    ('green', 'bold')
    """
    words = line.strip()
    styles = {"+": "green", "-": "red", "$": "cyan", ">": "cyan", "@": "magenta"}
    style = "bold" if not line.startswith(" ") else styles.get(words[:1], "")
    return Text(line, style="yellow" if words.startswith(("refused", "warning")) else style)
