"""Hosts over SSH, and this machine, as `Remote`s."""

import asyncio
import os
import shlex
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncssh

from hitscanner.domain.hosts import Bastion, Server, VantagePoint
from hitscanner.infra.host_keys import Pin, families
from hitscanner.infra.remote import (
    AuthRefusedError,
    ConnectionLostError,
    NoSudoError,
    Remote,
    RemoteError,
    UnknownHostError,
    WrongHostKeyError,
)
from hitscanner.infra.shell import GRACE_S, Raw, ShellRemote, chunks, command, timed_out
from hitscanner.infra.ssh_errors import translate

asyncssh.set_log_level("WARNING")
"""Else each script stands in the log of a task, pages long; our own lines say what is done."""

Host = Server | VantagePoint | Bastion

CIPHERS = (
    *("aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "chacha20-poly1305@openssh.com"),
    *("aes256-ctr", "aes128-ctr"),
)
"""The fast ones first: every processor of the last ten years has instructions for AES."""


@dataclass(frozen=True)
class Keys:
    """How we show who we are."""

    private_key: Path
    """The deploy key of this cluster, without a passphrase, 0600."""

    connect_timeout_s: float = 15.0
    keepalive_s: float = 10.0
    """A connection is given up after three of these without an answer."""


@asynccontextmanager
async def open_remote(host: Host, keys: Keys, jump: Host | None = None) -> AsyncIterator[Remote]:
    """
    Connect to *host*, over *jump* if one is given; a host with transport "local" is this machine.

    Nothing of the user's own SSH set-up (configuration, agent, known hosts) is used.

    Raises:
        RemoteError: with the cause (see `infra.remote`); the host key is always checked.
    """
    if host.transport == "local":
        yield LocalRemote(host.name)
        return
    if not keys.private_key.is_file():
        what = f"our key {keys.private_key} is missing"
        raise AuthRefusedError(
            host.name, what, f"make it: ssh-keygen -t ed25519 -N '' -f {keys.private_key}"
        )
    async with AsyncExitStack() as stack:
        tunnel = await _connect(jump, keys, None) if jump else None
        if tunnel is not None:
            stack.push_async_callback(_close, tunnel)
        connection = await _connect(host, keys, tunnel)
        stack.push_async_callback(_close, connection)
        remote = SshRemote(host.name, connection, is_root=host.user == "root")
        await remote.check_sudo(host.user)
        yield remote


class LocalRemote(ShellRemote):
    """The machine we run on; as root if we are, else by `sudo -n`."""

    def __init__(self, name: str) -> None:
        self.name = name

    async def _exec(self, script: str, content: bytes | Path, timeout_s: float) -> Raw:
        process = await asyncio.create_subprocess_exec(
            *command(script, timeout_s, is_root=os.geteuid() == 0),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        assert process.stdin
        assert process.stdout
        assert process.stderr
        try:
            async with asyncio.timeout(timeout_s + GRACE_S):
                _, out, err = await asyncio.gather(
                    _feed(process.stdin, content), process.stdout.read(), process.stderr.read()
                )
                status = await process.wait()
        except TimeoutError:
            raise timed_out(self.name, timeout_s) from None
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(process.pid, signal.SIGKILL)
        return Raw(status if status >= 0 else 128 - status, out, err)


class SshRemote(ShellRemote):
    """A host at the end of an open SSH connection."""

    def __init__(
        self, name: str, connection: asyncssh.SSHClientConnection, *, is_root: bool
    ) -> None:
        self.name = name
        self._connection = connection
        self._is_root = is_root

    async def check_sudo(self, user: str) -> None:
        """
        Find out that we may do anything.

        Raises:
            NoSudoError: when `sudo -n` does not make *user* root.
        """
        if self._is_root:
            return
        raw = await self._exec("test $(id -u) -eq 0", b"", 20.0)
        if raw.status:
            said = (raw.err.decode(errors="replace").strip().splitlines() or ["no reason given"])[
                -1
            ]
            remedy = f"let {user} run sudo without a password: {user} ALL=(ALL) NOPASSWD: ALL"
            raise NoSudoError(self.name, f"{user} cannot become root: {said}", remedy)

    async def _exec(self, script: str, content: bytes | Path, timeout_s: float) -> Raw:
        line = shlex.join(command(script, timeout_s, is_root=self._is_root))
        try:
            async with asyncio.timeout(timeout_s + GRACE_S):
                return await self._talk(line, content)
        except TimeoutError:
            raise timed_out(self.name, timeout_s) from None
        except (asyncssh.Error, OSError) as error:
            raise self._lost(str(error)) from error

    async def _talk(self, line: str, content: bytes | Path) -> Raw:
        process = await self._connection.create_process(line, encoding=None)
        try:
            _, out, err = await asyncio.gather(
                _feed(process.stdin, content), process.stdout.read(), process.stderr.read()
            )
            await process.wait_closed()
        finally:
            process.close()
        if process.returncode is None:
            raise self._lost("it ended in the middle of a command")
        status = process.returncode
        return Raw(status if status >= 0 else 128 - status, out, err)

    def _lost(self, why: str) -> RemoteError:
        remedy = "run it again; it goes on where it was cut"
        return ConnectionLostError(self.name, f"the connection is lost: {why}", remedy)


async def _feed(stdin: Any, content: bytes | Path) -> None:
    """Write all of *content*; a command that does not want its input is no error."""
    with suppress(BrokenPipeError, ConnectionResetError):
        async for piece in chunks(content):
            stdin.write(piece)
            await stdin.drain()
        stdin.write_eof()


async def _connect(
    host: Host, keys: Keys, tunnel: asyncssh.SSHClientConnection | None
) -> asyncssh.SSHClientConnection:
    """Connect, asking for the kind of host key that the inventory pins."""
    if host.address is None or host.host_key is None:
        missing = "address" if host.address is None else "host_key"
        remedy = f"add {missing} to it in the inventory"
        raise UnknownHostError(host.name, f"the inventory has no {missing} for it", remedy)
    pin = Pin(host.host_key)
    cut: RemoteError | None = None
    for kind in families(host.host_key):
        options = asyncssh.SSHClientConnectionOptions(
            username=host.user,
            client_keys=[str(keys.private_key)],
            client_factory=pin.client,
            known_hosts=([], [], []),
            server_host_key_algs=kind,
            agent_path=None,
            config=None,
            preferred_auth="publickey",
            encryption_algs=CIPHERS,
            connect_timeout=keys.connect_timeout_s,
            login_timeout=keys.connect_timeout_s,
            keepalive_interval=keys.keepalive_s,
        )
        try:
            return await asyncssh.connect(host.address, host.port, tunnel=tunnel, options=options)
        except (asyncssh.HostKeyNotVerifiable, asyncssh.KeyExchangeFailed):
            continue
        except (asyncssh.ConnectionLost, ConnectionResetError) as error:
            cut = translate(error, host)  # OpenSSH ends so, too, when it has no key of that kind
        except (asyncssh.Error, OSError) as error:
            raise translate(error, host) from error
    if cut and not pin.is_shown:
        raise cut
    raise WrongHostKeyError(
        host.name,
        f"it shows {pin.seen}, the inventory says {pin.wanted}",
        "if the host was set up anew, put its new fingerprint into the inventory; else stop here",
    )


async def _close(connection: asyncssh.SSHClientConnection) -> None:
    connection.close()
    with suppress(TimeoutError, asyncssh.Error, OSError):
        async with asyncio.timeout(5):
            await connection.wait_closed()
