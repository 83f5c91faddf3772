"""Limits for hosts with small disks: the journal, and what the kubelet keeps."""

from collections.abc import Iterator

from hitscanner.provision import watched
from hitscanner.provision.desired import Desired
from hitscanner.provision.facts import Facts
from hitscanner.provision.model import Change, Run
from hitscanner.provision.phases.files import digest, put

SMALL_DISK_MB = 20_000

JOURNAL = "# Written by hitscanner: this disk is small.\n[Journal]\nSystemMaxUse=200M\n"

KUBELET = (
    "container-log-max-size=10Mi",
    "container-log-max-files=3",
    "image-gc-high-threshold=70",
    "image-gc-low-threshold=60",
)
"""The kubelet evicts at 5 % free; images are to go long before that."""


def is_small(facts: Facts) -> bool:
    """
    Tell whether the disk is so small that logs and images could fill it.

    >>> is_small(Facts(host="us-0001", disk_mb=10_000))
    True
    """
    return facts.disk_mb < SMALL_DISK_MB


def plan(
    desired: Desired,  # noqa: ARG001 # all phases are called alike
    facts: Facts,
) -> Iterator[Change]:
    """Yield the journal's limit on a small disk."""
    if not is_small(facts):
        return
    yield from put(facts, "limits", watched.JOURNALD_FILE, JOURNAL)
    if facts.applied.get("journald") != digest(JOURNAL):
        script = "systemctl restart systemd-journald.service"
        verify = "systemctl is-active --quiet systemd-journald.service"
        record = ("journald", digest(JOURNAL))
        yield Change("limits", "limit the journal to 200 MB", Run(script), verify, record=record)
