"""
What is done with many hosts: plan, set up the server, join, remove; one row per host.

Nothing here raises for what is wrong with a host: that is in its row.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path

from hitscanner.domain.inventory import Inventory
from hitscanner.infra.remote import Remote
from hitscanner.provision.model import HostPlan, HostResult

Open = Callable[[str], AbstractAsyncContextManager[Remote]]
"""Connects to the host of that name (server or vantage point)."""


@dataclass(frozen=True)
class Site:
    """The centre: the inventory, the way to the hosts, and the folders that matter."""

    inventory: Inventory
    open: Open
    bundle: Path
    """Folder with k3s-ARCH, images/ and SHA256SUMS."""

    locks: Path
    """Folder of the centre's locks, one file per host."""

    actor: str = "hitscanner"
    """Who runs this, for the one that finds a lock taken."""

    parallel: int = 8
    deadline_s: float = 600.0
    """Per host."""


async def plan_hosts(
    site: Site, names: Sequence[str], only: str | None = None
) -> list[HostPlan | HostResult]:
    """Look at hosts and say what would change; a host that cannot be reached gives its result."""
    raise NotImplementedError


async def apply_hosts(
    site: Site, names: Sequence[str], only: str | None = None
) -> list[HostResult]:
    """
    Make hosts as they shall be: the server first, then agents, joined where they are not yet.

    The token of a join is minted on the server, lives 15 minutes, and is revoked after Ready.
    """
    raise NotImplementedError


async def remove_hosts(
    site: Site, names: Sequence[str], *, force: bool = False
) -> list[HostResult]:
    """Drain, delete the node with its password, uninstall; with *force* also when unreachable."""
    raise NotImplementedError
