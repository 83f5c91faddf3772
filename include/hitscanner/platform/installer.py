"""Plan and install releases in order of need; a second run finds nothing to do."""

import fcntl
import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hitscanner.errors import HitscannerError, UnfinishedError, UsageError
from hitscanner.infra.helm import Helm, Package
from hitscanner.infra.kube import Api
from hitscanner.platform import ready, secrets
from hitscanner.platform.plan import STUCK, ReleasePlan, plan_release
from hitscanner.platform.releases import Release, only
from hitscanner.platform.site import Site, site_values

Row = dict[str, Any]
"""release, state, changes, secrets, and `cause` where it failed."""

Say = Callable[[str], None]


@dataclass(frozen=True)
class Charts:
    """Where charts come from: this repository, the bundle, else their repositories."""

    repository: Path
    bundle: Path
    """Folder with `CHART-VERSION.tgz`, carried here or downloaded by the bundle's maker."""

    cache: Path
    pull: Callable[[str, str, str, Path], None]
    """repository, chart, version, folder."""

    def find(self, release: Release) -> Path:
        """
        Give a chart's folder or package, downloaded once.

        Raises:
            UsageError: if a package is not the one whose digest is known.
        """
        if release.repository is None:
            return self.repository / release.chart
        assert release.version is not None
        name = f"{release.chart}-{release.version}.tgz"
        found = next((f / name for f in (self.bundle, self.cache) if (f / name).is_file()), None)
        if found is None:
            self.pull(release.repository, release.chart, release.version, self.cache)
            found = self.cache / name
        _check_digest(found, release.digest)
        return found


@dataclass(frozen=True)
class Installer:
    """The releases of one site, ready to be planned and installed."""

    releases: tuple[Release, ...]
    """Those that the site asks for, in order of need."""

    site: Site
    charts: Charts
    helm: Helm
    api: Api
    lock: Path
    ssh_key: Path | None = None

    def plan(self, names: Sequence[str] = ()) -> list[ReleasePlan]:
        """Compare each release with what is live; nothing is changed."""
        return [self._plan(release) for release in only(self.releases, names)]

    def apply(self, names: Sequence[str] = (), say: Say = print) -> list[Row]:
        """
        Install what is not as it should be, one after another; the first failure ends it.

        Raises:
            UsageError: if another run is at work.
        """
        chosen = only(self.releases, names)
        rows: list[Row] = []
        with _alone(self.lock):
            for number, release in enumerate(chosen):
                rows.append(self._row(release, say))
                if rows[-1]["state"] == "failed":
                    rows += [{"release": r.name, "state": "waits"} for r in chosen[number + 1 :]]
                    break
        return rows

    def _row(self, release: Release, say: Say) -> Row:
        try:
            planned = self._plan(release)
            for line in planned.describe():
                say(line)
            self._carry_out(planned, say)
        except HitscannerError as error:
            say(f"{release.name}: {error}")
            return {"release": release.name, "state": "failed", "cause": str(error)}
        state = "unchanged" if planned.is_done else "changed"
        return {**planned.to_json(), "state": state}

    def _plan(self, release: Release) -> ReleasePlan:
        live = self.helm.live(release.name, release.namespace)
        # Helm plans nothing over a release that it was killed at.
        is_usable = live is not None and live.status not in STUCK
        rendered = self.helm.render(self._package(release), is_live=is_usable)
        wanted = self._secrets(release)
        absent = tuple(secrets.missing(self.api, wanted)) if wanted else ()
        return plan_release(release, live, rendered, absent)

    def _carry_out(self, planned: ReleasePlan, say: Say) -> None:
        release = planned.release
        made = secrets.ensure(self.api, self._secrets(release))
        if planned.state == "mend":
            self.helm.mend(release.name, release.namespace, planned.was.split()[-1])
        if planned.state != "unchanged":
            ready.remove(self.api, release.namespace, release.replaces)
            self.helm.install(self._package(release))
        elif made:
            words = f"kubectl -n {release.namespace} rollout restart deployment"
            say(f"  restart what uses {', '.join(made)}: {words}")
        ready.wait_ready(self.api, release.namespace, release.ready)
        ready.wait_accepted(self.api, tuple(self.charts.repository / f for f in release.accepts))

    def _secrets(self, release: Release) -> tuple[secrets.Wanted, ...]:
        key = self.ssh_key if self.ssh_key and self.ssh_key.is_file() else None
        database = self.site.platform.database
        sets = (secrets.wanted_secrets(kind, database, key) for kind in release.secrets)
        return tuple(secret for found in sets for secret in found)

    def _package(self, release: Release) -> Package:
        files = tuple(self.charts.repository / file for file in release.values)
        values = site_values(release.name, self.site)
        chart = self.charts.find(release)
        return Package(release.name, release.namespace, chart, files, values)


def raise_failed(rows: Sequence[Row]) -> None:
    """
    Fail if a release did.

    Raises:
        UnfinishedError: with its name and cause; what waited for it is named too.
    """
    failed = [f"{row['release']}: {row['cause']}" for row in rows if row["state"] == "failed"]
    waiting = [row["release"] for row in rows if row["state"] == "waits"]
    if failed:
        after = f" (after it: {', '.join(waiting)})" if waiting else ""
        raise UnfinishedError("; ".join(failed) + after)


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(
                f"another run is installing releases ({lock} is held); wait until it has ended"
            ) from None
        yield


def _check_digest(file: Path, digest: str | None) -> None:
    found = hashlib.sha256(file.read_bytes()).hexdigest()
    if digest not in {None, found}:
        raise UsageError(
            f"{file} has the sha256 {found}, not {digest}; delete it and get it again from its "
            "publisher"
        )
