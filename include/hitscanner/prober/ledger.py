"""Which targets are done, failed or excluded, and the slices that prove it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .dnp import DoNotProbe
from .files import rename_whole, sha256_of, sync, write_json, write_whole
from .spool import PARTIAL, JobDir
from .tasks import pack
from .warts import Tail


@dataclass
class Ledger:
    """
    The account of a job. A target counts as done when a kept slice holds a trace to it.

    A slice in work has `NNNN.targets` (what scamper reads), `NNNN.begun` (what is known before) and
    `NNNN.warts.partial`. When it is kept, `NNNN.json` appears and then, by rename, `NNNN.warts`.
    """

    paths: JobDir
    targets: dict[bytes, str]
    """Packed address → its text, in probing order."""

    log: Callable[[str], None]
    read_line: Callable[[str], bytes | None] = pack
    """Turns a line of `targets.txt` into bytes."""

    done: set[bytes] = field(default_factory=set)
    failed: set[bytes] = field(default_factory=set)
    excluded: set[bytes] = field(default_factory=set)
    slices: list[dict[str, Any]] = field(default_factory=list)
    """What `NNNN.json` of each kept slice says."""

    replies: int = 0
    next_number: int = 0

    def pending(self) -> Iterator[bytes]:
        """Yield the targets that are still to probe, in probing order."""
        settled = (self.done, self.failed, self.excluded)
        return (t for t in self.targets if not any(t in each for each in settled))

    def exclude(self, dnp: DoNotProbe) -> set[bytes]:
        """Exclude what *dnp* lists and has no trace yet; return all that is excluded now."""
        self.excluded.update(t for t in self.targets if t not in self.done and t in dnp)
        self.failed -= self.excluded
        return self.excluded

    def counts(self) -> dict[str, int]:
        """Return the account: targets = done + failed + excluded + unassigned."""
        parts = {name: len(getattr(self, name)) for name in ("done", "failed", "excluded")}
        rest = len(self.targets) - sum(parts.values())
        return {"targets": len(self.targets), "unassigned": rest, **parts}

    def tail(self, path: Path) -> Tail:
        """Follow a file of this job's results."""
        return Tail(path, tuple(self.targets))

    def numbers(self) -> dict[bytes, int]:
        """Return the line of each target in `targets.txt`, from 1."""
        return {target: number for number, target in enumerate(self.targets, start=1)}

    def load(self) -> None:
        """Take in the kept slices of earlier runs, and save what a killed one left."""
        self.paths.slices.mkdir(exist_ok=True)
        for partial in sorted(self.paths.slices.glob("*.warts" + PARTIAL)):
            self.keep(int(partial.name[:4]), exit_status=None, excluded=0)
        for note in sorted(self.paths.slices.glob("[0-9][0-9][0-9][0-9].json")):
            self._load_slice(int(note.stem))
        self._tidy()

    def begin(self, targets: Iterable[bytes], about: dict[str, Any]) -> int:
        """Write what slice `next_number` needs before it starts; return the number."""
        lines = [self.targets[target] for target in targets]
        number = self.next_number
        write_whole(self.paths.slice_file(number, ".targets"), ("\n".join(lines) + "\n").encode())
        write_json(self.paths.slice_file(number, ".begun"), {**about, "targets": len(lines)})
        return number

    def keep(self, number: int, exit_status: int | None, excluded: int) -> Tail:
        """
        Keep the whole records of slice *number*, which has ended, and count its targets as done.

        A record that was cut by a kill is dropped. A slice in which no trace was finished, or for
        which no packet was sent, leaves nothing.

        Args:
            number: the slice.
            exit_status: scamper's, minus the signal's number if it was killed; None if unknown.
            excluded: how many of its targets an opt-out took out of it while it ran.

        Returns:
            What the records say, whether they were kept or not.
        """
        partial = self.paths.slice_file(number, ".warts" + PARTIAL)
        tail = self.tail(partial)
        tail.read()
        asked = self._asked(number)
        done = (tail.destinations & asked) - self.done
        begun = _read_note(self.paths.slice_file(number, ".begun"))
        if done and tail.probes and begun:
            self._cut_torn(number, tail)
            is_complete = exit_status == 0 and tail.has_cycle_stop and not excluded
            failed = asked - done - self.excluded if is_complete else set()
            note = {
                **begun,
                **self._measure(number),
                "done": len(done),
                "failed": len(failed),
                "failed_targets": sorted(self.targets[target] for target in failed),
                "excluded": excluded,
                "exit_status": exit_status,
            }
            write_json(self.paths.slice_file(number, ".json"), note)
            rename_whole(partial, self.paths.slice_file(number))
            self._count(number, note, done, tail.replies)
        self._forget(number)
        return tail

    def _cut_torn(self, number: int, tail: Tail) -> None:
        partial = tail.path
        torn = partial.stat().st_size - tail.at
        if torn:
            self.log(f"slice {number:04d}: dropped {torn} bytes after the last whole record")
            os.truncate(partial, tail.at)
        sync(partial)

    def _measure(self, number: int) -> dict[str, Any]:
        partial = self.paths.slice_file(number, ".warts" + PARTIAL)
        stat = partial.stat()
        return {
            "name": self.paths.slice_file(number).name,
            "sha256": sha256_of(partial),
            "size_bytes": stat.st_size,
            "ended_at": stat.st_mtime,
        }

    def _asked(self, number: int) -> set[bytes]:
        try:
            lines = self.paths.slice_file(number, ".targets").read_text().splitlines()
        except FileNotFoundError:
            return set()
        return {packed for packed in map(self.read_line, lines) if packed in self.targets}

    def _load_slice(self, number: int) -> None:
        path = self.paths.slice_file(number)
        note = _read_note(self.paths.slice_file(number, ".json"))
        if note is None or not path.is_file() or sha256_of(path) != note["sha256"]:
            self.log(f"slice {number:04d} is missing or damaged: its targets are probed again")
            if path.is_file():
                path.replace(self.paths.slice_file(number, ".bad"))
            self.paths.slice_file(number, ".json").unlink()
            self.next_number = max(self.next_number, number + 1)
            return
        if any(note["name"] == kept["name"] for kept in self.slices):  # saved a moment ago
            return
        tail = self.tail(path)
        tail.read()
        self._count(number, note, tail.destinations & set(self.targets), tail.replies)

    def _count(self, number: int, note: dict[str, Any], done: set[bytes], replies: int) -> None:
        self.slices.append(note)
        self.slices.sort(key=lambda each: str(each["name"]))
        self.done |= done
        self.excluded -= done  # finished before the opt-out came
        packed = {self.read_line(text) for text in note["failed_targets"]}
        self.failed = (self.failed | {each for each in packed if each}) - self.done
        self.replies += replies
        self.next_number = max(self.next_number, number + 1)

    def _forget(self, number: int) -> None:
        for ending in (".warts" + PARTIAL, ".targets", ".commands", ".begun"):
            self.paths.slice_file(number, ending).unlink(missing_ok=True)

    def _tidy(self) -> None:
        for pattern in ("*.begun", "*.targets", "*.commands", "*.tmp"):
            for left in self.paths.slices.glob(pattern):
                left.unlink()


def _read_note(path: Path) -> dict[str, Any] | None:
    """Return the JSON object in *path*; None if it is missing or a broken disk garbled it."""
    try:
        note = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return note if isinstance(note, dict) else None
