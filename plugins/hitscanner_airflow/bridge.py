"""
Where Airflow's run meets our plain functions: what was asked goes in, verdicts come out.

Airflow merges unknown keys of `--conf` into the parameters without a word, so they are refused
here.  An error that no retry can help ends the task at once (`AirflowFailException`).
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from airflow.sdk import Asset, get_current_context
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from hitscanner.errors import MeasurementFailedError, UnknownKeyError, UsageError

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True)
class Asked:
    """What the form, the command line or the schedule asked of this run."""

    params: dict[str, Any]
    logical_time: datetime
    """Aware; names the cycle.  A run without logical date (by REST) has its `run_after` here."""

    run_id: str


class ConsequenceError(AirflowFailException):
    """Another task's failure decided; this one only cannot go on."""


def verdicts(function: Callable[P, R]) -> Callable[P, R]:
    """Fail a task for good where trying again cannot help: bad input, or a measured failure."""

    @wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except (UsageError, MeasurementFailedError) as error:
            raise AirflowFailException(str(error)) from error

    return run


def asked() -> Asked:
    """
    Read what this run was asked for, inside a task.

    Raises:
        UnknownKeyError: if `--conf` holds a key that is no parameter of the DAG.
    """
    context = get_current_context()
    run = context["dag_run"]
    refuse_unknown(run.conf or {}, context["dag"].params)
    return Asked(
        params=dict(context["params"]),
        logical_time=run.logical_date or run.run_after,
        run_id=run.run_id,
    )


def planned(shards: list[dict[str, str]] | None) -> list[dict[str, str]]:
    """
    Give the shards that `plan` gave, to a task that runs whatever became of the others.

    Raises:
        ConsequenceError: when `plan` failed.
        AirflowSkipException: when it planned nothing to be sent.
    """
    if shards is None:
        raise ConsequenceError("nothing was planned; the log of plan says why")
    if not shards:
        raise AirflowSkipException("nothing was to be sent")
    return shards


def is_scheduled() -> bool:
    """Say whether the clock started this run, not an asset and not a person."""
    return str(get_current_context()["dag_run"].run_type) == "scheduled"


def cycles_asked() -> list[dict[str, str]]:
    """
    Name the cycles this run is for: those of the parameter, else of every triggering event.

    Events gather while a run is busy, so one run may be for several cycles.

    Raises:
        UsageError: if nothing says which cycle.
    """
    named = asked().params["cycles"]
    events = get_current_context()["triggering_asset_events"]
    return cycles_of(named, [event.extra for several in events.values() for event in several])


def announce(asset: Asset, cycle: Mapping[str, Any]) -> None:
    """Say in the event that this task gives to *asset* which cycle it is about, and its state."""
    extra = {key: cycle[key] for key in ("list", "cycle", "state") if key in cycle}
    get_current_context()["outlet_events"][asset].extra = extra


def cycles_of(named: Iterable[str], extras: Iterable[Mapping[str, Any]]) -> list[dict[str, str]]:
    """
    Combine cycles named `LIST/CYCLE` and cycles of asset events: each once, sorted.

    >>> cycles_of(["b/20261122T030000Z"], [{"list": "a", "cycle": "20261123T030000Z"}])
    [{'list': 'a', 'cycle': '20261123T030000Z'}, {'list': 'b', 'cycle': '20261122T030000Z'}]

    Raises:
        UsageError: if there is none.
    """
    pairs = {(name.split("/")[0], name.split("/")[1]) for name in named}
    pairs |= {(extra["list"], extra["cycle"]) for extra in extras}
    if not pairs:
        raise UsageError('no cycle given: name one, --conf \'{"cycles": ["LIST/CYCLE"]}\'')
    return [{"list": list_name, "cycle": cycle} for list_name, cycle in sorted(pairs)]


def refuse_unknown(given: Iterable[str], known: Collection[str]) -> None:
    """
    Refuse parameters nobody knows, by name, with the likeliest correction.

    >>> refuse_unknown(["rate_pp"], ["list", "rate_pps"])
    Traceback (most recent call last):
    hitscanner.errors.UnknownKeyError: --conf: unknown key "rate_pp"; did you mean "rate_pps"?
    """
    for key in sorted(set(given) - set(known)):
        close = get_close_matches(key, known, n=1)
        hint = f'did you mean "{close[0]}"?' if close else f"there are {', '.join(sorted(known))}"
        raise UnknownKeyError(f'--conf: unknown key "{key}"; {hint}')
