"""Renew the fleet's certificates in order: the server, one agent as the canary, then the others."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from hitscanner.fleet.facade import Fleet
from hitscanner.fleet.rows import Row
from hitscanner.infra import kube
from hitscanner.infra.kube import Api, ClusterError
from hitscanner.provision import rotate
from hitscanner.provision.causes import by_name
from hitscanner.provision.rotation import Wish


@dataclass(frozen=True)
class Order:
    """Which hosts are worked on, in three steps; a step begins when all before it went well."""

    server: tuple[str, ...] = ()
    canary: tuple[str, ...] = ()
    rest: tuple[str, ...] = ()

    @classmethod
    def of(cls, planned: Sequence[Row], server: str | None) -> "Order":
        """
        Take the hosts that have something to be done; those in trouble are left out.

        The server comes along with nothing to be done, for its kubeconfig is fetched in any case;
        nobody is worked on when the server is in trouble.

        >>> rows = [Row("centre", "unchanged"), Row("a", "unreachable"), Row("b", "planned")]
        >>> Order.of([*rows, Row("c", "unchanged"), Row("d", "planned")], "centre")
        Order(server=('centre',), canary=('b',), rest=('d',))
        >>> Order.of([Row("centre", "refused"), Row("b", "planned")], "centre")
        Order(server=(), canary=(), rest=())
        """
        first = [row.host for row in planned if row.host == server]
        if any(row.host == server and not row.is_good for row in planned):
            return cls()
        due = [row.host for row in planned if row.state == "planned" and row.host != server]
        return cls(tuple(first), tuple(due[:1]), tuple(due[1:]))

    def to_json(self) -> dict[str, list[str]]:
        """Give the steps as lists of names."""
        return {step: list(hosts) for step, hosts in vars(self).items()}


@dataclass(frozen=True)
class Rotation:
    """The renewal of certificates; every method returns rows and raises only for bad input."""

    fleet: Fleet
    api: Callable[[], Api]
    """Opens the API with the kubeconfig as it is now."""

    wish: Wish = field(default_factory=Wish)

    def names(self, wanted: Sequence[str]) -> list[str]:
        """Resolve names, tags, "server" and "all", which is the server too."""
        return self.fleet.names(wanted, with_server=True)

    def plan(self, names: Sequence[str]) -> list[Row]:
        """Look at hosts and say what would be renewed."""
        found = asyncio.run(rotate.plan_rotations(self.fleet.site, names, self.wish))
        return [Row.of(each) for each in found]

    def order(self, planned: Sequence[Row]) -> Order:
        """Say who comes first; without the server when its own plan is in trouble."""
        return Order.of(planned, self._server)

    def rotate(self, names: Sequence[str]) -> list[Row]:
        """Renew the certificates of hosts side by side; of the server also our kubeconfig."""
        found = asyncio.run(rotate.rotate_hosts(self.fleet.site, names, self.wish))
        return [self._refreshed(Row.of(each)) for each in found]

    def rotate_all(self, names: Sequence[str], *, dry_run: bool = True) -> list[Row]:
        """Plan all, then renew the server, the canary and the others; stop where one fails."""
        rows = {row.host: row for row in self.plan(names)}
        order = self.order(list(rows.values()))
        if dry_run:
            return list(rows.values())
        for step in (order.server, order.canary, order.rest):
            done = self.rotate(step) if step else []
            rows |= {row.host: row for row in done}
            if not all(row.is_good for row in done):
                break
        return [begun(row) for row in rows.values()]

    def ended(self, row: Row, *, dry_run: bool) -> Row:
        """Give the last word on a host: what was planned and never begun is not well."""
        return row if dry_run else begun(row)

    @property
    def _server(self) -> str | None:
        server = self.fleet.site.inventory.server
        return server.name if server else None

    def _refreshed(self, row: Row) -> Row:
        """Fetch the server's kubeconfig, and ask its API with it: nobody goes on before."""
        if row.host != self._server or not row.is_good:
            return row
        row = row.then(self.fleet.fetch_kubeconfig(row.host))
        try:
            kube.nodes(self.api())
        except ClusterError as error:
            return row.then(Row(row.host, "failed", error.cause, error.remedy, error.what))
        return row


def begun(row: Row) -> Row:
    """
    Tell of a host that was to be worked on and never was.

    >>> begun(Row("us-0001", "planned")).cause
    'not-begun'
    >>> begun(Row("us-0001", "unchanged")).state
    'unchanged'
    """
    if row.state != "planned":
        return row
    cause = by_name("not-begun")
    return Row(row.host, "refused", cause.name, cause.remedy, cause.means)
