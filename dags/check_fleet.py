"""
### check_fleet: find what is wrong with the hosts before a measurement does

Looks at every host over SSH and at the cluster through its API, daily and by hand, and changes
nothing.

    airflow dags trigger check_fleet --conf '{"hosts": ["europe"]}'

*hosts* are names or tags of the inventory, "server", or "all", which is the server too.

1. `check` is red for a host with findings: not reachable, wrong host key, not joined, not Ready,
   cordoned, another version, drifted configuration or labels, clock, disk, certificates that end
   within 30 days, an API server that cannot reach the kubelet, no raw sockets, port 6443 closed.
2. `check_cluster` is red for nodes that the inventory does not know, and for join tokens left over.
3. `summarise` logs one line a host.

**After a failure** docs/runbook.md has the remedy of each cause; most are mended by join_agent or
label_nodes for that host.
"""

from pathlib import Path
from typing import Any

from airflow.sdk import TriggerRule, dag, task

from hitscanner.domain.fleet_params import HostsParams, fleet_param_schema
from hitscanner_airflow.bridge import verdicts
from hitscanner_airflow.params import form
from hitscanner_airflow.policy import ON_HOSTS
from hitscanner_airflow.rows import CLUSTER, HOST, PARALLEL, collect, conclude, leave, params_of


@dag(
    dag_id=Path(__file__).stem,
    doc_md=__doc__,
    schedule="0 6 * * *",  # after the night's cycle, before people come to work in Europe
    params=form(fleet_param_schema(HostsParams)),
    **ON_HOSTS,
)
def check_fleet() -> None:
    @task
    @verdicts
    def choose_hosts() -> list[str]:
        """Name the hosts asked for; none where the inventory has no server, hence no cluster."""
        from hitscanner.wiring import fleet

        return fleet().checkable(params_of(HostsParams).hosts)

    @task(map_index_template=HOST, multiple_outputs=False, max_active_tis_per_dagrun=PARALLEL)
    @verdicts
    def check(host: str) -> dict[str, Any]:
        """Look at one host; red if something is found."""
        from hitscanner.wiring import fleet

        return leave(fleet().check([host])[0])

    @task(multiple_outputs=False)
    @verdicts
    def check_cluster() -> dict[str, Any]:
        """Look at what belongs to no host."""
        from hitscanner.wiring import fleet

        return leave(fleet().check_cluster())

    @task(trigger_rule=TriggerRule.ALL_DONE_MIN_ONE_SUCCESS, multiple_outputs=False)
    @verdicts
    def summarise(hosts: list[str]) -> list[dict[str, Any]]:
        """Log one line a host; red if one of them is."""
        return conclude(collect([*hosts, CLUSTER], ["check", "check_cluster"]))

    hosts = choose_hosts()
    end = summarise(hosts)  # type: ignore[arg-type] # stands for the list until it runs
    hosts >> check_cluster() >> end
    check.expand(host=hosts) >> end


check_fleet()
