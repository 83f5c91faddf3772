"""Build Kubernetes and etcd from their Go modules, once for each set of pins."""

import hashlib
import os
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.errors import LabError
from tests.cluster.paths import CACHE, HERE

BUILD_NICENESS = 5
"""A build yields the machine to whatever else runs on it."""


@dataclass(frozen=True)
class GoBuild:
    """Commands built from one directory with a ``go.mod`` and a ``go.sum``."""

    module: Path
    """Directory of ``go.mod``."""
    packages: Mapping[str, str]
    """Name of the executable -> Go package path of its command."""
    stamps: Mapping[str, str]
    """Go variable -> value, set by the linker (``-X``)."""

    @property
    def command(self) -> list[str]:
        """The build command, without the output and the packages."""
        stamps = [f"-X {name}={value}" for name, value in sorted(self.stamps.items())]
        return [
            "go",
            "build",
            "-trimpath",
            "-buildvcs=false",
            "-ldflags",
            " ".join(["-s -w", *stamps]),
        ]

    @property
    def key(self) -> str:
        """Digest of everything that the result depends on: pins, flags and commands."""
        pins = [(self.module / name).read_bytes() for name in ("go.mod", "go.sum")]
        own = [path.read_bytes() for path in sorted(self.module.glob("*.go"))]
        words = repr((self.command, sorted(self.packages.items()))).encode()
        return hashlib.sha256(b"\0".join([*pins, *own, words])).hexdigest()[:16]


KUBERNETES_COMMANDS = (
    "kube-apiserver",
    "kube-controller-manager",
    "kube-proxy",
    "kube-scheduler",
    "kubectl",
    "kubelet",
)
"""What k3s unpacks from itself or links in, as upstream's separate commands."""


def kubernetes(version: str, commands: Iterable[str] = KUBERNETES_COMMANDS) -> GoBuild:
    """
    Return the build of Kubernetes that reports *version*, for example ``v1.36.3+k3s1``.

    The version is stamped by the linker, so a second version compiles nothing anew.
    """
    major, minor = version.removeprefix("v").split(".")[:2]
    stamps = {"gitVersion": version, "gitMajor": major, "gitMinor": minor}
    return GoBuild(
        module=HERE / "kubernetes",
        packages={name: f"k8s.io/kubernetes/cmd/{name}" for name in commands},
        stamps={f"k8s.io/component-base/version.{name}": value for name, value in stamps.items()},
    )


def etcd() -> GoBuild:
    """Return the build of etcd and its client, k3s's datastore with ``cluster-init``."""
    packages = {"etcd": "go.etcd.io/etcd/server/v3", "etcdctl": "go.etcd.io/etcd/etcdctl/v3"}
    return GoBuild(HERE / "etcd", packages, {})


def listener() -> GoBuild:
    """Return the build of the stand-in's listener; it has no dependencies."""
    return GoBuild(HERE / "listener", {"listener": "."}, {})


def pause() -> GoBuild:
    """Return the build of the pause program; it has no dependencies."""
    return GoBuild(HERE / "pause", {"pause": "."}, {})


def binaries(build: GoBuild, cache: Path = CACHE) -> Path:
    """
    Return the directory with *build*'s executables, building what the cache lacks.

    Each executable gets its name only when it is whole, so a build that was
    killed goes on where it stopped.

    Raises:
        LabError: a build failed; the message ends with what ``go`` said last.
    """
    out = cache / "bin" / build.key
    out.mkdir(parents=True, exist_ok=True)
    for name, package in build.packages.items():
        if not (out / name).exists():
            _build(build, package, out / name)
    return out


def _build(build: GoBuild, package: str, target: Path) -> None:
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".build-") as scratch:
        made = Path(scratch) / target.name
        done = subprocess.run(
            ["nice", f"-n{BUILD_NICENESS}", *build.command, "-o", str(made), package],
            cwd=build.module,
            env={**os.environ, "CGO_ENABLED": "0"},
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise LabError(f"cannot build {package}: {done.stderr.strip()[-800:]}")
        made.rename(target)
