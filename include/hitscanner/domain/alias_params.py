"""The parameters of an `alias_resolution` run: one model for form, `--conf` and manifest."""

import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_serializer

from hitscanner.domain.alias_tasks import METHODS, AliasMethod
from hitscanner.domain.cycle import Cycle
from hitscanner.domain.params import (
    DeadlineS,
    ParamSpec,
    PlanOnly,
    RatePps,
    SliceS,
    WaitS,
    format_duration,
    param_schema,
)
from hitscanner.domain.validation import InvalidInputError, as_json, validate
from hitscanner.errors import InvalidValueError, UnknownKeyError


def _check_cycles(names: object) -> object:
    if isinstance(names, list | tuple):
        for name in names:
            Cycle.parse(str(name))
    return names


class AliasParams(BaseModel):
    """
    What is asked of one `alias_resolution` run, every value checked.

    >>> AliasParams().methods
    ('mercator', 'ally', 'radargun')
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    cycles: Annotated[tuple[str, ...], BeforeValidator(_check_cycles)] = Field(
        default=(),
        title="Cycles",
        description="a list of cycles, LIST/CYCLE each, whose addresses are tested together; "
        "none for those that started this run",
        examples=[["sample/20261122T030000Z"]],
    )
    vantage_points: tuple[str, ...] = Field(
        default=("all",),
        min_length=1,
        title="Vantage points",
        description='a list of names or tags of vantage points, or ["all"]',
    )
    methods: tuple[AliasMethod, ...] = Field(
        default=METHODS,
        min_length=1,
        title="Methods",
        description="a list of mercator, ally, radargun; they are used in this order",
    )
    iffinder: tuple[Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$")], ...] = Field(
        default=(),
        title="Files of iffinder",
        description="a list of names of iffinder or miniffinder output files in HOME/aliases, "
        "taken as evidence too",
        examples=[["2026-11.iffout"]],
    )
    rate_pps: RatePps = 100
    max_addresses: Annotated[int, Field(strict=True, ge=1, le=10_000_000)] = Field(
        default=1_000_000,
        title="Most addresses",
        description="the number of addresses that mercator asks at most, 1 to 10000000",
    )
    max_pairs: Annotated[int, Field(strict=True, ge=1, le=10_000_000)] = Field(
        default=100_000,
        title="Most pairs",
        description="the number of pairs tested by their counters at most, 1 to 10000000",
    )
    rounds: Annotated[int, Field(strict=True, ge=4, le=100)] = Field(
        default=10,
        title="Rounds of radargun",
        description="how often radargun asks each address, a whole number from 4 to 100",
    )
    group: Annotated[int, Field(strict=True, ge=2, le=100)] = Field(
        default=40,
        title="Addresses together",
        description="the number of addresses that radargun compares at once, 2 to 100",
    )
    attempts: Annotated[int, Field(strict=True, ge=1, le=10)] = Field(
        default=2,
        title="Attempts",
        description="the number of probes to an address that stays silent, 1 to 10",
    )
    wait_s: WaitS = 1
    plan_only: PlanOnly = False
    min_vp_ratio: Annotated[float, Field(strict=True, ge=0, le=1)] = Field(
        default=0.5,
        title="Vantage points needed",
        description="the part of the vantage points below which a stage has failed, 0 to 1",
    )
    min_target_ratio: Annotated[float, Field(strict=True, ge=0, le=1)] = Field(
        default=0.5,
        title="Tests needed",
        description="the part of the tests below which a stage has failed, 0 to 1",
    )
    deadline_s: DeadlineS = Field(
        default=6 * 3600,
        validation_alias="deadline",
        serialization_alias="deadline",
        title="Deadline of each method",
        description="the time after which probing stops, seconds or a duration up to 7 days",
        examples=["6h"],
    )
    slice_s: SliceS = 300

    @field_serializer("deadline_s")
    def _deadline_as_text(self, seconds: int) -> str:
        return format_duration(seconds)

    def as_conf(self) -> dict[str, Any]:
        """
        Return the parameters as the JSON object that gives them again.

        >>> parse_alias_params(AliasParams(rounds=5).as_conf()) == AliasParams(rounds=5)
        True
        """
        return self.model_dump(mode="json", by_alias=True)


def parse_alias_params(conf: Mapping[str, object], source: str = "--conf") -> AliasParams:
    """
    Check the parameters of a run.

    Raises:
        UnknownKeyError: for a key that no parameter has.
        InvalidValueError: for a value outside what the parameter allows.

    >>> parse_alias_params({"deadline": "90m"}).deadline_s
    5400
    >>> parse_alias_params({"methods": ["midarest"]})
    Traceback (most recent call last):
    hitscanner.errors.InvalidValueError: --conf: methods is "midarest"; give a list of \
mercator, ally, radargun; they are used in this order, e.g. \
"methods": ["mercator", "ally", "radargun"]
    """
    try:
        return validate(AliasParams, conf, as_json)
    except InvalidInputError as wrong:
        kind = UnknownKeyError if wrong.is_unknown_key else InvalidValueError
        raise kind(f"{source}: {wrong}") from None


def alias_param_schema() -> tuple[ParamSpec, ...]:
    """
    Return the trigger form's fields in order, from the model that checks them.

    >>> alias_param_schema()[2].default
    ['mercator', 'ally', 'radargun']
    """
    return param_schema(AliasParams, AliasParams().as_conf())


STAGE_LIST = re.compile(rf"(?P<list>.+)-(?P<method>{'|'.join(METHODS)})")


def stage_list(list_name: str, method: AliasMethod) -> str:
    """
    Name the list whose cycles are the tests of one method on the addresses of *list_name*.

    >>> stage_list("sample", "ally"), bool(STAGE_LIST.fullmatch("sample-ally"))
    ('sample-ally', True)
    """
    return f"{list_name}-{method}"
