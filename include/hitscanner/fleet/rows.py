"""What became of each host, as rows that a table, a task and a program can read."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

from hitscanner.provision.model import HostPlan, HostResult

GOOD = ("unchanged", "changed", "planned", "healthy")
"""States of a host that needs nobody."""

CLUSTER = "(cluster)"
"""Stands for a host in the row about the cluster as a whole."""


@dataclass(frozen=True)
class Row:
    """
    One host.

    >>> Row("us-0001", "failed", cause="disk-full").is_good
    False
    """

    host: str
    state: str
    """`unchanged`, `changed`, `refused`, `unreachable`, `failed`, `timed-out` as the engine says;
    `planned` in a dry run; `healthy` or `unhealthy` of a check."""

    cause: str = ""
    """One word group, empty when all is well; docs/runbook.md lists them."""

    remedy: str = ""
    detail: str = ""
    changed: tuple[str, ...] = ()
    """What was done, or with `planned` would be: "phase: says"."""

    warnings: tuple[str, ...] = ()
    duration_s: float = 0.0
    plan: tuple[str, ...] = field(default=(), repr=False)
    """Lines of the plan, for people; no secret is in them."""

    @property
    def is_good(self) -> bool:
        """Whether nobody has to do anything about this host."""
        return self.state in GOOD

    @classmethod
    def of(cls, found: HostPlan | HostResult) -> Self:
        """
        Make a row of what the engine gives.

        >>> Row.of(HostPlan("us-0001")).state
        'unchanged'
        """
        if isinstance(found, HostResult):
            return cls(
                found.host, found.state, found.cause, found.remedy, found.detail,
                found.changed, found.warnings, found.duration_s,
            )  # fmt: skip
        refusal = found.refusals[0] if found.refusals else None
        return cls(
            host=found.host,
            state="refused" if refusal else "planned" if found.changes else "unchanged",
            cause=refusal.cause if refusal else "",
            remedy=refusal.remedy if refusal else "",
            detail="; ".join(each.says for each in found.refusals),
            changed=() if refusal else tuple(f"{c.phase}: {c.says}" for c in found.changes),
            warnings=found.warnings,
            plan=tuple(found.describe()),
        )

    def then(self, other: "Row") -> "Row":
        """
        Join what was done first and what was done then to the same host; a failure stays.

        >>> Row("a", "changed", changed=("x",)).then(Row("a", "unchanged")).state
        'changed'
        >>> Row("a", "unchanged").then(Row("a", "failed", "probe-failed")).cause
        'probe-failed'
        """
        order = ("unchanged", "planned", "changed")
        worse = other
        if other.state in order and self.state in order:
            worse = max(self, other, key=lambda row: order.index(row.state))
        elif not self.is_good:
            worse = self
        return replace(
            worse,
            changed=self.changed + other.changed,
            warnings=self.warnings + other.warnings,
            duration_s=self.duration_s + other.duration_s,
            plan=self.plan + other.plan,
        )

    def to_json(self) -> dict[str, Any]:
        """Give the row as small JSON; the plan's lines are for people and stay out."""
        row = {key: value for key, value in vars(self).items() if key != "plan"}
        lists = {"changed": list(self.changed), "warnings": list(self.warnings)}
        return {**row, **lists, "duration_s": round(self.duration_s, 1)}

    @classmethod
    def from_json(cls, row: dict[str, Any]) -> Self:
        """Read `to_json` again."""
        lists = {key: tuple(row[key]) for key in ("changed", "warnings")}
        return cls(**{**row, **lists})


def exit_code(rows: Sequence[Row]) -> int:
    """
    Say how a command over *rows* ends: 0 all well, 2 some hosts, 3 none.

    >>> good, bad = Row("a", "changed"), Row("b", "failed")
    >>> exit_code([good]), exit_code([good, bad]), exit_code([bad]), exit_code([])
    (0, 2, 3, 0)
    """
    bad = sum(not row.is_good for row in rows)
    return 0 if not bad else 3 if bad == len(rows) else 2


def sentence(row: Row) -> str:
    """
    Say a host's row in one line.

    >>> sentence(Row("us-0001", "refused", "clock-skew", "set it", "301 s ahead", duration_s=2.34))
    'us-0001: refused (clock-skew): 301 s ahead; set it'
    >>> sentence(Row("us-0001", "changed", changed=("k3s: start",), duration_s=2.34))
    'us-0001: changed, 1 change, 2.3 s'
    """
    if row.is_good:
        many = len(row.changed)
        count = f", {many} change{'' if many == 1 else 's'}" if many else ""
        return f"{row.host}: {row.state}{count}, {row.duration_s:.1f} s"
    words = "; ".join(filter(None, (row.detail, row.remedy)))
    return f"{row.host}: {row.state} ({row.cause})" + (f": {words}" if words else "")


def summary(rows: Iterable[Row]) -> list[str]:
    """
    Say all rows, the bad ones first, and then how many of each state there are.

    >>> summary([Row("a", "changed"), Row("b", "failed", "disk-full")])
    ['b: failed (disk-full)', 'a: changed, 0.0 s', '2 hosts: 1 changed, 1 failed']
    """
    listed = sorted(rows, key=lambda row: (row.is_good, row.host))
    states = sorted({row.state for row in listed})
    counts = ", ".join(f"{sum(row.state == state for row in listed)} {state}" for state in states)
    hosts = f"{len(listed)} host{'' if len(listed) == 1 else 's'}"
    return [*map(sentence, listed), f"{hosts}: {counts}" if listed else "no host"]
