"""`python -m tests.cluster`: bring the test cluster up and down, and run commands in it."""

import argparse
import os
import sys
import time
from pathlib import Path

from tests.cluster import claim, lab
from tests.cluster.errors import LabError
from tests.cluster.k3s import NEXT_VERSION, VERSION


def main() -> int:
    """Run one command; exit status 0 done, 1 usage, 3 failed."""
    given = _parser().parse_args()
    try:
        given.action(given)
    except LabError as error:
        print(f"cluster: {error}", file=sys.stderr)
        return 3
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.cluster", description=__doc__)
    commands = parser.add_subparsers(required=True)
    for action, says in (
        (_up, "make the hosts"),
        (_down, "remove everything"),
        (_exec, "run a command in the centre's namespace"),
        (_status, "tell which lab is up"),
    ):
        name = action.__name__.removeprefix("_")
        command = commands.add_parser(name, help=says)
        command.set_defaults(action=action)
        command.add_argument("--state", type=Path, default=lab.DEFAULT_STATE, help="its folder")
        if action is _up:
            command.add_argument("--hosts", type=int, default=4, help="the server included")
            command.add_argument("--next", action="store_true", help="a bundle to upgrade to, too")
            command.add_argument("--wait", type=float, default=0.0, help="for another lab, seconds")
        if action is _down:
            command.add_argument("--any", action="store_true", help="in whatever folder")
        if action is _exec:
            command.add_argument("command", nargs=argparse.REMAINDER)
    return parser


def _up(given: argparse.Namespace) -> None:
    began = time.monotonic()
    versions = (VERSION, NEXT_VERSION) if given.next else (VERSION,)
    made = lab.up(given.hosts, given.state.absolute(), given.wait, versions)
    for host in made.hosts:
        print(f"{host.name:10} {host.address}  {host.user}")
    print(f"up in {time.monotonic() - began:.0f} s; HITSCANNER_HOME is {made.home}")
    print(f"run a command in it: python -m tests.cluster exec --state {made.state} -- COMMAND")


def _down(given: argparse.Namespace) -> None:
    lab.down(given.state.absolute(), any_state=given.any)


def _exec(given: argparse.Namespace) -> None:
    command = given.command[1:] if given.command[:1] == ["--"] else given.command
    inside = lab.attach(given.state.absolute()).in_centre(command or ["sh"])
    os.execvp(inside[0], inside)


def _status(given: argparse.Namespace) -> None:
    owner = claim.holder()
    print(f"up since {owner.since} in {owner.state}" if owner else "no test cluster is up")


if __name__ == "__main__":
    sys.exit(main())
