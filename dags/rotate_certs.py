"""
### rotate_certs: renew the cluster's certificates before they end

Certificates of k3s live a year, and k3s renews them only when it starts with less than 120 days
left. This restarts k3s where that is so, the server first, then one agent as the canary, then the
others; hosts whose certificates are far from their end are left alone.
With *dry_run*, the default, it shows what would be renewed and changes nothing.

    airflow dags trigger rotate_certs --conf '{"dry_run": false}'

*hosts* are names or tags of the inventory, "server", or "all", which is the server too.
*new_keys* makes new keys of everything, near its end or not. A host that is measuring is refused;
with *busy* "wait" it is waited for, up to *wait_s* seconds, with "force" not. Pods and probers go
on while k3s restarts. *approve* asks a person in Airflow's UI (Required Actions) before anything is
changed; whoever triggers this from a command line that waits should leave it off.

1. `preflight` reads each host's certificates, in its files and over TLS, and logs what would be
   done.
2. `choose_server`, `choose_canary` and `choose_rest` say who comes first.
3. `rotate_server` keeps a copy of CA, keys and token on the server, restarts k3s there, waits until
   its API answers, and fetches the kubeconfig that everything of ours uses.
4. `rotate_canary` does one agent, `rotate_rest` the others. Each restart runs on its host by
   itself: a cut connection or an end of Airflow does not leave it half done, and a retry finds it
   again. It has succeeded when the ports show new certificates over TLS.
5. `summarise` logs one line a host.

If the server or the canary fails, the others are not begun.

**After a failure** mend what the host's line says (docs/runbook.md knows every cause) and trigger
it again: hosts that are done are left alone.
"""

from pathlib import Path
from typing import Any

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import TriggerRule, chain, dag, task
from airflow.sdk.exceptions import AirflowSkipException

from hitscanner.domain.fleet_params import RotateParams, fleet_param_schema
from hitscanner_airflow.bridge import verdicts
from hitscanner_airflow.params import form
from hitscanner_airflow.policy import ON_HOSTS, ROTATION_TIMEOUT
from hitscanner_airflow.rows import HOST, PARALLEL, collect, conclude, leave, params_of

STEPS = ("preflight", "rotate_server", "rotate_canary", "rotate_rest")


@dag(
    dag_id=Path(__file__).stem,
    doc_md=__doc__,
    schedule=None,
    params=form(fleet_param_schema(RotateParams)),
    **ON_HOSTS,
)
def rotate_certs() -> None:
    @task
    @verdicts
    def choose_hosts() -> list[str]:
        """Name the hosts asked for; a wrong name or key ends the run here."""
        from hitscanner.wiring import rotation

        return rotation().names(params_of(RotateParams).hosts)

    @task(map_index_template=HOST, multiple_outputs=False, max_active_tis_per_dagrun=PARALLEL)
    @verdicts
    def preflight(host: str) -> dict[str, Any]:
        """Read the host's certificates and log what would be done."""
        from hitscanner.wiring import rotation

        return leave(rotation(params_of(RotateParams).wish()).plan([host])[0])

    # Hosts in trouble are out of it already; the others go on.
    @task(trigger_rule=TriggerRule.ALL_DONE, multiple_outputs=False)
    @verdicts
    def choose(hosts: list[str] | None, step: str) -> list[str]:
        """Say who belongs to this step: the server, the canary, or the rest; none when dry."""
        from hitscanner.wiring import rotation

        rows = collect(hosts, ["preflight"])
        is_dry = params_of(RotateParams).dry_run
        return [] if is_dry else list(rotation().order(rows).to_json()[step])

    @task
    @verdicts
    def is_approval_wanted() -> None:
        """Go on to the approval, or around it."""
        params = params_of(RotateParams)
        if params.dry_run or not params.approve:
            raise AirflowSkipException("nobody has to approve this run")

    # A step with nobody in it is skipped, and the next one goes on.
    @task(
        map_index_template=HOST,
        multiple_outputs=False,
        max_active_tis_per_dagrun=PARALLEL,
        trigger_rule=TriggerRule.NONE_FAILED,
        execution_timeout=ROTATION_TIMEOUT,
    )
    @verdicts
    def rotate(host: str) -> dict[str, Any]:
        """Renew the host's certificates and see the new ones over TLS."""
        from hitscanner.wiring import rotation

        return leave(rotation(params_of(RotateParams).wish()).rotate([host])[0])

    @task(trigger_rule=TriggerRule.ALL_DONE, multiple_outputs=False)
    @verdicts
    def summarise(hosts: list[str] | None) -> list[dict[str, Any]]:
        """Log one line a host; red if one of them is, or was to be renewed and was not."""
        from hitscanner.wiring import rotation

        is_dry = params_of(RotateParams).dry_run
        return conclude([rotation().ended(row, dry_run=is_dry) for row in collect(hosts, STEPS)])

    hosts = choose_hosts()
    looked = preflight.expand(host=hosts)
    approval = ApprovalOperator(
        task_id="approve",
        subject="Renew the certificates as the log of preflight says?",
        doc_md="Ask a person; what is rejected or never answered is not begun.",
        execution_timeout=ROTATION_TIMEOUT,
        response_timeout=ROTATION_TIMEOUT,
    )
    wanted = is_approval_wanted()
    done = []
    for step in ("server", "canary", "rest"):
        chosen = choose.override(task_id=f"choose_{step}")(hosts, step)  # type: ignore[arg-type] # stands for a list
        looked >> chosen >> wanted
        done.append(rotate.override(task_id=f"rotate_{step}").expand(host=chosen))
    wanted >> approval >> done >> summarise(hosts)  # type: ignore[arg-type] # likewise
    chain(*done)


rotate_certs()
