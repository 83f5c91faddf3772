"""The choices of the platform: what `[platform]` of the inventory may say."""

from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

ServiceAddress = Annotated[str, Field(pattern=r"^[0-9a-fA-F.:]+(/[0-9]{1,3}|-[0-9a-fA-F.:]+)$")]
"""A CIDR, or FIRST-LAST, as MetalLB reads them."""


class Platform(BaseModel):
    """
    What the cluster is made of, where there is a choice.

    Paths are relative to the inventory's folder.

    >>> Platform().kube_proxy_mode
    'nftables'
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    container_runtime: Literal["docker", "containerd"] = Field(
        default="containerd", description='"containerd" or "docker"'
    )
    kube_proxy_mode: Literal["ipvs", "nftables", "iptables"] = Field(
        default="nftables",
        description='"nftables", "iptables" or "ipvs" (deprecated since Kubernetes 1.35)',
    )
    ingress: Literal["traefik", "ingress-nginx"] = Field(
        default="traefik", description='"traefik" or "ingress-nginx" (retired in March 2026)'
    )
    database: Literal["mysql", "postgresql"] = Field(
        default="postgresql", description='"postgresql" or "mysql", for Airflow\'s metadata'
    )
    storage: Literal["nfs", "local", "bucket"] = Field(
        default="nfs",
        description='"nfs" for a shared volume, "local" for a folder of the server, or "bucket"',
    )
    k3s_version: str | None = Field(
        default=None,
        pattern=r"^v1\.[0-9]+\.[0-9]+\+k3s[0-9]+$",
        description="the k3s of the bundle; without it, that of versions.env",
        examples=["v1.36.3+k3s1"],
    )
    flannel_backend: Literal["wireguard-native", "vxlan", "host-gw", "none"] = Field(
        default="wireguard-native",
        description='"wireguard-native" for hosts in many places, "vxlan" or "host-gw" for hosts '
        'in one, or "none"',
    )
    cluster_cidr: IPv4Network = Field(
        default=IPv4Network("10.42.0.0/16"),
        description="the network of the pods; each host takes a /24 of it",
    )
    service_cidr: IPv4Network = Field(
        default=IPv4Network("10.43.0.0/16"), description="the network of the services"
    )
    hardening: Literal["none", "cis"] = Field(
        default="none", description='"none", or "cis" for the kernel settings of the CIS benchmark'
    )
    kubelet_args: tuple[str, ...] = Field(
        default=(),
        description="a list of arguments of every kubelet, without dashes",
        examples=[["max-pods=30"]],
    )
    firewall: bool = Field(
        default=True, strict=True, description="true to close the cluster's ports to strangers"
    )
    admins: tuple[IPv4Network | IPv6Network, ...] = Field(
        default=(),
        description="a list of networks that may reach the Kubernetes API beside the fleet",
        examples=[["198.51.100.0/24"]],
    )
    nfs_export: str = Field(
        default="/srv/hitscanner",
        pattern=r"^(/[A-Za-z0-9._-]+)+$",
        description="the folder of the server that is exported, without spaces",
    )
    registry: str | None = Field(
        default=None,
        pattern=r"^[a-z0-9.-]+(:[0-9]+)?$",
        description="host, or host:port, of the registry of our images",
        examples=["registry.example.net"],
    )
    registry_host: str | None = Field(
        default=None,
        description="the bastion or other host on which provision_registry installs Harbor",
        examples=["registry"],
    )
    registry_ca: Path | None = Field(
        default=None,
        description="the file with the certificate that the registry's is signed by",
        examples=["registry-ca.crt"],
    )
    registry_auth: Path | None = Field(
        default=None,
        description="the file, 0600, with USER:PASSWORD of the account that only pulls",
        examples=["registry-pull.txt"],
    )
    ssh_key: Path | None = Field(
        default=None,
        description="the private key for the hosts; without it, ssh/id_ed25519 of the home",
        examples=["/etc/hitscanner/id_ed25519"],
    )
    executor: Literal["LocalExecutor", "KubernetesExecutor", "LocalExecutor,KubernetesExecutor"] = (
        Field(
            default="LocalExecutor",
            description='"LocalExecutor" (tasks beside the scheduler), "KubernetesExecutor" (a pod '
            'each), or both: "LocalExecutor,KubernetesExecutor"',
        )
    )
    service_addresses: tuple[ServiceAddress, ...] = Field(
        default=(),
        description="CIDRs or FIRST-LAST that MetalLB may give out; never a host's own address",
        examples=[["192.0.2.2/32"]],
    )
    web_host: str | None = Field(
        default=None,
        pattern=r"^[a-z0-9-]+([.][a-z0-9-]+)+$",
        description="the name under which Airflow's pages are reached",
        examples=["airflow.example.net"],
    )
    email: str | None = Field(
        default=None,
        pattern=r"^[^@\s]+@[^@\s]+$",
        description="whom the certificate authority warns",
        examples=["operator@example.net"],
    )
    certificates: Literal["staging", "production"] = Field(
        default="staging",
        description='"staging" for trials, "production" for certificates that browsers trust',
    )
