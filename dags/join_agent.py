"""
### join_agent: bring hosts into the cluster

Makes hosts of the inventory agents of the k3s server, over SSH with pinned host keys.
With *dry_run*, the default, it shows what would change and changes nothing.

    airflow dags trigger join_agent --conf '{"hosts": ["us-0001"]}'
    airflow dags trigger join_agent --conf '{"hosts": ["us-0001", "jp-0001"], "dry_run": false}'

*hosts* are names or tags of the inventory, or "all". Each host has a lane of its own; a host that
fails leaves the others unharmed.

1. `preflight` looks at the host (system, clock, disk, ports, name) and logs the exact changes.
2. `join` makes them. A token that lives 15 minutes is minted on the server for this host alone,
   goes to it as a file only root can read, and is revoked as soon as the node is Ready.
3. `prove` sets the labels of the inventory, pulls *images*, and runs a pod there.
4. `summarise` logs one line a host, with the cause of each failure and its remedy.

A second run changes nothing. The server itself is `./bootstrap.sh cluster`'s.

**After a failure** mend what the host's line says (docs/runbook.md knows every cause) and trigger
it again for that host.
"""

from pathlib import Path
from typing import Any

from airflow.sdk import TriggerRule, dag, task, task_group

from hitscanner.domain.fleet_params import JoinParams, fleet_param_schema
from hitscanner_airflow.bridge import verdicts
from hitscanner_airflow.params import form
from hitscanner_airflow.policy import ON_HOSTS
from hitscanner_airflow.rows import HOST, PARALLEL, collect, conclude, leave, params_of, unless_dry

STEPS = ("one_host.preflight", "one_host.join", "one_host.prove")


@dag(
    dag_id=Path(__file__).stem,
    doc_md=__doc__,
    schedule=None,
    params=form(fleet_param_schema(JoinParams)),
    **ON_HOSTS,
)
def join_agent() -> None:
    @task
    @verdicts
    def choose_hosts() -> list[str]:
        """Name the hosts asked for; a wrong name or key ends the run here."""
        from hitscanner.wiring import fleet

        return fleet().names(params_of(JoinParams).hosts)

    @task_group
    def one_host(host: str) -> None:
        """Look, join, prove: a failure stays in this lane."""

        @task(map_index_template=HOST, multiple_outputs=False, max_active_tis_per_dagrun=PARALLEL)
        @verdicts
        def preflight(host: str) -> dict[str, Any]:
            """Look at the host and log what would change."""
            from hitscanner.wiring import fleet

            return leave(fleet().plan([host])[0])

        @task(map_index_template=HOST, multiple_outputs=False, max_active_tis_per_dagrun=PARALLEL)
        @verdicts
        def join(host: str) -> dict[str, Any]:
            """Make the changes, with a token of its own; Ready at the end."""
            from hitscanner.wiring import fleet

            unless_dry(params_of(JoinParams).dry_run)
            return leave(fleet().join(host))

        @task(map_index_template=HOST, multiple_outputs=False, max_active_tis_per_dagrun=PARALLEL)
        @verdicts
        def prove(host: str) -> dict[str, Any]:
            """Label the node, pull images, run a pod."""
            from hitscanner.wiring import fleet

            params = params_of(JoinParams)
            unless_dry(params.dry_run)
            return leave(fleet().prove(host, params.images))

        preflight(host=host) >> join(host=host) >> prove(host=host)

    # A dry run skips what would change something; its summary is not to be skipped with it.
    @task(trigger_rule=TriggerRule.ALL_DONE, multiple_outputs=False)
    @verdicts
    def summarise(hosts: list[str] | None) -> list[dict[str, Any]]:
        """Log one line a host; red if one of them is."""
        return conclude(collect(hosts, STEPS))

    hosts = choose_hosts()
    end = summarise(hosts)  # type: ignore[arg-type] # stands for the list until it runs
    one_host.expand(host=hosts) >> end


join_agent()
