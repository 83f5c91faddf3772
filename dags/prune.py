"""
### prune: let raw data expire that the drives hold

Removes raw measurements here (`raw/…/*.warts.zst`) once they are older than `retention_days` of
`drives.toml` **and** every required drive holds them: each drive is asked again for every file,
and its checksums are compared, before anything is removed. Records, tables and links stay.

    airflow dags trigger prune --conf '{"dry_run": true}'

`remove_raw` lists for every cycle what was removed, or why it was kept.

**After a failure** clear the red square. Without `retention_days` nothing is ever removed.
"""

from pathlib import Path
from typing import Any

from airflow.sdk import dag, task

from hitscanner.domain.params import ParamSpec
from hitscanner_airflow.bridge import asked, verdicts
from hitscanner_airflow.params import form
from hitscanner_airflow.policy import DEFAULT_ARGS, RUN_TIMEOUT

DRY_RUN = ParamSpec(
    name="dry_run",
    default=False,
    schema={
        "type": "boolean",
        "title": "Dry run",
        "description": "Say what would be removed and remove nothing.",
    },
)


@dag(
    dag_id=Path(__file__).stem,
    doc_md=__doc__,
    schedule="0 12 * * *",  # when the day's cycles have been loaded
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=RUN_TIMEOUT,
    default_args=DEFAULT_ARGS,
    tags=["data"],
    params=form([DRY_RUN]),
)
def prune() -> None:
    @task(multiple_outputs=False)
    @verdicts
    def remove_raw() -> list[dict[str, Any]]:
        """Remove raw files whose time is over and that every required drive holds."""
        from hitscanner.wiring import pipeline
        from hitscanner_airflow.connections import AirflowConnections

        run = asked()
        steps = pipeline(connections=AirflowConnections())
        outcomes = steps.prune(run.logical_time, is_dry=run.params["dry_run"])
        for outcome in outcomes:
            print(outcome)
        return outcomes

    remove_raw()


prune()
