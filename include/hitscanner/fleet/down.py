"""Take the server itself away: what `./bootstrap.sh down` undoes of `./bootstrap.sh cluster`."""

from hitscanner.provision.apply import Work, apply_plan
from hitscanner.provision.facts import ClusterFacts
from hitscanner.provision.locks import centre_lock, host_lock
from hitscanner.provision.operations import Site, survey_host
from hitscanner.provision.removal import plan_removal


async def uninstall_server(site: Site, server: str) -> tuple[str, ...]:
    """
    Uninstall k3s and our settings from the server; the cluster and all in it are gone then.

    Returns:
        What was done.

    Raises:
        LockedError: when another run is at work on it.
        RemoteError: when it could not be done.
    """
    with centre_lock(site.locks / "lock", server, site.actor):
        async with (
            site.open(server) as remote,
            host_lock(remote, site.locks, site.actor, site.deadline_s),
        ):
            desired, facts, _ = await survey_host(site, server, remote, ClusterFacts())
            plan = plan_removal(desired, facts)
            await apply_plan(Work(remote, remote, dict(facts.applied)), plan)
    return tuple(f"{change.phase}: {change.says}" for change in plan.changes)
