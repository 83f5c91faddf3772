"""
What every task of every DAG gets unless it says otherwise.

The retry delay is Airflow's own `[core] default_task_retry_delay` (300 s), so that a rehearsal can
shorten it without touching a DAG.  It is read here because a mapped task forgets it: serialised
without one, it waits the 300 s that Airflow's code has (3.3.2).
"""

from datetime import timedelta
from typing import Any

from airflow.sdk.configuration import conf

from hitscanner.domain.params import LONGEST_DEADLINE_S

TASK_TIMEOUT = timedelta(hours=1)
"""A task that neither probes nor waits for a prober is stuck after this."""

LANE_TIMEOUT = timedelta(seconds=LONGEST_DEADLINE_S, hours=1)
"""Longest wait for one vantage point's prober; the run's own deadline ends it before."""

CYCLE_TIMEOUT = LANE_TIMEOUT + timedelta(hours=8)
"""A traceroute run that lasts longer is stuck."""

RUN_TIMEOUT = timedelta(hours=20)
"""A run that works on finished cycles and lasts longer would meet its successor."""

DEFAULT_ARGS: dict[str, Any] = {
    "owner": "hitscanner",
    "retry_delay": timedelta(seconds=conf.getint("core", "default_task_retry_delay")),
    "retries": 2,  # a task finds its finished work, so a retry cures what Airflow itself breaks
    "execution_timeout": TASK_TIMEOUT,
}

CANARY_ARGS: dict[str, Any] = {
    **DEFAULT_ARGS,
    "retries": 0,  # what fails is the finding; it is asked again in an hour
    "execution_timeout": timedelta(minutes=30),
}
"""What the tasks of the canary get."""

CANARY_TIMEOUT = timedelta(minutes=55)
"""Before the next one begins."""

FLEET_TIMEOUT = timedelta(hours=4)
"""A run over all hosts of the fleet that lasts longer is stuck."""

ROTATION_TIMEOUT = timedelta(hours=3)
"""One host's certificates, with the two hours that may be waited for its prober."""

FLEET_ARGS: dict[str, Any] = {
    **DEFAULT_ARGS,
    "retries": 1,  # a cut connection passes; what else fails on a host needs a person
    "execution_timeout": timedelta(minutes=30),  # above the engine's own deadline per host
}
"""What the tasks of the fleet's DAGs get."""

ON_HOSTS: dict[str, Any] = {
    "catchup": False,
    "max_active_runs": 1,  # two runs would change the same hosts at once
    "dagrun_timeout": FLEET_TIMEOUT,
    "default_args": FLEET_ARGS,
    "tags": ["fleet"],
}
"""Arguments of `@dag` that all DAGs of the fleet share."""

PLATFORM_ARGS: dict[str, Any] = {
    **DEFAULT_ARGS,
    "execution_timeout": timedelta(hours=2),  # images are pulled, one release after another
}
"""What the tasks of the platform's DAGs get; an upgrade of Airflow itself costs a try."""

VANTAGE_POINT = "{{ task.op_kwargs['shard']['vp'] }}"
"""What a mapped task over shards is called in the grid."""

CYCLE_NAME = "{{ task.op_kwargs['cycle']['list'] }}/{{ task.op_kwargs['cycle']['cycle'] }}"
"""What a mapped task over cycles is called in the grid."""
