"""
### traceroute: one pass over a target list from the chosen vantage points

Runs daily at 03:00 UTC with the values below, or by hand with others:
the *Trigger* button shows them as a form, and the command line takes the same keys as JSON.

    airflow dags trigger traceroute --conf '{"list": "sample", "vantage_points": ["us-0001"]}'
    airflow dags trigger traceroute --conf '{"list": "sample", "plan_only": true}'

*plan_only* writes the plan into the log of `plan` and sends nothing. A key that does not exist is
an error that names it.

1. `plan` freezes what is asked of whom, without excluded and reserved addresses.
2. `start` and `fetch` run once per vantage point, side by side. The prober works detached on the
   vantage point: a restart of Airflow does not disturb it.
3. `reshard` gives what a failed vantage point left to those that are whole, in `second_chance`.
4. `gate` counts every target as done, failed, excluded or unassigned, and writes the manifest:
   *complete*, *partial* or *failed*.

**A vantage point that fails** is a red square and a line in the manifest. The others go on, and are
published if the gate's quorum (*min_vp_ratio*, *min_target_ratio*) is met. Below it the run fails
and nothing is published.

**After a failure** clear the red square: what was finished is found, not probed again.

A complete or partial cycle starts `transform`.
"""

from pathlib import Path
from typing import Any

from airflow.sdk import TriggerRule, dag, task, task_group

from hitscanner.domain.params import traceroute_param_schema
from hitscanner_airflow.assets import raw_traces
from hitscanner_airflow.bridge import announce, asked, planned, verdicts
from hitscanner_airflow.params import form
from hitscanner_airflow.policy import CYCLE_TIMEOUT, DEFAULT_ARGS, LANE_TIMEOUT, VANTAGE_POINT


@dag(
    dag_id=Path(__file__).stem,
    doc_md=__doc__,
    schedule="0 3 * * *",
    catchup=False,
    max_active_runs=4,
    dagrun_timeout=CYCLE_TIMEOUT,
    default_args=DEFAULT_ARGS,
    tags=["measurement"],
    params=form(traceroute_param_schema()),
)
def traceroute() -> None:
    @task
    @verdicts
    def plan() -> list[dict[str, str]]:
        """Freeze what will be asked of whom: one small dict per shard, none with plan_only."""
        from hitscanner.wiring import pipeline

        run = asked()
        return pipeline().plan(run.params, run.logical_time, run.run_id)

    @task_group
    def one_vantage_point(shard: dict[str, str]) -> None:
        """Stage and probe, then fetch and verify: a failure stays in this lane."""

        @task(map_index_template=VANTAGE_POINT, multiple_outputs=False)
        @verdicts
        def start(shard: dict[str, str]) -> dict[str, str]:
            """Give the vantage point its list and start the prober, or find it running."""
            from hitscanner.wiring import pipeline

            return pipeline().start(shard)

        @task(
            map_index_template=VANTAGE_POINT,
            multiple_outputs=False,
            execution_timeout=LANE_TIMEOUT,
        )
        @verdicts
        def fetch(shard: dict[str, str]) -> dict[str, Any]:
            """Wait for the prober, take its files home and verify them."""
            from hitscanner.wiring import pipeline

            return pipeline().fetch(shard)

        # By name, because the template of the map index looks there.
        started = start(shard=shard)
        fetch(shard=started)  # type: ignore[arg-type] # stands for the dict until it runs

    @task(trigger_rule=TriggerRule.ALL_DONE_MIN_ONE_SUCCESS, multiple_outputs=False)
    @verdicts
    def reshard(shards: list[dict[str, str]]) -> list[dict[str, str]]:
        """Give what a failed vantage point left to those that are whole; mostly nothing."""
        from hitscanner.wiring import pipeline

        return pipeline().reshard(shards[0])

    @task(trigger_rule=TriggerRule.ALL_DONE, outlets=[raw_traces], multiple_outputs=False)
    @verdicts
    def gate(shards: list[dict[str, str]] | None) -> dict[str, Any]:
        """Count, write the manifest, and publish if the quorum is met."""
        from hitscanner.wiring import pipeline

        first = planned(shards)[0]
        closed = pipeline().close_cycle({"list": first["list"], "cycle": first["cycle"]})
        announce(raw_traces, closed)
        return closed

    # `reshard` hangs on plan itself: that is the "one success" when every lane failed, and its
    # absence when plan failed.  An empty plan skips the lanes, and with them `reshard`.
    shards = plan()
    again = reshard(shards)  # type: ignore[arg-type] # stands for the list until it runs
    closed = gate(shards)  # type: ignore[arg-type] # stands for the list until it runs
    one_vantage_point.expand(shard=shards) >> again
    one_vantage_point.override(group_id="second_chance").expand(shard=again) >> closed


traceroute()
