"""
Where rows of hosts meet Airflow: each task leaves its row, the summary collects them all.

A row says what happened to one host and holds no secret.  It is left before the task fails, so
that the summary has the cause of every failure; Airflow keeps the XCom of a failed task.
"""

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from airflow.sdk import get_current_context
from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException

from hitscanner.domain.fleet_params import HostsParams, parse_fleet_params
from hitscanner.fleet.rows import CLUSTER, Row, sentence, summary
from hitscanner_airflow.bridge import ConsequenceError, asked

__all__ = ["CLUSTER", "HOST", "PARALLEL", "collect", "conclude", "leave", "params_of", "unless_dry"]

ROW = "row"
"""The key under which a task leaves its host's row."""

ROWS = "rows"
"""The key under which a summary leaves all rows."""

MAY_PASS = frozenset(
    {"api-unreachable", "connection-lost", "locked", "rebooted", "timed-out", "unreachable"}
)
"""Causes that another try may cure; every other one needs a person first."""

HOST = "{{ task.op_kwargs['host'] }}"
"""What a mapped task over hosts is called in the grid."""

Params = TypeVar("Params", bound=HostsParams)

PARALLEL = 8
"""Hosts worked on at once; k3s advises joins in batches of 50 at most."""


def params_of(model: type[Params]) -> Params:
    """Read and check what this run was asked for."""
    return parse_fleet_params(model, asked().params)


def unless_dry(dry_run: bool) -> None:
    """Skip a task that would change something, in a dry run."""
    if dry_run:
        raise AirflowSkipException("dry_run is true: nothing is changed")


def leave(row: Row) -> dict[str, Any]:
    """
    Show a host's row in the log, leave it for the summary, and fail the task if it is bad.

    Raises:
        AirflowFailException: where trying again cannot help.
        AirflowException: where it may.
    """
    for line in (*row.plan, *(f"warning: {words}" for words in row.warnings), sentence(row)):
        print(line)
    get_current_context()["ti"].xcom_push(key=ROW, value=row.to_json())
    if row.is_good:
        return row.to_json()
    kind = AirflowException if row.cause in MAY_PASS else AirflowFailException
    raise kind(sentence(row))


def collect(hosts: Sequence[str] | None, task_ids: Sequence[str]) -> list[Row]:
    """
    Join what the tasks of each host left, in the order of *task_ids*; nobody is left out.

    Raises:
        ConsequenceError: when the task that names the hosts failed.
    """
    if hosts is None:
        raise ConsequenceError("no hosts were chosen; the log of choose_hosts says why")
    ti = get_current_context()["ti"]
    left = ti.xcom_pull(task_ids=list(task_ids), key=ROW) or []
    return join(hosts, [Row.from_json(row) for row in left if row])


def join(hosts: Sequence[str], left: Iterable[Row]) -> list[Row]:
    """
    Make one row a host of all that was left; a host without any was killed or never begun.

    >>> [row.state for row in join(["a", "b"], [Row("a", "unchanged"), Row("a", "changed")])]
    ['changed', 'failed']
    """
    rows: dict[str, Row] = {}
    for row in left:
        before = rows.get(row.host)
        is_first = before is None or before.state == "planned"  # a plan gives way to what was done
        rows[row.host] = row if is_first or before is None else before.then(row)
    lost = "its task ended without a word"
    return [
        rows.get(host) or Row(host, "failed", "no-result", "read its task's log", lost)
        for host in hosts
    ]


def conclude(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """
    Show the table of all hosts, and fail if one of them is bad.

    Raises:
        AirflowFailException: naming the bad hosts.
    """
    lines = summary(rows)
    for line in lines:
        print(line)
    result = [row.to_json() for row in rows]
    get_current_context()["ti"].xcom_push(key=ROWS, value=result)  # a red summary has one too
    bad = [row for row in rows if not row.is_good]
    if bad:
        raise AirflowFailException("; ".join([lines[-1], *map(sentence, bad[:5])]))
    return result
