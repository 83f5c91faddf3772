"""Make tables and links anew by the program of today, beside those of then."""

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

from hitscanner.domain.cycle import Cycle
from hitscanner.infra.store import Store
from hitscanner.pipeline.cargo import REPROCESSED, finished_cycles
from hitscanner.pipeline.prune import cycle_time
from hitscanner.pipeline.transform import Workbench, convert, merge, transformable

DERIVED = ("tables/", "topology/")


class SideStore:
    """A store whose tables and topology are those of one schema; all else is the store below."""

    def __init__(self, store: Store, schema: str):
        self.store = store
        self.schema = schema

    def place(self, path: str) -> str:
        """
        Say where a path is in the store below.

        >>> side = SideStore(None, "0.2.0")
        >>> side.place("tables/links"), side.place("raw/lab")
        ('reprocessed/schema=0.2.0/tables/links', 'raw/lab')
        """
        if f"{path}/".startswith(DERIVED):
            return f"{REPROCESSED}/schema={self.schema}/{path}"
        return path

    def read(self, path: str) -> bytes:
        """Give the bytes of *path*."""
        return self.store.read(self.place(path))

    def write(self, path: str, data: bytes) -> None:
        """Make *path* hold *data*."""
        self.store.write(self.place(path), data)

    def put(self, path: str, source: Path) -> None:
        """Copy the local file *source* to *path*."""
        self.store.put(self.place(path), source)

    def exists(self, path: str) -> bool:
        """Say whether a file is there."""
        return self.store.exists(self.place(path))

    def files(self, folder: str) -> Iterator[str]:
        """Give the paths of all files below *folder*, as they are called here."""
        before = self.place(folder).removesuffix(folder)
        return (path.removeprefix(before) for path in self.store.files(self.place(folder)))

    def folders(self, folder: str, since_s: float = 0.0) -> list[str]:
        """Give the names of the folders directly in *folder* that changed since then."""
        return self.store.folders(self.place(folder), since_s)

    def sha256(self, path: str) -> str:
        """Give the SHA-256 of a file's bytes."""
        return self.store.sha256(self.place(path))

    def modified_at(self, path: str) -> float:
        """Give when a file was written, epoch seconds."""
        return self.store.modified_at(self.place(path))

    def local(self, path: str) -> Path:
        """Give a path that local programs can read."""
        return self.store.local(self.place(path))


def cycles_between(
    store: Store, list_name: str | None, since: datetime | None, until: datetime | None
) -> list[Cycle]:
    """Give the finished cycles of *list_name* (None: any) with since ≤ logical time < until."""
    return [
        cycle
        for cycle in finished_cycles(store)
        if (list_name is None or cycle.list == list_name)
        and (since is None or cycle_time(cycle) >= since)
        and (until is None or cycle_time(cycle) < until)
    ]


def reprocess(
    bench: Workbench, cycle: Cycle, schema: str, say: Callable[[str], None] = print
) -> list[str]:
    """
    Convert and merge *cycle* into `reprocessed/schema=SCHEMA/`; give the merged files' paths.

    Raises:
        UsageError: when its raw data is not here.
    """
    side = SideStore(bench.store, schema)
    beside = Workbench(side, bench.program, bench.scratch / f"schema-{schema}")
    shards = transformable(side, cycle)
    for number, shard in enumerate(shards, 1):
        convert(beside, shard)
        say(f"{cycle}: {number} of {len(shards)} shards, schema {schema}")
    return [side.place(path) for path in merge(beside, cycle)]
