"""Twelve faults, each caused for real: `fleet check` finds it, and finds nothing on the others."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.cluster import faults
from tests.cluster.console import Console
from tests.cluster.lab import Lab

pytestmark = [pytest.mark.cluster, pytest.mark.root, pytest.mark.timeout(900)]

HOST = "us-0001"
OTHERS = ("jp-0001", "de-0001", "server")
KUBECTL = "k3s kubectl"
CERTIFICATE = "/var/lib/rancher/k3s/agent/client-planted.crt"
STRANGER = '{"apiVersion": "v1", "kind": "Node", "metadata": {"name": "xx-0009"}}'


@contextmanager
def server_says(lab: Lab, do: str, undo: str) -> Iterator[None]:
    lab.server.run(do)
    try:
        yield
    finally:
        lab.server.run(undo)


@contextmanager
def on_host(lab: Lab, do: str, undo: str, stdin: str | None = None) -> Iterator[None]:
    lab.host(HOST).run(do, stdin=stdin)
    try:
        yield
    finally:
        lab.host(HOST).run(undo)


def certificate(days: int) -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "planted")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(days=300))
    made = builder.not_valid_after(now + timedelta(days=days)).sign(key, hashes.SHA256())
    return made.public_bytes(serialization.Encoding.PEM).decode()


def token_left(lab: Lab) -> AbstractContextManager[None]:
    create = "k3s token create --ttl 24h --description planted > /root/planted"
    delete = "k3s token delete $(sed 's/.*:://; s/[.].*//' /root/planted); rm /root/planted"
    return server_says(lab, create, delete)


def tunnel_stuck(lab: Lab) -> AbstractContextManager[None]:
    table = "inet lab_kubelet"
    do = (
        f"nft 'add table {table}; add chain {table} in {{ type filter hook input priority -200; }};"
        f" add rule {table} in iif != lo tcp dport 10250 reject with tcp reset'"
    )
    return on_host(lab, do, f"nft delete table {table}")


CONFIG = "/etc/rancher/k3s/config.yaml"

FAULTS: dict[str, tuple[str, Callable[[Lab], AbstractContextManager[None]]]] = {
    "wrong-host-key": (HOST, lambda lab: faults.other_host_key(lab.host(HOST))),
    "unreachable": (HOST, lambda lab: faults.link_cut(lab.host(HOST))),
    "no-sudo": (HOST, lambda lab: faults.no_sudo(lab.host(HOST))),
    "clock-skew": (HOST, lambda lab: faults.clock_off(lab.host(HOST), 301)),
    "port-blocked": (HOST, lambda lab: faults.port_blocked(lab.host(HOST), 6443)),
    "tunnel-stuck": (HOST, tunnel_stuck),
    "cordoned": (
        HOST,
        lambda lab: server_says(lab, f"{KUBECTL} cordon {HOST}", f"{KUBECTL} uncordon {HOST}"),
    ),
    "label-drift": (
        HOST,
        lambda lab: server_says(
            lab,
            f"{KUBECTL} label node {HOST} hitscanner/country=XX --overwrite",
            f"{KUBECTL} label node {HOST} hitscanner/country=US --overwrite",
        ),
    ),
    "drift": (
        HOST,
        lambda lab: on_host(
            lab,
            f"cp -p {CONFIG} /root/c && echo '#' >> {CONFIG}",
            f"cp -p /root/c {CONFIG} && rm /root/c",
        ),
    ),
    "certificate-ending": (
        HOST,
        lambda lab: on_host(
            lab, f"cat > {CERTIFICATE}", f"rm {CERTIFICATE}", stdin=certificate(days=9)
        ),
    ),
    "token-left": ("(cluster)", token_left),
    "unknown-node": (
        "(cluster)",
        lambda lab: server_says(
            lab, f"echo '{STRANGER}' | {KUBECTL} create -f -", f"{KUBECTL} delete node xx-0009"
        ),
    ),
}


@pytest.fixture(scope="module")
def fleet(console: Console) -> Console:
    """A healthy fleet: whatever is not, is made so by the command line."""
    console.bootstrap("cluster")
    code, rows = console.fleet("join", HOST, *OTHERS[:2])
    assert code == 0, rows
    return console


def test_nothing_is_found_on_a_healthy_fleet(fleet):
    code, rows = fleet.fleet("check", "--hosts", ",".join([HOST, *OTHERS]))

    assert {row["cause"] for row in rows.values()} == {""}, rows
    assert code == 0


@pytest.mark.parametrize("cause", FAULTS)
def test_a_planted_fault_is_found_where_it_is_and_nowhere_else(fleet, cause):
    where, plant = FAULTS[cause]
    with plant(fleet.lab):
        code, rows = fleet.fleet("check", "--hosts", ",".join([HOST, *OTHERS]))

    assert code == 2
    assert cause in rows[where]["cause"].split(", "), rows[where]
    assert rows[where]["remedy"]
    assert [rows[host]["state"] for host in OTHERS] == ["healthy"] * len(OTHERS), rows
