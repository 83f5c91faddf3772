"""Whether a host shows the key that the inventory pins, by fingerprint or whole."""

from collections.abc import Iterator

import asyncssh

FAMILIES = (
    ("ssh-ed25519",),
    ("ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521"),
    ("rsa-sha2-512", "rsa-sha2-256"),
)
"""Kinds of host keys, asked for one after the other where only a fingerprint is known."""


class Pin:
    """The one key that a host may show, and what it showed instead."""

    def __init__(self, host_key: str) -> None:
        self.wanted = fingerprint(host_key)
        self._seen: list[str] = []

    @property
    def is_shown(self) -> bool:
        """Whether the host showed any key."""
        return bool(self._seen)

    @property
    def seen(self) -> str:
        """The fingerprints that the host showed."""
        return " and ".join(self._seen) or "no key of a kind we accept"

    def client(self) -> asyncssh.SSHClient:
        """Make the half of a connection that judges the host's key."""
        return _Judge(self)

    def is_right(self, key: asyncssh.SSHKey) -> bool:
        """Compare, and remember what was shown."""
        shown = key.get_fingerprint("sha256").rstrip("=")
        if shown not in self._seen:
            self._seen.append(shown)
        return shown == self.wanted


class _Judge(asyncssh.SSHClient):
    def __init__(self, pin: Pin) -> None:
        self._pin = pin

    def validate_host_public_key(
        self, host: str, addr: str, port: int, key: asyncssh.SSHKey
    ) -> bool:
        return self._pin.is_right(key)


def fingerprint(host_key: str) -> str:
    """
    Give the fingerprint of a public key; a fingerprint stays as it is.

    >>> fingerprint("SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=")
    'SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU'
    """
    if not host_key.startswith("SHA256:"):
        host_key = asyncssh.import_public_key(host_key).get_fingerprint("sha256")
    return host_key.rstrip("=")


def families(host_key: str) -> Iterator[tuple[str, ...]]:
    """
    Give the kinds of keys to ask a host for.

    >>> list(families("ssh-ed25519 AAAA"))
    [('ssh-ed25519',)]
    >>> len(list(families("SHA256:47DEQpj8HBSa")))
    3
    """
    kind = host_key.split()[0].removeprefix("ssh-").split("-")[0]
    known = [names for names in FAMILIES if kind in names[0]]
    yield from known if not host_key.startswith("SHA256:") and known else FAMILIES
