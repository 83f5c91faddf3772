"""
### alias_resolution: which addresses of a cycle are one router's

Starts by itself when `transform` has published a cycle whose `traceroute` run asked for it
(*dealias*: true), and handles every such cycle that was published meanwhile, together.
By hand it tests the addresses of the cycles named.

    airflow dags trigger alias_resolution --conf '{"cycles": ["sample/20261122T030000Z"]}'
    airflow dags trigger alias_resolution --conf '{"cycles": ["sample/20261122T030000Z"], \
"methods": ["mercator"], "iffinder": ["2026-11.iffout"]}'

1. `find_cycles` names the cycles.
2. Each method is a stage of its own, a cycle of the list LIST-METHOD, with the plan, the lanes, the
   gate, the rate caps and the do-not-probe list of `traceroute`. **mercator** asks every router
   address once; **ally** compares the counters of the pairs that are near each other and still
   open; **radargun** repeats that in rounds for what ally found or could not tell, and for all open
   addresses that are near each other in number.
3. `judge` turns a stage's records into the table `aliases`: evidence and counter-evidence.
4. `resolve` joins the evidence into alias sets. A merge that a test speaks against is not made, and
   stands in `alias_conflicts.parquet`.

IPv6: mercator only. IP identifiers are IPv4's, and Debian's scamper (20211212) has neither MIDAR's
stages nor the fragment identifiers of speedtrap. With *plan_only* nothing is sent: the log of
mercator's `plan` holds the plan; the later stages depend on its answers.

**After a failure** clear the red square: what was finished is found, not probed again.

Resolved cycles start `build_topology`.
"""

from pathlib import Path
from typing import Any

from airflow.sdk import TaskGroup, TriggerRule, dag, task, task_group
from airflow.sdk.exceptions import AirflowSkipException

from hitscanner.domain.alias_params import alias_param_schema
from hitscanner.domain.alias_tasks import METHODS, AliasMethod
from hitscanner_airflow.assets import alias_evidence, topology_tables
from hitscanner_airflow.bridge import announce, asked, cycles_asked, verdicts
from hitscanner_airflow.params import form
from hitscanner_airflow.policy import (
    CYCLE_NAME,
    CYCLE_TIMEOUT,
    DEFAULT_ARGS,
    LANE_TIMEOUT,
    VANTAGE_POINT,
)

Names = dict[str, str]


@task
@verdicts
def find_cycles() -> list[Names]:
    """Name the cycles asked for, or those of the triggering events that want it."""
    from hitscanner.routers import routers

    return routers().wanted(asked().params, cycles_asked())


@task_group
def one_vantage_point(shard: Names) -> None:
    """Stage and probe, then fetch and verify: a failure stays in this lane."""

    @task(map_index_template=VANTAGE_POINT, multiple_outputs=False)
    @verdicts
    def start(shard: Names) -> Names:
        """Give the vantage point its tests and start the prober, or find it running."""
        from hitscanner.wiring import pipeline

        return pipeline().start(shard)

    @task(
        map_index_template=VANTAGE_POINT,
        multiple_outputs=False,
        execution_timeout=LANE_TIMEOUT,
    )
    @verdicts
    def fetch(shard: Names) -> dict[str, Any]:
        """Wait for the prober, take its files home and verify them."""
        from hitscanner.wiring import pipeline

        return pipeline().fetch(shard)

    # By name, because the template of the map index looks there.
    started = start(shard=shard)
    fetch(shard=started)  # type: ignore[arg-type] # stands for the dict until it runs


# A stage that has nothing to ask is skipped, and the next one runs all the same.
@task(trigger_rule=TriggerRule.NONE_FAILED)
@verdicts
def plan(cycles: list[Names], method: AliasMethod) -> list[Names]:
    """Choose a method's tests and freeze them: one small dict per shard."""
    from hitscanner.routers import routers

    run = asked()
    return routers().plan(list(cycles), method, run.params, run.logical_time, run.run_id)


@task(trigger_rule=TriggerRule.ALL_DONE_MIN_ONE_SUCCESS, multiple_outputs=False)
@verdicts
def gate(shards: list[Names]) -> dict[str, Any]:
    """Count every test and write the stage's manifest; fail below the quorum."""
    from hitscanner.wiring import pipeline

    first = shards[0]
    return pipeline().close_cycle({"list": first["list"], "cycle": first["cycle"]})


@task(multiple_outputs=False)
@verdicts
def judge(stage: Names) -> Names:
    """Turn the stage's records into evidence and counter-evidence."""
    from hitscanner.routers import routers

    return routers().judge(stage)


@task(
    trigger_rule=TriggerRule.NONE_FAILED,
    map_index_template=CYCLE_NAME,
    multiple_outputs=False,
    outlets=[alias_evidence],
)
@verdicts
def resolve(cycle: Names, cycles: list[Names]) -> dict[str, Any]:
    """Join the evidence about one cycle's addresses into alias sets."""
    from hitscanner.routers import routers

    run = asked()
    if run.params["plan_only"]:
        raise AirflowSkipException("only a plan was asked for")
    found = routers().resolve(cycle, list(cycles), run.params, run.logical_time, run.run_id)
    announce(alias_evidence, found)
    return found


@dag(
    dag_id=Path(__file__).stem,
    doc_md=__doc__,
    schedule=[topology_tables],
    catchup=False,
    max_active_runs=1,  # two runs would share out the vantage points' rates
    dagrun_timeout=CYCLE_TIMEOUT,
    default_args=DEFAULT_ARGS,
    tags=["measurement"],
    params=form(alias_param_schema()),
)
def alias_resolution() -> None:
    cycles = find_cycles()
    resolved = resolve.partial(cycles=cycles).expand(cycle=cycles)
    before: Any = cycles
    for method in METHODS:
        with TaskGroup(method):
            shards = plan(cycles, method)  # type: ignore[arg-type] # stands for the list
            closed = gate(shards)  # type: ignore[arg-type] # stands for the list
            one_vantage_point.expand(shard=shards) >> closed
            judged = judge(closed)  # type: ignore[arg-type] # stands for the dict
        before >> shards
        before = judged
    before >> resolved


alias_resolution()
