"""The stand-in behaves as the k3s documentation says, on a real host."""

import hashlib
import json
import re

import pytest

from tests.cluster import kubernetes
from tests.cluster.host import Host
from tests.cluster.k3s import VERSION
from tests.cluster.lab import Lab

pytestmark = [pytest.mark.cluster, pytest.mark.root, pytest.mark.timeout(1800)]

TLS = "/var/lib/rancher/k3s/server/tls"


@pytest.fixture
def server(served: Lab) -> Host:
    return served.server


def test_it_tells_its_version_in_k3s_words(server: Host) -> None:
    first, second = server.run("k3s --version").splitlines()

    assert re.fullmatch(rf"k3s version {re.escape(VERSION)} \(\w+\)", first)
    assert second.startswith("go version go1.")


def test_a_flag_that_k3s_does_not_have_is_refused_on_the_command_line(server: Host) -> None:
    done = server.attempt("k3s agent --no-such-flag")

    assert done.returncode == 1
    assert "flag provided but not defined: -no-such-flag" in done.stderr


def test_a_token_has_the_secure_format_and_the_hash_of_the_ca(server: Host) -> None:
    token = server.run("k3s token create --ttl 5m --description try").strip()
    ca = server.run(f"cat {TLS}/server-ca.crt")

    assert token.startswith(f"K10{hashlib.sha256(ca.encode()).hexdigest()}::")
    assert re.fullmatch(r"K10[0-9a-f]{64}::[a-z0-9]{6}\.[a-z0-9]{16}", token)
    name = token.split("::")[1].split(".")[0]
    assert re.search(rf"^{name} .* try ", server.run("k3s token list"), re.MULTILINE)

    assert server.run(f"k3s token delete {name}") == f'bootstrap token "{name}" deleted\n'
    assert name not in server.run("k3s token list")


def test_cacerts_is_for_everyone_and_the_rest_of_the_join_endpoint_is_not(
    served: Lab, server: Host
) -> None:
    url = f"https://{server.address}:6443"
    host = served.host("us-0001")

    assert host.run(f"curl -sk {url}/cacerts") == server.run(f"cat {TLS}/server-ca.crt")
    assert host.run(f"curl -sk {url}/ping") == "pong"
    status = "-o /dev/null -w '%{http_code}'"
    assert host.run(f"curl -sk {status} {url}/v1-k3s/config") == "401"
    assert host.run(f"curl -sk {status} -u node:wrong {url}/v1-k3s/config") == "401"
    assert host.run(f"curl -sk {status} {url}/api/v1/nodes") == "401"


def test_a_live_token_opens_the_endpoint_and_a_deleted_one_does_not(
    served: Lab, server: Host
) -> None:
    url = f"https://{server.address}:6443/v1-k3s/config"
    bearer = server.run("k3s token create --ttl 5m").strip().partition("::")[2]
    ask = f"curl -sk -o /dev/null -w '%{{http_code}}' -H 'Authorization: Bearer {bearer}' {url}"

    assert served.host("us-0001").run(ask) == "200"
    server.run(f"k3s token delete {bearer[:6]}")
    assert served.host("us-0001").run(ask) == "401"


def test_an_agent_refuses_a_server_with_another_ca_and_sends_it_nothing(
    served: Lab, server: Host
) -> None:
    host = served.host("us-0001")
    bundle = (served.home / "bundle" / "k3s-amd64").read_bytes()
    (host.root / "root/k3s").write_bytes(bundle)
    token = f"K10{'0' * 64}::abcdef.0123456789abcdef"
    words = f"agent --data-dir /root/try --server https://{server.address}:6443 --token {token}"

    done = host.attempt(f"timeout 20 /usr/bin/python3 -I /root/k3s {words}")

    assert "token CA hash does not match the Cluster CA certificate hash" in done.stderr
    host.run("rm -rf /root/k3s /root/try")


def test_certificates_end_in_a_year_and_ca_certificates_in_ten(server: Host) -> None:
    rows = json.loads(server.run("k3s certificate check --output json"))["Certificates"]
    days = {row["Filename"]: row["ResidualTime"] / 86_400e9 for row in reversed(rows)}

    assert 364 < days["serving-kubelet.crt"] <= 365
    assert 364 < days["client-admin.crt"] <= 365
    cas = [row for row in rows if row["Usages"] == ["CertSign"]]
    assert all(3649 < row["ResidualTime"] / 86_400e9 <= 3650 for row in cas)
    assert {row["Status"] for row in rows} == {"OK"}
    table = server.run("k3s certificate check --output table")
    assert re.search(
        r"^FILENAME +SUBJECT +USAGES +EXPIRES +RESIDUAL TIME +STATUS$", table, re.MULTILINE
    )


def test_a_restart_renews_what_ends_within_120_days_and_keeps_its_key(
    served: Lab, server: Host
) -> None:
    base, text = f"{TLS}/client-scheduler", "openssl x509 -noout -enddate -in"
    untouched = server.run(f"{text} {TLS}/client-controller.crt")
    server.run(
        f"openssl x509 -in {base}.crt -signkey {base}.key -days 119 -out /tmp/short.crt 2>&1;"
        f"cat /tmp/short.crt {TLS}/client-ca.crt > {base}.crt"
    )
    key = server.run(f"sha256sum {base}.key")

    server.run("systemctl restart k3s", timeout_s=240)

    rows = json.loads(server.run("k3s certificate check --output json"))["Certificates"]
    renewed = next(row for row in rows if row["Filename"] == "client-scheduler.crt")
    assert renewed["ResidualTime"] / 86_400e9 > 364
    assert server.run(f"sha256sum {base}.key") == key
    assert server.run(f"{text} {TLS}/client-controller.crt") == untouched


def test_secrets_are_encrypted_in_the_datastore(served: Lab, server: Host) -> None:
    assert server.run("k3s secrets-encrypt status").startswith("Encryption Status: Enabled\n")
    kubernetes.apply(
        served,
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "canary", "namespace": "default"},
            "stringData": {"word": "canary-in-the-clear"},
        },
    )

    stored = server.run(
        f"/opt/k8s/{VERSION}/etcdctl get /registry/secrets/default/canary | tr -cd [:print:]"
    )

    assert "k8s:enc:aescbc" in stored
    assert "canary-in-the-clear" not in stored


def test_a_snapshot_is_saved_and_listed(server: Host) -> None:
    server.run("k3s etcd-snapshot save --name try")

    assert re.search(r"^try-server-\d+ ", server.run("k3s etcd-snapshot list"), re.MULTILINE)


def test_the_kubeconfig_is_for_root_alone_and_kubectl_uses_it(server: Host) -> None:
    assert server.run("stat -c %a /etc/rancher/k3s/k3s.yaml") == "600\n"
    assert "server" in server.run("k3s kubectl get nodes -o name")
