"""A word with the running server: one JSON object each way over a socket in its state directory."""

import json
import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

SOCKET_FILE = "control.sock"
_TIMEOUT_S = 5.0
_LONGEST = 1 << 16


class NobodyThereError(ConnectionError):
    """No server listens there."""


def listen(state_dir: Path) -> socket.socket:
    """Open the server's end."""
    path = state_dir / SOCKET_FILE
    path.unlink(missing_ok=True)
    server = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_NONBLOCK)
    _at(path, server.bind)
    server.listen(8)
    return server


def receive(server: socket.socket) -> tuple[socket.socket, dict[str, Any]] | None:
    """Take one request; None if its sender is gone or says nothing sensible."""
    try:
        peer, _ = server.accept()
        peer.settimeout(0.2)
        request = json.loads(peer.recv(_LONGEST))
    except (OSError, ValueError):
        return None
    return (peer, request) if isinstance(request, dict) else None


def answer(peer: socket.socket, reply: Mapping[str, object]) -> None:
    """Send the reply and hang up."""
    with peer:
        peer.send(json.dumps(reply).encode())


def ask(state_dir: Path, request: Mapping[str, object]) -> dict[str, Any]:
    """
    Send one request to the server and return its reply.

    Raises:
        NobodyThereError: if no server listens in this state directory, or it does not answer.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as client:
        client.settimeout(_TIMEOUT_S)
        try:
            _at(state_dir / SOCKET_FILE, client.connect)
            client.send(json.dumps(request).encode())
            reply = json.loads(client.recv(_LONGEST))
        except (OSError, ValueError) as error:
            raise NobodyThereError(str(error)) from error
    return reply if isinstance(reply, dict) else {}


def _at(path: Path, use: Any) -> None:
    """Bind or connect by way of an open folder: the names of sockets end at 107 bytes (unix(7))."""
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        use(f"/proc/self/fd/{folder}/{path.name}")
    finally:
        os.close(folder)
