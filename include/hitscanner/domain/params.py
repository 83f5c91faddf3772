"""
The parameters of a `traceroute` run: what the trigger form, `--conf` and the manifest all share.

One model is the truth.  The form's fields, their defaults, limits and words come from it, and so
do the errors.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    field_serializer,
    model_validator,
)

from hitscanner.domain.cycle import CYCLE_PATTERN
from hitscanner.domain.names import check_list_name
from hitscanner.domain.sampling import Sample
from hitscanner.domain.sharding import Split
from hitscanner.domain.targets import INLINE, TargetList, parse_inline_targets
from hitscanner.domain.validation import InvalidInputError, as_json, validate
from hitscanner.errors import InvalidNameError, InvalidValueError, UnknownKeyError

Method = Literal["udp-paris", "icmp-paris", "udp", "icmp", "tcp", "tcp-ack"]
"""How scamper probes, as its `trace -P` calls it (scamper(1))."""

DEFAULT_LIST = "sample"
"""The list of include/lists that is traced when nobody says otherwise."""

LONGEST_DEADLINE_S = 7 * 86_400
"""A cycle that takes longer than a week is a mistake, seconds."""


def parse_duration_s(text: str | int) -> int:
    """
    Read a duration in seconds: a number, or parts with the units d, h, m, s.

    Raises:
        ValueError: if it is neither.

    >>> [parse_duration_s(words) for words in ("6h", "1h30m", "90", 5)]
    [21600, 5400, 90, 5]
    >>> parse_duration_s("6 hours")
    Traceback (most recent call last):
    ValueError: give seconds or a duration such as "6h", "90m" or "1d12h"
    """
    if isinstance(text, int) and not isinstance(text, bool):
        return text
    words = str(text).strip()
    if words.isascii() and words.isdecimal() and len(words) <= 9:
        return int(words)
    found = _DURATION.fullmatch(words)
    if words and found:
        parts = zip((86_400, 3600, 60, 1), found.groups(default="0"), strict=True)
        return sum(seconds * int(number) for seconds, number in parts)
    raise ValueError('give seconds or a duration such as "6h", "90m" or "1d12h"')


def format_duration(seconds: int) -> str:
    """
    Write whole *seconds* so that `parse_duration_s` reads them again.

    >>> format_duration(21600), format_duration(5400), format_duration(90061), format_duration(0)
    ('6h', '1h30m', '1d1h1m1s', '0s')
    """
    minutes, s = divmod(seconds, 60)
    hours, m = divmod(minutes, 60)
    d, h = divmod(hours, 24)
    parts = [f"{n}{unit}" for n, unit in ((d, "d"), (h, "h"), (m, "m"), (s, "s")) if n]
    return "".join(parts) or "0s"


_DURATION = re.compile(r"(?:(\d{1,4})d)?(?:(\d{1,6})h)?(?:(\d{1,6})m)?(?:(\d{1,9})s)?", re.ASCII)


def _check_list(name: object) -> object:
    try:
        return check_list_name(name) if isinstance(name, str) else name
    except InvalidNameError as error:
        raise ValueError(str(error).partition("; ")[2]) from None


# What the forms of several DAGs ask in the same words.
WaitS = Annotated[
    int,
    Field(
        strict=True,
        ge=1,
        le=10,
        title="Wait for a reply",
        description="the seconds to wait for a reply, a whole number from 1 to 10",
    ),
]

RatePps = Annotated[
    int,
    Field(
        strict=True,
        ge=1,
        le=10_000,
        title="Packets per second",
        description="a whole number of packets per second from each vantage point, 1 to 10000 "
        "(its own max_pps holds as well)",
    ),
]

PlanOnly = Annotated[
    bool,
    Field(
        strict=True,
        title="Show the plan, send nothing",
        description="true or false",
    ),
]

SliceS = Annotated[
    int,
    Field(
        strict=True,
        ge=1,
        le=3600,
        title="Length of a slice",
        description="the seconds a slice of probing should take, a whole number from 1 to 3600",
    ),
]

DeadlineS = Annotated[
    int, BeforeValidator(parse_duration_s), Field(strict=True, ge=1, le=LONGEST_DEADLINE_S)
]


class TracerouteParams(BaseModel):
    """
    What is asked of one `traceroute` run, every value checked.

    >>> TracerouteParams().deadline_s
    21600
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    list_name: Annotated[str, BeforeValidator(_check_list)] = Field(
        default=DEFAULT_LIST,
        validation_alias="list",
        serialization_alias="list",
        title="Target list",
        description="the name of a target list, as `hitscanner lists` shows them",
    )
    targets: tuple[str, ...] | None = Field(
        default=None,
        title="Targets instead of a list",
        description="a list of addresses and prefixes, or nothing to take the target list",
        examples=[["192.0.2.1", "2001:db8::/48"]],
    )
    vantage_points: tuple[str, ...] = Field(
        default=("all",),
        min_length=1,
        title="Vantage points",
        description='a list of names or tags of vantage points, or ["all"]',
    )
    split: Split = Field(
        default="shard",
        title="Who probes a target",
        description='"shard" to probe each target from one vantage point, "all" from every one',
    )
    sample: Sample = Field(
        default=Sample(),
        title="Sampling of prefixes",
        description="an object with density, density_v6, type, offset and seed",
        examples=[{"density": 24}],
    )
    method: Method = Field(
        default="udp-paris",
        title="Method",
        description="one of udp-paris, icmp-paris, udp, icmp, tcp, tcp-ack",
    )
    first_hop: Annotated[int, Field(strict=True, ge=1, le=254)] = Field(
        default=1,
        title="First hop",
        description="the TTL of the first probe, a whole number from 1 to 254",
    )
    gap: Annotated[int, Field(strict=True, ge=1, le=255)] = Field(
        default=5,
        title="Gap",
        description="the number of silent hops that ends a trace, a whole number from 1 to 255",
    )
    attempts: Annotated[int, Field(strict=True, ge=1, le=10)] = Field(
        default=2,
        title="Attempts",
        description="the number of probes to a hop that stays silent, a whole number from 1 to 10",
    )
    confirm: Annotated[bool, Field(strict=True)] = Field(
        default=False,
        title="Confirm hops",
        description="true or false; true sends every attempt to every hop, so that routers which "
        "balance packet by packet show, for that many times the packets",
    )
    wait_s: WaitS = 1
    rate_pps: RatePps = 100
    dealias: Annotated[bool, Field(strict=True)] = Field(
        default=False,
        title="Resolve aliases afterwards",
        description="true or false; true has alias_resolution test this cycle's addresses",
    )
    reshard: Annotated[bool, Field(strict=True)] = Field(
        default=True,
        title="Move what a vantage point leaves",
        description="true or false; true gives the unfinished targets of a vantage point that "
        "failed to those that are whole",
    )
    replay: str | None = Field(
        default=None,
        pattern=CYCLE_PATTERN,
        title="Replay a cycle",
        description="a cycle, LIST/CYCLE, to measure once more: its targets, vantage points and "
        "parameters, not the other fields of this form; or nothing",
        examples=["sample/20261122T030000Z"],
    )
    plan_only: PlanOnly = False
    min_vp_ratio: Annotated[float, Field(strict=True, ge=0, le=1)] = Field(
        default=0.5,
        title="Vantage points needed",
        description="the part of the vantage points below which a cycle has failed, "
        "a number from 0 to 1",
    )
    min_target_ratio: Annotated[float, Field(strict=True, ge=0, le=1)] = Field(
        default=0.5,
        title="Targets needed",
        description="the part of the targets below which a cycle has failed, a number from 0 to 1",
    )
    deadline_s: DeadlineS = Field(
        default=6 * 3600,
        validation_alias="deadline",
        serialization_alias="deadline",
        title="Deadline",
        description="the time after which probing stops, seconds or a duration up to 7 days",
        examples=["6h"],
    )
    slice_s: SliceS = 300

    @field_serializer("deadline_s")
    def _deadline_as_text(self, seconds: int) -> str:
        return format_duration(seconds)

    @model_validator(mode="after")
    def _one_source_of_targets(self) -> Self:
        if self.targets is not None and self.list_name not in (DEFAULT_LIST, INLINE):
            raise ValueError(
                f'list is "{self.list_name}" and targets are given too; leave one of them out'
            )
        return self

    @property
    def cycle_list(self) -> str:
        """
        Return the name under which the results are kept.

        >>> TracerouteParams(targets=("192.0.2.1",)).cycle_list
        'inline'
        """
        return self.list_name if self.targets is None else INLINE

    def inline_targets(self) -> TargetList | None:
        """
        Return the targets given instead of a list, read, or None.

        >>> TracerouteParams(targets=("192.0.2.0/24",)).inline_targets().entries
        (IPv4Network('192.0.2.0/24'),)
        """
        return None if self.targets is None else parse_inline_targets(self.targets)

    def as_conf(self) -> dict[str, Any]:
        """
        Return the parameters as the JSON object that gives them again.

        >>> parse_traceroute_params(TracerouteParams(gap=3).as_conf()) == TracerouteParams(gap=3)
        True
        """
        return self.model_dump(mode="json", by_alias=True)


def parse_traceroute_params(conf: Mapping[str, object], source: str = "--conf") -> TracerouteParams:
    """
    Check the parameters of a run.

    Args:
        conf: the JSON object; keys that are absent get their defaults.
        source: where it came from, for messages.

    Raises:
        UnknownKeyError: for a key that no parameter has.
        InvalidValueError: for a value outside what the parameter allows.
        TargetListError: for an inline target that is neither address nor prefix.
        EmptyListError: for inline targets without a target.

    >>> parse_traceroute_params({"list": "demo", "deadline": "90m"}).deadline_s
    5400
    >>> parse_traceroute_params({"ppz": 7, "rate": 5})
    Traceback (most recent call last):
    hitscanner.errors.UnknownKeyError: --conf: unknown key "ppz"; there are attempts, \
confirm, deadline, dealias, first_hop, gap, list, method, min_target_ratio, min_vp_ratio, \
plan_only, rate_pps, replay, reshard, sample, slice_s, split, targets, vantage_points, wait_s
    """
    if not isinstance(conf, Mapping):
        raise InvalidValueError(f'{source}: give a JSON object, e.g. {{"list": "{DEFAULT_LIST}"}}')
    try:
        params = validate(TracerouteParams, conf, as_json)
    except InvalidInputError as wrong:
        kind = UnknownKeyError if wrong.is_unknown_key else InvalidValueError
        raise kind(f"{source}: {wrong}") from None
    params.inline_targets()
    return params


@dataclass(frozen=True)
class ParamSpec:
    """One field of the trigger form; `Param(spec.default, **spec.schema)` in a DAG file."""

    name: str
    default: Any
    """A JSON value."""
    schema: Mapping[str, Any]
    """JSON-Schema words: type, title, description and limits."""


def traceroute_param_schema() -> tuple[ParamSpec, ...]:
    """
    Return the trigger form's fields in order, from the model that checks them.

    >>> gap = traceroute_param_schema()[7]
    >>> gap.name, gap.default, gap.schema["type"], gap.schema["minimum"], gap.schema["maximum"]
    ('gap', 5, 'integer', 1, 255)
    """
    return param_schema(TracerouteParams, TracerouteParams().as_conf())


def param_schema(model: type[BaseModel], defaults: Mapping[str, Any]) -> tuple[ParamSpec, ...]:
    """Return the form's fields of any model of parameters, with *defaults* as JSON values."""
    whole = model.model_json_schema(by_alias=True)
    return tuple(
        ParamSpec(name, defaults[name], _form_schema(name, schema, whole.get("$defs", {})))
        for name, schema in whole["properties"].items()
    )


def _form_schema(name: str, schema: dict[str, Any], defs: dict[str, Any]) -> dict[str, Any]:
    """Make one property self-contained and fit for a form."""
    if "$ref" in schema:
        schema = {**defs[schema["$ref"].rpartition("/")[2]], **schema}
    if "anyOf" in schema:  # pydantic's way to say "or null"; forms want a list of types
        [some] = [part for part in schema["anyOf"] if part["type"] != "null"]
        schema = {**schema, **some, "type": [some["type"], "null"]}
    if name == "deadline":
        schema = {**schema, "type": ["string", "integer"], "minimum": 1}
    description = schema["description"]
    kept = {key: schema[key] for key in _FORM_WORDS if key in schema}
    return {**kept, "description": description[0].upper() + description[1:] + "."}


_FORM_WORDS = (
    "type", "title", "description", "enum", "minimum", "maximum", "items", "minItems",
    "properties", "additionalProperties",
)  # fmt: skip
