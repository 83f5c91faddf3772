"""What the engine speaks of: changes, refusals, plans and results."""

from dataclasses import dataclass, field
from difflib import unified_diff
from itertools import islice
from pathlib import Path
from typing import Any, Literal

State = Literal["unchanged", "changed", "refused", "unreachable", "failed", "timed-out"]
"""How a host came out of a run."""

GOOD_STATES: tuple[State, ...] = ("unchanged", "changed")


@dataclass(frozen=True)
class Run:
    """A script for POSIX sh, run as root."""

    script: str
    timeout_s: float = 120.0
    is_on_server: bool = False
    """Whether it runs on the server and not on the host of the plan."""


@dataclass(frozen=True)
class Put:
    """A file that will hold *content*; a secret one is never shown."""

    path: str
    content: bytes = field(repr=False)
    mode: int = 0o644


@dataclass(frozen=True)
class Upload:
    """A large file of the bundle that goes to *path*, its checksum checked on both ends."""

    path: str
    source: Path
    sha256: str
    mode: int = 0o755


@dataclass(frozen=True)
class JoinToken:
    """A token minted on the server with a short life, put at *path*, and revoked after Ready."""

    path: str
    ttl_s: int = 900


@dataclass(frozen=True)
class Start:
    """A unit started or restarted without blocking, then watched until it is ready."""

    unit: str
    node: str
    version: str
    """Of the kubelet; the start is over when *node* is Ready at it."""

    timeout_s: float = 180.0


@dataclass(frozen=True)
class Detached:
    """
    A script that goes on as the unit *name* of the host whatever becomes of us, then a `Start`.

    It stops *start*'s unit; systemd starts it again at the script's end, however that comes.
    """

    name: str
    script: str
    start: Start
    timeout_s: int = 300
    """After which systemd ends the script."""


Action = Run | Put | Upload | JoinToken | Start | Detached


@dataclass(frozen=True)
class Change:
    """
    One thing that is not as it should be, and what makes it so.

    >>> change = Change("clock", "start chrony", Run("systemctl enable --now chrony"))
    >>> print(change.describe())
    clock: start chrony
        $ systemctl enable --now chrony
    """

    phase: str
    says: str
    action: Action
    verify: str = ""
    """A script that exits 0 when the change holds; empty where the action proves itself."""

    before: str | None = None
    """What a file held, for the diff; None where there was none or it may not be shown."""

    is_secret: bool = False
    """Whether the content of the file may not be shown."""

    record: tuple[str, str] | None = None
    """A name and a digest to keep on the host when the change holds, so that it is not repeated."""

    def describe(self) -> str:
        """Give the lines for a plan; no secret is in them."""
        head = f"{self.phase}: {self.says}"
        return "\n".join([head, *(f"    {line}" for line in (*_show(self), *_diff(self)))])


def _show(change: Change) -> list[str]:
    match change.action:
        case Run(script, _, is_on_server):
            prompt = "server $" if is_on_server else "$"
            return [f"{prompt} {line}" for line in script.strip().splitlines()]
        case Put(path, content, mode):
            what = "secret" if change.is_secret else f"{len(content)} bytes"
            return [f"> {path} ({mode:04o}, {what})"]
        case Upload(path, source, sha256, mode):
            return [f"> {path} ({mode:04o}) from {source.name}, sha256 {sha256[:12]}…"]
        case JoinToken(path, ttl_s):
            return [f"> {path} (0600, secret): a token that lives {ttl_s // 60} min"]
        case Start(unit):
            return [f"$ systemctl restart --no-block {unit}, then wait until it is ready"]
        case Detached(name, script, start):
            lines = [f"$ {line}" for line in script.strip().splitlines()]
            return [f"> unit {name} on the host:", *lines, f"then wait until {start.unit} is ready"]


def _diff(change: Change) -> list[str]:
    """Give the lines that go and come, as a unified diff without its head."""
    if not isinstance(change.action, Put) or change.is_secret:
        return []
    after = change.action.content.decode(errors="replace").splitlines()
    lines = unified_diff((change.before or "").splitlines(), after, n=0, lineterm="")
    return [line for line in islice(lines, 2, None) if not line.startswith("@@")]


@dataclass(frozen=True)
class Refusal:
    """
    Why a host is not touched.

    >>> Refusal("clock-skew", "the clock is 301 s ahead", "set it").describe()
    'refused (clock-skew): the clock is 301 s ahead; set it'
    """

    cause: str
    says: str
    remedy: str

    def describe(self) -> str:
        """Give the line for a plan."""
        return f"refused ({self.cause}): {self.says}; {self.remedy}"


@dataclass(frozen=True)
class HostPlan:
    """The exact difference of one host, in the order in which it is made good."""

    host: str
    refusals: tuple[Refusal, ...] = ()
    warnings: tuple[str, ...] = ()
    changes: tuple[Change, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether nothing is to do and nothing is in the way."""
        return not self.refusals and not self.changes

    def describe(self) -> list[str]:
        """Give the plan as lines, the host's name first."""
        count = f"{len(self.changes)} change{'' if len(self.changes) == 1 else 's'}"
        lines = [f"{self.host}: {'refused' if self.refusals else count}"]
        lines += [f"  {refusal.describe()}" for refusal in self.refusals]
        lines += [f"  warning: {warning}" for warning in self.warnings]
        for change in self.changes:
            lines += [f"  {line}" for line in change.describe().splitlines()]
        return lines

    def to_json(self) -> dict[str, Any]:
        """Give small JSON for tables and XCom; contents of files are not in it."""
        return {
            "host": self.host,
            "refusals": [vars(refusal) for refusal in self.refusals],
            "warnings": list(self.warnings),
            "changes": [f"{change.phase}: {change.says}" for change in self.changes],
        }


@dataclass(frozen=True)
class HostResult:
    """What became of one host."""

    host: str
    state: State
    cause: str = ""
    """One word group (see docs/fleet.md), empty when all is well."""

    remedy: str = ""
    detail: str = ""
    """What was seen, one line."""

    changed: tuple[str, ...] = ()
    """What was done, "phase: says", up to the failure."""

    warnings: tuple[str, ...] = ()
    duration_s: float = 0.0

    @property
    def is_good(self) -> bool:
        """Whether the host is as it should be."""
        return self.state in GOOD_STATES

    def to_json(self) -> dict[str, Any]:
        """Give one row of the result table."""
        row = {**vars(self), "changed": list(self.changed), "warnings": list(self.warnings)}
        return {**row, "duration_s": round(self.duration_s, 1)}
