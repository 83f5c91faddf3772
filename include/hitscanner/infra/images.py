"""
Container images by the program `buildah` (>= 1.28): built without a daemon, pushed by digest.

Credentials are in a file that `buildah login --authfile` writes; they are never arguments.
"""

import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hitscanner.errors import HitscannerError, UsageError

BUILD_S = 3600
"""Longest build: the Airflow image compiles a driver and installs two hundred packages."""

PUSH_S = 1800
"""Longest push, over a slow line."""

PROJECT = "hitscanner"
"""The registry's project that holds our images; private, pulled with an account of its own."""


class ImageError(HitscannerError):
    """An image could not be built or pushed."""

    exit_code = 3


@dataclass(frozen=True)
class Registry:
    """Where images go, and what is needed to be let in."""

    host: str
    authfile: Path | None = None
    """As `buildah login --authfile FILE HOST` writes it, 0600."""

    ca: Path | None = None
    """What its certificate is signed by, where no public authority signed it."""

    def repository(self, image: str) -> str:
        """
        Give the repository of an image.

        >>> Registry("registry.example.net:5000").repository("scanner")
        'registry.example.net:5000/hitscanner/scanner'
        """
        return f"{self.host}/{PROJECT}/{image}"


@dataclass(frozen=True)
class Buildah:
    """The builder; *options* go before every sub-command's arguments of a build."""

    context: Path
    """The repository: Dockerfiles are `docker/IMAGE/Dockerfile`, and copy from its root."""

    program: str = "buildah"
    options: Sequence[str] = ()

    def build(self, image: str, arguments: Mapping[str, str] | None = None) -> str:
        """
        Build an image and give its local name.

        Raises:
            ImageError: with the last words of the step that failed.
            UsageError: if there is no such image, or no buildah.
        """
        dockerfile = self.context / "docker" / image / "Dockerfile"
        if not dockerfile.is_file():
            known = sorted(path.parent.name for path in self.context.glob("docker/*/Dockerfile"))
            raise UsageError(f"no image {image}; there are: {', '.join(known)}")
        name = f"localhost/{PROJECT}/{image}:build"
        given = [f"--build-arg={key}={value}" for key, value in (arguments or {}).items()]
        ignore = self.context / ".dockerignore"
        files = ["-f", str(dockerfile), f"--ignorefile={ignore}", "-t", name]
        words = ["build", "--format=oci", "--timestamp=0", *self.options]
        self._run([*words, *given, *files, str(self.context)], BUILD_S)
        return name

    def push(self, image: str, registry: Registry) -> str:
        """
        Push a built image and give it by digest: REPOSITORY@sha256:….

        Its tag is made of its digest, since some charts know images by tag alone.
        """
        with tempfile.TemporaryDirectory() as folder:
            digest_file = Path(folder, "digest")
            options = _options(registry, Path(folder))
            name, target = f"localhost/{PROJECT}/{image}:build", registry.repository(image)
            first = [*options, f"--digestfile={digest_file}", name, f"docker://{target}:build"]
            self._run(["push", *first], PUSH_S)
            digest = digest_file.read_text().strip()
            tag = digest.removeprefix("sha256:")[:16]
            self._run(["push", *options, name, f"docker://{target}:{tag}"], PUSH_S)
        return f"{target}@{digest}"

    def _run(self, arguments: Sequence[str], timeout_s: float) -> str:
        if shutil.which(self.program) is None:
            raise UsageError("buildah is missing; install it: apt-get install buildah")
        try:
            done = subprocess.run(
                [self.program, *arguments],
                capture_output=True,
                text=True,
                timeout=timeout_s,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise ImageError(
                f"buildah {arguments[0]} took longer than {timeout_s:.0f} s"
            ) from error
        if done.returncode:
            words = " ".join(" ".join(done.stderr.splitlines()[-6:]).split())[-600:]
            raise ImageError(f"buildah {arguments[0]}: {words}; mend that and run it again")
        return done.stdout


def _options(registry: Registry, folder: Path) -> list[str]:
    options = ["--format=oci"]
    if registry.authfile:
        if not registry.authfile.is_file():
            raise UsageError(
                f"there is no {registry.authfile}; log in as the account that pushes: "
                f"buildah login --authfile {registry.authfile} {registry.host}"
            )
        options.append(f"--authfile={registry.authfile}")
    if registry.ca:
        trusted = folder / "certs"
        trusted.mkdir()
        shutil.copy(registry.ca, trusted / "ca.crt")
        options.append(f"--cert-dir={trusted}")
    return options
