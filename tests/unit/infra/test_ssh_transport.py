"""A real prober on a real sshd: staged, found again, fetched, silenced; only loopback is traced."""

import shutil
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path

import pytest

from hitscanner.domain.budget import Budget
from hitscanner.domain.crew import Crew
from hitscanner.domain.hosts import VantagePoint
from hitscanner.domain.params import parse_traceroute_params
from hitscanner.infra.open_hosts import OpenHosts
from hitscanner.infra.ssh import Keys, open_remote
from hitscanner.infra.ssh_transport import SshTransport
from hitscanner.infra.store import FolderStore
from hitscanner.infra.transport import TransportError
from hitscanner.pipeline import allot, gate, measure, plan
from hitscanner.pipeline.live_list import LiveList
from hitscanner.prober.build import build_pyz
from tests.support.sshd import SUDOER, Sshd

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(
        not all(shutil.which(tool, path="/usr/sbin:/usr/bin") for tool in ("sshd", "scamper")),
        reason="needs a real sshd and scamper: apt-get install openssh-server scamper",
    ),
]

LOOPBACK = [ip_address(f"127.0.0.{i}") for i in range(1, 9) if i != 5]
SLOW = {"rate_pps": 1}
"""Seven targets on loopback take seven packets: a prober that can be watched."""


class Site:
    """One vantage point behind an sshd, and a cycle for it."""

    def __init__(self, root: Path, sshd: Sshd) -> None:
        self.sshd, self.root, self.store = sshd, root, FolderStore(root / "store")
        self.vp = sshd.host(SUDOER, source_v4=None)
        keys = Keys(sshd.folder / "client", connect_timeout_s=20)
        build_pyz(root / "prober.pyz")
        self.hosts = OpenHosts(lambda host: open_remote(host, keys))
        self.transport = SshTransport(self.hosts, root / "prober.pyz", base=str(root / "host"))
        self.dnp = root / "dnp.txt"
        self.dnp.write_text("127.0.0.5\n")

    def plan(self, **conf: object) -> plan.Plan:
        params = parse_traceroute_params({"list": "lab", **conf})
        request = plan.Request(params, "run", datetime(2026, 11, 23, tzinfo=UTC))
        cycle, _ = plan.name_cycle(self.store, "lab", request)
        live = self.live()
        allotment = allot.Allotment(Crew((self.vp,)), {self.vp.name: LOOPBACK}, 7, {}, 0, "0" * 64)
        made = plan.plan_cycle(allotment, live.current, request, cycle, Budget())
        plan.freeze(self.store, made)
        return made

    def live(self) -> LiveList:
        return LiveList(self.dnp)

    def lane(self) -> measure.Lane:
        return measure.Lane(
            self.store, self.transport, self.vp, self.live(), self.root / "scratch", 300
        )

    def spool(self, name: str) -> Path:
        return self.root / "host" / "spool" / name


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with Sshd() as sshd:
        made = Site(tmp_path, sshd)
        yield made
        made.transport.hush(made.vp, is_on=True)
        until(lambda: made.transport.at_work(made.vp) == 0)
        made.hosts.close()


def until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.1)


def test_a_shard_is_probed_on_a_host_and_comes_home_verified(site: Site) -> None:
    [shard] = site.plan().shards
    measure.start(site.lane(), shard)

    record = measure.fetch(site.lane(), shard)

    assert (record.counts.done, record.counts.missing) == (7, 0)
    job = site.spool(f"jobs/lab/{shard.cycle}/0000")
    assert {file.name for file in job.iterdir()} == {"lock", "progress.json", "prober.log"}
    assert gate.close_cycle(site.store, shard.of).state == "complete"


def test_a_prober_outlives_the_connection_and_is_found_again(site: Site) -> None:
    [shard] = site.plan(**SLOW).shards
    measure.start(site.lane(), shard)
    until(lambda: site.transport.look(site.vp, shard).is_running)

    site.sshd.stop()
    with pytest.raises(TransportError, match=r"nothing listens|connection"):
        site.transport.look(site.vp, shard)
    site.sshd.start()

    until(lambda: site.transport.look(site.vp, shard).is_running)
    measure.start(site.lane(), shard)
    assert measure.fetch(site.lane(), shard).counts.done == 7
    log = site.spool(f"jobs/lab/{shard.cycle}/0000/prober.log").read_text()
    assert log.count("slice 0000:") == 1


def test_a_stop_silences_the_host_and_the_finished_part_is_kept(site: Site) -> None:
    [shard] = site.plan(**SLOW).shards
    measure.start(site.lane(), shard)
    until(lambda: site.transport.at_work(site.vp) == 1)

    site.transport.hush(site.vp, is_on=True)

    until(lambda: site.transport.at_work(site.vp) == 0)
    with pytest.raises(measure.ShardFailedError, match="stop flag"):
        measure.fetch(site.lane(), shard, may_start=False)
    site.transport.hush(site.vp, is_on=False)
    assert measure.fetch(site.lane(), shard).counts.done == 7


def test_a_host_that_is_another_vantage_point_refuses_the_job(site: Site) -> None:
    site.spool("identity.json").parent.mkdir(parents=True)
    site.spool("identity.json").write_text('{"vp": "jp-0001"}')
    [shard] = site.plan().shards
    measure.start(site.lane(), shard)

    with pytest.raises(measure.ShardFailedError, match="this is jp-0001"):
        measure.fetch(site.lane(), shard)


def test_a_list_that_is_taken_away_silences_the_host(site: Site) -> None:
    [shard] = site.plan(**SLOW).shards
    measure.start(site.lane(), shard)
    until(lambda: site.transport.at_work(site.vp) == 1)

    site.transport.renew(site.vp, None)

    until(lambda: site.transport.at_work(site.vp) == 0)
    assert not site.spool("dnp.txt").exists()


def test_a_slice_that_the_spool_has_lost_is_missed_by_name(site: Site) -> None:
    [shard] = site.plan().shards

    with pytest.raises(FileNotFoundError, match=r"slices/0007\.warts is gone"):
        site.transport.fetch_slice(site.vp, shard, "0007.warts", site.root / "slice")


def test_a_host_that_is_away_is_an_error_with_its_name(site: Site) -> None:
    away = VantagePoint.model_validate({**site.vp.model_dump(), "name": "jp-0001", "port": 1})

    with pytest.raises(TransportError, match="jp-0001: nothing listens"):
        site.transport.at_work(away)
