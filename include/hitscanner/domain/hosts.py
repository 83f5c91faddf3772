"""The machines of the inventory: vantage points and the server."""

import re
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from hitscanner.domain.names import check_list_name, check_vp_name
from hitscanner.domain.validation import as_toml
from hitscanner.errors import InvalidNameError

EVERYTHING = "all"
"""What stands for every vantage point where names and tags are asked for."""


def _check_address(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError:
        if _HOST_NAME.fullmatch(text) and len(text) <= 253 and not text[-1].isdecimal():
            return text
    raise ValueError("give an IP address or host name, e.g. 192.0.2.10 or vp.example.net")


def _check_host_key(text: str) -> str:
    if _FINGERPRINT.fullmatch(text) or _PUBLIC_KEY.fullmatch(text):
        return text
    raise ValueError(
        "give a fingerprint (SHA256:… as `ssh-keygen -lf` shows it) or a public key (ssh-ed25519 …)"
    )


def _check_name(name: str) -> str:
    try:
        return check_vp_name(name)
    except InvalidNameError as error:
        raise ValueError(str(error).partition("; ")[2]) from None


def _check_labels(labels: tuple[str, ...]) -> tuple[str, ...]:
    for label in labels:
        if not _LABEL.fullmatch(label):
            raise ValueError('write labels as name=value, e.g. labels = ["example.net/disk=ssd"]')
    return tuple(sorted(set(labels)))


def _check_tags(tags: tuple[str, ...]) -> tuple[str, ...]:
    for tag in tags:
        try:
            check_list_name(tag)
        except InvalidNameError:
            raise ValueError('write tags with a-z 0-9 _ -, e.g. tags = ["europe"]') from None
    if EVERYTHING in tags:
        raise ValueError(f'"{EVERYTHING}" already means every vantage point; choose another tag')
    return tuple(sorted(set(tags)))


_HOST_NAME = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.?)+", re.ASCII)
_FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}=?", re.ASCII)
_PUBLIC_KEY = re.compile(r"(ssh|ecdsa|sk)-[a-z0-9@.-]+ [A-Za-z0-9+/]{40,}={0,2}( .*)?", re.ASCII)
_LABEL = re.compile(
    r"([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([\w.-]{0,61}[A-Za-z0-9])?"
    r"=([A-Za-z0-9]([\w.-]{0,61}[A-Za-z0-9])?)?",
    re.ASCII,
)
"""Kubernetes, "Labels and Selectors", syntax and character set."""

_Name = Annotated[str, AfterValidator(_check_name)]
_HostAddress = Annotated[str, AfterValidator(_check_address)]
_HostKey = Annotated[str, AfterValidator(_check_host_key)]
_Port = Annotated[int, Field(strict=True, ge=1, le=65_535)]


class _Host(BaseModel):
    """What it takes to reach a machine."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: _Name = Field(description="a name that no other host has", examples=["us-0001"])
    address: _HostAddress | None = Field(
        default=None, description="an IP address or host name", examples=["192.0.2.10"]
    )
    port: _Port = Field(default=22, description="the port of its SSH server, 1 to 65535")
    user: str = Field(
        default="hitscanner",
        pattern=r"^[a-z_][a-z0-9_-]{0,31}$",
        description="the account to log in to, at most 32 of a-z 0-9 _ -",
    )
    host_key: _HostKey | None = Field(
        default=None,
        description="the host key's fingerprint as `ssh-keygen -lf` shows it, or the public key",
        examples=["SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU"],
    )

    jump: _Name | None = Field(
        default=None,
        description="the name of the host or bastion to go through",
        examples=["bastion-eu"],
    )

    def _check_reachable(self) -> None:
        for key in ("address", "host_key"):
            if getattr(self, key) is None:
                field = type(self).model_fields[key]
                example = as_toml(key, (field.examples or [""])[0])
                raise ValueError(
                    f"{key} is missing (SSH needs it); give {field.description}, e.g. {example}"
                )


class _KubeHost(_Host):
    """What it takes to make a machine a node of the cluster."""

    external_address: IPv4Address | IPv6Address | None = Field(
        default=None,
        description="the address that other hosts see, where it is not `address`",
        examples=["198.51.100.10"],
    )
    arch: Literal["amd64", "arm64"] | None = Field(
        default=None, description='"amd64" or "arm64", to refuse a host that is another'
    )
    container_runtime: Literal["docker", "containerd"] | None = Field(
        default=None, description='"containerd" or "docker", where it is not the platform\'s'
    )
    labels: Annotated[tuple[str, ...], AfterValidator(_check_labels)] = Field(
        default=(),
        description="a list of further labels of the kube node, name=value",
        examples=[["example.net/disk=ssd"]],
    )
    kubelet_args: tuple[str, ...] = Field(
        default=(),
        description="a list of further arguments of the kubelet, without dashes",
        examples=[["max-pods=30"]],
    )


class VantagePoint(_KubeHost):
    """
    A host that probes.

    >>> VantagePoint(name="us-0001", transport="local", netns="hs-us-0001").max_pps
    100
    """

    transport: Literal["local", "ssh", "pod"] = Field(
        default="ssh",
        description='"ssh" to start the prober over SSH, "pod" to run it in the cluster, '
        '"local" to run it on this machine',
    )
    netns: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$",
        description="the network namespace to probe from, in letters, digits, . _ -",
        examples=["hs-us-0001"],
    )
    source_v4: IPv4Address | None = Field(
        default=None,
        description="the IPv4 address that probes leave from",
        examples=["192.0.2.10"],
    )
    source_v6: IPv6Address | None = Field(
        default=None,
        description="the IPv6 address that probes leave from",
        examples=["2001:db8::10"],
    )
    place: str | None = Field(
        default=None, description="where it stands, as text in quotes", examples=["Frankfurt"]
    )
    country: str | None = Field(
        default=None,
        pattern=r"^[A-Z]{2}$",
        description="the two capital letters of its country (ISO 3166)",
        examples=["DE"],
    )
    asn: Annotated[int, Field(strict=True, ge=1, lt=1 << 32)] | None = Field(
        default=None,
        description="the number of its autonomous system, 1 to 4294967295",
        examples=[64500],
    )
    tags: Annotated[tuple[str, ...], AfterValidator(_check_tags)] = Field(
        default=(), description="a list of words to choose it by", examples=[["europe"]]
    )
    max_pps: Annotated[int, Field(strict=True, ge=1, le=10_000)] = Field(
        default=100, description="a whole number of packets per second, 1 to 10000"
    )

    @model_validator(mode="after")
    def _fits_transport(self) -> Self:
        if self.transport != "local":
            self._check_reachable()
        if self.netns is not None and self.transport != "local":
            raise ValueError(
                f'netns is "{self.netns}", but transport is "{self.transport}"; '
                'delete netns or write transport = "local"'
            )
        return self


class Server(_KubeHost):
    """
    The machine with Airflow, the store and, in a cluster, the control plane.

    >>> Server(name="server", transport="local").port
    22
    """

    transport: Literal["local", "ssh"] = Field(
        default="local", description='"local" if it is this machine, else "ssh"'
    )

    @model_validator(mode="after")
    def _fits_transport(self) -> Self:
        if self.transport == "ssh":
            self._check_reachable()
        return self


class Bastion(_Host):
    """
    A machine that is only passed through on the way to others.

    >>> Bastion(name="gate", address="192.0.2.9", host_key="SHA256:" + "A" * 43).port
    22
    """

    transport: Literal["ssh"] = Field(default="ssh", description='"ssh"')

    @model_validator(mode="after")
    def _has_address(self) -> Self:
        self._check_reachable()
        return self
