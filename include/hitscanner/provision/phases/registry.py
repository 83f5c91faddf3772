"""What a container runtime needs to pull our images: the registry's CA, and an account."""

from collections.abc import Iterator

from hitscanner.provision import watched
from hitscanner.provision.desired import Desired
from hitscanner.provision.facts import Facts
from hitscanner.provision.model import Change
from hitscanner.provision.phases.files import put, render


def plan(desired: Desired, facts: Facts) -> Iterator[Change]:
    """Yield CA and registries.yaml for containerd, or the CA in Docker's own place."""
    if desired.registry is None:
        return
    ca = desired.registry.ca
    if desired.container_runtime == "docker":
        if ca:
            yield from put(facts, "registry", docker_ca(desired.registry.name), ca)
        return
    if ca:
        yield from put(facts, "registry", watched.REGISTRY_CA, ca)
    content = registries(desired)
    yield from put(facts, "registry", watched.REGISTRIES, content, 0o600, is_secret=True)


def registries(desired: Desired) -> str:
    """Give registries.yaml, empty where there is no registry or containerd does not pull."""
    found = desired.registry
    if found is None or desired.container_runtime == "docker":
        return ""
    ca = watched.REGISTRY_CA if found.ca else None
    return render("registries.yaml.j2", registry=found.name, ca=ca, auth=found.auth)


def docker_ca(registry: str) -> str:
    """
    Give the path where Docker looks for a registry's CA.

    >>> docker_ca("registry.example.net:5000")
    '/etc/docker/certs.d/registry.example.net:5000/ca.crt'
    """
    return f"{watched.DOCKER_CERTS}/{registry}/ca.crt"
