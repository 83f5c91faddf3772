"""The parameters of the fleet's DAGs: one model each for form, `--conf` and errors."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from hitscanner.domain.params import ParamSpec, param_schema
from hitscanner.domain.validation import InvalidInputError, as_json, validate
from hitscanner.errors import InvalidValueError, UnknownKeyError

_Hosts = Annotated[tuple[str, ...], Field(min_length=1)]
_Image = Annotated[str, Field(pattern=r"^[a-z0-9][A-Za-z0-9._/:@-]{0,254}$")]


class HostsParams(BaseModel):
    """
    Which hosts; for what changes nothing.

    >>> HostsParams().hosts
    ('all',)
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    hosts: _Hosts = Field(
        default=("all",),
        title="Hosts",
        description='a list of names or tags of hosts, or ["all"]',
        examples=[["us-0001"]],
    )


class ChangeParams(HostsParams):
    """
    Which hosts, and whether to change them.

    >>> ChangeParams().dry_run
    True
    """

    dry_run: Annotated[bool, Field(strict=True)] = Field(
        default=True,
        title="Dry run: show the plan, change nothing",
        description="true or false; false makes the changes",
    )


class JoinParams(ChangeParams):
    """
    Which hosts join the cluster, and what must be on them before they are used.

    >>> JoinParams().images
    ()
    """

    images: tuple[_Image, ...] = Field(
        default=(),
        title="Images to pull",
        description="a list of image names that are pulled onto the host beforehand",
        examples=[["registry.example.net/hitscanner/scanner@sha256:…"]],
    )


class RemoveParams(ChangeParams):
    """
    Which hosts leave the cluster; nobody by default.

    >>> RemoveParams().hosts
    ()
    """

    hosts: tuple[str, ...] = Field(
        default=(),
        title="Hosts",
        description='a list of names or tags of hosts; "all" must be written out',
        examples=[["us-0001"]],
    )
    drain_s: Annotated[int, Field(strict=True, ge=0, le=86_400)] = Field(
        default=300,
        title="Wait for pods",
        description="the seconds that pods get to leave the host, 0 to 86400",
    )


class RotateParams(ChangeParams):
    """
    Whose certificates are renewed, and what becomes of hosts that are measuring.

    >>> RotateParams().wish()
    {'new_keys': False, 'busy': 'refuse', 'wait_s': 3600}
    """

    new_keys: Annotated[bool, Field(strict=True)] = Field(
        default=False,
        title="New keys",
        description="true or false; true makes new keys of all, also far from their end",
    )
    busy: Literal["refuse", "wait", "force"] = Field(
        default="refuse",
        title="A host that is measuring",
        description="one of refuse, wait (until it is idle), force",
    )
    wait_s: Annotated[int, Field(strict=True, ge=0, le=7200)] = Field(
        default=3600,
        title="Longest wait for a host to be idle",
        description="seconds, 0 to 7200",
    )
    approve: Annotated[bool, Field(strict=True)] = Field(
        default=False,
        title="Ask for approval before the first change",
        description="true or false; true waits for a person in Airflow's UI",
    )

    def wish(self) -> dict[str, Any]:
        """Give what the engine needs of this."""
        return self.model_dump(include={"new_keys", "busy", "wait_s"})


_Params = TypeVar("_Params", bound=HostsParams)


def parse_fleet_params(
    model: type[_Params], conf: Mapping[str, object], source: str = "--conf"
) -> _Params:
    """
    Check the parameters of a run against its model.

    Raises:
        UnknownKeyError: for a key that no parameter has.
        InvalidValueError: for a value outside what the parameter allows.

    >>> parse_fleet_params(ChangeParams, {"hosts": ["us-0001"], "dry_run": False}).dry_run
    False
    >>> parse_fleet_params(ChangeParams, {"host": ["us-0001"]})
    Traceback (most recent call last):
    hitscanner.errors.UnknownKeyError: --conf: unknown key "host"; did you mean hosts?
    >>> parse_fleet_params(RemoveParams, {})
    Traceback (most recent call last):
    hitscanner.errors.InvalidValueError: --conf: hosts is empty; give a list of names or tags of \
hosts, e.g. "hosts": ["us-0001"]
    """
    try:
        params = validate(model, conf, as_json)
    except InvalidInputError as wrong:
        kind = UnknownKeyError if wrong.is_unknown_key else InvalidValueError
        raise kind(f"{source}: {wrong}") from None
    if not params.hosts:
        raise InvalidValueError(
            f"{source}: hosts is empty; give a list of names or tags of hosts, "
            f"e.g. {as_json('hosts', ['us-0001'])}"
        )
    return params


def fleet_param_schema(model: type[HostsParams]) -> tuple[ParamSpec, ...]:
    """
    Return the trigger form's fields of a fleet DAG.

    >>> [(spec.name, spec.default) for spec in fleet_param_schema(ChangeParams)]
    [('hosts', ['all']), ('dry_run', True)]
    """
    return param_schema(model, model().model_dump(mode="json"))
