"""Real hosts become nodes of a real Kubernetes, once, and leave and come back."""

import pytest

from tests.cluster import kubernetes
from tests.cluster.fleet import fleet
from tests.cluster.k3s import VERSION
from tests.cluster.lab import Lab

pytestmark = [pytest.mark.cluster, pytest.mark.root, pytest.mark.timeout(1800)]

JOINED = ("us-0001", "jp-0001", "de-0001")

PROCESSES = "cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null; :"
UNITS = "systemctl show k3s k3s-agent hitscanner-firewall chrony ssh -p Id,ActiveEnterTimestamp"
FILES = (
    "find /etc /usr/local /var/lib/hitscanner /root /home /var/lib/rancher/k3s/agent/images "
    "-xdev -type f -newer /run/lab-mark ! -path '*/.ssh/*' -print"
)


def test_three_hosts_become_ready_nodes_of_the_right_version_with_their_labels(
    joined: Lab,
) -> None:
    found = kubernetes.nodes(joined)

    assert {"server", *JOINED} <= set(found)
    for name in JOINED:
        assert kubernetes.is_ready(found[name])
        assert found[name]["status"]["nodeInfo"]["kubeletVersion"] == VERSION
        labels = found[name]["metadata"]["labels"]
        assert name[:2].upper() in labels.values() or name[:2] in labels.values(), labels


def test_a_pod_has_run_on_each_of_them(joined: Lab) -> None:
    assert set(JOINED) <= set(kubernetes.events_of(joined, "Started"))


def test_a_second_run_changes_no_file_and_restarts_no_unit(joined: Lab) -> None:
    hosts = [joined.host(name) for name in JOINED]
    units = [host.run(UNITS) for host in hosts]
    for host in hosts:
        host.run("touch /run/lab-mark")

    done = fleet(joined, "join", *JOINED)

    assert {row["state"] for row in done.rows.values()} == {"unchanged"}, done.said
    assert [host.run(UNITS) for host in hosts] == units
    changed = [host.run(FILES).split() for host in hosts]
    assert changed == [[], [], []]


def test_after_a_join_no_live_token_is_left(joined: Lab) -> None:
    """Each token is revoked at the server; what is left of it on a host opens nothing."""
    assert kubernetes.tokens(joined) == []


def test_the_server_token_never_reaches_an_agent(joined: Lab) -> None:
    """Not in files, arguments, environments nor the journal of any vantage point."""
    token = joined.server.run("cat /var/lib/rancher/k3s/server/token").strip()
    secret = token.rpartition(":")[2]
    assert len(secret) == 32

    for name in JOINED:
        host = joined.host(name)
        places = "/etc /root /home /var/lib/hitscanner /var/lib/rancher/k3s/agent/etc /run /tmp"
        found = host.attempt(f"grep -rlsF -f - {places} <<X\n{secret}\nX")
        assert found.stdout == ""
        assert secret not in host.run(PROCESSES)
        assert secret not in host.run("journalctl --no-pager -o cat")


def test_join_tokens_are_for_root_alone_and_in_no_process_or_journal(joined: Lab) -> None:
    for name in JOINED:
        host = joined.host(name)
        file = "/etc/rancher/k3s/join-token"
        secret = host.run(f"cat {file} 2>/dev/null; :").strip().rpartition(".")[2]
        readable = host.run("find /etc/rancher -type f -perm /o=r")

        assert "join-token" not in readable
        assert "config.yaml" not in readable
        if secret:
            assert secret not in host.run(PROCESSES)
            assert secret not in host.run("journalctl --no-pager -o cat")


def test_a_host_leaves_and_comes_back_under_its_name(joined: Lab) -> None:
    before = kubernetes.nodes(joined)["de-0001"]["metadata"]["uid"]

    gone = fleet(joined, "remove", "de-0001")

    assert gone.status == 0, gone.said
    assert kubernetes.is_gone(joined, "de-0001")
    assert "de-0001.node-password.k3s" not in kubernetes.secrets(joined)
    host = joined.host("de-0001")
    assert host.attempt("test -e /usr/local/bin/k3s").returncode != 0
    assert host.attempt("systemctl cat k3s-agent").returncode != 0

    back = fleet(joined, "join", "de-0001")

    assert back.status == 0, back.said
    node = kubernetes.nodes(joined)["de-0001"]
    assert kubernetes.is_ready(node)
    assert node["metadata"]["uid"] != before
    assert "de-0001.node-password.k3s" in kubernetes.secrets(joined)


def test_a_rebooted_host_comes_back_by_itself_without_a_token(joined: Lab) -> None:
    host = joined.host("jp-0001")
    assert kubernetes.tokens(joined) == []

    host.power_off()
    host.power_on()

    host.wait_for("systemctl is-active k3s-agent", 180)
    host.wait_for("ss -ltn | grep -q :10250", 120)
    assert kubernetes.is_ready(kubernetes.nodes(joined)["jp-0001"])


def test_a_healthy_fleet_passes_its_check(joined: Lab) -> None:
    done = fleet(joined, "check", "--hosts", "server,us-0001,jp-0001,de-0001")

    assert done.status == 0, done.said
