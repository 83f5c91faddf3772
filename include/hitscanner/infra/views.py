"""
The store as SQL: one DuckDB view for each table, with the cycle and the vantage point as columns.

Views read Parquet files where they are; nothing is copied, and a table that no cycle has yet gets
no view.
"""

from pathlib import Path

import duckdb

TABLES = ("traces", "replies", "links", "aliases")
"""`tables/<table>/list=/cycle=/vp=/<shard>.parquet`: each vantage point's part; a view of the same
name, with the columns `list`, `cycle` and `vp` from the path."""

TOPOLOGY = {
    "merged_links": "links",
    "nodes": "nodes",
    "node_links": "node_links",
    "ifaces": "ifaces",
    "alias_evidence": "aliases",
    "alias_sets": "alias_sets",
    "alias_conflicts": "alias_conflicts",
    "link_changes": "diff",
}
"""View → `topology/<list>/<cycle>/<file>.parquet`: of whole cycles, with `list` and `cycle`."""

_PART = """
CREATE VIEW {view} AS SELECT * REPLACE (
    regexp_extract(filename, '/list=([^/]+)/', 1) AS list,
    regexp_extract(filename, '/cycle=([^/]+)/', 1) AS cycle,
    regexp_extract(filename, '/vp=([^/]+)/', 1) AS vp
) FROM (
    SELECT *, NULL::VARCHAR AS list, NULL::VARCHAR AS cycle
    FROM read_parquet('{files}', filename = true, hive_partitioning = false, union_by_name = true)
)
"""

_WHOLE = """
CREATE VIEW {view} AS SELECT * EXCLUDE (filename),
    regexp_extract(filename, '/topology/([^/]+)/([^/]+)/', 1) AS list,
    regexp_extract(filename, '/topology/([^/]+)/([^/]+)/', 2) AS cycle
FROM read_parquet('{files}', filename = true, hive_partitioning = false, union_by_name = true)
"""


def open_store(root: Path) -> duckdb.DuckDBPyConnection:
    """Open a database in memory whose views are the tables of the store in the folder *root*."""
    database = duckdb.connect()
    for view in TABLES:
        _create(database, _PART, view, root, f"tables/{view}/*/*/*/*.parquet")
    for view, name in TOPOLOGY.items():
        _create(database, _WHOLE, view, root, f"topology/*/*/{name}.parquet")
    return database


def _create(
    database: duckdb.DuckDBPyConnection, template: str, view: str, root: Path, files: str
) -> None:
    if any(root.glob(files)):
        where = str(root / files).replace("'", "''")
        database.execute(template.format(view=view, files=where))
