"""`k3s etcd-snapshot`: save, ls, delete (docs/cli/etcd-snapshot.md)."""

import argparse
import json
import socket
import subprocess
import time
from pathlib import Path

from . import log
from .layout import Layout


def save(layout: Layout, given: argparse.Namespace, programs: Path) -> None:
    """Take an on-demand snapshot, named NAME-NODE-SECONDS."""
    folder = _folder(layout)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / f"{given.name}-{socket.gethostname().lower()}-{int(time.time())}"
    words = ["--endpoints=http://127.0.0.1:2379", "--command-timeout=60s", "snapshot", "save"]
    done = subprocess.run(
        ["timeout", "90", str(programs / "etcdctl"), *words, str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise log.FatalError(f"see server log for details: {done.stderr.strip()[-200:]}")
    log.info(f"Snapshot {path.name} saved.")


def show(layout: Layout, given: argparse.Namespace) -> None:
    """List the snapshots with size and time."""
    rows = [(path, path.stat()) for path in _snapshots(layout)]
    if given.output == "json":
        items = [{"name": path.name, "size": stat.st_size} for path, stat in rows]
        print(json.dumps({"items": items}))
        return
    print("Name".ljust(60) + "Location".ljust(100) + "Size".ljust(12) + "Created")
    for path, stat in rows:
        made = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(stat.st_mtime))
        print(
            path.name.ljust(60) + f"file://{path}".ljust(100) + str(stat.st_size).ljust(12) + made
        )


def delete(layout: Layout, names: list[str]) -> None:
    """Delete snapshots by name."""
    for name in names:
        path = _folder(layout) / name
        if not path.exists():
            raise log.FatalError(f"snapshot {name} not found")
        path.unlink()
        log.info(f"Snapshot {name} deleted.")


def _folder(layout: Layout) -> Path:
    return layout.server / "db" / "snapshots"


def _snapshots(layout: Layout) -> list[Path]:
    folder = _folder(layout)
    return sorted(folder.iterdir()) if folder.is_dir() else []
