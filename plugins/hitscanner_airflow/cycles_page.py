"""
The page "Browse → Cycles": what was measured, how much of it came back, and the run that did it.

Every process of Airflow imports its plugins, each task's too, so nothing is built before the first
request.  Every route is behind Airflow's login: plugins are open to all unless they ask for it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

if TYPE_CHECKING:
    from fastapi import FastAPI

    from hitscanner.domain.manifest import CycleManifest

COLUMNS = ("cycle", "state", "assigned", "done", "failed", "excluded", "unassigned", "run")

STYLE = """
body { font: 14px system-ui, sans-serif; margin: 1.5rem; color-scheme: light dark; }
table { border-collapse: collapse; } th, td { padding: .35rem .9rem; text-align: right; }
tr > :first-child, tr > :nth-child(2), tr > :last-child { text-align: left; }
tr { border-bottom: 1px solid #8884; } .complete { color: green; } .verified { color: green; }
.partial { color: #c60; }
.failed { color: #c00; }
"""


@dataclass(frozen=True)
class Row:
    """One cycle as the page shows it."""

    cycle: str
    """`LIST/CYCLE`."""

    state: str
    counts: dict[str, int]
    """Targets: assigned = done + failed + excluded + unassigned; empty while it runs."""

    run_id: str


class LazyApp:
    """An ASGI application that is built at its first request."""

    def __init__(self) -> None:
        self.app: FastAPI | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request; see ASGI, "Applications"."""
        if self.app is None:
            self.app = build()
        await self.app(scope, receive, send)


def build() -> "FastAPI":
    """Build the application, with the login asked for on every route there will ever be."""
    from airflow.api_fastapi.core_api.security import get_user
    from fastapi import Depends, FastAPI
    from fastapi.responses import HTMLResponse

    from hitscanner_airflow import drives_page

    app = FastAPI(
        title="hitscanner",
        dependencies=[Depends(get_user)],
        openapi_url=None,  # the pages of the documentation would be open to all
    )

    @app.get("/cycles", response_class=HTMLResponse)
    def cycles() -> str:
        return page(row(manifest) for manifest in manifests())

    @app.get("/drives", response_class=HTMLResponse)
    def drives(run: str | None = None) -> str:
        return drives_page.page(drives_page.drives(run), STYLE)

    return app


def manifests() -> "list[CycleManifest]":
    """Read the manifests of this installation's store, newest cycle first."""
    from hitscanner.domain.cycle import Cycle
    from hitscanner.pipeline.gate import read_manifest
    from hitscanner.wiring import pipeline

    store = pipeline().store
    cycles = [
        Cycle(name, each)
        for name in store.folders("cycles")
        for each in store.folders(f"cycles/{name}")
    ]
    found = [read_manifest(store, cycle) for cycle in cycles if store.exists(cycle.manifest)]
    return sorted(found, key=lambda manifest: manifest.cycle, reverse=True)


def row(manifest: "CycleManifest") -> Row:
    """Pick what the page shows of a cycle's manifest."""
    return Row(
        cycle=f"{manifest.list}/{manifest.cycle}",
        state=str(manifest.state),
        counts=manifest.outcome.counts if manifest.outcome else {},
        run_id=manifest.asked.run_id,
    )


def page(rows: Iterable[Row]) -> str:
    """
    Render cycles as an HTML page, in the order given.

    >>> page([Row("demo/20261122T030000Z", "partial", {"done": 7}, "a<b")]).splitlines()[-2]
    '<tr><td>demo/20261122T030000Z</td><td class="partial">partial</td><td></td><td>7</td>\
<td></td><td></td><td></td><td><a target="_top" href="../dags/traceroute/runs/a%3Cb">a&lt;b</a>\
</td></tr>'
    """
    head = "".join(f"<th>{name}</th>" for name in COLUMNS)
    lines = [_line(each) for each in rows]
    table = [f"<table><tr>{head}</tr>", *lines, "</table>"]
    body = table if lines else ["<p>No cycle yet.</p>"]
    style = f"<title>Cycles</title><style>{STYLE}</style>"
    return "\n".join(["<!doctype html>", "<meta charset=utf-8>", style, *body])


def _line(each: Row) -> str:
    numbers = "".join(f"<td>{each.counts.get(name, '')}</td>" for name in COLUMNS[2:-1])
    run = f"../dags/traceroute/runs/{quote(each.run_id, safe='')}"
    state = escape(each.state)
    return (
        f'<tr><td>{escape(each.cycle)}</td><td class="{state}">{state}</td>{numbers}'
        f'<td><a target="_top" href="{run}">{escape(each.run_id)}</a></td></tr>'
    )
