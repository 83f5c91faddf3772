"""Sum up how a run ended: numbers, table, page, exit code; the same for a run and a rehearsal."""

from collections import defaultdict
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from hitscanner.domain.cycle import Cycle
from hitscanner.domain.manifest import CycleManifest
from hitscanner.domain.quorum import Counts
from hitscanner.errors import MeasurementFailedError, UsageError
from hitscanner.pipeline.gate import read_manifest
from hitscanner.pipeline.topology import read_labels
from hitscanner.report import summary as report
from hitscanner.report.page import Origins, write_report
from hitscanner.report.terminal import render_table, render_text
from hitscanner.runs import Run, probing_s
from hitscanner.wiring import Pipeline, pipeline

NOTHING_PLANNED = {"state": "planned", "targets": 0}
"""The result of a run that was asked for its plan only."""


def present(
    steps: Pipeline,
    run: Run,
    wall_s: float,
    out: Console,
    score: report.Score | None = None,
) -> dict[str, object]:
    """
    Print how *run* ended, write its page, and give its result object (design §4.1).

    Raises:
        MeasurementFailedError: when the run ended before a cycle was closed.
    """
    if run.manifest is None or run.manifest.outcome is None:
        if run.error:
            raise MeasurementFailedError(run.error)
        return NOTHING_PLANNED
    summary = summarise_run(steps, run, wall_s, score)
    page = _write_page(steps, run, summary)
    summary = replace(summary, files={**summary.files, "report": page})
    if out.is_terminal:
        out.print(render_table(summary))
    else:
        out.print(render_text(summary), end="", soft_wrap=True, markup=False, highlight=False)
    return summary.to_json()


def summarise_run(
    steps: Pipeline, run: Run, wall_s: float, score: report.Score | None = None
) -> report.Summary:
    """Read the run's tables and join them with its manifest's accounting."""
    assert run.cycle is not None
    assert run.manifest is not None
    assert run.manifest.outcome is not None
    missing = run.manifest.outcome.missing
    return report.summarise(
        steps.settings.store,
        run.cycle.list,
        run.cycle.cycle,
        state=str(run.manifest.state),
        targets=run.manifest.asked.targets,
        counts=_per_vp(run.manifest),
        wall_s=wall_s,
        probing_s=probing_s(run.manifest),
        score=score or report.Score(),
        missing=report.Missing(missing.count, steps.store.local(missing.file))
        if missing
        else report.Missing(),
        files=_files(steps, run),
        warnings=_warnings(run),
        excluded_at_plan=run.manifest.asked.excluded_assignments,
    )


def draw(cycle: dict[str, str]) -> dict[str, str]:
    """
    Write the page of a finished cycle beside its topology, and name the cycle again.

    The same tables give the same bytes: what a run on this machine adds (its wall time, the score
    of a rehearsal) is in the page that the run writes.
    """
    steps = pipeline()
    named = Cycle(cycle["list"], cycle["cycle"])
    manifest = read_manifest(steps.store, named)
    if manifest.outcome is None:
        raise UsageError(f"{named} is not finished; run traceroute for it first")
    run = Run(named, manifest, None, 0)
    summary = summarise_run(steps, run, probing_s(manifest))
    _write(steps, run, summary, steps.store.local(f"{named.topology}/picture.html"))
    return cycle


def _write_page(steps: Pipeline, run: Run, summary: report.Summary) -> Path:
    assert run.cycle is not None
    page = steps.store.local(f"reports/{run.cycle.list}/{run.cycle.cycle}.html")
    return _write(steps, run, summary, page)


def _write(steps: Pipeline, run: Run, summary: report.Summary, page: Path) -> Path:
    assert run.cycle is not None
    labels = read_labels(steps.settings.labels, run.cycle)
    named = labels.sources.get("prefix2as", {})
    origins = Origins(labels.origins.find, str(named.get("file", "")))
    write_report(summary, steps.settings.store, page, origins=origins)
    return page


def _per_vp(manifest: CycleManifest) -> dict[str, Counts]:
    assert manifest.outcome is not None
    per_vp: dict[str, Counts] = defaultdict(Counts)
    for shard in manifest.outcome.shards:
        per_vp[shard.vp] += shard.counts
    return dict(per_vp)


def _files(steps: Pipeline, run: Run) -> dict[str, Path]:
    assert run.cycle is not None
    found = {
        "manifest": run.cycle.manifest,
        "raw": run.cycle.raw,
        "tables": "tables",
        "topology": run.cycle.topology,
    }
    files = {name: steps.store.local(path) for name, path in found.items()}
    return {name: path for name, path in files.items() if path.exists()}


def _warnings(run: Run) -> list[str]:
    assert run.manifest is not None
    assert run.manifest.outcome is not None
    causes = [f"{s.vp}: {s.cause}" for s in run.manifest.outcome.shards if s.cause]
    return [*causes, *([run.error] if run.error else [])]
