"""Small Parquet tables by DuckDB: typed columns, rows in the order given, the same bytes again."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb

_ONE_THREAD: dict[str, str | bool | int | float | list[str]] = {"threads": 1}
"""More would write the row groups in another order each time."""


def write_table(types: Mapping[str, str], rows: Iterable[Sequence[object]], to: Path) -> None:
    """
    Write *rows* to the local file *to*; a file beside it holds them for a moment.

    Args:
        types: column → SQL type, in the order of a row's values.
        rows: values that JSON can hold; None is null.
        to: the Parquet file.
    """
    lines = to.with_name(f"{to.name}.rows")
    with lines.open("w") as out:
        for row in rows:
            out.write(json.dumps(dict(zip(types, row, strict=True))) + "\n")
    with duckdb.connect(config=_ONE_THREAD) as database:
        read = database.read_json(
            str(lines), columns=dict(types), format="newline_delimited", maximum_object_size=1 << 24
        )
        read.to_parquet(str(to), compression="zstd")
    lines.unlink()


def read_table(files: Iterable[Path], columns: Sequence[str]) -> list[tuple[Any, ...]]:
    """Read some columns of Parquet files, in the files' order; no file, no row."""
    paths = [str(file) for file in files]
    if not paths:
        return []
    with duckdb.connect(config=_ONE_THREAD) as database:
        table = database.read_parquet(paths, union_by_name=True, hive_partitioning=False)
        return table.project(", ".join(columns)).fetchall()
