"""
The program `helm`: what is installed, what would be, and installing it.

Everything is bounded in time.  Secrets never pass through here: charts name them.
"""

import json
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import yaml

from hitscanner.errors import HitscannerError, UsageError

QUICK_S = 120
"""Longest look at a cluster, or download of a chart."""

INSTALL_S = 900
"""Longest installation: hooks among it may pull images."""

OLD_REVISIONS = "5"
"""Kept by Helm as Secrets of up to 1 MB each (default 10)."""


class HelmError(HitscannerError):
    """Helm refused, or did not end in time."""

    exit_code = 3


class NoHelmError(UsageError):
    """The program is missing."""


@dataclass(frozen=True)
class Live:
    """A release as it is in the cluster."""

    status: str
    """deployed, failed, pending-install, pending-upgrade, pending-rollback, uninstalling …"""

    chart: str
    """NAME-VERSION."""

    manifest: str = ""


@dataclass(frozen=True)
class Package:
    """A release to be: which chart with which values."""

    name: str
    namespace: str
    chart: Path
    files: tuple[Path, ...]
    values: Mapping[str, Any]
    """The site's; they win over the files."""


class Helm(Protocol):
    """What a plan asks and what carrying it out needs; raises `HelmError`."""

    def live(self, name: str, namespace: str) -> Live | None: ...

    def render(self, package: Package, *, is_live: bool) -> str: ...

    def install(self, package: Package) -> None: ...

    def mend(self, name: str, namespace: str, status: str) -> None: ...


@dataclass(frozen=True)
class HelmProgram:
    """The real one."""

    program: str
    kubeconfig: Path
    environment: dict[str, str] = field(repr=False)

    def live(self, name: str, namespace: str) -> Live | None:
        """Give the release, None where there is none."""
        chosen = ["--all", "--filter", f"^{name}$", "-n", namespace, "-o", "json"]
        found = json.loads(self._cluster(["list", *chosen]) or "[]")
        if not found:
            return None
        manifest = self._cluster(["get", "manifest", name, "-n", namespace])
        return Live(found[0]["status"], found[0]["chart"], manifest)

    def render(self, package: Package, *, is_live: bool) -> str:
        """
        Give the manifest that `install` would bring.

        Over a live release the API server is asked, as its types decide what charts render;
        before that there may be no such types, so the chart is rendered alone.
        """
        with _arguments(package) as arguments:
            if not is_live:
                return self._run(["template", *arguments], QUICK_S)
            said = self._cluster(
                ["upgrade", "--install", "--dry-run=server", "-o", "json", *arguments]
            )
        return str(json.loads(said)["manifest"])

    def install(self, package: Package) -> None:
        """Install or upgrade; who waits for it to be ready is the caller."""
        options = ["--install", "--create-namespace", "--history-max", OLD_REVISIONS]
        options += ["--timeout", f"{INSTALL_S}s"]
        with _arguments(package) as arguments:
            self._cluster(["upgrade", *options, *arguments], INSTALL_S + QUICK_S)

    def mend(self, name: str, namespace: str, status: str) -> None:
        """Free a release that a killed Helm left `pending-…`, which it refuses to touch."""
        verb = "uninstall" if status in {"pending-install", "uninstalling"} else "rollback"
        self._cluster([verb, name, "-n", namespace], INSTALL_S)

    def pull(self, repository: str, chart: str, version: str, folder: Path) -> None:
        """Download a packaged chart."""
        folder.mkdir(parents=True, exist_ok=True)
        where = (
            [f"{repository}/{chart}"]
            if repository.startswith("oci://")
            else [chart, "--repo", repository]
        )
        self._run(["pull", *where, "--version", version, "-d", str(folder)], QUICK_S)

    def _cluster(self, arguments: Sequence[str], timeout_s: float = QUICK_S) -> str:
        return self._run([*arguments, "--kubeconfig", str(self.kubeconfig)], timeout_s)

    def _run(self, arguments: Sequence[str], timeout_s: float) -> str:
        try:
            done = subprocess.run(
                [self.program, *arguments],
                env=self.environment,
                capture_output=True,
                text=True,
                timeout=timeout_s,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise HelmError(
                f"helm {arguments[0]} did not end in {timeout_s:.0f} s; see the pods of its "
                "namespace, then run it again"
            ) from error
        if done.returncode:
            raise HelmError(f"helm {arguments[0]}: {last_words(done.stderr)}")
        return done.stdout


def find_helm(bundle: Path) -> str:
    """
    Give the program: the bundle's, else that in PATH.

    Raises:
        NoHelmError: if there is none.
    """
    ours = bundle / "helm"
    found = str(ours) if ours.is_file() else shutil.which("helm")
    if found is None:
        raise NoHelmError(
            f"there is no helm, neither {ours} nor in PATH; get Helm 3.19 or newer from helm.sh"
        )
    return found


def last_words(stderr: str) -> str:
    r"""
    Give what Helm says at its end, on one line.

    >>> last_words("WARNING: x\nError: UPGRADE FAILED: another operation\n")
    'UPGRADE FAILED: another operation'
    """
    lines = [line for line in stderr.splitlines() if line.strip()]
    start = next((n for n, line in enumerate(lines) if line.startswith("Error:")), -1)
    return " ".join(" ".join(lines[start:]).removeprefix("Error:").split())[:600]


@contextmanager
def _arguments(package: Package) -> Iterator[list[str]]:
    """Give NAME CHART and the values; the site's lie in a file for that moment."""
    with tempfile.TemporaryDirectory() as folder:
        site = Path(folder, "site.yaml")
        site.write_text(yaml.safe_dump(dict(package.values)))
        files = [option for file in (*package.files, site) for option in ("-f", str(file))]
        yield [package.name, str(package.chart), "-n", package.namespace, *files]
