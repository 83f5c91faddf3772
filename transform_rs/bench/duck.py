#!/usr/bin/env python3
"""Read JSON lines from standard input into a Parquet file with DuckDB, one thread: duck.py OUT."""

import sys

import duckdb

duckdb.sql("SET threads=1")
rows = duckdb.sql(
    "SELECT * FROM read_json('/dev/stdin', format='newline_delimited',"
    " maximum_object_size=100000000, ignore_errors=true)"
)
rows.write_parquet(sys.argv[1], compression="zstd")
