"""What DAGs that work on finished cycles have in common: their settings and their first task."""

from typing import Any

from airflow.sdk import task

from hitscanner_airflow.bridge import cycles_asked, verdicts
from hitscanner_airflow.policy import DEFAULT_ARGS, RUN_TIMEOUT

ON_CYCLES: dict[str, Any] = {
    "catchup": False,
    "max_active_runs": 1,  # two runs would do the same cycle's work twice at once
    "dagrun_timeout": RUN_TIMEOUT,
    "default_args": DEFAULT_ARGS,
    "tags": ["data"],
}
"""Arguments of `@dag`."""


@task
@verdicts
def find_cycles() -> list[dict[str, str]]:
    """Name the cycles of all triggering events, or those asked for."""
    return cycles_asked()
