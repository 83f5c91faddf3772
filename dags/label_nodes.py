"""
### label_nodes: make the labels of kube nodes what the inventory says

The inventory is the truth for `hitscanner/…` and `myrole`: role, name, country, AS, tags, and the
labels it lists. A label that drifted is shown and mended, one that the inventory does not know is
taken off, and labels of others are left alone. `myrole=master` stays on the server, for platform
pods that are placed by it.
With *dry_run*, the default, the drift is shown and nothing is changed.

    airflow dags trigger label_nodes --conf '{"hosts": ["all"], "dry_run": false}'

*hosts* are names or tags of the inventory, "server", or "all", which is the server too.

1. `label` shows and mends the labels of one host's node.
2. `summarise` logs one line a host.

**After a failure** the host's line names the cause: mostly it has not joined, or the API server is
silent. Trigger it again.
"""

from pathlib import Path
from typing import Any

from airflow.sdk import TriggerRule, dag, task

from hitscanner.domain.fleet_params import ChangeParams, fleet_param_schema
from hitscanner_airflow.bridge import verdicts
from hitscanner_airflow.params import form
from hitscanner_airflow.policy import ON_HOSTS
from hitscanner_airflow.rows import HOST, PARALLEL, collect, conclude, leave, params_of


@dag(
    dag_id=Path(__file__).stem,
    doc_md=__doc__,
    schedule=None,
    params=form(fleet_param_schema(ChangeParams)),
    **ON_HOSTS,
)
def label_nodes() -> None:
    @task
    @verdicts
    def choose_hosts() -> list[str]:
        """Name the hosts asked for; a wrong name or key ends the run here."""
        from hitscanner.wiring import fleet

        return fleet().names(params_of(ChangeParams).hosts, with_server=True)

    @task(map_index_template=HOST, multiple_outputs=False, max_active_tis_per_dagrun=PARALLEL)
    @verdicts
    def label(host: str) -> dict[str, Any]:
        """Show the drift of one node's labels, and mend it unless dry_run."""
        from hitscanner.wiring import fleet

        return leave(fleet().label([host], dry_run=params_of(ChangeParams).dry_run)[0])

    @task(trigger_rule=TriggerRule.ALL_DONE_MIN_ONE_SUCCESS, multiple_outputs=False)
    @verdicts
    def summarise(hosts: list[str]) -> list[dict[str, Any]]:
        """Log one line a host; red if one of them is."""
        return conclude(collect(hosts, ["label"]))

    hosts = choose_hosts()
    end = summarise(hosts)  # type: ignore[arg-type] # stands for the list until it runs
    label.expand(host=hosts) >> end


label_nodes()
