"""The fleet's verbs, each for the command line and for a DAG's task: plan, join, label, remove."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeVar

from hitscanner.domain.hosts import VantagePoint
from hitscanner.domain.node_labels import describe, drift
from hitscanner.errors import UsageError
from hitscanner.fleet.check import check_cluster, check_hosts, labels_wanted
from hitscanner.fleet.down import uninstall_server
from hitscanner.fleet.kubeconfig import fetch_kubeconfig
from hitscanner.fleet.rows import CLUSTER, Row
from hitscanner.infra import kube, kube_pods
from hitscanner.infra.kube import Api, ClusterError, Node
from hitscanner.infra.remote import RemoteError
from hitscanner.provision import operations
from hitscanner.provision.operations import Site
from hitscanner.settings import Settings

PROBE_IMAGE = "docker.io/rancher/mirrored-pause:3.6"
"""Runs on every k3s host without a pull: its sandbox image (`k3s agent --help`, --pause-image)."""

READY_S = 60.0
"""Longest wait for a node that has just joined to call itself Ready."""

PROBE_S = 90.0
PULL_S = 600.0

SERVER = "server"
"""Names the server among hosts, whatever its own name."""

T = TypeVar("T")


@dataclass(frozen=True)
class Fleet:
    """All hosts of one inventory; every method returns rows and raises only for bad input."""

    settings: Settings
    site: Site
    api: Api
    clock: kube_pods.Clock = field(default_factory=kube_pods.Clock)

    def names(self, wanted: Sequence[str], *, with_server: bool = False) -> list[str]:
        """
        Resolve names, tags, "all" and "server"; the server first.

        Raises:
            UsageError: for a word that means nothing, or a host that SSH cannot reach.
        """
        inventory = self.site.inventory
        server = inventory.server.name if inventory.server else None
        is_server = bool({SERVER, server} & set(wanted))
        rest = [word for word in wanted if word not in (SERVER, server)]
        points = [vp for vp in (inventory.select(rest) if rest else ()) if not _is_local(vp, rest)]
        is_server = is_server or (with_server and "all" in wanted)
        if is_server and server is None:
            raise UsageError(f"{inventory.source}: there is no [server]; add one")
        return ([server] if is_server and server else []) + [vp.name for vp in points]

    def removable(self, wanted: Sequence[str]) -> list[str]:
        """Resolve hosts that shall leave; raises `UsageError` for the server."""
        server = self.site.inventory.server
        if {SERVER, server.name if server else SERVER} & set(wanted):
            raise UsageError("the server is not removed by this; see docs/runbook.md")
        return self.names(wanted)

    def checkable(self, wanted: Sequence[str]) -> list[str]:
        """Resolve hosts to be checked: none where there is no server, hence no cluster."""
        return self.names(wanted, with_server=True) if self.site.inventory.server else []

    def plan(self, wanted: Sequence[str], only: str | None = None) -> list[Row]:
        """Look at hosts and say what would change."""
        names = self.names(wanted, with_server=True)
        found = _run(operations.plan_hosts(self.site, names, only))
        return [self._with_labels(Row.of(each)) for each in found]

    def apply(
        self, wanted: Sequence[str], only: str | None = None, *, dry_run: bool = False
    ) -> list[Row]:
        """Make hosts as they shall be, the server first; its kubeconfig is fetched at the end."""
        if dry_run:
            return self.plan(wanted, only)
        names = self.names(wanted, with_server=True)
        server = self.site.inventory.server
        rows: list[Row] = []
        if server and server.name in names:
            rows = [self.server(only)]
            names.remove(server.name)
            if not rows[0].is_good:
                return rows + [_not_tried(name, server.name) for name in names]
        return rows + [self._completed(row) for row in self._apply(names, only)]

    def server(self, only: str | None = None, *, dry_run: bool = False) -> Row:
        """Make the server as it shall be, fetch its kubeconfig, and label its node."""
        server = self.site.inventory.server
        if server is None:
            raise UsageError(f"{self.site.inventory.source}: there is no [server]; add one")
        if dry_run:
            return self.plan([SERVER], only)[0]
        [row] = self._apply([server.name], only)
        if not row.is_good or only not in (None, "k3s"):
            return row
        return self._completed(row.then(self.fetch_kubeconfig(server.name)))

    def join(self, host: str) -> Row:
        """Bring one host into the cluster, or find it there; Ready at the end."""
        [row] = self._apply(self.names([host]))
        return row

    def join_all(self, wanted: Sequence[str], images: Sequence[str] = ()) -> list[Row]:
        """Bring hosts in side by side, and prove each that came."""
        rows = self._apply(self.names(wanted))
        with ThreadPoolExecutor(self.site.parallel) as pool:
            return list(pool.map(partial(self._then_prove, images), rows))

    def prove(self, host: str, images: Sequence[str] = ()) -> Row:
        """Label the host's node, pull *images* onto it, and run a pod there."""
        return self._timed(host, lambda: self._prove(host, images))

    def label(self, wanted: Sequence[str], *, dry_run: bool = True) -> list[Row]:
        """Make the labels of kube nodes what the inventory says."""
        names = self.names(wanted, with_server=True)
        state = "planned" if dry_run else "changed"
        return [self._timed(name, partial(self._label, name, dry_run), state) for name in names]

    def remove(self, host: str, *, drain_s: float = 300.0, dry_run: bool = True) -> Row:
        """Drain a host, delete its node with its password, and uninstall."""
        [name] = self.names([host])
        if dry_run:
            return self._timed(name, lambda: self._removal(name), "planned")
        row = self._timed(name, lambda: self._drained(name, drain_s))
        if not row.is_good:
            return row
        return row.then(Row.of(_run(operations.remove_hosts(self.site, [name]))[0]))

    def remove_all(self, names: Sequence[str], *, drain_s: float, dry_run: bool) -> list[Row]:
        """Let hosts go side by side."""
        work = partial(self.remove, drain_s=drain_s, dry_run=dry_run)
        with ThreadPoolExecutor(self.site.parallel) as pool:
            return list(pool.map(work, names))

    def take_down(self) -> None:
        """
        Uninstall the server, once every host has left it, and forget its kubeconfig.

        Raises:
            UsageError: while hosts are joined: they would lose their cluster.
            HitscannerError: when the server cannot be worked on.
        """
        server = self.site.inventory.server
        assert server is not None
        joined = sorted(set(self.nodes()) - {server.name})
        if joined:
            raise UsageError(
                f"{', '.join(joined)} still joined to {server.name}; remove them first:"
                " hitscanner fleet remove --hosts all"
            )
        _run(uninstall_server(self.site, server.name))
        (self.settings.cluster / "kubeconfig").unlink(missing_ok=True)

    def check(self, wanted: Sequence[str]) -> list[Row]:
        """Look at hosts for everything that is not as it should be; change nothing."""
        names = self.names(wanted, with_server=True)
        return _run(check_hosts(self.site, self.api, names, datetime.now(UTC)))

    def check_cluster(self) -> Row:
        """Look at the cluster as a whole: strangers among its nodes, tokens that were left."""
        if self.site.inventory.server is None:
            return Row(CLUSTER, "healthy")
        return check_cluster(self.site, self.api, datetime.now(UTC))

    def nodes(self) -> dict[str, Node]:
        """Give the kube nodes; raises `ClusterError` when nobody can be asked."""
        return kube.nodes(self.api)

    def fetch_kubeconfig(self, name: str) -> Row:
        """Bring the server's kubeconfig here, the copy that everything of ours uses."""
        return self._timed(name, lambda: self._fetch_kubeconfig(name))

    def _apply(self, names: Sequence[str], only: str | None = None) -> list[Row]:
        return [Row.of(each) for each in _run(operations.apply_hosts(self.site, names, only))]

    def _completed(self, row: Row) -> Row:
        """Add the labels to what was done to a host."""
        if not row.is_good or row.state == "planned":
            return row
        return row.then(self._timed(row.host, lambda: self._label(row.host, dry_run=False)))

    def _with_labels(self, row: Row) -> Row:
        """Add to a plan which labels would change, where there is a node already."""
        try:
            node = kube.node(self.api, row.host) if row.is_good else None
        except ClusterError:
            return row  # before the server is up there is nothing to label
        if node is None:
            return row
        patch = drift(labels_wanted(self.site, row.host), node.labels)
        said = tuple(describe(patch, node.labels))
        lines = tuple(f"  {line}" for line in said)
        return row.then(Row(row.host, "planned", changed=said, plan=lines)) if said else row

    def _fetch_kubeconfig(self, name: str) -> list[str]:
        return _run(fetch_kubeconfig(self.site, name, self.settings.cluster / "kubeconfig"))

    def _then_prove(self, images: Sequence[str], row: Row) -> Row:
        return row.then(self.prove(row.host, images)) if row.is_good else row

    def _prove(self, host: str, images: Sequence[str]) -> list[str]:
        node = self._ready(host)
        done = self._label(host, dry_run=False)
        lacking = [image for image in images if image not in node.images]
        kube_pods.pull_images(self.api, host, lacking, PULL_S, self.clock)
        kube_pods.run_probe(self.api, host, probe_image(node), PROBE_S, self.clock)
        return done + [f"image {image}: pulled" for image in lacking]

    def _ready(self, host: str) -> Node:
        """Wait until a node is Ready, and give it."""
        end = self.clock.now() + READY_S
        while (node := kube.node(self.api, host)) is None or not node.is_ready:
            if self.clock.now() >= end:
                why = node.why if node else "the cluster has no node of that name"
                raise kube_pods.PodError(f"{host} is not Ready ({why})", "see docs/runbook.md")
            self.clock.sleep(kube_pods.POLL_S)
        return node

    def _label(self, host: str, dry_run: bool) -> list[str]:
        node = kube.node(self.api, host)
        if node is None:
            raise kube_pods.PodError(
                f"the cluster has no node {host}", "trigger join_agent for it first"
            )
        patch = drift(labels_wanted(self.site, host), node.labels)
        if patch and not dry_run:
            kube.set_labels(self.api, host, patch)
        return describe(patch, node.labels)

    def _removal(self, host: str) -> list[str]:
        there = kube.node(self.api, host) is not None
        node = ["node: drain it", "node: delete it with its password"] if there else []
        return [*node, "host: uninstall"]

    def _drained(self, host: str, drain_s: float) -> list[str]:
        if kube.node(self.api, host) is None:
            return []
        gone = kube_pods.drain(self.api, host, drain_s, self.clock)
        return [f"pod {name}: evicted" for name in gone]

    def _timed(self, host: str, action: Callable[[], list[str]], state: str = "changed") -> Row:
        """Do something to one host and make a row of it, whatever comes."""
        began_at = self.clock.now()
        try:
            changed = tuple(action())
        except ClusterError as error:
            row = Row(host, "failed", error.cause, error.remedy, error.what)
        except RemoteError as error:
            row = Row(host, "unreachable", error.cause, error.remedy, error.what)
        else:
            row = Row(host, state if changed else "unchanged", changed=changed)
        return row.then(Row(host, "unchanged", duration_s=self.clock.now() - began_at))


def probe_image(node: Node) -> str:
    """
    Choose what the probe pod runs: the sandbox image that is on the host.

    >>> probe_image(Node("a", True, "", "", {}, images=("registry.k8s.io/pause:3.10",)))
    'registry.k8s.io/pause:3.10'
    >>> probe_image(Node("a", True, "", "", {})) == PROBE_IMAGE
    True
    """
    named = [name for name in node.images if "pause" in name and "@" not in name]
    return named[0] if named else PROBE_IMAGE


def _is_local(vp: VantagePoint, wanted: Sequence[str]) -> bool:
    """Say whether SSH cannot reach a host; raises when it was asked for by its own name."""
    is_local = vp.transport == "local" or not vp.address
    if is_local and vp.name in wanted:
        raise UsageError(
            f"vantage point {vp.name} has no host to log in to; give it address, host_key and"
            " transport ssh or pod, or leave it out"
        )
    return is_local


def _not_tried(host: str, server: str) -> Row:
    remedy = "mend the server, then run this again"
    return Row(host, "refused", "server-failed", remedy, f"the server {server} is not up")


def _run(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(work)
