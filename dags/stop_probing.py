"""
### stop_probing: silence every vantage point, or release them

The button for the moment when somebody complains. Trigger it as it is and nothing is sent from
anywhere within ten seconds; no run starts to probe again before it is triggered with *release*.

    airflow dags trigger stop_probing --conf '{"why": "complaint of 2026-11-23"}'
    airflow dags trigger stop_probing --conf '{"release": true}'

It does what `hitscanner stop` and `hitscanner release` do, and leaves the same audit record
(`hitscanner audit`).

**After a failure** the log of `tell` names the vantage points that could not be reached. Their
probers end with their deadline; trigger it again when the host answers.
"""

from pathlib import Path
from typing import Any

from airflow.sdk import dag, task

from hitscanner.domain.params import ParamSpec
from hitscanner_airflow.bridge import asked, verdicts
from hitscanner_airflow.params import form
from hitscanner_airflow.policy import DEFAULT_ARGS, RUN_TIMEOUT

RELEASE = ParamSpec(
    name="release",
    default=False,
    schema={
        "type": "boolean",
        "title": "Release",
        "description": "Let measurements start again, instead of stopping them.",
    },
)
WHY = ParamSpec(
    name="why",
    default="by hand",
    schema={
        "type": "string",
        "minLength": 1,
        "title": "Reason",
        "description": "Kept in the audit record.",
    },
)


@dag(
    dag_id=Path(__file__).stem,
    doc_md=__doc__,
    schedule=None,
    catchup=False,
    max_active_runs=4,
    dagrun_timeout=RUN_TIMEOUT,
    default_args=DEFAULT_ARGS,
    tags=["measurement"],
    params=form([RELEASE, WHY]),
)
def stop_probing() -> None:
    @task(multiple_outputs=False, priority_weight=1000)
    @verdicts
    def tell() -> list[dict[str, Any]]:
        """Set or remove the flag, tell every vantage point, and fail if one did not hear."""
        from hitscanner.pipeline.control import require_heard
        from hitscanner.wiring import pipeline

        run = asked()
        control = pipeline().control()
        order = control.release if run.params["release"] else control.stop
        return require_heard(order(f"Airflow, {run.run_id}", run.params["why"]))

    tell()


stop_probing()
