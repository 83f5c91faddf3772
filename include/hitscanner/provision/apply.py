"""Carry out a plan on one host: each change made, then looked at again; what failed has a cause."""

import asyncio
import json
import re
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from hitscanner.infra.remote import Done, Remote, RemoteError
from hitscanner.provision import watched
from hitscanner.provision.causes import Cause, by_name, classify, redact
from hitscanner.provision.detached import DetachedError, run_detached
from hitscanner.provision.facts import reach_server
from hitscanner.provision.journal import Journal
from hitscanner.provision.model import (
    Change,
    Detached,
    HostPlan,
    JoinToken,
    Put,
    Run,
    Start,
    Upload,
)
from hitscanner.provision.nodes import Nodes

POLL_S = 1.0
SLOWEST_POLL_S = 3.0
"""A look at journal and unit costs the host 20 to 30 ms: what takes long is looked at less."""

CERTAIN_AFTER_S = 8.0
"""How long a final cause must be the latest word of a journal before we believe it."""

TOKEN = re.compile(r"K10[0-9a-f]{64}::(?P<id>[a-z0-9]{6})\.[a-z0-9]{16}")
"""The secure format only: the short one is sent to whoever answers (k3s, `k3s token`)."""


class StepError(RemoteError):
    """A change could not be made; `cause` is of `causes.py`."""

    def __init__(self, host: str, cause: Cause, what: str) -> None:
        super().__init__(host, what, cause.remedy)
        self.why = cause


@dataclass
class Work:
    """One host under work."""

    remote: Remote
    server: Remote
    """Where tokens are minted and nodes are looked at; the host itself when it is the server."""

    applied: dict[str, str]
    """What the host keeps in applied.json."""

    server_address: str = ""
    nodes: Nodes | None = None
    """Shared by the hosts of a run; None for a host that asks *server* for itself."""

    say: Callable[[str], None] = lambda _: None
    changed: list[str] = field(default_factory=list)
    latest: tuple[Cause, str] | None = None
    """What the journal last said while we waited."""

    token_ids: list[str] = field(default_factory=list)


async def apply_plan(work: Work, plan: HostPlan) -> None:
    """
    Make every change of *plan*, in order; `work.changed` tells how far it came.

    Raises:
        StepError: at the first change that cannot be made or does not hold.
        RemoteError: when the host cannot be worked on any more.
    """
    try:
        for change in plan.changes:
            work.say(f"{change.phase}: {change.says}")
            await _make(work, change)
            work.changed.append(f"{change.phase}: {change.says}")
    finally:
        await _revoke(work)


async def _make(work: Work, change: Change) -> None:
    remote = work.remote
    match change.action:
        case Run(script, timeout_s, is_on_server):
            where = work.server if is_on_server else remote
            _check(work, change, await where.run(script, timeout_s=timeout_s))
        case Put(path, content, mode):
            await remote.put(path, content, mode)
        case Upload(path, source, _, mode):
            await remote.put(path, source, mode)
        case JoinToken():
            await _put_token(work, change.action)
        case Start():
            await _start(work, change.action)
        case Detached():
            await _detached(work, change.action)
    if change.verify:
        _check(work, change, await remote.run(change.verify, timeout_s=60), "does not hold: ")
    if change.record:
        name, digest = change.record
        work.applied[name] = digest
        content = json.dumps(work.applied, indent=1, sort_keys=True).encode() + b"\n"
        await remote.put(watched.APPLIED, content)


def _check(work: Work, change: Change, done: Done, what: str = "") -> None:
    if done.is_good:
        return
    said = done.err.strip() or done.out.strip()
    found = classify(said)
    cause = (
        found[0] if found else by_name("packages" if change.phase == "packages" else "step-failed")
    )
    last = redact((said.splitlines() or [f"exit status {done.status}"])[-1])[:300]
    raise StepError(work.remote.name, cause, f"{change.says}: {what}{last}")


async def _put_token(work: Work, action: JoinToken) -> None:
    """Mint on the server, put on the host; the token is nowhere else than in this function."""
    host = work.remote.name
    script = f"{watched.K3S} token create --ttl {action.ttl_s}s --description {host}"
    done = await work.server.run(script, timeout_s=60)
    found = TOKEN.search(done.out)
    if not done.is_good or found is None:
        said = redact((done.err.strip().splitlines() or ["no token was printed"])[-1])[:300]
        raise StepError(host, by_name("server-down"), f"the server cannot mint a token: {said}")
    work.token_ids.append(found["id"])
    await work.remote.put(action.path, found[0].encode() + b"\n", 0o600)


async def _revoke(work: Work) -> None:
    """Delete the tokens of this run, whatever became of it; they expire by themselves anyhow."""
    while work.token_ids:
        script = f"{watched.K3S} token delete {work.token_ids.pop()}"
        with suppress(RemoteError):
            await work.server.run(script, timeout_s=30)


async def _start(work: Work, action: Start) -> None:
    """
    Restart without blocking and watch: state, journal, and the server's word.

    `systemctl restart` itself would wait for ever where a token is bad (Type=notify); `enable` has
    systemd read its files again, enabled before or not (systemctl(1)).
    """
    journal = await Journal.at_end(work.remote, action.unit)
    begin = (
        f"set -e\nsystemctl enable --quiet {action.unit}\n"
        f"systemctl reset-failed {action.unit} 2>/dev/null || true\n"
        f"systemctl restart --no-block {action.unit}"
    )
    done = await work.remote.run(begin)
    if not done.is_good:
        raise StepError(work.remote.name, by_name("step-failed"), redact(done.err.strip()[-300:]))
    await _watch(work, action, journal, is_join=bool(work.token_ids))


async def _detached(work: Work, action: Detached) -> None:
    """Have the host do it, or wait for that which is at it already; then watch the start."""
    journal = await Journal.at_end(work.remote, action.start.unit)
    try:
        await run_detached(work.remote, action)
    except DetachedError as error:
        heard = classify(error.what)
        raise StepError(
            work.remote.name, heard[0] if heard else by_name("step-failed"), redact(error.what)
        ) from None
    await _watch(work, action.start, journal, is_join=False)


async def _watch(work: Work, action: Start, journal: Journal, *, is_join: bool) -> None:
    """Wait until the unit is active and the server calls it ready, or a cause is certain."""
    begun = time.monotonic()
    first_heard_at: dict[str, float] = {}
    nodes = work.nodes or Nodes(work.server)
    while time.monotonic() - begun < action.timeout_s:
        is_active = await journal.read()
        version = (await nodes.ready()).get(action.node, "") if is_active else ""
        if version.partition("+")[0] == action.version:
            return
        heard = classify(journal.news)
        if heard:
            work.latest = heard
            first = first_heard_at.setdefault(heard[0].name, time.monotonic())
            # Said once it may pass; said again and again it does not.
            if heard[0].is_final and time.monotonic() - first > CERTAIN_AFTER_S:
                break
        waited_s = time.monotonic() - begun
        await asyncio.sleep(min(POLL_S * (1 + waited_s / 10), SLOWEST_POLL_S))
    cause, line = await _conclude(work, journal)
    if is_join:  # one that failed would knock at the server for ever with a dead token
        await work.remote.run(f"systemctl disable --quiet {action.unit}")
        await work.remote.run(f"systemctl stop --no-block {action.unit}")
    raise StepError(work.remote.name, cause, f"{action.unit} does not become ready: {line}")


async def _conclude(work: Work, journal: Journal) -> tuple[Cause, str]:
    """Name the cause; the server knows whether a rejected token has merely run out."""
    cause, line = work.latest or (by_name("not-ready"), redact(journal.last_line)[:300])
    if cause.name in ("port-blocked", "server-down") and work.server_address:
        # k3s says EOF for both: what stands between can only be seen by trying.
        found = await reach_server(work.remote, work.server_address)
        name = {"refused": "server-down", "blocked": "port-blocked"}.get(found, "not-ready")
        return by_name(name), line
    if cause.name == "token-rejected" and work.token_ids:
        listed = await work.server.run(f"{watched.K3S} token list", timeout_s=40)
        rows = [row for row in listed.out.splitlines() if row.startswith(work.token_ids[-1])]
        if listed.is_good and (not rows or "<expired>" in rows[0] or "<invalid>" in rows[0]):
            return by_name("token-expired"), line
    return cause, line
