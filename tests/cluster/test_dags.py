"""The join by its DAG: triggered in a real Airflow in the centre, done on real hosts."""

import json
import sys
from pathlib import Path

import pytest

from tests.cluster import kubernetes
from tests.cluster.commands import run
from tests.cluster.fleet import fleet
from tests.cluster.lab import Lab

pytestmark = [pytest.mark.cluster, pytest.mark.root, pytest.mark.timeout(1800)]

HOSTS = ("us-0001", "jp-0001", "de-0001")


def test_the_dag_joins_three_hosts_and_leaves_no_token_in_logs_or_database(
    served: Lab, tmp_path: Path
) -> None:
    fleet(served, "remove", *HOSTS)
    home = tmp_path / "airflow"
    conf = json.dumps({"hosts": list(HOSTS), "dry_run": False})
    words = [sys.executable, "-m", "tests.cluster.airflow_in_centre", str(home), "join_agent", conf]

    said = run(*served.in_centre(words), timeout_s=1500)

    result = json.loads(said.strip().splitlines()[-1])
    assert result["state"] == "success", result
    found = kubernetes.nodes(served)
    assert all(kubernetes.is_ready(found[name]) for name in HOSTS)
    assert kubernetes.tokens(served) == []
    token = served.server.run("cat /var/lib/rancher/k3s/server/token").strip()
    secrets = [token.rpartition(":")[2], (served.home / "ssh/id_ed25519").read_text()[80:140]]
    written = [path.read_bytes() for path in home.rglob("*") if path.is_file()]
    assert len(written) > 10
    for secret in secrets:
        assert not any(secret.encode() in content for content in written)
    # What a join token looks like, live or revoked.
    assert not any(b"K10" + ca_hash(served) in content for content in written)


def ca_hash(lab: Lab) -> bytes:
    """Return what every join token of this cluster begins with, after K10."""
    words = "sha256sum /var/lib/rancher/k3s/server/tls/server-ca.crt"
    return lab.server.run(words).split()[0].encode()
