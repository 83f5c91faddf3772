"""
### load: finished cycles onto the drives

Starts by itself when `transform` has published tables or `build_topology` routers, and handles
every cycle that was published meanwhile; once a day it also looks after every finished cycle that
some drive does not hold yet.
By hand it loads the cycles named; what a drive already holds is verified, not copied.

    airflow dags trigger load --conf '{"cycles": ["sample/20261122T030000Z"]}'

`load_cycle` runs once per cycle: it copies the files to every drive of `drives.toml`, compares
their checksums there, and renews the drive's catalogue. Drives do not wait for each other; the
task fails if one with `required = true` does not hold the cycle in the end, and says why.
The tab **Drives** of the run shows bytes, files and the time that is left for each drive.

**After a failure** clear the red square: files that arrived whole are not sent again.
"""

from pathlib import Path
from typing import Any

from airflow.sdk import AssetOrTimeSchedule, CronTriggerTimetable, dag, task

from hitscanner_airflow.assets import router_topology, topology_tables
from hitscanner_airflow.bridge import asked, cycles_asked, is_scheduled, verdicts
from hitscanner_airflow.params import CYCLES, form
from hitscanner_airflow.policy import CYCLE_NAME, DEFAULT_ARGS, RUN_TIMEOUT


@dag(
    dag_id=Path(__file__).stem,
    doc_md=__doc__,
    schedule=AssetOrTimeSchedule(
        timetable=CronTriggerTimetable("0 9 * * *", timezone="UTC"),
        assets=topology_tables | router_topology,
    ),
    catchup=False,
    max_active_runs=1,  # two runs would send the same files twice at once
    dagrun_timeout=RUN_TIMEOUT,
    default_args=DEFAULT_ARGS,
    tags=["data"],
    params=form([CYCLES]),
)
def load() -> None:
    @task
    @verdicts
    def find_cycles() -> list[dict[str, str]]:
        """Name the cycles of all triggering events, those asked for, or daily all unloaded."""
        if is_scheduled():
            from hitscanner.wiring import pipeline

            return pipeline().unloaded()
        return cycles_asked()

    @task(
        map_index_template=CYCLE_NAME,
        multiple_outputs=False,
        max_active_tis_per_dagrun=2,  # drives limit how often they may be asked
    )
    @verdicts
    def load_cycle(cycle: dict[str, str]) -> dict[str, Any]:
        """Copy one cycle to every drive and verify it there."""
        from hitscanner.wiring import pipeline
        from hitscanner_airflow.connections import AirflowConnections

        return pipeline(connections=AirflowConnections()).load(cycle, asked().run_id)

    load_cycle.expand(cycle=find_cycles())


load()
