"""Hosts over SSH, and this machine, as `Remote`s."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from hitscanner.domain.hosts import Bastion, Server, VantagePoint
from hitscanner.infra.remote import Remote

Host = Server | VantagePoint | Bastion


@dataclass(frozen=True)
class Keys:
    """How we show who we are."""

    private_key: Path
    """The deploy key of this cluster, without a passphrase, 0600."""

    connect_timeout_s: float = 15.0


@asynccontextmanager
async def open_remote(host: Host, keys: Keys, jump: Host | None = None) -> AsyncIterator[Remote]:
    """
    Connect to *host*, over *jump* if one is given; a host with transport "local" is this machine.

    Raises:
        RemoteError: with the cause (see `infra.remote`); the host key is always checked.
    """
    raise NotImplementedError(host, keys, jump)
    yield
