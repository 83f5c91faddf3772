"""The checks that come before the first packet. Each refuses with what to do about it."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from .dnp import DoNotProbe
from .errors import RefusedError
from .job import JobSpec

ROUTES_TRIED = 64
"""Targets of a family whose route is asked for: enough to meet every uplink of a usual host."""

_FAMILIES = {"4": (socket.AF_INET, 4), "6": (socket.AF_INET6, 16)}


@dataclass(frozen=True)
class Scamper:
    """A scamper that runs here."""

    path: str
    version: str


def check_identity(path: Path, spec: JobSpec) -> None:
    """Refuse unless the file *path* says that this machine is the vantage point of *spec*."""
    try:
        vp = json.loads(path.read_text("utf-8"))["vp"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RefusedError(f"{path} does not say who this is ({error}); enrol this host") from error
    if vp != spec.vp:
        raise RefusedError(f"this is {vp}, the job is of {spec.vp}; stage the job on {spec.vp}")


def check_clock(own_time_s: float, centre_time_s: float, spec: JobSpec) -> float:
    """
    Return own minus centre time, seconds.

    Raises:
        RefusedError: if it is more than `max_clock_offset_s` either way.

    >>> from types import SimpleNamespace
    >>> check_clock(1000.5, 1000.0, SimpleNamespace(max_clock_offset_s=30))
    0.5
    """
    offset_s = own_time_s - centre_time_s
    if not abs(offset_s) <= spec.max_clock_offset_s:
        raise RefusedError(
            f"the clock is {offset_s:+.1f} s off the centre's, {spec.max_clock_offset_s} s are "
            "allowed; synchronise it (chrony, systemd-timesyncd)"
        )
    return offset_s


def check_dnp(dnp: DoNotProbe, spec: JobSpec) -> None:
    """Refuse unless *dnp* is the list that the cycle was planned with."""
    if dnp.sha256 != spec.dnp_sha256:
        raise RefusedError(
            f"the do-not-probe list has digest {dnp.sha256[:12]}, the plan says "
            f"{spec.dnp_sha256[:12]}; stage the list again, or plan again with the newer one"
        )


def check_raw_socket() -> None:
    """Refuse unless this process may send raw packets."""
    try:
        socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP).close()
    except PermissionError as error:
        raise RefusedError(
            "not allowed to open a raw socket; run as root or with the capability NET_RAW"
        ) from error


def find_scamper(name: str) -> Scamper:
    """
    Return the scamper called *name*, a path or a command on PATH.

    Raises:
        RefusedError: if there is none, or it does not tell its version.
    """
    path = shutil.which(name)
    if path is None:
        raise RefusedError(f"no {name} here; install it (Debian, Ubuntu: apt-get install scamper)")
    try:
        said = subprocess.run([path, "-v"], capture_output=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RefusedError(f"{path} does not start ({error}); install scamper again") from error
    version = re.search(rb"version (\w\S*)", said.stdout + said.stderr)
    if version is None:
        raise RefusedError(f"{path} -v does not tell a scamper version; install scamper again")
    return Scamper(path, version[1].decode())


def check_sources(spec: JobSpec, targets: Iterable[bytes]) -> None:
    """
    Refuse unless the source addresses of *spec* are here and packets would leave from them.

    Where they would leave from is asked of the kernel by connecting UDP sockets to some of
    *targets* (packed), which sends nothing.
    """
    targets = list(targets)
    for key, (family, size) in _FAMILIES.items():
        source = spec.source_addresses[key]
        if source is None:
            continue
        _check_present(family, source)
        wanted = socket.inet_pton(family, source)
        for target in islice((t for t in targets if len(t) == size), ROUTES_TRIED):
            text = socket.inet_ntop(family, target)
            leaves_from = _source_for(family, text)
            if leaves_from is not None and socket.inet_pton(family, leaves_from) != wanted:
                raise RefusedError(
                    f"probes to {text} would leave from {leaves_from}, not from {source}; "
                    "correct the inventory, or the route"
                )


def _check_present(family: int, source: str) -> None:
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((source, 0))
    except OSError as error:
        raise RefusedError(
            f"source address {source} is not on this machine ({error.strerror}); "
            "correct the inventory, or the host"
        ) from error


def _source_for(family: int, target: str) -> str | None:
    """Return the address that packets to *target* leave from; None if there is no route."""
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((target, 33434))
            return str(probe.getsockname()[0])
    except OSError:  # no route: scamper will record that, per target
        return None
