"""
### transform: raw traces of a cycle into tables and links

Starts by itself when `traceroute` has published cycles, and handles every cycle that was published
meanwhile. By hand it redoes the cycles named; a finished cycle comes out with the same bytes.

    airflow dags trigger transform --conf '{"cycles": ["sample/20261122T030000Z"]}'

1. `find_shards` lists the raw files of the cycles.
2. `convert` runs `hs-transform` once per vantage point's shard: tables in Parquet, and links.
3. `merge` combines the links of all shards of a cycle.

**After a failure** clear the red square. Damaged records do not fail a task: they are set aside
under `quarantine/` with file, offset and reason.

A merged cycle starts `load`.
"""

from pathlib import Path
from typing import Any

from airflow.sdk import dag, task

from hitscanner_airflow.assets import raw_traces, topology_tables
from hitscanner_airflow.bridge import announce, verdicts
from hitscanner_airflow.on_cycles import ON_CYCLES, find_cycles
from hitscanner_airflow.params import CYCLES, form
from hitscanner_airflow.policy import CYCLE_NAME, VANTAGE_POINT


@dag(
    dag_id=Path(__file__).stem,
    doc_md=__doc__,
    schedule=[raw_traces],
    params=form([CYCLES]),
    **ON_CYCLES,
)
def transform() -> None:
    @task
    @verdicts
    def find_shards(cycles: list[dict[str, str]]) -> list[dict[str, str]]:
        """List the raw files of these cycles."""
        from hitscanner.wiring import pipeline

        return pipeline().transformable(list(cycles))

    @task(map_index_template=VANTAGE_POINT, multiple_outputs=False)
    @verdicts
    def convert(shard: dict[str, str]) -> dict[str, Any]:
        """Turn one shard's warts into tables and links."""
        from hitscanner.wiring import pipeline

        return pipeline().convert(shard)

    @task(
        map_index_template=CYCLE_NAME,
        multiple_outputs=False,
        outlets=[topology_tables],
    )
    @verdicts
    def merge(cycle: dict[str, str]) -> dict[str, Any]:
        """Combine the links of a cycle's shards and publish them."""
        from hitscanner.wiring import pipeline

        merged = pipeline().merge(cycle)
        announce(topology_tables, {**cycle, **merged})
        return merged

    cycles = find_cycles()
    shards = find_shards(cycles)  # type: ignore[arg-type] # stands for the list until it runs
    convert.expand(shard=shards) >> merge.expand(cycle=cycles)


transform()
