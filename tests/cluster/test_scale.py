"""Many hosts join side by side: eight in at most three times the time of one."""

import os

import pytest

from tests.cluster import kubernetes
from tests.cluster.fleet import fleet
from tests.cluster.lab import Lab

pytestmark = [pytest.mark.cluster, pytest.mark.root, pytest.mark.timeout(1800)]

MOST_TIMES = 3.0


def test_eight_hosts_join_in_at_most_three_times_the_time_of_one(served: Lab) -> None:
    names = [host.name for host in served.vantage_points]
    assert len(names) >= 8
    fleet(served, "remove", *names)

    load = os.getloadavg()[0]
    one = fleet(served, "join", names[0])
    assert one.status == 0, one.said
    fleet(served, "remove", names[0])
    eight = fleet(served, "join", *names[:8])

    assert eight.status == 0, eight.said
    found = kubernetes.nodes(served)
    assert all(kubernetes.is_ready(found[name]) for name in names[:8])
    figure = f"one host: {one.wall_s:.0f} s; eight hosts: {eight.wall_s:.0f} s"
    if load > (os.cpu_count() or 1):
        pytest.skip(f"all are Ready, but the machine is busy (load {load:.0f}): {figure}")
    assert eight.wall_s <= MOST_TIMES * one.wall_s, figure
