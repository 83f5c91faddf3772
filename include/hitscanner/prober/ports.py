"""
The source port of a job's probes: the same in every cycle, so that flows are the same.

A balancer picks one of its equal links by the ports (RFC 2992). Left alone, scamper takes a port
from its process id (`(pid & 0x7fff) + 0x8000`, scamper(1)), and two cycles over one list differ by
the branches that their process ids drew. Here the port follows from list, vantage point and shard.

scamper binds it, and two that have one port mix up their replies: so a job holds its port by a lock
(flock(2)), as it holds its rate, and takes the next one if another job or program has it.
"""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .errors import FailedError

FIRST_PORT = 61_000
"""Above what Linux hands out by itself (ip_local_port_range: 32768 to 60999)."""

PORTS = 65_536 - FIRST_PORT


def ports_of(list_name: str, vp: str, shard: str) -> Iterator[int]:
    """
    Yield all ports, beginning with the one that belongs to this shard of the list.

    >>> from itertools import islice
    >>> list(islice(ports_of("sample", "us-0001", "0000"), 2))
    [61867, 61868]
    """
    offset = zlib.crc32(f"{list_name} {vp} {shard}".encode())
    for i in range(PORTS):
        yield FIRST_PORT + (offset + i) % PORTS


@contextmanager
def hold_port(directory: Path, wanted: Iterator[int]) -> Iterator[int]:
    """
    Hold the first of the *wanted* ports that nobody has while the block runs.

    Args:
        directory: of this vantage point's locks; made if missing.
        wanted: in order of preference.

    Raises:
        FailedError: if every one is taken.
    """
    directory.mkdir(parents=True, exist_ok=True)
    for port in wanted:
        path = directory / f"{port}.port"
        fd = _try_to_take(path, port)
        if fd is not None:
            break
    else:
        raise FailedError("every source port is taken; end what holds them and run the job again")
    try:
        yield port
    finally:
        path.unlink(missing_ok=True)
        os.close(fd)


def _try_to_take(path: Path, port: int) -> int | None:
    """Lock the file of a port; None if a job has it, or any program has bound the port."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    with suppress(BlockingIOError):
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # A file without a name was another job's until just now; a third may have made it anew.
        if os.fstat(fd).st_nlink and not _is_bound(port):
            return fd
    os.close(fd)
    return None


def _is_bound(port: int) -> bool:
    """Say whether some program on this host has the UDP port, in either family."""
    for family, nowhere in ((socket.AF_INET, ""), (socket.AF_INET6, "::")):
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as trial:
                if family == socket.AF_INET6:
                    trial.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
                trial.bind((nowhere, port))
        except OSError as error:  # others say that there is no such family here
            if error.errno == errno.EADDRINUSE:
                return True
    return False
