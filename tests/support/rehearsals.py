"""Rehearsals for end-to-end tests: beside the demo's, looked at afterwards by their tables."""

import json
import os
import shutil
from collections import Counter
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import duckdb
import pytest
from rich.console import Console

from hitscanner.rehearsal import Outcome, Rehearsal, rehearse
from hitscanner.settings import Settings
from hitscanner.simulator import lifecycle
from hitscanner.simulator.objects import Event, Router
from hitscanner.simulator.world import World, generate


@dataclass(frozen=True)
class Elsewhere(Rehearsal):
    """A rehearsal whose network namespaces are not the demo's: both may be up at once."""

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(name.replace("-0", "-9") for name in super().names)


def need_machine() -> None:
    """Skip where no Internet can be simulated, and say why."""
    for need, is_there in (
        ("root", os.geteuid() == 0),
        ("/dev/net/tun", Path("/dev/net/tun").exists()),
        ("scamper", shutil.which("scamper") is not None),
    ):
        if not is_there:
            pytest.skip(f"needs {need}")


def held(settings: Settings, asked: Rehearsal) -> Outcome:
    """Rehearse; whatever is asked, a prefix that opted out got no packet and nothing broke."""
    outcome = rehearse(settings, asked, Console(stderr=True))

    assert outcome.run.error is None
    assert outcome.network["opt_out"] == 0
    return outcome


def packets_to_the_opted_out(home: Path) -> int:
    """Count what the Internet of a home saw for prefixes that opted out; 0 where none is up."""
    counts: dict[str, Any] = lifecycle.status(home / "simulator").counts
    return int(counts.get("opt_out", 0))


def stage_untimed(settings: Settings, asked: Rehearsal) -> None:
    """
    Put the world of a rehearsal in place without what goes by the clock.

    Rate limits and route changes hit whichever probe is under way; all else is the probe's.
    """
    things = [
        replace(thing, icmp_pps=0) if isinstance(thing, Router) else thing
        for thing in generate(asked.spec).objects()
        if not isinstance(thing, Event)
    ]
    settings.simulator.mkdir(parents=True, exist_ok=True)
    World(things).dump(settings.simulator / "world.jsonl")
    spec = json.dumps(asdict(asked.spec), sort_keys=True)
    (settings.simulator / "spec.json").write_text(spec)


TIMES = frozenset(
    [
        "start_at",
        "started_at",
        "stopped_at",
        "tx_at",
        "rx_at",
        "rtt_us",
        "delay_ms",
        "delay_us",
        "first_seen",
        "last_seen",
        "tested_s",
        "cycle_id",
    ]
)
"""Columns that say when, or how long."""

ORDER = frozenset(("trace_id", "record_at"))
"""Columns that say where in the raw file: traces are written as they end."""

CLOCKS = frozenset(("reply_ipid",))
"""Columns that count what happened before: a router's counter of packets."""


def contents(settings: Settings) -> dict[str, Counter[str]]:
    """Return the rows of every table of a home, apart from times; those of one table together."""
    files: dict[str, list[str]] = {}
    for file in sorted(settings.store.rglob("*.parquet")):
        tree, *way = file.relative_to(settings.store).parts
        name = f"{way[0]} of {way[1]}" if tree == "tables" else f"{tree} {file.name}"
        files.setdefault(name, []).append(str(file))
    return {name: _rows(some) for name, some in files.items()}


def _rows(files: list[str]) -> Counter[str]:
    source = "read_parquet($files, union_by_name => true, hive_partitioning => false)"
    with duckdb.connect() as database:
        found = database.execute(f"select * from {source}", {"files": files})
        names = [str(column[0]) for column in found.description or ()]
        kept = [i for i, name in enumerate(names) if name not in TIMES | ORDER | CLOCKS]
        return Counter(repr([(names[i], row[i]) for i in kept]) for row in found.fetchall())
