"""Turn plain descriptions of parameters into Airflow's trigger form."""

from collections.abc import Iterable

from airflow.sdk import Param

from hitscanner.domain.cycle import CYCLE_PATTERN
from hitscanner.domain.params import ParamSpec

CYCLES = ParamSpec(
    name="cycles",
    default=[],
    schema={
        "type": "array",
        "items": {"type": "string", "pattern": CYCLE_PATTERN},
        "title": "Cycles",
        "description": "LIST/CYCLE each, say sample/20261122T030000Z. "
        "Needed by hand only: a run started by an asset knows its cycles.",
    },
)
"""The one field of the DAGs that work on finished cycles."""


def form(specs: Iterable[ParamSpec]) -> dict[str, Param]:
    """
    Build the typed fields of a trigger form, in order.

    >>> field = form([ParamSpec("gap", 5, {"type": "integer", "minimum": 1})])["gap"]
    >>> field.value, dict(field.schema)
    (5, {'type': 'integer', 'minimum': 1})
    """
    return {spec.name: Param(spec.default, **spec.schema) for spec in specs}
