"""Look at every host and at the cluster, change nothing, and say what is not as it should be."""

import asyncio
import base64
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from hitscanner.domain.hosts import VantagePoint
from hitscanner.domain.node_labels import labels_of, server_labels
from hitscanner.fleet.certificates import expiries
from hitscanner.fleet.findings import Finding, Seen, findings, of_cluster
from hitscanner.fleet.rows import CLUSTER, Row
from hitscanner.infra.kube import Api, ClusterError, Json, Node
from hitscanner.infra.kube import nodes as nodes_of
from hitscanner.infra.remote import RemoteError
from hitscanner.provision.facts import ClusterFacts, NodeFact
from hitscanner.provision.operations import Site, survey_host

LONG_TOKEN = timedelta(hours=1)
"""A join's own token lives a quarter of an hour; one that lives longer was left by somebody."""


async def check_hosts(site: Site, api: Api, names: Sequence[str], now: datetime) -> list[Row]:
    """
    Check hosts side by side.

    Args:
        site: the way to the hosts.
        api: the cluster's API server; when it is silent, that is each host's first finding.
        names: of the hosts, the server's among them if it shall be looked at.
        now: aware UTC.

    Returns:
        A row for each of *names*, in their order.
    """
    silent: list[Finding] = []
    nodes: Mapping[str, Node] = {}
    try:
        nodes = await asyncio.to_thread(nodes_of, api)
    except ClusterError as error:
        silent = [Finding(error.cause, error.what, error.remedy)]
    slots = asyncio.Semaphore(site.parallel)

    async def one(name: str) -> Row:
        async with slots:
            return await _check_host(site, api, name, nodes, silent, now)

    return list(await asyncio.gather(*map(one, names)))


def check_cluster(site: Site, api: Api, now: datetime) -> Row:
    """Check what belongs to no host: strangers among the nodes, tokens that were left."""
    began_at = time.monotonic()
    try:
        found = of_cluster(_known(site), list(nodes_of(api)), long_tokens(api, now))
    except ClusterError as error:
        found = [Finding(error.cause, error.what, error.remedy)]
    return _row(CLUSTER, found, time.monotonic() - began_at)


async def _check_host(
    site: Site,
    api: Api,
    name: str,
    nodes: Mapping[str, Node],
    silent: Sequence[Finding],
    now: datetime,
) -> Row:
    began_at = time.monotonic()
    try:
        seen = await asyncio.wait_for(_look(site, api, name, nodes), site.deadline_s)
    except RemoteError as error:
        return Row(
            name, "unhealthy", error.cause, error.remedy, error.what,
            duration_s=time.monotonic() - began_at,
        )  # fmt: skip
    except TimeoutError:
        remedy = "log in and see what keeps it busy"
        return Row(name, "unhealthy", "timed-out", remedy, f"no end after {site.deadline_s:.0f} s")
    found = findings(seen, now)
    warnings = seen.plan.warnings
    if silent:  # then nothing is known about the node
        found = [*silent, *(f for f in found if f.cause not in ("not-joined", "drift"))]
    return _row(name, found, time.monotonic() - began_at, warnings)


async def _look(site: Site, api: Api, name: str, nodes: Mapping[str, Node]) -> Seen:
    async with site.open(name) as remote:
        desired, facts, plan = await survey_host(site, name, remote, _cluster(nodes))
        ends = await expiries(remote)
    node = nodes.get(name)
    tunnel = ""
    if node is not None and node.is_ready:
        tunnel = await asyncio.to_thread(tunnel_trouble, api, name)
    return Seen(
        name=name,
        facts=facts,
        plan=plan,
        node=node,
        labels=labels_wanted(site, name),
        version=desired.k3s_version,
        certificates=ends,
        tunnel=tunnel,
    )


def labels_wanted(site: Site, name: str) -> Mapping[str, str]:
    """Give the labels that the inventory wants on a host's kube node."""
    host = site.inventory.host(name)
    return labels_of(host) if isinstance(host, VantagePoint) else server_labels(host)


def tunnel_trouble(api: Api, name: str) -> str:
    """
    Ask the kubelet something through the API server, the way of logs and exec.

    A host can be Ready while that way is broken (k3s issue 13149): the answer is a 502 then.
    """
    try:
        api("GET", f"/api/v1/nodes/{name}/proxy/configz", timeout_s=10.0)
    except ClusterError as error:
        return f"it is Ready, but the API server does not reach its kubelet ({error.what})"
    return ""


def long_tokens(api: Api, now: datetime) -> list[str]:
    """Give the ids of join tokens that are good for longer than any join of ours."""
    query = {"fieldSelector": "type=bootstrap.kubernetes.io/token"}
    items = api("GET", "/api/v1/namespaces/kube-system/secrets", query=query)["items"]
    return [_text(item, "token-id") for item in items if _is_long(item, now)]


def _is_long(secret: Json, now: datetime) -> bool:
    ends = _text(secret, "expiration")
    return not ends or datetime.fromisoformat(ends).astimezone(UTC) - now > LONG_TOKEN


def _text(secret: Json, key: str) -> str:
    return base64.b64decode(secret.get("data", {}).get(key, "")).decode()


def _cluster(nodes: Mapping[str, Node]) -> ClusterFacts:
    return ClusterFacts(
        is_up=bool(nodes),
        nodes=tuple(
            NodeFact(
                name=node.name,
                is_ready=node.is_ready,
                is_schedulable=not node.is_cordoned,
                version=node.version,
                labels=dict(node.labels),
            )
            for node in nodes.values()
        ),
    )


def _known(site: Site) -> list[str]:
    inventory = site.inventory
    names = [vp.name for vp in inventory.vantage_points]
    return names + ([inventory.server.name] if inventory.server else [])


def _row(
    name: str, found: Sequence[Finding], duration_s: float, warnings: tuple[str, ...] = ()
) -> Row:
    if not found:
        return Row(name, "healthy", warnings=warnings, duration_s=duration_s)
    return Row(
        host=name,
        state="unhealthy",
        cause=", ".join(finding.cause for finding in found),
        remedy=found[0].remedy,
        detail="; ".join(f"{finding.cause}: {finding.says}" for finding in found),
        warnings=warnings,
        duration_s=duration_s,
        plan=tuple(f"{f.cause}: {f.says}; {f.remedy}" for f in found),
    )
