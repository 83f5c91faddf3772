"""One lab at a time: who has it, and the lock while it is made or removed."""

import fcntl
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.cluster.errors import LabError
from tests.cluster.paths import RUN

CLAIM = RUN / "claim.json"
"""There while a lab is up, in whole or in part."""


@dataclass(frozen=True)
class Claim:
    """Who has the machine's one lab."""

    state: str
    """The lab's folder."""
    made_from: str
    """The checkout that made it."""
    since: str
    """Local time, for people."""


def holder() -> Claim | None:
    """Return who has the lab, or None."""
    try:
        return Claim(**json.loads(CLAIM.read_text()))
    except FileNotFoundError:
        return None


def take(state: Path, made_from: Path, wait_s: float = 0.0) -> None:
    """
    Claim the machine's one lab for the folder *state*.

    Raises:
        LabError: another has it, and still has after *wait_s*.
    """
    end = time.monotonic() + wait_s
    while True:
        with _locked():
            owner = holder()
            if owner is None:
                now = time.strftime("%Y-%m-%d %H:%M:%S")
                CLAIM.write_text(json.dumps(asdict(Claim(str(state), str(made_from), now))))
                return
        if time.monotonic() >= end:
            raise LabError(
                f"a test cluster is up since {owner.since} in {owner.state}, made from "
                f"{owner.made_from}; wait with `up --wait SECONDS`, or end it there with "
                "`make cluster-down`"
            )
        time.sleep(1.0)


def give_back() -> None:
    """Let the next one have it."""
    CLAIM.unlink(missing_ok=True)


@contextmanager
def _locked() -> Iterator[None]:
    RUN.mkdir(parents=True, exist_ok=True)
    with (RUN / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
