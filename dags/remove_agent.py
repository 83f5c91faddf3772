"""
### remove_agent: take hosts out of the cluster

Drains the host's node, deletes it together with its node password, and uninstalls what join_agent
put on the host; what was measured there and not fetched yet stays in its spool.
With *dry_run*, the default, it shows what would be done and does nothing.

    airflow dags trigger remove_agent --conf '{"hosts": ["us-0001"], "dry_run": false}'

*hosts* are names or tags; "all" must be written out. The server is never removed by this.
*drain_s* is how long pods may take to leave; if some are still there then, the host keeps its node,
cordoned, and its line names them.

1. `preflight` says what would be done.
2. `remove` does it.
3. `summarise` logs one line a host.

The host may join again under the same name: its node password is renewed then.

**After a failure** mend what the host's line says and trigger it again: it goes on where it was.
"""

from pathlib import Path
from typing import Any

from airflow.sdk import TriggerRule, dag, task, task_group

from hitscanner.domain.fleet_params import RemoveParams, fleet_param_schema
from hitscanner_airflow.bridge import verdicts
from hitscanner_airflow.params import form
from hitscanner_airflow.policy import ON_HOSTS
from hitscanner_airflow.rows import HOST, PARALLEL, collect, conclude, leave, params_of, unless_dry

STEPS = ("one_host.preflight", "one_host.remove")


@dag(
    dag_id=Path(__file__).stem,
    doc_md=__doc__,
    schedule=None,
    params=form(fleet_param_schema(RemoveParams)),
    **ON_HOSTS,
)
def remove_agent() -> None:
    @task
    @verdicts
    def choose_hosts() -> list[str]:
        """Name the hosts asked for; a wrong name or key ends the run here."""
        from hitscanner.wiring import fleet

        return fleet().removable(params_of(RemoveParams).hosts)

    @task_group
    def one_host(host: str) -> None:
        """Say, then do: a failure stays in this lane."""

        @task(map_index_template=HOST, multiple_outputs=False, max_active_tis_per_dagrun=PARALLEL)
        @verdicts
        def preflight(host: str) -> dict[str, Any]:
            """Log what would be done."""
            from hitscanner.wiring import fleet

            return leave(fleet().remove(host))

        @task(map_index_template=HOST, multiple_outputs=False, max_active_tis_per_dagrun=PARALLEL)
        @verdicts
        def remove(host: str) -> dict[str, Any]:
            """Drain, delete the node with its password, uninstall."""
            from hitscanner.wiring import fleet

            params = params_of(RemoveParams)
            unless_dry(params.dry_run)
            return leave(fleet().remove(host, drain_s=params.drain_s, dry_run=False))

        preflight(host=host) >> remove(host=host)

    # A dry run skips what would change something; its summary is not to be skipped with it.
    @task(trigger_rule=TriggerRule.ALL_DONE, multiple_outputs=False)
    @verdicts
    def summarise(hosts: list[str] | None) -> list[dict[str, Any]]:
        """Log one line a host; red if one of them is."""
        return conclude(collect(hosts, STEPS))

    hosts = choose_hosts()
    end = summarise(hosts)  # type: ignore[arg-type] # stands for the list until it runs
    one_host.expand(host=hosts) >> end


remove_agent()
