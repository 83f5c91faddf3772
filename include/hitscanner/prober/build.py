"""Build `prober.pyz`: the same sources give the same bytes, whenever and wherever."""

from __future__ import annotations

import fcntl
import hashlib
import io
import zipfile
from pathlib import Path

from .files import write_whole

FIRST_ZIP_DATE = (1980, 1, 1, 0, 0, 0)
"""The oldest date a ZIP entry can carry; a true one would change the digest."""

MAIN = """import sys

from prober.cli import main

sys.exit(main())
"""

SHEBANG = b"#!/usr/bin/env python3\n"


def build_pyz(out: Path) -> str:
    """
    Write the prober as one executable file to *out* and return its SHA-256, in hex.

    The entries are sorted, dated 1980 and stored without compression, whose bytes would depend on
    the version of zlib.  All lanes of a run begin with it: they take turns, by a lock beside *out*.
    """
    here = Path(__file__).parent
    sources = {f"prober/{path.name}": path.read_bytes() for path in here.glob("*.py")}
    del sources[f"prober/{Path(__file__).name}"], sources["prober/__main__.py"]
    sources["__main__.py"] = MAIN.encode()
    data = SHEBANG + _zip(sources)
    with out.with_name(f".{out.name}.lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        write_whole(out, data)
        out.chmod(0o755)
    return hashlib.sha256(data).hexdigest()


def _zip(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, FIRST_ZIP_DATE)
            entry.create_system = 3  # Unix, wherever it is built
            entry.external_attr = 0o100644 << 16
            archive.writestr(entry, files[name])
    return buffer.getvalue()
