"""The two records of a cycle: what its manifest says, and what each shard's measurement says."""

import json
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field

from hitscanner.domain.cycle import Cycle, Shard
from hitscanner.domain.quorum import Counts, State


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    def to_bytes(self) -> bytes:
        """Give JSON for a file: sorted keys, a newline at the end; equal records, equal bytes."""
        text = json.dumps(self.model_dump(mode="json"), indent=2, sort_keys=True)
        return text.encode() + b"\n"

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read what `to_bytes` wrote; pydantic.ValidationError if it is something else."""
        return cls.model_validate_json(data)


class Slice(_Record):
    """A few minutes of a shard: the unit of accounting."""

    name: str
    sha256: str
    size_bytes: int
    targets: int
    done: int
    failed: int
    excluded: int
    started_at: float
    ended_at: float
    dnp_sha256: str
    exit_status: int | None
    argv: list[str]


class ProberReport(_Record):
    """`shard.json` as the prober wrote it; times are the vantage point's own, epoch seconds."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    list: str
    cycle: str
    vp: str
    shard: str
    state: str
    cause: str | None
    exit_code: int
    prober_version: str
    scamper_version: str | None
    source_addresses: dict[str, str | None]
    clock_offset_s: float | None
    started_at: float
    ended_at: float
    targets: int
    done: int
    failed: int
    excluded: int
    unassigned: int
    targets_sha256: str
    dnp_sha256: str | None
    slices: tuple[Slice, ...]

    @property
    def counts(self) -> Counts:
        """What the prober says became of its targets."""
        return Counts(self.done, self.failed, self.excluded, self.unassigned)


class Fetched(_Record):
    """What the centre holds of a shard, after it checked every slice."""

    sha256: str
    size_bytes: int
    """Of the compressed file."""

    traces: int
    packets_sent: int
    packets_received: int


class ShardRecord(_Record):
    """`<shard>.json`: the prober's report and what was fetched of it."""

    report: ProberReport | None
    fetched: Fetched | None
    counts: Counts
    """What became of the shard's targets, counted by the centre from the verified traces."""

    cause: str | None = None
    """Why the shard is not whole, or None."""


class PlannedShard(_Record):
    """One line of the plan: who is asked for how many targets."""

    vp: str
    shard: str
    targets: int
    targets_sha256: str

    def of(self, cycle: Cycle) -> Shard:
        """Give its name among the shards of *cycle*."""
        return Shard(cycle.list, cycle.cycle, self.vp, self.shard)


class Asked(_Record):
    """Everything that decides what is sent; enough to ask the same again."""

    params: dict[str, Any]
    run_id: str
    logical_time: str
    list_sha256: str
    dnp_sha256: str
    vantage_points: list[str]
    targets: int
    """Different addresses asked for, before anything was dropped."""

    excluded: dict[str, int]
    """Targets dropped at the plan, by reason."""

    excluded_assignments: int
    """The same, counted once for each vantage point that would have probed them."""

    shards: list[PlannedShard]
    versions: dict[str, str]
    rate_pps: dict[str, int] = {}
    """Vantage point → packets per second it was given."""

    unfit: dict[str, str] = {}
    """Vantage points that were asked for and left out, and why."""

    network_pps: dict[str, float] = {}
    """Destination /24 or /48 → packets per second it hears from this cycle, if it is 1 or more."""

    slowed_by: str | None = None
    """The cap for which the rates are lower than asked, in words, or None."""


class ShardOutcome(_Record):
    """What came back from one shard."""

    vp: str
    shard: str
    state: str
    cause: str | None
    counts: Counts
    sha256: str | None
    size_bytes: int | None
    clock_offset_s: float | None
    started_at: float | None
    ended_at: float | None


class Missing(_Record):
    """The targets without a trace, and the file that lists them."""

    count: int
    file: str
    sha256: str


class Outcome(_Record):
    """What came of a cycle."""

    counts: dict[str, int]
    packets: dict[str, int]
    """`sent = received + lost`."""

    shards: list[ShardOutcome]
    missing: Missing | None
    tools: dict[str, str]


class CycleManifest(_Record):
    """`manifest.json`: asked, sent, received, lost (design §4.2)."""

    version: int = Field(default=1, frozen=True)
    list: str
    cycle: str
    state: State
    asked: Asked
    outcome: Outcome | None = None

    @property
    def shards(self) -> tuple[Shard, ...]:
        """Name the shards that were planned, in the manifest's order."""
        return tuple(each.of(Cycle(self.list, self.cycle)) for each in self.asked.shards)
