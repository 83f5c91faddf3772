"""Faults caused for real on a host, each undone when its block ends."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath

from tests.cluster import network
from tests.cluster.host import Host

CLOCK = "/opt/k8s/lab/clock.so"
"""Built from clock.c; every host sees it there."""


@contextmanager
def powered_off(host: Host) -> Iterator[None]:
    """Leave *host* without power."""
    host.power_off()
    try:
        yield
    finally:
        host.power_on()


@contextmanager
def link_cut(host: Host) -> Iterator[None]:
    """Pull the network cable of *host*: nothing answers, nothing is refused."""
    network.set_link(host.name, up=False)
    try:
        yield
    finally:
        network.set_link(host.name, up=True)


@contextmanager
def port_blocked(host: Host, port: int, *, answer: str = "drop") -> Iterator[None]:
    """
    Keep *host* from reaching TCP *port* of any other machine, as a firewall on its way does.

    Args:
        host: where the packets start.
        port: where they go.
        answer: "drop" for silence, "reject with tcp reset" for a refusal.
    """
    table = f"inet lab_block_{port}"
    host.run(
        f"nft 'add table {table}; "
        f"add chain {table} out {{ type filter hook output priority 0; }}; "
        f"add rule {table} out oif != lo tcp dport {port} {answer}'"
    )
    try:
        yield
    finally:
        host.run(f"nft delete table {table}")


@contextmanager
def clock_off(host: Host, offset_s: int) -> Iterator[None]:
    """
    Let every program that *host* starts from now on see a clock that is *offset_s* ahead.

    Programs that do not use the C library, such as Kubernetes's own, still see
    the true time: the hosts share the machine's clock.
    """
    host.run(f"echo {offset_s} > /etc/lab-clock; echo {CLOCK} > /etc/ld.so.preload")
    try:
        yield
    finally:
        host.run("rm -f /etc/ld.so.preload /etc/lab-clock")


@contextmanager
def disk_full(host: Host, folder: str = "/var/lib/rancher", left_kib: int = 64) -> Iterator[None]:
    """Put a small disk at *folder* of *host* and fill it up to the last *left_kib*."""
    image = PurePosixPath("/var/lib/containerd/lab-full.img")
    host.run(
        f"truncate -s 16M {image} && mkfs.ext4 -q -m 0 {image} && mkdir -p {folder} &&"
        f"mount -o loop {image} {folder}"
    )
    try:
        host.run(
            f"free=$(df -k --output=avail {folder} | tail -1);"
            f"fallocate -l $((free - {left_kib}))K {folder}/.full"
        )
        yield
    finally:
        host.run(f"umount {folder}; rm -f {image}")


@contextmanager
def no_sudo(host: Host) -> Iterator[None]:
    """Take the right to run commands as root from the user of *host*."""
    host.run(f"mv /etc/sudoers.d/{host.user} /root/sudoers.{host.user}")
    try:
        yield
    finally:
        host.run(f"mv /root/sudoers.{host.user} /etc/sudoers.d/{host.user}")


@contextmanager
def other_host_key(host: Host) -> Iterator[None]:
    """Give *host* another host key than the inventory pins, as if another machine answered."""
    key = "/etc/ssh/ssh_host_ed25519_key"
    host.run(
        f"mkdir /root/keys && mv {key} {key}.pub /root/keys/ &&"
        f"ssh-keygen -q -t ed25519 -N '' -f {key} && systemctl restart ssh"
    )
    try:
        yield
    finally:
        host.run("mv /root/keys/* /etc/ssh/ && rmdir /root/keys && systemctl restart ssh")


@contextmanager
def same_machine_id(host: Host, other: Host) -> Iterator[None]:
    """Give *host* the machine-id of *other*, as cloning a disk does."""
    mine = host.run("cat /etc/machine-id")
    host.run(f"echo {other.run('cat /etc/machine-id').strip()} > /etc/machine-id")
    try:
        yield
    finally:
        host.run(f"echo {mine.strip()} > /etc/machine-id")
