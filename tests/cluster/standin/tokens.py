"""
Join tokens: `K10<CA hash>::<credentials>` (docs/cli/token.md, pkg/clientaccess/token.go).
"""

import hashlib
import re
import secrets
import string
from typing import NamedTuple

PREFIX = "K10"
BOOTSTRAP = re.compile(r"([a-z0-9]{6})\.([a-z0-9]{16})")
_SIGNS = string.ascii_lowercase + string.digits


class TokenError(ValueError):
    """What is wrong with a token, in k3s's words."""


class Token(NamedTuple):
    """A parsed token: bootstrap tokens have an `id`, others a `user`."""

    ca_hash: str
    user: str
    password: str
    id: str | None = None

    @property
    def bearer(self) -> str | None:
        """The bootstrap token itself."""
        return f"{self.id}.{self.password}" if self.id else None


def parse(text: str) -> Token:
    """
    Read a token in secure or short format.

    >>> parse("secret")
    Token(ca_hash='', user='', password='secret', id=None)
    >>> parse("abcdef.0123456789abcdef").id
    'abcdef'
    >>> parse("K10" + "a" * 64 + "::server:word").user
    'server'
    """
    if not text:
        raise TokenError("token must not be empty")
    if not text.startswith(PREFIX):
        text = f"{PREFIX}::{text}" if BOOTSTRAP.fullmatch(text) else f"{PREFIX}:::{text}"
    text = text[len(PREFIX) :]
    ca_hash, found, credentials = text.partition("::")
    if not found:
        ca_hash, credentials = "", text
    if ca_hash and len(ca_hash) != 64:
        raise TokenError("invalid token CA hash length")
    match = BOOTSTRAP.fullmatch(credentials)
    if match:
        return Token(ca_hash, "", match.group(2), match.group(1))
    user, colon, password = credentials.partition(":")
    if not colon or not password:
        raise TokenError("invalid token format")
    return Token(ca_hash, user, password)


def ca_hash(pem: bytes) -> str:
    """Hash a self-signed CA: SHA-256 of the PEM file as it lies on disk (token.md, "Secure")."""
    return hashlib.sha256(pem).hexdigest()


def secure(credentials: str, ca: bytes) -> str:
    """Write *credentials* in the secure format of the cluster with the CA *ca*."""
    return f"{PREFIX}{ca_hash(ca)}::{credentials}"


def generate() -> str:
    """Make the two halves of a bootstrap token (token.md, "k3s token generate")."""
    halves = ("".join(secrets.choice(_SIGNS) for _ in range(size)) for size in (6, 16))
    return ".".join(halves)
