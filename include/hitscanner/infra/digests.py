"""Checksums as the drives compute them, so that a copy is compared without being fetched."""

import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol

CHUNK_BYTES = 1 << 20


class Hasher(Protocol):
    """What `hashlib` gives."""

    def update(self, data: bytes, /) -> None: ...

    def hexdigest(self) -> str: ...


class DropboxHash:
    """
    SHA-256 over the SHA-256 of every 4 MiB (Dropbox, "Content Hash").

    >>> DropboxHash().hexdigest() == hashlib.sha256(b"").hexdigest()
    True
    """

    BLOCK_BYTES = 4 << 20

    def __init__(self) -> None:
        self.blocks = hashlib.sha256()
        self.block = hashlib.sha256()
        self.filled_bytes = 0

    def update(self, data: bytes, /) -> None:
        """Take more of the file."""
        while data:
            part = data[: self.BLOCK_BYTES - self.filled_bytes]
            self.block.update(part)
            self.filled_bytes += len(part)
            data = data[len(part) :]
            if self.filled_bytes == self.BLOCK_BYTES:
                self.blocks.update(self.block.digest())
                self.block, self.filled_bytes = hashlib.sha256(), 0

    def hexdigest(self) -> str:
        """Give the hash of what was taken so far."""
        whole = self.blocks.copy()
        if self.filled_bytes:
            whole.update(self.block.digest())
        return whole.hexdigest()


class QuickXorHash:
    """
    Every byte XORed into 160 bits, each 11 bits further round, then the length (OneDrive).

    The place of a byte repeats after 160 bytes, so that blocks of 160 are XORed whole first.

    >>> QuickXorHash().hexdigest()
    '0000000000000000000000000000000000000000'
    """

    BITS = 160
    SHIFT = 11

    def __init__(self) -> None:
        self.folded = bytearray(self.BITS)
        self.rest = b""
        self.size_bytes = 0

    def update(self, data: bytes, /) -> None:
        """Take more of the file."""
        self.size_bytes += len(data)
        data = self.rest + data
        whole = len(data) // self.BITS * self.BITS
        self.rest = data[whole:]
        self._fold(data[:whole])

    def hexdigest(self) -> str:
        """Give the hash of what was taken so far, as rclone prints it."""
        cells = self._xor(self.folded, self.rest.ljust(self.BITS, b"\0"))
        ring = 0
        for index, value in enumerate(cells):
            ring ^= value << (index * self.SHIFT % self.BITS)
        ring = (ring & ((1 << self.BITS) - 1)) ^ (ring >> self.BITS)
        ring ^= self.size_bytes << (self.BITS - 64)
        return ring.to_bytes(self.BITS // 8, "little").hex()

    def _fold(self, data: bytes) -> None:
        """XOR halves upon each other until 160 bytes are left."""
        while len(data) > self.BITS:
            half = len(data) // self.BITS // 2 * self.BITS
            folded = self._xor(data[:half], data[half : 2 * half])
            data = folded + data[2 * half :]
        if data:
            self.folded = bytearray(self._xor(self.folded, data))

    @staticmethod
    def _xor(one: bytes | bytearray, other: bytes | bytearray) -> bytes:
        mixed = int.from_bytes(one, "little") ^ int.from_bytes(other, "little")
        return mixed.to_bytes(len(one), "little")


HASHERS: dict[str, Callable[[], Hasher]] = {
    "sha256": hashlib.sha256,
    "md5": lambda: hashlib.md5(usedforsecurity=False),
    "sha1": lambda: hashlib.sha1(usedforsecurity=False),
    "dropbox": DropboxHash,
    "quickxor": QuickXorHash,
}
"""By rclone's names, the best first."""


def digest_of(path: Path, algorithm: str) -> str:
    """Give a file's checksum in hexadecimal; *algorithm* is a name of `HASHERS`."""
    return digests_of(path, (algorithm,))[algorithm]


def digests_of(path: Path, algorithms: Iterable[str]) -> dict[str, str]:
    """Give several checksums of the same bytes: the file is read once."""
    hashers = {name: HASHERS[name]() for name in algorithms}
    with path.open("rb") as data:
        while chunk := data.read(CHUNK_BYTES):
            for hasher in hashers.values():
                hasher.update(chunk)
    return {name: hasher.hexdigest() for name, hasher in hashers.items()}
