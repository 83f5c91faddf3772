"""Docker, where it is chosen; containerd is a part of k3s."""

import json
from collections.abc import Iterator

from hitscanner.provision import watched
from hitscanner.provision.desired import Desired
from hitscanner.provision.facts import Facts
from hitscanner.provision.model import Change, Run
from hitscanner.provision.phases.files import digest, put

LOGS = {"log-driver": "json-file", "log-opts": {"max-size": "10m", "max-file": "3"}}
"""Without a limit one talkative container fills the disk of a small host."""


def plan(desired: Desired, facts: Facts) -> Iterator[Change]:
    """Yield Docker's settings, those that are there kept, and its start."""
    if desired.container_runtime != "docker":
        return
    found = facts.files.get(watched.DOCKER_FILE)
    settings = json.dumps(LOGS | _settings(found.text if found else None), indent=2) + "\n"
    yield from put(facts, "runtime", watched.DOCKER_FILE, settings)
    unit = facts.units.get("docker.service")
    if unit is None or unit.active != "active" or facts.applied.get("docker") != digest(settings):
        yield Change(
            "runtime",
            "start docker.service",
            Run("systemctl enable docker.service && systemctl restart docker.service"),
            "systemctl is-active --quiet docker.service",
            record=("docker", digest(settings)),
        )


def _settings(text: str | None) -> dict[str, object]:
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
