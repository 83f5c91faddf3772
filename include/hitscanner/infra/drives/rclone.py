"""Any drive that rclone knows (S3, OneDrive, Dropbox, WebDAV, SFTP, …), by running rclone."""

import json
import re
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from tenacity import Retrying, retry_if_exception_type, stop_after_delay
from tenacity.wait import wait_random_exponential

from hitscanner.infra.digests import HASHERS
from hitscanner.infra.drives.base import (
    ClockError,
    CredentialsError,
    DriveError,
    DriveFaultError,
    DriveFullError,
    RefusedError,
    RemoteFile,
    UnreachableError,
    Upload,
    fault,
)

ABSENT = (3, 4)
"""Exit codes: the folder, the file is not there (rclone.org/docs, "Exit code")."""

NO_DIGEST = ("UNSUPPORTED", "ERROR")
"""What `hashsum` prints for a file without a checksum."""

SAME = re.compile(r"(?P<algorithm>\w+) = (?P<digest>[0-9a-f]+) OK")
"""What rclone logs of a file whose checksum, as the remote gives it, is that of what was sent."""

COMMON = (
    "--retries=1",  # a retry of rclone's would send all files again; ours sends the rest
    "--low-level-retries=8",
    "--contimeout=15s",
    "--timeout=90s",
    "--use-json-log",
)
"""A connection that says nothing for a minute is waited for, one that is silent longer given up."""

PATIENCE_S = 300.0
"""How long a drive that cannot be reached is tried again, with back-off."""

WORDS: tuple[tuple[type[DriveFaultError], tuple[str, ...]], ...] = (
    (ClockError, ("requesttimetooskewed", "clock skew", "check your iat")),
    (
        DriveFullError,
        (
            "quota", "no space left", "insufficient storage", "insufficient space", "507 ",
            "remaining disk space", "storagefull", "storage full", "cap exceeded", "disk full",
        ),
    ),
    (
        CredentialsError,
        (
            "unauthorized", "access denied", "accessdenied", "unable to authenticate", "forbidden",
            "permission denied", "invalid_grant", "invalidaccesskeyid", "signaturedoesnotmatch",
            "401 ", "403 ", "expired_access_token", "handshake failed: ssh",
        ),
    ),
    (
        UnreachableError,
        (
            "connection refused", "no such host", "timeout", "network is unreachable", "eof",
            "connection reset", "broken pipe", "no route to host", "too many requests",
            "bad gateway", "service unavailable", "internal server error", "connection lost",
            "couldn't connect", "slow down", "slowdown", "internalerror", "deadline exceeded",
        ),
    ),
)  # fmt: skip
"""What rclone and the drives behind it say, in lower case, the surest first."""


def meaning(words: str) -> type[DriveFaultError]:
    """
    Tell what kind of fault a drive's words mean.

    >>> meaning("Failed to copy: AccessDenied: no").cause
    'credentials'
    >>> meaning("dial tcp 127.0.0.1:9: connect: connection refused").cause
    'unreachable'
    """
    said = f"{words.lower()} "
    return next((kind for kind, signs in WORDS if any(s in said for s in signs)), RefusedError)


@dataclass
class RcloneDrive:
    """One remote of an rclone configuration, `remote:folder`."""

    name: str
    remote: str
    """`remote:` or `remote:folder`; no secret stands in it."""

    config: Path
    """The configuration file; only its path is on a command line."""

    transfers: int = 4
    max_mb_per_s: float | None = None
    program: str = "rclone"
    options: tuple[str, ...] = COMMON
    patience_s: float = PATIENCE_S

    @cached_property
    def _about(self) -> dict[str, Any]:
        """What rclone says that the remote can do."""
        found: dict[str, Any] = json.loads(self._run("backend", "features", self._at("")) or "{}")
        return found

    @property
    def own_algorithm(self) -> str | None:
        """The checksum that the remote computes itself and rclone compares, or None."""
        return next((name for name in self._about.get("Hashes") or () if name in HASHERS), None)

    @property
    def may_hold_twins(self) -> bool:
        """Whether one path can name several files there."""
        return bool(self._about.get("Features", {}).get("DuplicateFiles"))

    @property
    def algorithm(self) -> str:
        """As the remote computes it, else SHA-256 of what is read back."""
        return self.own_algorithm or "sha256"

    def put(self, uploads: Sequence[Upload]) -> Iterator[RemoteFile]:
        """Copy files, those of one local tree by one rclone, which names their checksums there."""
        for root, several in _by_root(uploads).items():
            yield from self._copy(root, several)

    def stat(self, paths: Sequence[str]) -> Iterator[RemoteFile]:
        """Describe those of *paths* that are there."""
        wanted = "".join(f"{path}\n" for path in paths)
        return self._describe("--files-from-raw=-", wanted)

    def list(self, folders: Sequence[str]) -> Iterator[RemoteFile]:
        """Describe the files below *folders*; no other folder is looked into."""
        wanted = "".join(f"+ /{_pattern(folder)}/**\n" for folder in folders)
        return self._describe("--filter-from=-", f"{wanted}- *\n")

    def delete(self, path: str) -> None:
        """Remove *path*; a missing file is fine."""
        if [*self.stat([path])]:  # deletefile of a missing file fails as any failure
            self._run("deletefile", self._at(path))

    def _copy(self, root: Path | None, uploads: Sequence[Upload]) -> Iterator[RemoteFile]:
        if root is None:
            for upload in uploads:
                self._run("copyto", "--ignore-times", str(upload.source), self._at(upload.path))
                yield RemoteFile(upload.path, None)
            return
        waiting = {upload.path for upload in uploads}
        for attempt in self._patiently():
            with attempt:
                yield from self._copy_tree(root, waiting)

    def _copy_tree(self, root: Path, waiting: set[str]) -> Iterator[RemoteFile]:
        """Copy what of *waiting* has not arrived; take each from it when it has."""
        digests: dict[str, str] = {}
        limit_bytes = int((self.max_mb_per_s or 0) * 1e6)
        arguments = (
            f"--bwlimit={limit_bytes}B",
            *("copy", str(root), self._at(""), "--files-from-raw=-", "--no-traverse", "-vv"),
            *(self._before_each(), "--stats=0"),
            *(f"--transfers={self.transfers}", f"--checkers={self.transfers}"),
        )
        for line in self._talk(arguments, "".join(f"{path}\n" for path in sorted(waiting))):
            path, words = line.get("object", ""), line.get("msg", "")
            same = SAME.fullmatch(words)
            if same and same["algorithm"] == self.own_algorithm:
                digests[path] = same["digest"]
            if path in waiting and words.startswith("Copied"):
                waiting.remove(path)
                yield RemoteFile(path, digests.pop(path, None))

    def _before_each(self) -> str:
        """
        Name how rclone shall look at the remote before it sends a file.

        What is sent was found to be missing or to differ, so that no look is needed; but where one
        path may name several files, rclone must see the one that it replaces.
        """
        if not self.may_hold_twins:
            return "--no-check-dest"
        return "--checksum" if self.own_algorithm else "--ignore-times"

    def _describe(self, which: str, text: str) -> Iterator[RemoteFile]:
        """
        Give the checksum of each file that is chosen; without the remote's own, fetch the files.

        `hashsum` asks for several at once, where a listing with checksums asks for one by one.
        """
        options = () if self.own_algorithm else ("--download",)
        command = ("hashsum", self.algorithm, *options, f"--checkers={2 * self.transfers}", which)
        lines = (self._run(*command, self._at(""), allowed=ABSENT, text=text) or "").splitlines()
        for digest, path in (line.split("  ", 1) for line in lines):
            yield RemoteFile(path, None if digest.strip() in NO_DIGEST else digest)

    def _at(self, path: str) -> str:
        """
        Name a path on the remote.

        >>> RcloneDrive("d", "box:data", Path("c"))._at("a/b"), RcloneDrive(
        ...     "d", "box:", Path("c")
        ... )._at("a")
        ('box:data/a/b', 'box:a')
        """
        parts = self.remote if self.remote.endswith((":", "/")) else f"{self.remote}/"
        return f"{parts}{path}" if path else self.remote

    def _patiently(self) -> Retrying:
        """Try again, for at most `patience_s`, while the drive cannot be reached."""
        return Retrying(
            retry=retry_if_exception_type(UnreachableError),
            wait=wait_random_exponential(multiplier=0.5, max=15.0),
            stop=stop_after_delay(self.patience_s),
            reraise=True,
        )

    def _run(self, *arguments: str, allowed: tuple[int, ...] = (), text: str = "") -> str | None:
        """Give what rclone prints; None when it ends with a code of *allowed*."""
        return self._patiently()(self._run_once, arguments, allowed, text)

    def _run_once(
        self, arguments: Sequence[str], allowed: tuple[int, ...], text: str
    ) -> str | None:
        ended = subprocess.run(
            self._command(arguments), input=text, capture_output=True, text=True, check=False
        )
        if ended.returncode in allowed:
            return None
        if ended.returncode:
            raise self._fault(_said(ended.stderr.splitlines()))
        return ended.stdout

    def _talk(self, arguments: Sequence[str], text: str) -> Iterator[dict[str, Any]]:
        """Run rclone on the list *text*; give the lines of its log as they come."""
        faults: list[str] = []
        with subprocess.Popen(
            self._command(arguments),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        ) as child:
            assert child.stdin is not None
            assert child.stderr is not None
            try:
                child.stdin.write(text)
                child.stdin.close()
                for line in child.stderr:
                    if _is_chatter(line):
                        continue
                    event = _event(line)
                    if event.get("level") in ("error", "fatal", "critical"):
                        faults.append(_words(event))
                    yield event
            except BaseException:  # nobody listens any more
                child.terminate()
                raise
        if child.returncode:
            raise self._fault(faults or [f"exit {child.returncode}"])

    def _command(self, arguments: Sequence[str]) -> Sequence[str]:
        return (self.program, f"--config={self.config}", *self.options, *arguments)

    def _fault(self, lines: Sequence[str]) -> DriveFaultError:
        """Name what went wrong by the line whose meaning is surest."""
        kinds = [kind for kind, _ in WORDS]
        ranks = {words: kinds.index(m) for words in lines if (m := meaning(words)) in kinds}
        words = min(ranks, key=ranks.__getitem__) if ranks else lines[-1]
        return fault(meaning(words), self.name, words)


def check_rclone(program: str) -> None:
    """
    See that rclone is there.

    Raises:
        DriveError: with how to install it.
    """
    try:
        subprocess.run([program, "version"], capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise DriveError(f"{program} does not run; install it: apt-get install rclone") from error


def _by_root(uploads: Iterable[Upload]) -> dict[Path | None, Sequence[Upload]]:
    """Group files whose local path ends like the remote one by what stands before it."""
    groups: dict[Path | None, list[Upload]] = {}
    for upload in uploads:
        source = upload.source.absolute().as_posix()
        is_below = source.endswith(f"/{upload.path}")
        root = Path(source.removesuffix(upload.path)) if is_below else None
        groups.setdefault(root, []).append(upload)
    return dict(groups)


def _pattern(path: str) -> str:
    r"""
    Quote a path for a filter (rclone.org/filtering, "Patterns").

    >>> print(_pattern("a/b*{1}"))
    a/b\*\{1\}
    """
    return "".join(f"\\{sign}" if sign in "\\*?[]{}" else sign for sign in path)


def _is_chatter(line: str) -> bool:
    """Say whether a line of the log is one of the eight for each file that nobody reads."""
    return '"level":"debug"' in line and ' OK"' not in line


def _event(line: str) -> dict[str, Any]:
    try:
        event = json.loads(line)
    except json.JSONDecodeError:
        return {"level": "info", "msg": line.strip()}
    return event if isinstance(event, dict) else {}


def _words(event: dict[str, Any]) -> str:
    return ": ".join(str(event[key]) for key in ("object", "msg") if event.get(key))


def _said(lines: Sequence[str]) -> Sequence[str]:
    events = [_event(line) for line in lines if line.strip()]
    return [_words(e) for e in events if e.get("level") != "warning"] or ["no message"]
