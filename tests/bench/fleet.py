"""
How long the plan of a fleet takes where hosts answer at once: `make bench-fleet` (seconds).

Each host gives the recorded answer of a bare Debian, so that what is measured is ours: reading
answers, planning, and printing the difference.
"""

import asyncio
import tempfile
import time
from hashlib import sha256
from pathlib import Path

from tests.unit.provision.fakes import FakeRemote, opening

from hitscanner.domain.inventory import Inventory, Server, VantagePoint
from hitscanner.infra.remote import Done
from hitscanner.provision.model import HostPlan, HostResult
from hitscanner.provision.operations import Site, plan_hosts

KEY = "SHA256:" + "A" * 43
SERVER = "server"
RECORDED = Path(__file__).parents[1] / "unit/provision/recorded/bare-container.txt"
SIZES = (40, 400)
ROUNDS = 5


def fleet(count: int) -> Inventory:
    """Return an inventory of a server and *count* vantage points."""
    points = (
        VantagePoint(name=f"us-{n:04}", address=f"198.18.{n // 250}.{n % 250 + 1}", host_key=KEY)
        for n in range(1, count + 1)
    )
    server = Server(name=SERVER, transport="ssh", address="192.0.2.1", host_key=KEY)
    return Inventory(server=server, vantage_points=tuple(points))


def bare(name: str) -> FakeRemote:
    """Return a bare host with a machine-id of its own."""
    recorded = RECORDED.read_text()
    before, _, rest = recorded.partition("@@ machine\n")
    kernel, _, rest = rest.partition("@@ boot\n")
    lines = [*kernel.splitlines()[:3], sha256(name.encode()).hexdigest()[:32]]
    facts = f"{before}@@ machine\n" + "\n".join(lines) + f"\n@@ boot\n{rest}"
    return FakeRemote(name, [("date +%s", Done(0, "", "")), ("@@", Done(0, facts, ""))])


def plan(count: int, folder: Path) -> tuple[list[HostPlan | HostResult], dict[str, FakeRemote]]:
    """
    Plan a fleet of *count* bare hosts and print it into nothing.

    Returns:
        The plans, and every host by its name with what it was asked.
    """
    inventory = fleet(count)
    names = [point.name for point in inventory.vantage_points]
    remotes = {name: bare(name) for name in names}
    remotes[SERVER] = FakeRemote(SERVER, [("nodes", Done(0, '{"items": []}', ""))])
    site = Site(inventory, opening(*remotes.values()), folder / "bundle", folder / "cluster")
    plans = asyncio.run(plan_hosts(site, names))
    for each in plans:
        if isinstance(each, HostPlan):
            "\n".join(each.describe())
    return plans, remotes


def main() -> None:
    """Print the shortest of some rounds for each size."""
    with tempfile.TemporaryDirectory() as folder:
        for count in SIZES:
            times = []
            for _ in range(ROUNDS):
                began = time.perf_counter()
                plan(count, Path(folder))
                times.append(time.perf_counter() - began)
            print(f"{count} hosts: {min(times):.2f} to {max(times):.2f} s")


if __name__ == "__main__":
    main()
