"""
What is done with many hosts: plan, set up the server, join, remove; one row per host.

Nothing here raises for what is wrong with a host: that is in its row.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace

from hitscanner.errors import HitscannerError, UsageError
from hitscanner.infra.remote import ConnectionLostError, Remote, RemoteError
from hitscanner.provision import removal
from hitscanner.provision.apply import StepError, Work, apply_plan
from hitscanner.provision.causes import by_name
from hitscanner.provision.desired import Desired
from hitscanner.provision.facts import ClusterFacts, Facts, gather
from hitscanner.provision.locks import LockedError, centre_lock, host_lock
from hitscanner.provision.model import HostPlan, HostResult, State
from hitscanner.provision.plan import plan_host
from hitscanner.provision.survey import Open, Site, Survey, open_survey, survey_open_host

__all__ = ["Open", "Site", "apply_hosts", "plan_hosts", "remove_hosts", "survey_host"]

BACK_S = 45.0
"""How long we look for a host that vanished, to tell a restart from a cut."""


async def plan_hosts(
    site: Site, names: Sequence[str], only: str | None = None
) -> list[HostPlan | HostResult]:
    """Look at hosts and say what would change; a host that cannot be reached gives its result."""
    plans: dict[str, HostPlan] = {}

    async def work(survey: Survey, name: str, remote: Remote) -> HostResult:
        plans[name] = plan_host(*await survey.look(remote, name), only)
        return HostResult(name, "unchanged")

    results = await each(site, names, work, locked=False)
    return [plans.get(result.host, result) if result.is_good else result for result in results]


async def apply_hosts(
    site: Site, names: Sequence[str], only: str | None = None
) -> list[HostResult]:
    """
    Make hosts as they shall be: the server first, then agents, joined where they are not yet.

    The token of a join is minted on the server, lives 15 minutes, and is revoked after Ready.

    Raises:
        UsageError: when the inventory or the bundle is not good for any host.
    """

    async def work(survey: Survey, name: str, remote: Remote) -> HostResult:
        desired, facts = await survey.look(remote, name)
        plan = plan_host(desired, facts, only)
        if plan.refusals:
            return refused(plan)
        server = remote if desired.role == "server" else survey.server
        return await carry_out(survey, plan, remote, server, facts)

    server_name = site.inventory.server.name if site.inventory.server else None
    first = [name for name in names if name == server_name]
    rest = [name for name in names if name != server_name]
    results = await each(site, first, work) if first else []
    return results + (await each(site, rest, work) if rest else [])


async def remove_hosts(
    site: Site, names: Sequence[str], *, force: bool = False
) -> list[HostResult]:
    """
    Drain, delete the node with its password, uninstall; with *force* also when unreachable.

    Raises:
        UsageError: when the server is among *names*.
    """
    if site.inventory.server and site.inventory.server.name in names:
        raise UsageError("the server is not removed by this; see docs/fleet.md")

    async def work(survey: Survey, name: str, remote: Remote) -> HostResult:
        desired, facts = await survey.look(remote, name)
        plan = removal.plan_removal(desired, facts)
        return await carry_out(survey, plan, remote, survey.server, facts)

    results = await each(site, names, work)
    lost = [result.host for result in results if result.state == "unreachable"]
    if not (force and lost):
        return results
    gone = {result.host: result for result in await _forget(site, lost)}
    return [gone.get(result.host, result) for result in results]


async def survey_host(
    site: Site, name: str, remote: Remote, cluster: ClusterFacts
) -> tuple[Desired, Facts, HostPlan]:
    """
    Look at one open host and plan it, with the cluster's nodes as the caller knows them.

    Raises:
        RemoteError: when the host cannot be worked on.
    """
    survey = await survey_open_host(site, cluster)
    desired, facts = await survey.look(remote, name)
    return desired, facts, plan_host(desired, facts)


async def _forget(site: Site, names: Sequence[str]) -> list[HostResult]:
    """Delete the nodes of hosts that nobody can reach; what is on them stays there."""
    async with AsyncExitStack() as stack:
        survey = await open_survey(site, stack)
        results = []
        for name in names:
            plan = removal.plan_removal(survey.desired(name), None)
            if survey.server is None:
                results.append(_no_server(survey, name))
                continue
            try:
                result = await carry_out(survey, plan, survey.server, survey.server, None)
            except RemoteError as error:
                result = _failed(name, error, ())
            results.append(result)
        return results


Task = Callable[[Survey, str, Remote], Awaitable[HostResult]]


async def each(
    site: Site, names: Sequence[str], task: Task, *, locked: bool = True
) -> list[HostResult]:
    """Run *task* on every host, so many at once, each by its deadline; the order is kept."""
    slots = asyncio.Semaphore(site.parallel)
    async with AsyncExitStack() as stack:
        survey = await open_survey(site, stack)
        for name in names:
            survey.desired(name)  # what is wrong with the inventory comes up before any work

        async def one(name: str) -> HostResult:
            async with slots:
                return await _one(survey, name, task, locked=locked)

        return list(await asyncio.gather(*(one(name) for name in dict.fromkeys(names))))


async def _one(survey: Survey, name: str, task: Task, *, locked: bool) -> HostResult:
    """Do one host's work behind its locks, and turn whatever comes into its row."""
    site, begun = survey.site, time.monotonic()
    opened = False
    try:
        async with asyncio.timeout(site.deadline_s), AsyncExitStack() as stack:
            if locked:
                stack.enter_context(centre_lock(site.locks / "lock", name, site.actor))
            remote = await stack.enter_async_context(site.open(name))
            opened = True
            if locked:
                lock = host_lock(remote, site.locks, site.actor, site.deadline_s)
                await stack.enter_async_context(lock)
            result = await task(survey, name, remote)
    except LockedError as error:
        result = HostResult(name, "refused", error.cause, error.remedy, error.what)
    except RemoteError as error:
        result = _failed(name, error, ())
        result = result if opened else replace(result, state="unreachable")
    except TimeoutError:
        result = _timed_out(survey, name)
    except HitscannerError as error:
        result = HostResult(name, "failed", "step-failed", "mend it, run it again", str(error))
    return replace(result, duration_s=time.monotonic() - begun)


async def carry_out(
    survey: Survey, plan: HostPlan, remote: Remote, server: Remote | None, facts: Facts | None
) -> HostResult:
    """Apply a plan and make its row: what was done stays in it, whatever came then."""
    site, host = survey.site, plan.host
    if not plan.changes:
        return HostResult(host, "unchanged", warnings=plan.warnings)
    if server is None:
        return _no_server(survey, host)
    applied = dict(facts.applied) if facts else {}
    where = survey.desired(host).server_address
    nodes = survey.nodes if server is survey.server else None
    work = Work(remote, server, applied, where, nodes, say=lambda line: site.say(host, line))
    survey.works[host] = work
    try:
        await apply_plan(work, plan)
    except ConnectionLostError as error:
        result = await _after_loss(site, host, error, facts)
    except RemoteError as error:
        result = _failed(host, error, ())
    else:
        result = HostResult(host, "changed")
    return replace(result, changed=tuple(work.changed), warnings=plan.warnings)


async def _after_loss(
    site: Site, host: str, error: ConnectionLostError, facts: Facts | None
) -> HostResult:
    """Tell a host that was restarted from a connection that was cut, by looking once more."""
    result = _failed(host, error, ())
    if error.host != host:
        return replace(result, detail=str(error))
    end = time.monotonic() + BACK_S
    while facts is not None and time.monotonic() < end:
        try:
            async with site.open(facts.host) as remote:
                now = await gather(remote)
        except HitscannerError:
            await asyncio.sleep(1)
            continue
        if now.boot != facts.boot:
            cause = by_name("rebooted")
            return replace(result, cause=cause.name, remedy=cause.remedy, detail=cause.means)
        break
    return result


def refused(plan: HostPlan) -> HostResult:
    first = plan.refusals[0]
    what = "; ".join(refusal.says for refusal in plan.refusals)
    return HostResult(plan.host, "refused", first.cause, first.remedy, what, warnings=plan.warnings)


def _failed(host: str, error: RemoteError, changed: tuple[str, ...]) -> HostResult:
    cause = error.why.name if isinstance(error, StepError) else error.cause
    state: State = "timed-out" if cause == "timed-out" else "failed"
    return HostResult(host, state, cause, error.remedy, error.what, changed)


def _timed_out(survey: Survey, host: str) -> HostResult:
    """Say what was waited for when the time was over, if a journal told."""
    work = survey.works.get(host)
    cause, line = (work.latest if work else None) or (by_name("timed-out"), "")
    what = f"no end within {survey.site.deadline_s:.0f} s" + (f": {line}" if line else "")
    changed = tuple(work.changed) if work else ()
    return HostResult(host, "timed-out", cause.name, cause.remedy, what, changed)


def _no_server(survey: Survey, host: str) -> HostResult:
    error = survey.server_error
    what = str(error) if error else "the server is not reached"
    return HostResult(host, "refused", "server-down", by_name("server-down").remedy, what)
