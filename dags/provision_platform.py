"""
### provision_platform: install and upgrade what the cluster runs, by Helm

The releases of `helm/releases.toml` that the inventory's `[platform]` asks for, in order of need:
load balancer, ingress, certificates, storage, our own chart, database, Airflow itself.

    airflow dags trigger provision_platform --conf '{"dry_run": false}'

1. `plan` renders each release, compares it with what is live, and logs every object that would be
   made, changed or deleted. With *dry_run*, the default, that is all.
2. `apply` makes missing Secrets, installs what differs, and waits until it is ready. A second run
   changes nothing. The first release that fails ends it; the ones after it wait.

Airflow's own release is among them: its upgrade replaces the scheduler that runs this DAG. The
task is then found lost and tried again, and its second try finds the work done.

**After a failure** the row names the cause, what a workload lacks and what its pods say. The same
is done without Airflow by `hitscanner platform apply`, which is also the way to install it at all.
"""

from pathlib import Path
from typing import Any

from airflow.sdk import dag, task

from hitscanner.domain.platform_params import parse_platform_params, platform_param_schema
from hitscanner_airflow.bridge import asked, verdicts
from hitscanner_airflow.params import form
from hitscanner_airflow.policy import FLEET_TIMEOUT, PLATFORM_ARGS
from hitscanner_airflow.rows import unless_dry


@dag(
    dag_id=Path(__file__).stem,
    doc_md=__doc__,
    schedule=None,
    catchup=False,
    max_active_runs=1,  # Helm refuses a release that another run is at
    dagrun_timeout=FLEET_TIMEOUT,
    default_args=PLATFORM_ARGS,
    tags=["platform"],
    params=form(platform_param_schema()),
)
def provision_platform() -> None:
    @task(multiple_outputs=False)
    @verdicts
    def plan() -> list[dict[str, Any]]:
        """Log what would change, object by object."""
        from hitscanner.wiring_platform import installer

        wanted = parse_platform_params(asked().params)
        plans = installer().plan(wanted.releases)
        for planned in plans:
            print("\n".join(planned.describe()))
        return [{"release": p.release.name, "state": p.state} for p in plans]

    @task(multiple_outputs=False)
    @verdicts
    def apply() -> list[dict[str, Any]]:
        """Install what differs, in order of need; red if a release failed."""
        from hitscanner.platform.installer import raise_failed
        from hitscanner.wiring_platform import installer

        wanted = parse_platform_params(asked().params)
        unless_dry(wanted.dry_run)
        rows = installer().apply(wanted.releases)
        raise_failed(rows)
        return [{"release": row["release"], "state": row["state"]} for row in rows]

    plan() >> apply()


provision_platform()
