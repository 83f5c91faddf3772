"""Pack the stand-in into one executable, and lay out the programs that it runs."""

import os
import py_compile
import shutil
import tempfile
import zipapp
from pathlib import Path

from tests.cluster import build
from tests.cluster.commands import run
from tests.cluster.paths import HERE

VERSION = "v1.36.3+k3s1"
"""The version that a bundle has unless another is asked for."""

NEXT_VERSION = "v1.36.3+k3s2"
"""Another build of the same Kubernetes, to upgrade to."""

STAMPED = ("kubelet", "kube-apiserver")
"""What reports its version to others; the rest is the same program in both versions."""


def pack(target: Path, version: str = VERSION) -> None:
    """Write the stand-in of *version* to the executable file *target*."""
    with tempfile.TemporaryDirectory() as scratch:
        package = Path(scratch) / "standin"
        shutil.copytree(HERE / "standin", package, ignore=shutil.ignore_patterns("__pycache__"))
        (package / "version.py").write_text(f'VERSION = "{version}"\n')
        main = (
            "import sys\nfrom standin.tools import pass_through\npass_through(sys.argv)\n"
            "from standin.__main__ import main\nsys.exit(main())\n"
        )
        (Path(scratch) / "__main__.py").write_text(main)
        _compile(package)
        zipapp.create_archive(scratch, target, interpreter="/usr/bin/python3 -I")
    target.chmod(0o755)


def _compile(package: Path) -> None:
    """
    Put byte code beside the sources: a program in an archive is compiled at each start otherwise.

    A Python of another version does not take it, and compiles the source.
    """
    for source in package.rglob("*.py"):
        unchecked = py_compile.PycInvalidationMode.UNCHECKED_HASH
        py_compile.compile(
            str(source),
            cfile=str(source.with_suffix(".pyc")),
            dfile=source.name,
            doraise=True,
            invalidation_mode=unchecked,
        )


def programs(folder: Path, versions: tuple[str, ...] = (VERSION,)) -> None:
    """Lay out /opt/k8s: `clock.so`, and one folder of programs for each version."""
    (folder / "lab").mkdir(parents=True)
    clock = str(folder / "lab" / "clock.so")
    run("cc", "-shared", "-fPIC", "-O2", "-Wall", "-Werror", "-o", clock, str(HERE / "clock.c"))
    for version in versions:
        for made in builds(version):
            for name in made.packages:
                _place(build.binaries(made) / name, folder / version / name)


def make(version: str) -> None:
    """Build the programs of *version* that the cache lacks."""
    for each in builds(version):
        build.binaries(each)


def builds(version: str) -> list[build.GoBuild]:
    """Return what a server and an agent of *version* run; what comes later wins."""
    both = [build.kubernetes(VERSION), build.etcd(), build.listener()]
    return both if version == VERSION else [*both, build.kubernetes(version, STAMPED)]


def _place(source: Path, target: Path) -> None:
    """Give *target* the content of *source*, as a link where both are on one disk."""
    target.parent.mkdir(exist_ok=True)
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
