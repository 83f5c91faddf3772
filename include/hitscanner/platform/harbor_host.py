"""Harbor's host, over a `Remote`: facts, then what differs, each step needed → change → verify."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from hitscanner.errors import UnfinishedError, UsageError
from hitscanner.infra.files import sha256_hex
from hitscanner.infra.remote import Remote
from hitscanner.platform.harbor import HarborSite, render_harbor, renewal_hook

INSTALL_S = 1800.0
"""Loading a gigabyte of images, and the first start."""

HOOKS = "/etc/letsencrypt/renewal-hooks/deploy"


@dataclass(frozen=True)
class Places:
    """Where things are on the host."""

    folder: str = "/opt/harbor"
    """What the offline installer unpacks to: `install.sh`, `prepare`, `harbor.yml`."""

    secrets: str = "/etc/hitscanner/harbor"
    """Passwords made once, 0600."""

    hooks: str = HOOKS


@dataclass(frozen=True)
class HarborHost:
    """One host that is to serve our registry."""

    remote: Remote
    site: HarborSite
    places: Places = Places()
    installer: Path | None = None
    """The offline installer of the bundle, for a host that has none yet."""

    async def plan(self) -> list[str]:
        """Say what `apply` would do, without a word of any secret."""
        site = await self._with_passwords(keep=False)
        steps = [] if await self._has_installer() else ["unpack Harbor's offline installer"]
        if await self._differs("harbor.yml", render_harbor(site)):
            steps.append(f"write {self.places.folder}/harbor.yml and run install.sh")
        if await self._hook_differs(site):
            steps.append(f"write {self._hook}")
        return steps

    async def apply(self) -> list[str]:
        """
        Bring the host to where it should be; name what was changed.

        Raises:
            UsageError: if Docker or Compose is missing or too old, or there is no installer.
            UnfinishedError: if Harbor's installer failed, with its last words.
        """
        await self._check_docker()
        site = await self._with_passwords(keep=True)
        done = []
        if not await self._has_installer():
            done.append(await self._unpack())
        if await self._differs("harbor.yml", render_harbor(site)):
            done.append(await self._install(site))
        if await self._hook_differs(site):
            await self.remote.put(self._hook, self._hook_text(site), 0o755)
            done.append(f"wrote {self._hook}")
        return done

    async def admin_password(self) -> str:
        """Give the administrator's password."""
        found = await self.remote.get(f"{self.places.secrets}/admin")
        if found is None:
            raise UsageError(f"{self.remote.name}: no password of Harbor; run apply first")
        return found.decode().strip()

    @property
    def _hook(self) -> str:
        return f"{self.places.hooks}/hitscanner-harbor"

    def _hook_text(self, site: HarborSite) -> bytes:
        return renewal_hook(site, self.places.folder).encode()

    async def _hook_differs(self, site: HarborSite) -> bool:
        return await self.remote.get(self._hook) != self._hook_text(site)

    async def _check_docker(self) -> None:
        for what, command, least in (
            ("Docker", "docker version --format '{{.Server.Version}}'", (20, 10)),
            ("Docker Compose", "docker compose version --short", (2, 3)),
        ):
            said = (await self.remote.run(command)).out.strip()
            if version(said) < least:
                raise UsageError(
                    f"{self.remote.name}: {what} is {said or 'missing'}; Harbor needs "
                    f"{'.'.join(map(str, least))} or newer: docs.docker.com/engine/install"
                )

    async def _with_passwords(self, *, keep: bool) -> HarborSite:
        """Read the passwords, or make them; a plan makes them too but leaves none behind."""
        found = {}
        for name in ("admin", "database"):
            path = f"{self.places.secrets}/{name}"
            there = await self.remote.get(path)
            found[name] = there.decode().strip() if there else secrets.token_urlsafe(18)
            if there is None and keep:
                await self.remote.put(path, found[name].encode(), 0o600)
        return replace(
            self.site, admin_password=found["admin"], database_password=found["database"]
        )

    async def _has_installer(self) -> bool:
        return (await self.remote.run(f"test -x '{self.places.folder}/install.sh'")).is_good

    async def _unpack(self) -> str:
        if self.installer is None or not self.installer.is_file():
            raise UsageError(
                f"{self.remote.name} has no {self.places.folder}/install.sh and the bundle no "
                "harbor-offline-installer; get it from github.com/goharbor/harbor/releases"
            )
        archive = "/var/tmp/harbor-offline-installer.tgz"  # noqa: S108  # on the host, root's own
        await self.remote.put(archive, self.installer)
        folder = self.places.folder
        await self._must(
            f"mkdir -p '{folder}' && tar -xzf {archive} -C '{folder}' --strip-components 1 "
            f"&& rm {archive}"
        )
        return f"unpacked {self.installer.name}"

    async def _differs(self, name: str, content: str) -> bool:
        """Compare with what was last installed, not merely written: a cut run is done again."""
        there = await self.remote.get(f"{self.places.secrets}/installed.sha256")
        return there is None or there.decode().strip() != sha256_hex(content.encode())

    async def _install(self, site: HarborSite) -> str:
        text, folder = render_harbor(site), self.places.folder
        await self.remote.put(f"{folder}/harbor.yml", text.encode(), 0o600)
        await self._must(f"cd '{folder}' && ./install.sh", INSTALL_S)
        digest = sha256_hex(text.encode()).encode()
        await self.remote.put(f"{self.places.secrets}/installed.sha256", digest, 0o600)
        return "installed Harbor with a new harbor.yml"

    async def _must(self, script: str, timeout_s: float = 300.0) -> None:
        done = await self.remote.run(script, timeout_s=timeout_s)
        if not done.is_good:
            words = " ".join((done.err or done.out).splitlines()[-3:])[-400:]
            raise UnfinishedError(f"{self.remote.name}: {script.split('&&')[-1].strip()}: {words}")


def version(text: str) -> tuple[int, ...]:
    """
    Read a version's numbers.

    >>> version("v2.29.7"), version("20.10.24+dfsg1"), version("")
    ((2, 29, 7), (20, 10, 24), ())
    """
    numbers: list[int] = []
    for part in text.lstrip("v").split("."):
        digits = "".join(_leading(part, str.isdigit))
        if not digits:
            break
        numbers.append(int(digits))
        if digits != part:
            break
    return tuple(numbers)


def _leading(text: str, wanted: Callable[[str], bool]) -> list[str]:
    end = next((n for n, sign in enumerate(text) if not wanted(sign)), len(text))
    return list(text[:end])
