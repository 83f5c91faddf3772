"""The registry of our images: Harbor on its host, a private project, and two accounts."""

import asyncio
import base64
import json
import os
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path

from hitscanner.infra.harbor_api import PULL, PUSH, HarborApi
from hitscanner.infra.images import PROJECT
from hitscanner.infra.remote import Remote
from hitscanner.platform.harbor import HarborSite
from hitscanner.platform.harbor_host import HarborHost, Places


@dataclass(frozen=True)
class Credentials:
    """Files of the centre that hold what the two robots are let in with, 0600."""

    host: str
    push: Path
    """For `buildah push --authfile`."""

    pull: Path
    """USER:PASSWORD, as the inventory's `registry_auth` wants it for the hosts."""


@dataclass(frozen=True)
class RegistryOffice:
    """The host and what runs on it, together."""

    open_host: Callable[[], AbstractAsyncContextManager[Remote]]
    site: HarborSite
    credentials: Credentials
    open_api: Callable[[str], HarborApi]
    """From the administrator's password."""

    installer: Path | None = None
    places: Places = field(default_factory=Places)

    def plan(self) -> list[str]:
        """Say what would change on the host; what is inside Harbor is only seen by `apply`."""
        return asyncio.run(self._plan())

    def apply(self) -> list[str]:
        """
        Install, configure, check; name what was changed, nothing at a second run.

        Raises:
            RemoteError, UsageError, UnfinishedError, HarborError.
        """
        done, password = asyncio.run(self._apply())
        return done + ensure_registry(self.open_api(password), self.credentials)

    async def _plan(self) -> list[str]:
        async with self.open_host() as remote:
            return await self._harbor(remote).plan()

    async def _apply(self) -> tuple[list[str], str]:
        async with self.open_host() as remote:
            harbor = self._harbor(remote)
            return await harbor.apply(), await harbor.admin_password()

    def _harbor(self, remote: Remote) -> HarborHost:
        return HarborHost(remote, self.site, self.places, self.installer)


def ensure_registry(api: HarborApi, credentials: Credentials) -> list[str]:
    """
    Bring Harbor's contents to where they should be; name what was changed.

    A robot whose file is here is left alone: its secret cannot be read again, only renewed.

    Raises:
        HarborError: if it is not healthy or refuses.
    """
    api.check()
    project_id, is_new = api.ensure_project(PROJECT)
    done = [f"made the private project {PROJECT}"] if is_new else []
    if not credentials.push.is_file():
        robot = api.ensure_robot(PROJECT, project_id, "push", PUSH)
        word = base64.b64encode(f"{robot.name}:{robot.secret}".encode()).decode()
        _keep(credentials.push, json.dumps({"auths": {credentials.host: {"auth": word}}}))
        done.append("made the account that pushes")
    if not credentials.pull.is_file():
        robot = api.ensure_robot(PROJECT, project_id, "pull", PULL)
        _keep(credentials.pull, f"{robot.name}:{robot.secret}\n")
        done.append("made the account that pulls")
    if api.ensure_retention(PROJECT, project_id):
        done.append("keep the newest images of each repository")
    if api.ensure_garbage_collection():
        done.append("collect garbage weekly")
    return done


def _keep(file: Path, text: str) -> None:
    """Write a secret that nobody else may read, at no moment."""
    file.parent.mkdir(parents=True, exist_ok=True)
    partial = file.with_name(f".{file.name}.new")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as out:
        out.write(text)
        out.flush()
        os.fsync(descriptor)
    partial.rename(file)
