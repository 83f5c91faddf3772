"""The account of what people decided about probing: one JSON object a line, only ever added to."""

import json
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hitscanner.infra.files import disk_errors


class AuditLog:
    """
    A file of records `{"at", "action", "by", "why", …}`, oldest first.

    A record is on the disk before `record` returns; a line cut by a crash is the last one and is
    left where it is, told apart by not being JSON.
    """

    def __init__(self, file: Path, now_s: Callable[[], float] = time.time):
        self.file = file
        self.now_s = now_s

    def record(self, action: str, by: str, why: str, **facts: Any) -> dict[str, Any]:
        """Add a record and give it; DiskError when it cannot be kept."""
        at = datetime.fromtimestamp(self.now_s(), UTC).isoformat(timespec="milliseconds")
        entry = {"at": at, "action": action, "by": by, "why": why, **facts}
        with disk_errors(self.file):
            self.file.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self.file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
            try:
                os.write(descriptor, json.dumps(entry, ensure_ascii=False).encode() + b"\n")
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        return entry

    def records(self) -> list[dict[str, Any]]:
        """Give the records that are whole, oldest first."""
        if not self.file.exists():
            return []
        whole = []
        for line in self.file.read_text(errors="replace").splitlines():
            try:
                whole.append(json.loads(line))
            except json.JSONDecodeError:
                continue
        return whole
