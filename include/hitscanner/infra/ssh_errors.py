"""What asyncssh and the operating system say of a connection, as one of our errors."""

import errno
import socket

import asyncssh

from hitscanner.domain.hosts import Bastion, Server, VantagePoint
from hitscanner.infra.remote import (
    AuthRefusedError,
    ConnectionLostError,
    PortClosedError,
    RemoteError,
    UnknownHostError,
    UnreachableError,
)

NOBODY = {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.ETIMEDOUT, errno.EHOSTDOWN}


def translate(
    error: asyncssh.Error | OSError, host: Server | VantagePoint | Bastion
) -> RemoteError:
    """
    Say why a connection to *host* could not be made.

    >>> gate = Bastion(name="gate", address="192.0.2.9", host_key="SHA256:" + "A" * 43)
    >>> print(translate(ConnectionRefusedError(), gate))
    gate: nothing listens at 192.0.2.9 port 22; correct the inventory, or start sshd there
    """
    where = f"{host.address} port {host.port}"
    match error:
        case socket.gaierror():
            what = f"the name {host.address} does not resolve"
            return UnknownHostError(host.name, what, "correct address in the inventory")
        case asyncssh.PermissionDenied():
            what = f"our key is not accepted for user {host.user}"
            remedy = f"add our public key to ~{host.user}/.ssh/authorized_keys there"
            return AuthRefusedError(host.name, what, remedy)
        case asyncssh.ChannelOpenError():
            return _behind_jump(error, host, where)
        case ConnectionRefusedError():
            return _closed(host, f"nothing listens at {where}")
        case TimeoutError():
            return _nobody(host, where)
        case OSError() if error.errno in NOBODY:
            return _nobody(host, where)
        case asyncssh.ProtocolError():
            return _closed(host, f"what answers at {where} does not speak SSH")
    what = f"the connection to {where} broke off: {error}"
    return ConnectionLostError(host.name, what, "see sshd's journal there, then run it again")


def _behind_jump(
    error: asyncssh.ChannelOpenError, host: Server | VantagePoint | Bastion, where: str
) -> RemoteError:
    """RFC 4254 §5.1: a forwarded connection fails with a reason; OpenSSH gives words of errno."""
    said = error.reason.lower()
    if "refused" in said:
        return _closed(host, f"nothing listens at {where}, seen from {host.jump}")
    if "name or service" in said or "resolve" in said:
        what = f"the name {host.address} does not resolve on {host.jump}"
        return UnknownHostError(host.name, what, "correct address in the inventory")
    if error.code == asyncssh.OPEN_ADMINISTRATIVELY_PROHIBITED:
        what = f"{host.jump} does not pass connections on"
        return UnreachableError(host.name, what, "set AllowTcpForwarding in its sshd_config")
    return _nobody(host, f"{where}, seen from {host.jump}: {error.reason}")


def _closed(host: Server | VantagePoint | Bastion, what: str) -> PortClosedError:
    remedy = "correct the inventory, or start sshd there"
    return PortClosedError(host.name, what, remedy)


def _nobody(host: Server | VantagePoint | Bastion, where: str) -> UnreachableError:
    remedy = "see whether the host is up and lets us through"
    return UnreachableError(host.name, f"nobody answers at {where}", remedy)
