"""Certificates renewed on real hosts: near ones, not far ones; one host broken, one run killed."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.cluster import kubernetes
from tests.cluster.fleet import begin, finish, fleet
from tests.cluster.host import Host
from tests.cluster.lab import Lab

pytestmark = [pytest.mark.cluster, pytest.mark.root, pytest.mark.timeout(1800)]

NEAR = ("us-0001", "jp-0001")
BROKEN, FAR = "de-0001", "us-0002"
AGENTS = (*NEAR, BROKEN, FAR)
ALL = ",".join(("server", *AGENTS))
JOB = "hitscanner-rotation.service"
SHORT_DAYS = 30
DROP_IN = "/etc/systemd/system/k3s.service.d/short.conf"
PAUSE = "docker.io/rancher/mirrored-pause:3.6"
LEASES = "/var/lib/hitscanner/spool/leases"


def serial(host: Host, port: int) -> str:
    """The serial number of what *port* shows over TLS."""
    ask = f"openssl s_client -connect 127.0.0.1:{port} </dev/null 2>/dev/null"
    return host.run(f"{ask} | openssl x509 -noout -serial").strip()


def end_days(host: Host, port: int) -> float:
    """How long that is good."""
    ask = f"openssl s_client -connect 127.0.0.1:{port} </dev/null 2>/dev/null"
    shown = host.run(f'date -d "$({ask} | openssl x509 -noout -enddate | cut -d= -f2)" +%s')
    return (int(shown) - time.time()) / 86_400


def since(host: Host) -> str:
    """Since when its agent runs, and as which process."""
    return host.run("systemctl show k3s-agent --property ActiveEnterTimestampMonotonic,MainPID")


@contextmanager
def slow_stop(host: Host) -> Iterator[None]:
    """Let *host*'s agent take ten seconds to stop, as one with much to do."""
    folder = "/run/systemd/system/k3s-agent.service.d"
    unit = "[Service]\\nExecStop=/bin/sleep 10\\n"
    host.run(f"mkdir -p {folder} && printf '{unit}' > {folder}/slow.conf; systemctl daemon-reload")
    try:
        yield
    finally:
        host.run(f"rm -r {folder}; systemctl daemon-reload")


def pod(lab: Lab, host: str) -> tuple[str, str, int]:
    """What tells a container of the pod on *host* from one that was started anew."""
    found = kubernetes.get(lab, "pod", f"runs-{host}")
    [status] = found["status"]["containerStatuses"]
    assert status["state"]["running"]
    return found["metadata"]["uid"], status["containerID"], status["restartCount"]


def run_pod(lab: Lab, host: str) -> None:
    """Run a pod on *host* that goes on until somebody ends it."""
    container = {"name": "pause", "image": PAUSE, "imagePullPolicy": "Never"}
    kubernetes.apply(
        lab,
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": f"runs-{host}", "namespace": "default"},
            "spec": {
                "nodeName": host,
                "containers": [container],
                "automountServiceAccountToken": False,
                "tolerations": [{"operator": "Exists"}],
            },
        },
    )
    wait = ("wait", "--for=condition=Ready", f"pod/runs-{host}", "--timeout=120s")
    kubernetes.kubectl(lab, *wait)


@pytest.fixture(scope="module")
def cluster(served: Lab) -> Lab:
    """Four agents; certificates of all but one, and the server's, made to live 30 days."""
    lab = served
    done = fleet(lab, "join", *AGENTS)
    assert done.status == 0, done.said
    for host in (*NEAR, FAR):
        run_pod(lab, host)
    variable = f"CATTLE_NEW_SIGNED_CERT_EXPIRATION_DAYS={SHORT_DAYS}"
    lab.server.run(
        f"mkdir -p {DROP_IN.rpartition('/')[0]}"
        f" && printf '[Service]\\nEnvironment={variable}\\n' > {DROP_IN}"
        " && systemctl daemon-reload && systemctl stop k3s && k3s certificate rotate"
        " && systemctl start k3s",
        timeout_s=300,
    )
    for name in (*NEAR, BROKEN):
        lab.host(name).run("systemctl restart k3s-agent", timeout_s=300)
    lab.server.run(f"rm {DROP_IN} && systemctl daemon-reload")
    done = fleet(lab, "apply", "--hosts", "server")  # its kubeconfig is another one now
    assert done.status == 0, done.said
    return lab


@pytest.fixture(scope="module")
def rotated(cluster: Lab) -> dict[str, object]:
    """What was before and after a rotation of everything while one agent is broken."""
    lab = cluster
    ports = {name: serial(lab.host(name), 10250) for name in AGENTS}
    api = serial(lab.server, 6443)
    assert end_days(lab.host(NEAR[0]), 10250) < SHORT_DAYS
    assert end_days(lab.host(FAR), 10250) > 300
    pods = {name: pod(lab, name) for name in (*NEAR, FAR)}
    far = since(lab.host(FAR))
    dry = fleet(lab, "rotate-certs", "--hosts", ALL, "--dry-run")
    lab.host(BROKEN).run("systemctl stop k3s-agent")
    try:
        outcome = fleet(lab, "rotate-certs", "--hosts", ALL)
    finally:
        lab.host(BROKEN).run("systemctl start --no-block k3s-agent")
    return {
        "lab": lab, "ports": ports, "api": api, "pods": pods, "far": far, "dry": dry,
        "outcome": outcome,
    }  # fmt: skip


def test_a_dry_run_says_who_is_near_the_end_and_touches_nobody(rotated):
    states = {host: row["state"] for host, row in rotated["dry"].rows.items()}

    assert states == dict.fromkeys(("server", *NEAR, BROKEN), "planned") | {FAR: "unchanged"}


def test_near_ones_are_renewed_the_broken_one_is_told_and_the_far_one_left_alone(rotated):
    lab, rows = rotated["lab"], rotated["outcome"].rows

    assert rotated["outcome"].status == 2, rotated["outcome"].said
    assert [rows[host]["state"] for host in ("server", *NEAR)] == ["changed"] * 3, rows
    assert (rows[BROKEN]["state"], rows[BROKEN]["cause"]) == ("refused", "k3s-stopped")
    assert rows[FAR]["state"] == "unchanged"
    for name in NEAR:
        assert serial(lab.host(name), 10250) != rotated["ports"][name]
        assert end_days(lab.host(name), 10250) > 300
    assert serial(lab.server, 6443) != rotated["api"]
    assert end_days(lab.server, 6443) > 300
    assert serial(lab.host(FAR), 10250) == rotated["ports"][FAR]
    assert since(lab.host(FAR)) == rotated["far"]


def test_no_pod_was_ended_by_the_rotation(rotated):
    assert {name: pod(rotated["lab"], name) for name in (*NEAR, FAR)} == rotated["pods"]


def test_the_server_keeps_a_private_copy_and_our_kubeconfig_is_its_new_one(rotated):
    lab = rotated["lab"]
    listed = lab.server.run("stat -c '%a %n' /var/lib/hitscanner/backups/*").splitlines()
    theirs = lab.server.run("grep client-certificate-data /etc/rancher/k3s/k3s.yaml")

    assert [line.split()[0] for line in listed] == ["600"]
    assert "tls/server-ca.key" in lab.server.run(f"tar -tf {listed[0].split()[1]}")
    assert theirs.split()[-1] in (lab.home / "cluster" / "kubeconfig").read_text()


def test_a_second_rotation_restarts_nobody(rotated):
    lab = rotated["lab"]
    lab.host(BROKEN).wait_for("systemctl is-active k3s-agent", 120)
    before = [since(lab.host(name)) for name in AGENTS]
    again = fleet(lab, "rotate-certs", "--hosts", ALL)

    assert again.status == 0, again.said
    assert {row["state"] for row in again.rows.values()} == {"unchanged"}
    assert [since(lab.host(name)) for name in AGENTS] == before


def test_a_run_that_is_killed_in_mid_rotation_leaves_nothing_half_done(rotated):
    lab = rotated["lab"]
    host = lab.host(NEAR[0])
    before = serial(host, 10250)
    with slow_stop(host):
        run = begin(lab, "rotate-certs", "--hosts", NEAR[0], "--new-keys")
        host.wait_for(f"systemctl is-active {JOB}", 120)
        run.send_signal(signal.SIGKILL)
        run.communicate()
        again = fleet(lab, "rotate-certs", "--hosts", NEAR[0])

    assert run.returncode == -signal.SIGKILL
    assert again.status == 0, again.said
    waited = "certificates: wait for the renewal that is under way"
    assert waited in again.rows[NEAR[0]]["changed"], again.said
    assert host.run("systemctl is-active k3s-agent").strip() == "active"
    assert serial(host, 10250) != before
    assert kubernetes.is_ready(kubernetes.nodes(lab)[NEAR[0]])
    assert pod(lab, NEAR[0]) == rotated["pods"][NEAR[0]]


def test_a_job_that_is_killed_itself_leaves_k3s_running(rotated):
    lab = rotated["lab"]
    host = lab.host(NEAR[1])
    with slow_stop(host):
        run = begin(lab, "rotate-certs", "--hosts", NEAR[1], "--new-keys")
        host.wait_for(f"systemctl is-active {JOB}", 120)
        host.run(f"systemctl kill --signal=KILL {JOB}")
        told = finish(run)
    host.wait_for("systemctl is-active k3s-agent", 120)
    again = fleet(lab, "rotate-certs", "--hosts", NEAR[1])

    assert (told.status, told.cause(NEAR[1])) == (3, "step-failed")
    assert "hitscanner-rotation ended with killed" in told.said
    assert again.status == 0, again.said
    assert kubernetes.is_ready(kubernetes.nodes(lab)[NEAR[1]])


def test_a_host_that_measures_is_refused_and_not_restarted(rotated):
    lab = rotated["lab"]
    host = lab.host(NEAR[1])
    hold = f"mkdir -p {LEASES} && systemd-run --quiet --unit lab-lease flock {LEASES}/lab.lease"
    host.run(f"{hold} sleep 3600")
    host.wait_for(f"! flock -n {LEASES}/lab.lease true", 60)
    before = since(host)
    refused = fleet(lab, "rotate-certs", "--hosts", NEAR[1], "--new-keys")

    assert (refused.status, refused.cause(NEAR[1])) == (3, "measuring")
    assert since(host) == before
