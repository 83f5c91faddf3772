"""
Network namespaces by name; pyroute2 is loaded when one is asked for.

It takes a third of a second, and `hitscanner --help` needs none of it.
"""

from collections.abc import Iterator
from contextlib import contextmanager


def create(name: str) -> None:
    """Make one."""
    from pyroute2 import netns

    netns.create(name)


def remove(name: str) -> None:
    """
    Remove one.

    Raises:
        OSError: if it cannot be removed.
    """
    from pyroute2 import netns

    netns.remove(name)


def names() -> set[str]:
    """Return those that there are."""
    from pyroute2 import netns

    return set(netns.listnetns())


@contextmanager
def inside(name: str) -> Iterator[None]:
    """Be in one: the thread that runs the block."""
    from pyroute2 import netns

    netns.pushns(name)
    try:
        yield
    finally:
        netns.popns()


def has_devices(name: str) -> bool:
    """Say whether somebody put a device into one."""
    from pyroute2 import IPRoute

    with inside(name), IPRoute() as ip:
        return any(link.get("ifname") != "lo" for link in ip.get_links())
