"""The pages of a drive: one to look through its cycles, one that says how to open its tables."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from html import escape
from typing import Any

Table = tuple[str, Sequence[tuple[Any, ...]]]
"""A table's name and its columns: name, type."""


@dataclass(frozen=True)
class CatalogueRow:
    """One cycle as the catalogue shows it."""

    list: str
    cycle: str
    state: str
    vantage_points: int
    assigned: int
    done: int
    failed: int
    excluded: int
    unassigned: int
    raw_bytes: int
    files: int
    size_bytes: int
    schemas: str
    """Versions of tables that lie side by side, space separated; empty for the first alone."""

    versions: str
    """Programs and their versions, as JSON."""

    licence: str
    alarm: str
    manifest_sha256: str
    """Of `cycles/<list>/<cycle>/manifest.sha256`."""


def page(held: Sequence[CatalogueRow]) -> str:
    """Render the rows as one page that needs no server: filter by list, date and state."""
    head = "".join(f"<th>{name}</th>" for name in _SHOWN)
    lines = "\n".join(_line(row) for row in reversed(held))
    return _PAGE.replace("HEAD", head).replace("LINES", lines)


def readme(held: Sequence[CatalogueRow], licence: str | None, tables: Sequence[Table]) -> str:
    """Describe the data set: what lies where, every table's columns, how to open it."""
    lists = sorted({row.list for row in held})
    parts = [
        "# Internet topology, measured by hitscanner\n",
        f"{len(held)} cycles of {', '.join(lists) or 'no list'}, {_megabytes(held)}.",
        f"Licence: {licence or 'not stated; ask who gave you this'}.\n",
        _LAYOUT,
        *([_QUERIES] if any(name.startswith("tables/traces") for name, _ in tables) else []),
        "## Columns\n" if tables else "",
        *(_schema(name, columns) for name, columns in tables),
    ]
    return "\n".join(part for part in parts if part)


def _schema(name: str, columns: Sequence[tuple[Any, ...]]) -> str:
    lines = "\n".join(f"| `{column}` | {kind} |" for column, kind in columns)
    return f"### `{name}`\n\n| column | type |\n|---|---|\n{lines}\n"


def _line(row: CatalogueRow) -> str:
    manifest = f"cycles/{row.list}/{row.cycle}/manifest.json"
    values = asdict(row) | {"MB": f"{row.size_bytes / 1e6:.1f}"}
    cells = "".join(f"<td>{escape(str(values[name]))}</td>" for name in _SHOWN[2:])
    link = f'<td><a href="{escape(manifest)}">{escape(row.cycle)}</a></td>'
    return f"<tr><td>{escape(row.list)}</td>{link}{cells}</tr>"


def _megabytes(held: Sequence[CatalogueRow]) -> str:
    return f"{sum(row.size_bytes for row in held) / 1e6:.1f} MB"


_SHOWN = (
    "list", "cycle", "state", "vantage_points", "assigned", "done", "files", "MB", "versions",
    "licence", "alarm",
)  # fmt: skip

_PAGE = """\
<!doctype html>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Cycles</title>
<style>
body { font: 14px system-ui, sans-serif; margin: 1.5rem; color-scheme: light dark; }
table { border-collapse: collapse; } th, td { padding: .3rem .8rem; text-align: left; }
tr { border-bottom: 1px solid #8884; }
</style>
<h1>Cycles</h1>
<p>Filter by list, date or state: <input id="filter" autofocus placeholder="sample 202611">
How to open the tables: <a href="README.md">README.md</a>;
this table as data: <a href="catalogue.parquet">catalogue.parquet</a>.</p>
<table><thead><tr>HEAD</tr></thead><tbody>
LINES
</tbody></table>
<script>
document.getElementById("filter").oninput = event => {
  const words = event.target.value.toLowerCase().split(/\\s+/);
  for (const row of document.querySelectorAll("tbody tr"))
    row.hidden = !words.every(word => row.textContent.toLowerCase().includes(word));
};
</script>
"""

_LAYOUT = """\
| path | what |
|---|---|
| `catalogue.parquet`, `index.html` | one row per cycle |
| `cycles/<list>/<cycle>/manifest.json` | what was asked, sent, received and lost |
| `cycles/<list>/<cycle>/manifest.sha256` | check a copy: `sha256sum --check` in this folder |
| `raw/<list>/<cycle>/<vp>/<shard>.warts.zst` | traces as scamper wrote them |
| `tables/<table>/list=<list>/cycle=<cycle>/vp=<vp>/<shard>.parquet` | the same as tables |
| `topology/<list>/<cycle>/links.parquet` | links of all vantage points |
| `reprocessed/schema=<version>/…` | tables and links made anew by a later program |
"""

_QUERIES = """\
## Open it

In this folder, with DuckDB (the globs work with `gs://` and `s3://` too):

```sh
duckdb -c "SELECT vp, count(*) AS traces FROM read_parquet('tables/traces/*/*/*/*.parquet') \
GROUP BY vp ORDER BY vp"
duckdb -c "SELECT \\"in\\", \\"out\\", freq FROM read_parquet('topology/*/*/links.parquet') \
ORDER BY freq DESC, \\"in\\", \\"out\\" LIMIT 10"
duckdb -c "SELECT list, cycle, state, done FROM read_parquet('catalogue.parquet')"
```
"""
