"""Planning a fleet is the same work for each host; `make bench-fleet` tells the seconds."""

from pathlib import Path
from unittest.mock import Mock

import pytest

from hitscanner.provision.model import HostPlan
from hitscanner.provision.plan import plan_host
from tests.bench.fleet import SERVER, plan


@pytest.mark.parametrize("count", [1, 40])
def test_each_host_is_looked_at_once_and_planned_once(
    count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planning = Mock(side_effect=plan_host)
    monkeypatch.setattr("hitscanner.provision.operations.plan_host", planning)

    plans, remotes = plan(count, tmp_path)

    server = remotes.pop(SERVER)
    assert len(plans) == count
    assert all(isinstance(each, HostPlan) and each.changes for each in plans)
    assert sorted(call.args[0].name for call in planning.call_args_list) == sorted(remotes)
    assert {len(remote.scripts) for remote in remotes.values()} == {2}  # its clock, its facts
    assert len(server.scripts) == 2  # nodes and node passwords, for all hosts together
