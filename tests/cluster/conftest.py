"""One lab for all tests of the cluster."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster import lab as labs
from tests.cluster.console import Console
from tests.cluster.fleet import fleet
from tests.cluster.lab import Lab

HOSTS = 9
WAIT_FOR_LAB_S = 1200.0
"""How long to wait for another's lab to end."""


@pytest.fixture(scope="session")
def lab() -> Iterator[Lab]:
    """
    A server and eight vantage points, bare, and removed at the end.

    With HITSCANNER_LAB, which `python -m tests.cluster exec` sets, the lab that is up is used
    and stays.
    """
    if os.environ.get("HITSCANNER_LAB"):
        yield labs.attach(Path(os.environ["HITSCANNER_LAB"]))
        return
    try:
        yield labs.up(HOSTS, wait_s=WAIT_FOR_LAB_S)
    finally:
        labs.down()


@pytest.fixture(scope="session")
def served(lab: Lab) -> Lab:
    """The lab with its server up."""
    done = fleet(lab, "apply", "--hosts", "server")
    assert done.status == 0, done.said
    return lab


@pytest.fixture(scope="session")
def joined(served: Lab) -> Lab:
    """The lab with its server and three vantage points in the cluster."""
    done = fleet(served, "join", "us-0001", "jp-0001", "de-0001")
    assert done.status == 0, done.said
    return served


@pytest.fixture(scope="session")
def console(lab: Lab) -> Iterator[Console]:
    """The lab's centre with what people type there; its Airflow ends with the tests."""
    console = Console(lab)
    try:
        yield console
    finally:
        console.stop_airflow()
