"""Where things are: one folder decides, and only this module reads the environment."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Self

REPOSITORY = Path(__file__).resolve().parents[2]
"""The checkout; DAGs, plugins and the Rust crate lie beside the package."""


@dataclass(frozen=True)
class Settings:
    """
    The places of one installation, all below `home`.

    >>> Settings(Path("/srv/hs")).do_not_probe.as_posix()
    '/srv/hs/lists/do-not-probe.txt'
    """

    home: Path
    repository: Path = REPOSITORY

    @classmethod
    def from_environment(cls) -> Self:
        """Read `HITSCANNER_HOME`; without it, `.hitscanner` in the checkout."""
        named = os.environ.get("HITSCANNER_HOME")
        return cls(Path(named).absolute() if named else REPOSITORY / ".hitscanner" / "demo")

    @property
    def inventory(self) -> Path:
        """The vantage points."""
        return self.home / "inventory.toml"

    @property
    def lists(self) -> Path:
        """Target lists, `NAME.txt`."""
        return self.home / "lists"

    @property
    def do_not_probe(self) -> Path:
        """The prefixes that get no packet; without it nothing is sent."""
        return self.lists / "do-not-probe.txt"

    @property
    def stop_flag(self) -> Path:
        """Exists while nothing may be sent from anywhere."""
        return self.home / "stop.json"

    @property
    def plan_lock(self) -> Path:
        """Held while a cycle is planned."""
        return self.home / "plan.lock"

    @property
    def audit(self) -> Path:
        """Who stopped, released and opted out, when and why; only ever added to."""
        return self.home / "audit.jsonl"

    @property
    def labels(self) -> Path:
        """Files that name the AS and the place of prefixes."""
        return self.home / "labels"

    @property
    def store(self) -> Path:
        """Cycles, raw measurements, tables, topology."""
        return self.home / "store"

    @property
    def canary(self) -> Path:
        """A store of its own for canary runs: no drive wants them."""
        return self.home / "canary"

    @property
    def fitness(self) -> Path:
        """Which vantage points the last canary run found unfit, and why."""
        return self.home / "fitness.json"

    @property
    def spool(self) -> Path:
        """Spools of the vantage points on this machine, one folder each."""
        return self.home / "spool"

    @property
    def drives(self) -> Path:
        """Where finished cycles go."""
        return self.home / "drives.toml"

    @property
    def airflow(self) -> Path:
        """AIRFLOW_HOME."""
        return self.home / "airflow"

    @property
    def scratch(self) -> Path:
        """What is not whole yet; may be deleted when nothing runs."""
        return self.home / "scratch"

    @property
    def simulator(self) -> Path:
        """The simulated Internet's world and state."""
        return self.home / "simulator"

    @property
    def prober(self) -> Path:
        """The zipapp that goes to the vantage points."""
        return self.home / "prober.pyz"

    @property
    def transform(self) -> Path:
        """The Rust binary."""
        return self.repository / "transform_rs" / "target" / "release" / "hs-transform"

    @property
    def ssh_key(self) -> Path:
        """The deploy key for the hosts of the fleet, unless the inventory names another."""
        return self.home / "ssh" / "id_ed25519"

    @property
    def bundle(self) -> Path:
        """The k3s binaries and images with their SHA256SUMS."""
        return self.home / "bundle"

    @property
    def images(self) -> Path:
        """Which images the cluster runs, by digest."""
        return self.cluster / "images.json"

    @property
    def cluster(self) -> Path:
        """The kubeconfig and the lock of the fleet."""
        return self.home / "cluster"

    @property
    def python(self) -> str:
        """The interpreter for local probers."""
        return sys.executable


def child_environment(settings: Settings) -> dict[str, str]:
    """Give this process's environment with `HITSCANNER_HOME` set, for a child of ours."""
    return {**os.environ, "HITSCANNER_HOME": str(settings.home)}


def helm_environment(settings: Settings) -> dict[str, str]:
    """Give this process's environment for Helm, with its files below the home."""
    folder = settings.cluster / "helm"
    places = {
        f"HELM_{name.upper()}_HOME": str(folder / name) for name in ("cache", "config", "data")
    }
    kept = {key: value for key, value in os.environ.items() if key != "KUBECONFIG"}
    return {**kept, **places}
