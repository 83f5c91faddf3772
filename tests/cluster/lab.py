"""Bring the whole lab up and down."""

import json
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.cluster import claim, home, host, machine, network, packages
from tests.cluster.commands import run
from tests.cluster.errors import LabError
from tests.cluster.host import Host
from tests.cluster.k3s import VERSION
from tests.cluster.paths import HERE

REPOSITORY = HERE.parents[1]
DEFAULT_STATE = Path("/var/tmp/hitscanner-lab")
COUNTRIES = ("us", "jp", "de")
MOST_HOSTS = 40


@dataclass(frozen=True)
class Lab:
    """A lab that is up: its folder and its hosts, the server first."""

    state: Path
    hosts: tuple[Host, ...]

    @property
    def home(self) -> Path:
        """A HITSCANNER_HOME with the inventory, the SSH key and the bundle."""
        return self.state / "home"

    @property
    def server(self) -> Host:
        """The host that is to become the k3s server."""
        return self.hosts[0]

    @property
    def vantage_points(self) -> tuple[Host, ...]:
        """The hosts that are to become agents."""
        return self.hosts[1:]

    def host(self, name: str) -> Host:
        """Return the host called *name*."""
        return next(each for each in self.hosts if each.name == name)

    def in_centre(self, command: list[str]) -> list[str]:
        """Return what runs *command* in the centre's namespace, with the lab's home."""
        named = (f"HITSCANNER_HOME={self.home}", f"HITSCANNER_LAB={self.state}")
        return ["nsenter", f"--net=/run/netns/{network.CENTRE}", "env", *named, *command]


def plan_hosts(count: int, state: Path) -> tuple[Host, ...]:
    """
    Name *count* hosts: the server, then vantage points of three countries in turn.

    >>> [f"{each.name} {each.address} {each.user}" for each in plan_hosts(3, Path("/lab"))]
    ['server 100.67.83.10 root', 'us-0001 100.67.83.11 hitscanner', 'jp-0001 100.67.83.12 root']
    """
    names = ["server"]
    names += [f"{COUNTRIES[n % 3]}-{n // 3 + 1:04d}" for n in range(count - 1)]
    return tuple(
        Host(
            name=name,
            address=network.SUBNET[network.FIRST_HOST + number],
            user="root" if number in (0, 2) else "hitscanner",
            folder=state / "hosts" / name,
        )
        for number, name in enumerate(names)
    )


def up(
    count: int,
    state: Path = DEFAULT_STATE,
    wait_s: float = 0.0,
    versions: tuple[str, ...] = (VERSION,),
) -> Lab:
    """
    Make a lab of *count* hosts, and in *state* what it takes to reach them.

    Args:
        count: of hosts, the server included.
        state: the lab's folder.
        wait_s: how long to wait for another lab to end.
        versions: of k3s; the first is that of `home/bundle`, others lie in `bundle-VERSION`.

    Raises:
        LabError: another lab is up, *count* is out of range, or something could not be made;
            what was made is removed again.
    """
    if not 1 <= count <= MOST_HOSTS:
        raise LabError(f"{count} hosts are asked for; give 1 to {MOST_HOSTS}")
    packages.install()
    packages.check_compilers()
    made = home.prepare(versions)
    claim.take(state, REPOSITORY, wait_s)
    try:
        _wipe(state)
        machine.prepare()
        return _make(plan_hosts(count, state), state, made)
    except BaseException:
        _remove(state)
        raise


def _make(hosts: tuple[Host, ...], state: Path, made: home.Made) -> Lab:
    lab = Lab(state, hosts)
    public_key = home.new_key(lab.home)
    programs = home.programs(made, state)
    network.make((each.name, each.address) for each in hosts)
    _each(hosts, lambda each: each.install(made.rootfs, public_key))
    _each(hosts, lambda each: each.create(programs))
    home.write(lab.home, hosts, made)
    (state / "lab.json").write_text(json.dumps([each.to_json() for each in hosts]))
    return lab


def _each(hosts: tuple[Host, ...], action: Callable[[Host], None]) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(action, hosts))


def attach(state: Path = DEFAULT_STATE) -> Lab:
    """Return the lab that is up in *state*; raise LabError if there is none."""
    try:
        rows = json.loads((state / "lab.json").read_text())
    except FileNotFoundError:
        raise LabError(f"no test cluster is up in {state}; run: make cluster-up") from None
    folder = state / "hosts"
    hosts = (Host.from_json(row, folder / json.loads(row)["name"]) for row in rows)
    return Lab(state, tuple(hosts))


def down(state: Path = DEFAULT_STATE, *, any_state: bool = False) -> None:
    """
    Remove the lab of *state*, or what is left of it after a crash.

    Args:
        state: the lab's folder.
        any_state: remove whichever lab there is, in whatever folder.

    Raises:
        LabError: the lab that is up has another folder.
    """
    owner = claim.holder()
    if owner and any_state:
        state = Path(owner.state)
    if owner and Path(owner.state) != state:
        raise LabError(
            f"the test cluster that is up is in {owner.state}, not in {state}; it was made from "
            f"{owner.made_from}: give --state {owner.state}, or --any"
        )
    _remove(state)


def _remove(state: Path) -> None:
    if host.is_installed():
        host.remove_all()
    network.remove()
    _wipe(state)
    machine.restore()
    claim.give_back()


def _wipe(state: Path) -> None:
    """Unmount and delete everything in *state*."""
    for mounted in reversed(_mounts_below(state)):
        run("umount", "--lazy", mounted)
    if state.exists():
        shutil.rmtree(state)


def _mounts_below(state: Path) -> list[str]:
    places = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    return [place for place in places if place.startswith(f"{state}/")]
