"""A wire between a client and a server on loopback, that can be cut and mended."""

import select
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

CHUNK_BYTES = 1 << 16
LOOK_EVERY_S = 0.02


@dataclass
class Wire:
    """Carries bytes to `target` until it is cut; then nothing moves, and nobody is told."""

    target: int
    port: int = 0
    carried_bytes: int = 0
    """From clients to the server."""

    cut_at_bytes: int | None = None
    """When so much was carried, it is cut for `cut_s`, once."""

    cut_s: float = 0.0
    was_cut: threading.Event = field(default_factory=threading.Event)
    is_cut: threading.Event = field(default_factory=threading.Event)
    is_over: threading.Event = field(default_factory=threading.Event)

    def cut(self, for_s: float) -> None:
        """Carry nothing for *for_s* seconds."""
        self.is_cut.set()
        threading.Timer(for_s, self.is_cut.clear).start()

    def count(self, size_bytes: int) -> None:
        """Count what was carried, and cut when it is time."""
        self.carried_bytes += size_bytes
        is_due = self.cut_at_bytes is not None and self.carried_bytes >= self.cut_at_bytes
        if is_due and not self.was_cut.is_set():
            self.was_cut.set()
            self.cut(self.cut_s)

    def carry(self, client: socket.socket) -> None:
        """Carry both ways between *client* and the server until either ends."""
        while self.is_cut.is_set() and not self.is_over.wait(LOOK_EVERY_S):
            pass
        with client, socket.create_connection(("127.0.0.1", self.target)) as server:
            other = {client: server, server: client}
            while not self.is_over.is_set():
                if self.is_cut.is_set():
                    self.is_over.wait(LOOK_EVERY_S)
                    continue
                for end in select.select([client, server], [], [], LOOK_EVERY_S)[0]:
                    try:
                        data = end.recv(CHUNK_BYTES)
                        other[end].sendall(data)
                    except OSError:
                        return
                    if not data:
                        return
                    self.count(len(data) if end is client else 0)


@contextmanager
def wire(target: int) -> Iterator[Wire]:
    """Lay a wire to the port *target*; its own port is `Wire.port`."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listener:
        laid = Wire(target, listener.getsockname()[1])
        listener.settimeout(LOOK_EVERY_S)

        def accept() -> None:
            while not laid.is_over.is_set():
                try:
                    client, _ = listener.accept()
                except TimeoutError:
                    continue
                client.settimeout(None)
                threading.Thread(target=laid.carry, args=(client,), daemon=True).start()

        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield laid
        finally:
            laid.is_over.set()
            thread.join()
