"""The numbers of a finished cycle, as a person and as a program want them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hitscanner.domain.quorum import Counts
from hitscanner.report.tables import Answers, Cycle, CycleFiles


@dataclass(frozen=True)
class Score:
    """Links and alias sets against the truth of the simulated Internet, each from 0 to 1."""

    precision: float | None = None
    recall: float | None = None
    alias_precision: float | None = None
    """Of the pairs of addresses that were put into one set."""

    alias_recall: float | None = None
    """Of the pairs among the addresses seen that some method can resolve."""

    alias_recall_by_method: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Missing:
    """Targets without a trace: failed and unassigned."""

    count: int = 0
    file: Path | None = None
    """One address a line, if it was written."""


@dataclass(frozen=True)
class VantagePoint:
    """One row of the table."""

    name: str
    counts: Counts
    answers: Answers


@dataclass(frozen=True)
class Summary:
    """A cycle in numbers; `summarise` fills it."""

    list_name: str
    cycle: str
    state: str
    """`complete`, `partial` or `failed`."""

    targets: int
    vantage_points: tuple[VantagePoint, ...]
    """In order of their names."""

    links: int
    addresses: int
    everyone: Answers
    """What came back to all vantage points together."""

    wall_s: float
    probing_s: float
    score: Score = Score()
    missing: Missing = Missing()
    files: Mapping[str, Path] = field(default_factory=dict)
    """What it is → where it is, in the order to show."""

    warnings: tuple[str, ...] = ()
    excluded_at_plan: int = 0
    """Targets that no vantage point was asked for: do-not-probe list or reserved space."""

    @property
    def counts(self) -> Counts:
        """The accounting of the whole cycle, the plan's exclusions included."""
        at_plan = Counts(excluded=self.excluded_at_plan)
        return sum((vp.counts for vp in self.vantage_points), at_plan)

    @property
    def overhead_s(self) -> float:
        """Wall time that was not spent probing."""
        return max(0.0, self.wall_s - self.probing_s)

    @property
    def headline(self) -> str:
        """One sentence: the state, and what is missing if anything is."""
        counts = self.counts
        sentence = f"{self.state}: {counts.done:,} of {counts.assigned:,} assigned targets traced"
        if self.missing.count:
            return f"{sentence}, {self.missing.count:,} missing"
        return sentence

    def to_json(self) -> dict[str, object]:
        """Return the result object of `rehearse` and `demo`: the fixed keys first, then more."""
        counts = self.counts
        return {
            "state": self.state,
            "targets": self.targets,
            "assigned": counts.assigned,
            "done": counts.done,
            "failed": counts.failed,
            "excluded": counts.excluded,
            "unassigned": counts.unassigned,
            "links": {"precision": self.score.precision, "recall": self.score.recall},
            "alias_sets": {
                "precision": self.score.alias_precision,
                "recall": self.score.alias_recall,
            },
            "wall_s": round(self.wall_s, 1),
            "probing_s": round(self.probing_s, 1),
            "overhead_s": round(self.overhead_s, 1),
            "list": self.list_name,
            "cycle": self.cycle,
            "traces": self.everyone.traces,
            "replied": self.everyone.replied,
            "reached": self.everyone.reached,
            "link_count": self.links,
            "address_count": self.addresses,
            "median_rtt_ms": _rounded(self.everyone.median_rtt_ms),
            "excluded_at_plan": self.excluded_at_plan,
            "alias_recall_by_method": dict(self.score.alias_recall_by_method),
            "vantage_points": [_vp_json(vp) for vp in self.vantage_points],
            "missing": {"count": self.missing.count, "file": _text(self.missing.file)},
            "files": {what: str(path) for what, path in self.files.items()},
            "warnings": list(self.warnings),
        }


def summarise(
    root: Path,
    list_name: str,
    cycle: str,
    *,
    state: str,
    targets: int,
    counts: Mapping[str, Counts],
    wall_s: float,
    probing_s: float,
    score: Score = Score(),
    missing: Missing = Missing(),
    files: Mapping[str, Path] | None = None,
    warnings: Sequence[str] = (),
    excluded_at_plan: int = 0,
) -> Summary:
    """
    Read the tables of *cycle* under the store's *root* and join them with its accounting.

    Args:
        root: the folder that holds `tables/` and `topology/`.
        list_name: the target list's name.
        cycle: the cycle's name.
        state: `complete`, `partial` or `failed`, as the gate decided.
        targets: distinct targets asked for, before do-not-probe.
        counts: vantage point → what became of its targets (the manifest's numbers).
        wall_s: from the first step to the last.
        probing_s: of that, the time in which at least one prober ran.
        score: links against the truth, where there is one.
        missing: the targets without a trace.
        files: what it is → where it is.
        excluded_at_plan: targets that the plan dropped before it asked anybody.
        warnings: sentences to show; more are added if the numbers contradict each other, or if no
            trace has a link.

    Raises:
        duckdb.Error: if a table is there and cannot be read.
    """
    with Cycle(CycleFiles.find(root, list_name, cycle)) as tables:
        answers, everyone = tables.answers()
        links, addresses = tables.count_links(), tables.count_addresses()
    nobody = Answers(0, 0, 0, None)
    rows = tuple(
        VantagePoint(name, counts.get(name, Counts()), answers.get(name, nobody))
        for name in sorted({*counts, *answers})
    )
    return Summary(
        list_name=list_name,
        cycle=cycle,
        state=state,
        targets=targets,
        vantage_points=rows,
        links=links,
        addresses=addresses,
        everyone=everyone,
        wall_s=wall_s,
        probing_s=probing_s,
        score=score,
        missing=missing,
        files=dict(files or {}),
        warnings=(*warnings, *_contradictions(rows, everyone), *_silence(links, everyone)),
        excluded_at_plan=excluded_at_plan,
    )


def _contradictions(rows: Sequence[VantagePoint], everyone: Answers) -> list[str]:
    """Say where accounting and tables disagree; a report must not hide it."""
    done = sum(vp.counts.done for vp in rows)
    if done == everyone.traces:
        return []
    return [f"{done:,} targets are done, but the tables hold {everyone.traces:,} traces"]


def _silence(links: int, everyone: Answers) -> list[str]:
    """Say that traces are there and no link: data, but not what anybody hoped for."""
    if links or not everyone.traces:
        return []
    return [f"no link in {everyone.traces:,} traces: nowhere did two hops in a row answer"]


def format_accounting(counts: Counts) -> str:
    """
    Write the accounting as the equation that it is.

    >>> format_accounting(Counts(done=1990, failed=4, excluded=6))
    '2,000 assigned = 1,990 done + 4 failed + 6 excluded + 0 unassigned'
    """
    return (
        f"{counts.assigned:,} assigned = {counts.done:,} done + {counts.failed:,} failed"
        f" + {counts.excluded:,} excluded + {counts.unassigned:,} unassigned"
    )


def _vp_json(vp: VantagePoint) -> dict[str, object]:
    counts = vp.counts
    return {
        "vp": vp.name,
        "assigned": counts.assigned,
        "done": counts.done,
        "failed": counts.failed,
        "excluded": counts.excluded,
        "unassigned": counts.unassigned,
        "replied": vp.answers.replied,
        "reached": vp.answers.reached,
        "median_rtt_ms": _rounded(vp.answers.median_rtt_ms),
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def _text(path: Path | None) -> str | None:
    return None if path is None else str(path)
