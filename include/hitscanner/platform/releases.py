"""`helm/releases.toml`: what is installed, and in which order for this site's choices."""

import tomllib
from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from hitscanner.domain.names import did_you_mean, quote
from hitscanner.domain.platform import Platform
from hitscanner.domain.validation import InvalidInputError, as_toml, validate
from hitscanner.errors import UsageError


class ReleasesError(UsageError):
    """`releases.toml` cannot be read as one, or names a release that is not there."""


class Release(BaseModel):
    """One release; the keys are explained at the top of `releases.toml`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(description="the release's name", examples=["metallb"])
    namespace: str = Field(description="its namespace", examples=["metallb-system"])
    chart: str = Field(description="a chart's name, or a folder of ours", examples=["metallb"])
    repository: str | None = Field(
        default=None,
        pattern=r"^(oci|https)://",
        description="an address, oci:// or https://",
        examples=["https://airflow.apache.org"],
    )
    version: str | None = Field(
        default=None,
        pattern=r"^v?[0-9]+\.[0-9]+\.[0-9]+$",
        description="one exact version",
        examples=["1.22.0"],
    )
    digest: str | None = Field(
        default=None,
        pattern=r"^[0-9a-f]{64}$",
        description="the package's sha256, 64 hex digits",
        examples=["0" * 64],
    )
    values: tuple[str, ...] = Field(default=(), description="a list of files")
    needs: tuple[str, ...] = Field(default=(), description="a list of names of releases")
    when: dict[str, str | bool] = Field(
        default={}, description="a table of choices of [platform]", examples=[{"storage": "nfs"}]
    )
    secrets: tuple[Literal["database", "airflow"], ...] = Field(
        default=(), description='a list of "database" and "airflow"'
    )
    replaces: tuple[str, ...] = Field(default=(), description="a list of KIND/NAME")
    ready: tuple[str, ...] = Field(default=(), description="a list of KIND/NAME")
    accepts: tuple[str, ...] = Field(default=(), description="a list of files")

    @property
    def is_ours(self) -> bool:
        """Whether the chart is a folder of this repository."""
        return self.repository is None

    def is_wanted(self, platform: Platform) -> bool:
        """
        Say whether the site's choices ask for this release; `true` asks for any value at all.

        >>> web = Release(name="a", namespace="a", chart="a", when={"ingress": "traefik"})
        >>> web.is_wanted(Platform()), web.is_wanted(Platform(ingress="ingress-nginx"))
        (True, False)
        """
        asked = ((getattr(platform, key), value) for key, value in self.when.items())
        return all(bool(has) if value is True else has == value for has, value in asked)


def parse_releases(text: str, source: str) -> tuple[Release, ...]:
    """
    Read the releases in the order of the file.

    Raises:
        ReleasesError: about the first thing wrong.

    >>> parse_releases("release = [{name = 'web', namespace = 'web'}]", "releases.toml")
    Traceback (most recent call last):
    hitscanner.platform.releases.ReleasesError: releases.toml: release web: chart is missing; \
give a chart's name, or a folder of ours, e.g. chart = "metallb"
    """
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ReleasesError(f"{source}: not TOML: {error}; mend it there") from None
    found = tuple(_build(item, source) for item in raw.get("release", []))
    names = [release.name for release in found]
    for release in found:
        for need in release.needs:
            if need not in names:
                raise ReleasesError(
                    f"{source}: release {release.name} needs {quote(need)}, which is not there; "
                    f"{did_you_mean(need, names)}"
                )
        for key in release.when:
            if key not in Platform.model_fields:
                hint = did_you_mean(key, Platform.model_fields)
                raise ReleasesError(
                    f"{source}: release {release.name}: when has no choice {quote(key)}; {hint}"
                )
    return found


def choose(releases: Sequence[Release], platform: Platform) -> tuple[Release, ...]:
    """
    Give the releases that the site asks for, each after all that it needs.

    Needs of releases that nobody asks for are met: `airflow` needs whichever database is chosen.
    Among those that could be next, the file's order decides.

    Raises:
        ReleasesError: if releases need each other.

    >>> a, b = (Release(name=n, namespace=n, chart=n, needs=need) for n, need in
    ...         (("a", ("b", "x")), ("b", ())))
    >>> [release.name for release in choose([a, b], Platform())]
    ['b', 'a']
    """
    waiting = [release for release in releases if release.is_wanted(platform)]
    ordered: list[Release] = []
    while waiting:
        names = {release.name for release in waiting}
        free = next((r for r in waiting if names.isdisjoint(r.needs)), None)
        if free is None:
            raise ReleasesError(f"releases need each other: {', '.join(sorted(names))}; part them")
        waiting.remove(free)
        ordered.append(free)
    return tuple(ordered)


def only(releases: Sequence[Release], names: Sequence[str]) -> tuple[Release, ...]:
    """
    Keep the releases named, all without names.

    Raises:
        ReleasesError: for a name that is not among them.
    """
    known = [release.name for release in releases]
    for name in names:
        if name not in known:
            raise ReleasesError(
                f"no release {quote(name)} for this site's choices; {did_you_mean(name, known)}"
            )
    return tuple(release for release in releases if not names or release.name in names)


def _build(item: dict[str, object], source: str) -> Release:
    try:
        return validate(Release, item, as_toml)
    except InvalidInputError as error:
        raise ReleasesError(f"{source}: release {item.get('name', '?')}: {error}") from None
