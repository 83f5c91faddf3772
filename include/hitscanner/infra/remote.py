"""
One host on which scripts run and files are put, whatever the way there; always as root in effect.

::

    RemoteError                    exit 3   `cause` is one word group for tables and tests
    ├── UnknownHostError                    unknown-host: the name does not resolve
    ├── UnreachableError                    unreachable: no route, or nobody answers
    ├── PortClosedError                     port-closed: the host refuses the connection
    ├── WrongHostKeyError                   wrong-host-key: not the key of the inventory
    ├── AuthRefusedError                    auth-refused: our key is not accepted
    ├── NoSudoError                         no-sudo: the user may not become root unasked
    ├── ConnectionLostError                 connection-lost: cut in the middle of a command
    └── TimedOutError                       timed-out: no answer within the time given
"""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol

from hitscanner.errors import HitscannerError


class RemoteError(HitscannerError):
    """A host could not be worked on; the message is one line with cause and remedy."""

    exit_code = 3
    cause: ClassVar[str] = "failed"

    def __init__(self, host: str, what: str, remedy: str) -> None:
        super().__init__(f"{host}: {what}; {remedy}")
        self.host = host
        self.what = what
        self.remedy = remedy


class UnknownHostError(RemoteError):
    """The host's name does not resolve to an address."""

    cause = "unknown-host"


class UnreachableError(RemoteError):
    """Nobody answers at the host's address."""

    cause = "unreachable"


class PortClosedError(RemoteError):
    """The host answers, but nothing listens at the port."""

    cause = "port-closed"


class WrongHostKeyError(RemoteError):
    """The host shows another key than the inventory's; both fingerprints are in the message."""

    cause = "wrong-host-key"


class AuthRefusedError(RemoteError):
    """The host does not accept our key for that user."""

    cause = "auth-refused"


class NoSudoError(RemoteError):
    """The user is not root and `sudo -n` asks for a password or refuses."""

    cause = "no-sudo"


class ConnectionLostError(RemoteError):
    """The connection ended before the command did; whether the command went on is unknown."""

    cause = "connection-lost"


class TimedOutError(RemoteError):
    """A command did not end in the time given; it was killed on the host."""

    cause = "timed-out"


@dataclass(frozen=True)
class Done:
    """
    How a script ended.

    >>> Done(0, "yes", "").is_good
    True
    """

    status: int
    """The exit status; 128 + N after signal N."""

    out: str
    err: str

    @property
    def is_good(self) -> bool:
        """Whether it exited with 0."""
        return self.status == 0


class Remote(Protocol):
    """
    One host, open for work.

    Every method raises a `RemoteError` when the host cannot be worked on; an exit status other
    than 0 is an answer, not an error.  A secret never stands in a script: it goes by `stdin` or
    as the content of a file.
    """

    name: str

    async def run(self, script: str, *, stdin: bytes = b"", timeout_s: float = 60.0) -> Done:
        """Run a POSIX sh script as root."""

    async def put(self, path: str, content: bytes | Path, mode: int = 0o644) -> None:
        """Make *path* hold *content* or that local file: parents made, then whole or not at all."""

    async def get(self, path: str) -> bytes | None:
        """Give the content of a file, or None where there is none."""
