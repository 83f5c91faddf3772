"""Look for secrets where none may be: processes, Airflow's files and database, hosts."""

import re
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from tests.cluster.console import Console

TOKEN = rb"K10[0-9a-f]{64}::(?:[a-z0-9]{6}\.[a-z0-9]{16}|server:[0-9a-f]+)"
"""A join token or server token in its secure form (docs.k3s.io, cli/token)."""

LOOK_S = 0.1


def planted(console: Console) -> dict[str, bytes]:
    """Give what must be nowhere: name -> bytes."""
    home, server = console.lab.home, console.lab.server
    key = (home / "ssh/id_ed25519").read_text().splitlines()
    kubeconfig = (home / "cluster/kubeconfig").read_text()
    found = re.search(r"client-key-data: (\S+)", kubeconfig)
    token = server.run("cat /var/lib/rancher/k3s/server/token").strip()
    return {
        "deploy key": key[len(key) // 2].encode(),
        "kubeconfig's key": found[1][40:120].encode() if found else b"client-key-data is missing",
        "server token": token.rpartition(":")[2].encode(),
    }


def in_files(folder: Path, secrets: dict[str, bytes]) -> list[str]:
    """Name every file below *folder* that holds a secret or any token, the database included."""
    pattern = re.compile(b"|".join([*map(re.escape, secrets.values()), TOKEN]))
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return [str(path) for path in files if pattern.search(path.read_bytes())]


def on_hosts(console: Console) -> list[str]:
    """Name what on the hosts shows a token to others than root, or in a journal."""
    words = "K10[0-9a-f]{64}::"
    script = (
        f"journalctl --no-pager --quiet | grep -qE '{words}' && echo journal;"
        "find /etc /run /tmp /var/log /var/lib/hitscanner /var/lib/rancher -xdev -type f"
        f" -perm -o=r -size -1024k -exec grep -lE '{words}' {{}} + 2>/dev/null; true"
    )
    hosts = console.lab.hosts
    return [f"{host.name}: {line}" for host in hosts for line in host.run(script).splitlines()]


@dataclass
class Processes:
    """Look at arguments and environments of all processes of this machine while a block runs."""

    secrets: dict[str, bytes]
    seen: set[str] = field(default_factory=set)
    looks: int = 0

    def __enter__(self) -> Self:
        self._pattern = re.compile(b"|".join([*map(re.escape, self.secrets.values()), TOKEN]))
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._end.wait(LOOK_S):
            self.looks += 1
            for process in Path("/proc").glob("[0-9]*"):
                self._look(process)

    def _look(self, process: Path) -> None:
        for what in ("cmdline", "environ"):
            try:
                text = (process / what).read_bytes()
            except OSError:
                continue
            if self._pattern.search(text):
                name = (process / "comm").read_text().strip() if process.exists() else "?"
                self.seen.add(f"{what} of {name}")
