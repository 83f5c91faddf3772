"""
### canary: prove every hour that each vantage point is fit to measure

Traces the few destinations of the list `canary` (`lists/canary.txt`, 5 to 20 addresses that answer
everybody) from every vantage point, slowly, and compares what each sees with what it usually sees.

    airflow dags trigger canary

A vantage point is *unfit* when nothing came home, its clock is more than a second off, no probe was
answered, less than half of the usual destinations answered, or less than half of the usual routers
were on the way. Measurements leave it out, by name and reason in the plan and in the manifest,
until a canary run finds it fit again: `hitscanner inventory fitness`. A verdict without a newer one
is forgotten after 24 hours. What usually is seen comes from the seven runs before, so whoever moved
to another uplink is back within hours.

Its cycles stay apart from the measurements (`HOME/canary`), and the oldest are removed.

**After a failure** a red lane is a finding, and `judge` has it in words; mend the host and trigger
the DAG again. If `judge` itself failed, the verdicts before it hold.
"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from airflow.sdk import TriggerRule, dag, task, task_group

from hitscanner_airflow.bridge import asked, planned, verdicts
from hitscanner_airflow.policy import CANARY_ARGS, CANARY_TIMEOUT, VANTAGE_POINT


@dag(
    dag_id=Path(__file__).stem,
    doc_md=__doc__,
    schedule="17 * * * *",
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=CANARY_TIMEOUT,
    default_args=CANARY_ARGS,
    tags=["measurement"],
)
def canary() -> None:
    @task
    @verdicts
    def plan() -> list[dict[str, str]]:
        """Freeze what is asked of everybody; nothing where there is no list of that name."""
        from hitscanner.canaries import canaries

        run = asked()
        return canaries().plan(run.logical_time, run.run_id)

    @task_group
    def one_vantage_point(shard: dict[str, str]) -> None:
        """Stage and probe, then fetch and verify: a failure stays in this lane."""

        @task(map_index_template=VANTAGE_POINT, multiple_outputs=False)
        @verdicts
        def start(shard: dict[str, str]) -> dict[str, str]:
            """Give the vantage point its list and start the prober, or find it running."""
            from hitscanner.canaries import canaries

            return canaries().steps.start(shard)

        @task(map_index_template=VANTAGE_POINT, multiple_outputs=False)
        @verdicts
        def fetch(shard: dict[str, str]) -> dict[str, Any]:
            """Wait for the prober, take its files home and verify them."""
            from hitscanner.canaries import canaries

            return canaries().steps.fetch(shard)

        # By name, because the template of the map index looks there.
        started = start(shard=shard)
        fetch(shard=started)  # type: ignore[arg-type] # stands for the dict until it runs

    @task(trigger_rule=TriggerRule.ALL_DONE, multiple_outputs=False)
    @verdicts
    def judge(shards: list[dict[str, str]] | None) -> dict[str, Any]:
        """Say who is unfit and why, and keep it for the planner."""
        from hitscanner.canaries import canaries

        first = planned(shards)[0]
        cycle = {"list": first["list"], "cycle": first["cycle"]}
        return canaries().judge(cycle, datetime.now(UTC))

    shards = plan()
    one_vantage_point.expand(shard=shards) >> judge(shards)  # type: ignore[arg-type] # as above


canary()
