"""The firewall's text: loaded by the real nft in a namespace, and kept exact by properties."""

import asyncio
import shutil
import subprocess
from ipaddress import IPv4Network, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hitscanner.infra.ssh import LocalRemote
from hitscanner.provision.model import Put
from hitscanner.provision.plan import plan_host
from tests.unit.provision.hosts import bare, desired

ADDRESSES = st.lists(st.ip_addresses().map(str), min_size=1, max_size=12)


def text(peers: list[str], role: str = "agent", **wish: object) -> str:
    changes = plan_host(desired(role, peers=peers, **wish), bare(), only="firewall").changes
    assert isinstance(changes[0].action, Put)
    return changes[0].action.content.decode()


def allowed(rules: str) -> list[str]:
    lines = [line for line in rules.splitlines() if line.strip().endswith("accept")]
    return [
        each
        for line in lines
        if "{" in line
        for each in line.split("{")[1].split("}")[0].split(", ")
    ]


@given(ADDRESSES)
def test_every_peer_is_let_in_and_no_network_twice(peers: list[str]) -> None:
    networks = [ip_network(each.strip()) for each in allowed(text(peers))]

    assert all(any(ip_address(peer) in network for network in networks) for peer in peers)
    for first in networks:
        others = [n for n in networks if n is not first and n.version == first.version]
        assert not any(first.overlaps(other) for other in others)  # type: ignore[arg-type]


@given(ADDRESSES)
def test_the_order_of_peers_does_not_change_the_text(peers: list[str]) -> None:
    assert text(peers) == text(sorted(peers, reverse=True))


needs_nft = pytest.mark.skipif(
    not shutil.which("nft"), reason="needs nft: apt-get install nftables"
)


@pytest.mark.root
@needs_nft
@pytest.mark.parametrize("role", ["agent", "server"])
def test_the_real_nft_loads_the_table_twice_over(role: str, tmp_path: object) -> None:
    """Twice, because a service is restarted: the table is replaced, not added to."""
    rules = text(["192.0.2.1", "2001:db8::1"], role, platform={"admins": ["198.51.100.0/24"]})
    script = (
        "unshare --net sh -ec 'cat > $0; nft -f $0; nft -f $0; nft list table inet hitscanner' "
        f"{tmp_path}/firewall.nft"
    )

    done = asyncio.run(LocalRemote("here").run(script, stdin=rules.encode()))

    assert (done.status, done.err) == (0, "")
    assert done.out.count("dport 10250") == 1


WAY = """
set -e
ip link set lo up
ip link add veth0 type veth peer name veth1
unshare --net sleep 300 & other=$!
until [ "$(readlink /proc/$other/ns/net)" != "$(readlink /proc/$$/ns/net)" ]; do sleep 0.05; done
ip link set veth1 netns $other
ip addr add 192.0.2.10/24 dev veth0; ip link set veth0 up
in_other() {{ nsenter --net=/proc/$other/ns/net "$@"; }}
in_other ip link set lo up
in_other ip addr add 192.0.2.1/24 dev veth1
in_other ip addr add 192.0.2.99/24 dev veth1
in_other ip link set veth1 up
cat > {folder}/rules; nft -f {folder}/rules
python3 -c 'import socket,time
held = [socket.create_server(("0.0.0.0", port)) for port in (10250, 8080)]
time.sleep(300)' & listener=$!
until ss -Hltn | grep -q :10250; do sleep 0.05; done
try() {{
    in_other python3 -c "import socket
socket.create_connection(('192.0.2.10', $2), 3, ('$1', 0))" 2>/dev/null || {{
        echo "$1 $2 shut"
        return
    }}
    echo "$1 $2 open"
}}
try 192.0.2.1 10250; try 192.0.2.99 10250; try 192.0.2.99 8080
kill $listener $other
"""


@pytest.mark.root
@needs_nft
def test_a_stranger_finds_the_kubelet_shut_and_all_else_as_it_was(tmp_path: object) -> None:
    """With real packets between two namespaces that have no other way."""
    script = WAY.format(folder=tmp_path)

    done = subprocess.run(
        ["unshare", "--net", "sh", "-c", script],
        input=text(["192.0.2.1", "192.0.2.10"]),
        capture_output=True,
        text=True,
        timeout=120,
    )

    assert done.stdout.splitlines() == [
        "192.0.2.1 10250 open",
        "192.0.2.99 10250 shut",
        "192.0.2.99 8080 open",
    ], done.stderr


def test_pods_of_the_cluster_are_of_the_fleet() -> None:
    networks = [ip_network(each.strip()) for each in allowed(text(["192.0.2.1"]))]

    assert any(IPv4Network("10.42.0.0/16").subnet_of(n) for n in networks if n.version == 4)  # type: ignore[arg-type]
