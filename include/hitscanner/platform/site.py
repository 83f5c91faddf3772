"""The values that only the site knows: addresses, names, images, from the inventory."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hitscanner.domain.platform import Platform
from hitscanner.errors import UsageError

INGRESS_CLASS = {"traefik": "traefik", "ingress-nginx": "nginx"}
"""`ingressClassName` of each controller, as its chart names it."""

STORAGE = {"nfs": ("nfs-client", "ReadWriteMany"), "local": ("local-path", "ReadWriteOnce")}
"""StorageClass and access mode: all pods that share a volume are on the server, so once will do."""


@dataclass(frozen=True)
class Site:
    """What the values of this site are made of."""

    platform: Platform
    server_address: str
    """Where the server answers inside the cluster: the NFS server's address."""

    images: Mapping[str, str] = field(default_factory=dict)
    """`scanner` and `airflow`, each REPOSITORY@sha256:DIGEST, as `hitscanner images push` left."""


def site_values(release: str, site: Site) -> dict[str, Any]:
    """
    Give the site's values of one release; they win over those of the files.

    Raises:
        UsageError: if the release needs an image that was never pushed.

    >>> site_values("metallb", Site(Platform(), "192.0.2.1"))
    {}
    """
    makers = {
        "airflow": _airflow,
        "csi-driver-nfs": _nfs,
        "hitscanner": _hitscanner,
    }
    return makers[release](site) if release in makers else {}


def _nfs(site: Site) -> dict[str, Any]:
    parameters = {"server": site.server_address, "share": site.platform.nfs_export}
    return {"storageClass": {"parameters": parameters}}


def _hitscanner(site: Site) -> dict[str, Any]:
    chosen, scanner = site.platform, image(site, "scanner")
    class_name, mode = STORAGE[chosen.storage if chosen.storage in STORAGE else "local"]
    pool = [str(address) for address in chosen.service_addresses]
    issuers: dict[str, Any] = {"enabled": bool(chosen.email and chosen.web_host)}
    if chosen.email:
        issuers |= {
            "email": chosen.email,
            "ingressClassName": INGRESS_CLASS[chosen.ingress],
        }
    return {
        "fence": {"images": [scanner.partition("@")[0]]},
        "reaper": {"image": scanner},
        "storage": {"className": class_name, "accessMode": mode},
        "loadBalancer": {"enabled": bool(pool)} | ({"addresses": pool} if pool else {}),
        "issuers": issuers,
    }


def _airflow(site: Site) -> dict[str, Any]:
    chosen = site.platform
    repository, _, digest = image(site, "airflow").partition("@")
    values: dict[str, Any] = {
        "executor": chosen.executor,
        "defaultAirflowRepository": repository,
        # For airflow.cfg, which names task pods' image by tag; pods themselves go by digest.
        "defaultAirflowTag": airflow_tag(digest),
        "defaultAirflowDigest": digest,
    }
    if chosen.web_host:
        issuer = f"letsencrypt-{chosen.certificates}"
        values["config"] = {"api": {"base_url": f"https://{chosen.web_host}"}}
        values["ingress"] = {
            "apiServer": {
                "enabled": True,
                "ingressClassName": INGRESS_CLASS[chosen.ingress],
                "annotations": {"cert-manager.io/cluster-issuer": issuer} if chosen.email else {},
                "hosts": [
                    {
                        "name": chosen.web_host,
                        "tls": {"enabled": True, "secretName": "airflow-tls"},
                    }
                ],
            }
        }
    return values


def airflow_tag(digest: str) -> str:
    """Name the image's tag after its content; `hitscanner images push` gives it that tag."""
    return digest.removeprefix("sha256:")[:16]


def image(site: Site, name: str) -> str:
    """
    Give an image by digest.

    Raises:
        UsageError: if it is not recorded.
    """
    found = site.images.get(name)
    if not found or "@sha256:" not in found:
        raise UsageError(
            f"no {name} image is recorded by digest; build and push it: hitscanner images push"
        )
    return found
