"""A spool, jobs in it, and a small network to probe: two namespaces and a wire."""

import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from hitscanner.prober.build import build_pyz
from hitscanner.prober.warts import Tail

CYCLE = "20261122T030000Z"
WAIT_S = 60
"""How long a test waits for a condition before it fails; passing ones wait much less."""


def wait_for(condition: Callable[[], Any], what: str) -> None:
    give_up_at = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < give_up_at, f"waited in vain until {what}"
        time.sleep(0.05)


@dataclass
class Job:
    """A staged job and the ways a test looks at it."""

    path: Path
    spool: Path
    pyz: Path
    inside: list[str] = field(default_factory=list)
    """Command words that enter the namespace."""

    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def argv(self, *words: str, offset_s: float = 0.0) -> list[str]:
        run = ["run", str(self.path), "--centre-time", str(time.time() - offset_s)]
        return [*self.inside, sys.executable, "-B", str(self.pyz), *run, *words]

    def run(self, *words: str, offset_s: float = 0.0) -> subprocess.CompletedProcess[str]:
        argv = self.argv(*words, offset_s=offset_s)
        return subprocess.run(argv, capture_output=True, text=True, timeout=WAIT_S, check=False)

    def start(self) -> subprocess.Popen[bytes]:
        silent = subprocess.DEVNULL
        self.started.append(subprocess.Popen(self.argv(), stdout=silent, stderr=silent))
        return self.started[-1]

    def clean_up(self) -> None:
        """Kill what a failed test leaves."""
        for prober in self.started:
            prober.kill()
            prober.wait()
        wait_for(lambda: not self.scamper_pids(), "no scamper is left")

    def shard(self) -> dict[str, Any]:
        return json.loads((self.path / "shard.json").read_text())

    def progress(self) -> dict[str, Any]:
        try:
            return json.loads((self.path / "progress.json").read_text())
        except FileNotFoundError:
            return {}

    def finished(self) -> list[str]:
        """Destinations of all whole traces, of kept slices and of the one in work."""
        found = []
        for path in sorted(self.path.glob("slices/*.warts*")):
            tail = Tail(path)
            tail.read()
            found += sorted(tail.destinations)
        return found

    def wait_until(self, condition: Callable[[], Any], what: str) -> None:
        wait_for(condition, what)

    def wait_until_finished(self, at_least: int) -> None:
        wait_for(lambda: len(self.finished()) >= at_least, f"{at_least} traces are finished")

    def opt_out(self, text: str) -> None:
        """Replace the do-not-probe list as a centre does: by rename."""
        new = self.spool / "dnp.new"
        new.write_text(text)
        new.replace(self.spool / "dnp.txt")

    def scamper_pids(self) -> list[int]:
        return pids_with(str(self.path), "scamper")

    def names(self) -> list[str]:
        return sorted(path.name for path in (self.path / "slices").iterdir())


def pids_with(word: str, program: str) -> list[int]:
    """Processes of *program* with *word* in an argument; zombies have no arguments."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().decode("utf-8", "replace").split("\0")
        except OSError:
            continue
        if Path(words[0]).name == program and any(word in each for each in words):
            found.append(int(path.parent.name))
    return sorted(found)


def stage(spool: Path, targets: list[str], pyz: Path, **changes: Any) -> Job:
    dnp = changes.pop("dnp", "none\n")
    (spool / "dnp.txt").write_text(dnp)
    (spool / "identity.json").write_text('{"vp": "us-0001"}')
    text = "".join(f"{target}\n" for target in targets)
    spec = {
        "version": 1,
        "list": "demo",
        "cycle": CYCLE,
        "vp": "us-0001",
        "shard": "0000",
        "list_id": 1,
        "cycle_id": 123,
        "source_addresses": {"4": None, "6": None},
        "targets_sha256": hashlib.sha256(text.encode()).hexdigest(),
        "dnp_sha256": hashlib.sha256(dnp.encode()).hexdigest(),
        "method": "icmp-paris",
        "first_hop": 1,
        "gap": 5,
        "attempts": 1,
        "wait_s": 1,
        "rate_pps": 100,
        "max_pps": 100,
        "slice_s": 300,
        "max_clock_offset_s": 30,
        "deadline_s": 600,
        **changes,
    }
    path = spool / "jobs" / spec["list"] / spec["cycle"] / spec["shard"]
    path.mkdir(parents=True)
    (path / "job.json").write_text(json.dumps(spec))
    (path / "targets.txt").write_text(text)
    return Job(path, spool, pyz)


@pytest.fixture(scope="session")
def pyz(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pyz") / "prober.pyz"
    build_pyz(path)
    return path


@pytest.fixture
def make_job(tmp_path: Path, pyz: Path) -> Callable[..., Job]:
    """Stage a job; `spool=` puts several into one spool, other keywords change job.json."""

    def make(targets: list[str], spool: Path | None = None, **changes: Any) -> Job:
        where = spool or tmp_path / "spool"
        where.mkdir(exist_ok=True)
        return stage(where, targets, pyz, **changes)

    return make


@dataclass(frozen=True)
class Network:
    """A namespace to probe from, a wire, and one that answers for 100.99.8.0/24 and fd99:8::/64."""

    vp: str
    far: str

    source4 = "100.99.7.2"
    source6 = "fd99::2"

    def fast(self, count: int) -> list[str]:
        """Addresses that answer."""
        return [f"100.99.8.{i}" for i in range(1, count + 1)]

    def fast6(self, count: int) -> list[str]:
        return [f"fd99:8::{i:x}" for i in range(1, count + 1)]

    def silent(self, count: int) -> list[str]:
        """Addresses behind a black hole: a trace takes gap x attempts x wait seconds."""
        return [f"100.99.9.{i}" for i in range(1, count + 1)]


NETWORK = """
netns add {a}
netns add {b}
-n {a} link add v0 type veth peer name v1 netns {b}
-n {a} addr add 100.99.7.2/24 dev v0
-n {b} addr add 100.99.7.1/24 dev v1
-n {a} addr add fd99::2/64 dev v0 nodad
-n {b} addr add fd99::1/64 dev v1 nodad
-n {a} link set lo up
-n {b} link set lo up
-n {a} link set v0 up
-n {b} link set v1 up
-n {a} route add default via 100.99.7.1
-n {a} -6 route add default via fd99::1
-n {b} route add local 100.99.8.0/24 dev lo
-n {b} -6 route add local fd99:8::/64 dev lo
-n {b} route add blackhole 100.99.9.0/24
netns exec {b} sysctl -qw net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0 net.ipv4.ip_forward=1
"""


@pytest.fixture(scope="session")
def network() -> Iterator[Network]:
    if os.geteuid() != 0:
        pytest.skip("needs root, to make network namespaces")
    names = {"a": f"hsp{os.getpid()}a", "b": f"hsp{os.getpid()}b"}
    try:
        for line in NETWORK.format(**names).strip().splitlines():
            done = subprocess.run(
                ["ip", *line.split()], capture_output=True, text=True, check=False
            )
            if done.returncode:
                pytest.skip(f"cannot make network namespaces: ip {line}: {done.stderr.strip()}")
        yield Network(names["a"], names["b"])
    finally:
        for name in names.values():
            subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)


@pytest.fixture
def vp_job(network: Network, make_job: Callable[..., Job]) -> Iterator[Callable[..., Job]]:
    """Stage a job whose prober runs in the namespace; kills what a failed test leaves."""
    jobs: list[Job] = []

    def make(targets: list[str], **changes: Any) -> Job:
        job = make_job(targets, **changes)
        job.inside = ["ip", "netns", "exec", network.vp]
        jobs.append(job)
        return job

    yield make
    for job in jobs:
        job.clean_up()
