"""The parameters of the DAGs that install what the cluster runs."""

from collections.abc import Mapping
from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from hitscanner.domain.params import ParamSpec, param_schema
from hitscanner.domain.validation import InvalidInputError, as_json, validate
from hitscanner.errors import InvalidValueError


class RegistryParams(BaseModel):
    """
    Whether to install.

    >>> RegistryParams().dry_run
    True
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    dry_run: Annotated[bool, Field(strict=True)] = Field(
        default=True,
        title="Dry run: show the plan, change nothing",
        description="true or false; false installs",
    )


class PlatformParams(BaseModel):
    """
    Which releases, and whether to install them.

    >>> PlatformParams().dry_run
    True
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    releases: tuple[str, ...] = Field(
        default=(),
        title="Releases",
        description="a list of names of helm/releases.toml; without it, all that the site asks for",
        examples=[["metallb"]],
    )
    dry_run: Annotated[bool, Field(strict=True)] = Field(
        default=True,
        title="Dry run: show the plan, change nothing",
        description="true or false; false installs",
    )


def platform_param_schema() -> tuple[ParamSpec, ...]:
    """
    Return the trigger form's fields.

    >>> [(spec.name, spec.default) for spec in platform_param_schema()]
    [('releases', []), ('dry_run', True)]
    """
    return param_schema(PlatformParams, PlatformParams().model_dump(mode="json"))


def parse_platform_params(values: Mapping[str, object]) -> PlatformParams:
    """
    Check what a run was asked for.

    Raises:
        InvalidValueError: about the first thing wrong.

    >>> parse_platform_params({"dry_run": "no"})
    Traceback (most recent call last):
    hitscanner.errors.InvalidValueError: dry_run is "no"; give true or false; false installs, e.g. \
"dry_run": true
    """
    return _parse(PlatformParams, values)


def registry_param_schema() -> tuple[ParamSpec, ...]:
    """
    Return the trigger form's fields.

    >>> [(spec.name, spec.default) for spec in registry_param_schema()]
    [('dry_run', True)]
    """
    return param_schema(RegistryParams, RegistryParams().model_dump(mode="json"))


def parse_registry_params(values: Mapping[str, object]) -> RegistryParams:
    """
    Check what a run was asked for.

    Raises:
        InvalidValueError: about the first thing wrong.

    >>> parse_registry_params({"dry_run": False}).dry_run
    False
    """
    return _parse(RegistryParams, values)


_Params = TypeVar("_Params", bound=BaseModel)


def _parse(model: type[_Params], values: Mapping[str, object]) -> _Params:
    try:
        return validate(model, values, as_json)
    except InvalidInputError as error:
        raise InvalidValueError(str(error)) from None
