"""
### build_topology: routers, links and interfaces of a cycle

Starts by itself when `transform` has published a cycle, and again when `alias_resolution` has
resolved its aliases; it handles every cycle that was published meanwhile. By hand it rebuilds the
cycles named; the same input comes out with the same bytes.

    airflow dags trigger build_topology --conf '{"cycles": ["sample/20261122T030000Z"]}'

1. `find_cycles` names the cycles.
2. `build` joins the links and the alias sets into nodes, node links and interfaces, in the text
   form of CAIDA's ITDK and as Parquet. AS and place come from the files `prefix2as-YYYYMMDD…` and
   `geo-YYYYMMDD.csv` in HOME/labels, the newest up to the cycle's day; their dates are recorded.
3. `draw` writes `picture.html`: the map by AS and vantage point, and the plots; it works offline.
4. `compare` writes what is new, gone and moved since the previous cycle of the same list. A change
   that another set of vantage points explains is marked as such.

**After a failure** clear the red square.

A built cycle is announced as `router_topology`.
"""

from pathlib import Path
from typing import Any

from airflow.sdk import dag, task

from hitscanner_airflow.assets import alias_evidence, router_topology, topology_tables
from hitscanner_airflow.bridge import announce, verdicts
from hitscanner_airflow.on_cycles import ON_CYCLES, find_cycles
from hitscanner_airflow.params import CYCLES, form
from hitscanner_airflow.policy import CYCLE_NAME


@dag(
    dag_id=Path(__file__).stem,
    doc_md=__doc__,
    schedule=(topology_tables | alias_evidence),
    params=form([CYCLES]),
    **ON_CYCLES,
)
def build_topology() -> None:
    @task(map_index_template=CYCLE_NAME, multiple_outputs=False)
    @verdicts
    def build(cycle: dict[str, str]) -> dict[str, str]:
        """Join links and alias sets into routers, and label them."""
        from hitscanner.routers import routers

        return routers().build(cycle)

    @task(map_index_template=CYCLE_NAME, multiple_outputs=False, outlets=[router_topology])
    @verdicts
    def compare(cycle: dict[str, str]) -> dict[str, Any]:
        """Write what changed since the list's previous cycle, and publish."""
        from hitscanner.routers import routers

        compared = routers().compare(cycle)
        announce(router_topology, {**cycle, **compared})
        return compared

    @task(map_index_template=CYCLE_NAME, multiple_outputs=False)
    @verdicts
    def draw(cycle: dict[str, str]) -> dict[str, str]:
        """Draw the cycle's page."""
        from hitscanner.outcome import draw

        return draw(cycle)

    built = build.expand(cycle=find_cycles())
    compare.expand(cycle=draw.expand(cycle=built))


build_topology()
