"""What would happen to a release: rendered against live; pure."""

from dataclasses import dataclass
from typing import Any, Literal

from hitscanner.infra.helm import Live
from hitscanner.platform.objects import Change, differences, read_manifest
from hitscanner.platform.releases import Release

State = Literal["install", "change", "mend", "unchanged"]

STUCK = ("pending-install", "pending-upgrade", "pending-rollback", "uninstalling")
"""What a killed Helm leaves; it refuses to touch these itself ("another operation …")."""


@dataclass(frozen=True)
class ReleasePlan:
    """One release: what is to do, object by object."""

    release: Release
    state: State
    was: str = ""
    """Chart and status that are live; empty where nothing is."""

    changes: tuple[Change, ...] = ()
    secrets: tuple[str, ...] = ()
    """Secrets to be made, by name."""

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to do."""
        return self.state == "unchanged" and not self.secrets

    def describe(self) -> list[str]:
        """Say it for people, one line an object."""
        chart = self.release.chart + (f" {self.release.version}" if self.release.version else "")
        was = f" (live: {self.was})" if self.was else ""
        head = f"{self.release.name}: {self.state}, {chart}{was}"
        made = [f"  create Secret {name} (secret)" for name in self.secrets]
        return [head, *made, *(f"  {change}" for change in self.changes)]

    def to_json(self) -> dict[str, Any]:
        """Give it as a row."""
        return {
            "release": self.release.name,
            "state": self.state,
            "was": self.was,
            "changes": [str(change) for change in self.changes],
            "secrets": list(self.secrets),
        }


def plan_release(
    release: Release, live: Live | None, rendered: str, secrets: tuple[str, ...] = ()
) -> ReleasePlan:
    r"""
    Compare what is rendered with what is live.

    A release whose last installation failed is installed again though its manifest is the same.

    >>> pod = "kind: Pod\nmetadata: {name: a}\n"
    >>> web = Release(name="web", namespace="web", chart="web")
    >>> plan_release(web, Live("deployed", "web-1.0.0", pod), pod).state
    'unchanged'
    >>> print(*plan_release(web, None, pod).describe(), sep="\n")
    web: install, web
      create Pod web/a
    """
    wanted = read_manifest(rendered, release.namespace)
    if live is None:
        return ReleasePlan(release, "install", "", differences({}, wanted), secrets)
    was = f"{live.chart} {live.status}"
    changes = differences(read_manifest(live.manifest, release.namespace), wanted)
    if live.status in STUCK:
        return ReleasePlan(release, "mend", was, changes, secrets)
    is_same = not changes and live.status == "deployed" and _is_version(release, live)
    return ReleasePlan(release, "unchanged" if is_same else "change", was, changes, secrets)


def _is_version(release: Release, live: Live) -> bool:
    """Compare versions of foreign charts alone: ours change by their objects."""
    return not release.version or live.chart.endswith(f"-{release.version}")
