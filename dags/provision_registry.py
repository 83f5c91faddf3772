"""
### provision_registry: Harbor, the registry of our images, on a host of its own

Works on the host that the inventory's `registry_host` names, outside the cluster: the cluster could
not start without its images, and the ingress has its own address.

    airflow dags trigger provision_registry --conf '{"dry_run": false}'

1. `plan` looks at the host and logs what would change. With *dry_run*, the default, that is all.
2. `apply` unpacks Harbor's offline installer from the bundle, writes `harbor.yml` (passwords made
   once, on the host) and the hook for renewed certificates, installs, finds it healthy over its
   API, and makes the private project, an account that pulls and one that pushes, retention and
   garbage collection. A second run changes nothing.

Docker, Compose and a certificate (certbot) are the host owner's. Any other registry works in its
place: name it as `registry` in the inventory and leave this DAG alone.

**After a failure** the cause is in the log of `apply`; what was finished is not done again.
"""

from pathlib import Path

from airflow.sdk import dag, task

from hitscanner.domain.platform_params import parse_registry_params, registry_param_schema
from hitscanner_airflow.bridge import asked, verdicts
from hitscanner_airflow.params import form
from hitscanner_airflow.policy import FLEET_TIMEOUT, PLATFORM_ARGS
from hitscanner_airflow.rows import unless_dry


@dag(
    dag_id=Path(__file__).stem,
    doc_md=__doc__,
    schedule=None,
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=FLEET_TIMEOUT,
    default_args=PLATFORM_ARGS,
    tags=["platform"],
    params=form(registry_param_schema()),
)
def provision_registry() -> None:
    @task(multiple_outputs=False)
    @verdicts
    def plan() -> list[str]:
        """Log what would change on the registry's host."""
        from hitscanner.wiring_platform import registry_office

        asked()
        changes = registry_office().plan()
        print("\n".join(changes or ["nothing to do"]))
        return changes

    @task(multiple_outputs=False)
    @verdicts
    def apply() -> list[str]:
        """Install, configure and check Harbor."""
        from hitscanner.wiring_platform import registry_office

        unless_dry(parse_registry_params(asked().params).dry_run)
        done = registry_office().apply()
        print("\n".join(done or ["nothing to do"]))
        return done

    plan() >> apply()


provision_registry()
