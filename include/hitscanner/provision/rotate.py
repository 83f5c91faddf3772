"""Renew the certificates of hosts: looked at, planned, done detached, and read again over TLS."""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from hitscanner.infra.remote import Remote
from hitscanner.provision.causes import by_name
from hitscanner.provision.certificates import Certificates, look
from hitscanner.provision.model import HostPlan, HostResult
from hitscanner.provision.operations import carry_out, each, refused
from hitscanner.provision.rotation import PHASE, Wish, plan_rotation, renewed, trouble
from hitscanner.provision.survey import Site, Survey

POLL_S = 10.0
"""Between two looks at a host that is waited for."""

SHOWN_POLL_S = 1.0
SHOWN_S = 60.0
"""How long a port may take to show its new certificate once the node is Ready."""


async def plan_rotations(
    site: Site, names: Sequence[str], wish: Wish
) -> list[HostPlan | HostResult]:
    """
    Look at hosts and say what would be renewed; nothing is changed or waited for.

    A host that would be waited for is not refused now: it may be idle when its turn comes.
    """
    plans: dict[str, HostPlan] = {}
    if wish.busy == "wait":
        wish = replace(wish, busy="force")

    async def work(survey: Survey, name: str, remote: Remote) -> HostResult:
        desired, facts = await survey.look(remote, name)
        plans[name] = plan_rotation(desired, facts, await look(remote), wish, datetime.now(UTC))
        return HostResult(name, "unchanged")

    results = await each(site, names, work, locked=False)
    return [plans.get(result.host, result) if result.is_good else result for result in results]


async def rotate_hosts(site: Site, names: Sequence[str], wish: Wish) -> list[HostResult]:
    """
    Renew what is near its end on hosts side by side, or with `wish.new_keys` everything.

    The order (server, one agent, the others) is the caller's.
    """
    waits_s = wish.wait_s if wish.busy == "wait" else 0.0
    patient = replace(site, deadline_s=site.deadline_s + waits_s)

    async def work(survey: Survey, name: str, remote: Remote) -> HostResult:
        before = await _when_idle(survey, name, remote, wish)
        desired, facts = await survey.look(remote, name)
        plan = plan_rotation(desired, facts, before, wish, datetime.now(UTC))
        if plan.refusals:
            return refused(plan)
        server = remote if desired.role == "server" else survey.server
        result = await carry_out(survey, plan, remote, server, facts)
        if not plan.changes or not result.is_good:
            return result
        return await _proven(result, remote, before, wish)

    return await each(patient, names, work)


async def _when_idle(survey: Survey, name: str, remote: Remote, wish: Wish) -> Certificates:
    """Look at a host once, or with `wait` again and again until no prober is at work there."""
    end = time.monotonic() + (wish.wait_s if wish.busy == "wait" else 0.0)
    told = 0
    while True:
        seen = await look(remote)
        is_due = wish.new_keys or seen.due(datetime.now(UTC))
        if not (is_due and seen.busy) or time.monotonic() >= end:
            return seen
        if seen.busy != told:
            survey.site.say(name, f"{PHASE}: waiting for {seen.busy} probers at work")
        told = seen.busy
        await asyncio.sleep(POLL_S)


async def _proven(
    result: HostResult, remote: Remote, before: Certificates, wish: Wish
) -> HostResult:
    """Read over TLS what the host shows now; a renewal that does not show has failed."""
    end = time.monotonic() + SHOWN_S
    while wrong := trouble(before, after := await look(remote), wish, datetime.now(UTC)):
        if time.monotonic() >= end:
            remedy = by_name("not-renewed").remedy
            return replace(result, state="failed", cause="not-renewed", remedy=remedy, detail=wrong)
        await asyncio.sleep(SHOWN_POLL_S)
    lines = (f"{PHASE}: {line}" for line in renewed(before, after))
    return replace(result, changed=(*result.changed, *lines))
