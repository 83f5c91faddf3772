"""
A real Kubernetes API server with its etcd, on loopback, and nothing else.

No kubelet and no controller: objects are accepted, checked by admission and kept, and nobody acts
on them.  That is all that charts and policies need.
"""

import secrets
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from hitscanner.infra.kube import ClusterError, KubeApi
from tests.cluster import build

VERSION = "v1.36.3"

PATIENCE_S = 240.0
"""For a machine that does other work; it takes eight seconds alone."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def api_server(folder: Path) -> Iterator[Path]:
    """Run etcd and the API server; give the kubeconfig of an administrator."""
    etcd = build.binaries(build.etcd()) / "etcd"
    kubernetes = build.binaries(build.kubernetes(VERSION, ("kube-apiserver",)))
    client, peer, port = free_port(), free_port(), free_port()
    token = secrets.token_hex(16)
    key = folder / "service-accounts.key"
    subprocess.run(["openssl", "genrsa", "-out", str(key), "2048"], check=True, capture_output=True)
    (folder / "tokens.csv").write_text(f'{token},admin,admin,"system:masters"\n')
    store = [
        *(str(etcd), "--data-dir", str(folder / "etcd"), "--unsafe-no-fsync"),
        *("--listen-client-urls", f"http://127.0.0.1:{client}"),
        *("--advertise-client-urls", f"http://127.0.0.1:{client}"),
        *("--listen-peer-urls", f"http://127.0.0.1:{peer}"),
        *("--initial-advertise-peer-urls", f"http://127.0.0.1:{peer}"),
        *("--initial-cluster", f"default=http://127.0.0.1:{peer}"),
    ]
    server = [
        str(kubernetes / "kube-apiserver"),
        f"--etcd-servers=http://127.0.0.1:{client}",
        f"--secure-port={port}",
        "--bind-address=127.0.0.1",
        "--advertise-address=127.0.0.1",
        "--endpoint-reconciler-type=none",
        f"--cert-dir={folder / 'certificates'}",
        f"--token-auth-file={folder / 'tokens.csv'}",
        f"--service-account-key-file={key}",
        f"--service-account-signing-key-file={key}",
        "--service-account-issuer=https://kubernetes.default.svc",
        "--service-cluster-ip-range=10.43.0.0/24",
        "--authorization-mode=RBAC",
        "--allow-privileged=true",
        # Without the controller that makes the accounts it would refuse every pod.
        "--disable-admission-plugins=ServiceAccount",
    ]
    with running(store, folder / "etcd.log"), running(server, folder / "server.log") as process:
        kubeconfig = _kubeconfig(folder, port, token)
        _wait(kubeconfig, process, folder / "server.log")
        yield kubeconfig


@contextmanager
def running(command: list[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as out, subprocess.Popen(command, stdout=out, stderr=out) as process:
        try:
            yield process
        finally:
            process.kill()


def _kubeconfig(folder: Path, port: int, token: str) -> Path:
    server = {
        "server": f"https://127.0.0.1:{port}",
        "certificate-authority": str(folder / "certificates" / "apiserver.crt"),
    }
    names = {"cluster": "test", "user": "admin"}
    file = folder / "kubeconfig"
    file.write_text(
        yaml.safe_dump(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [{"name": "test", "cluster": server}],
                "users": [{"name": "admin", "user": {"token": token}}],
                "contexts": [{"name": "test", "context": names}],
                "current-context": "test",
            }
        )
    )
    file.chmod(0o600)
    return file


def _wait(kubeconfig: Path, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + PATIENCE_S
    certificate = kubeconfig.parent / "certificates" / "apiserver.crt"
    while process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.5)
        try:
            if certificate.exists() and KubeApi(kubeconfig)("GET", "/api/v1/namespaces/default"):
                return
        except (ClusterError, ValueError):
            continue
    raise AssertionError(f"no API server: {log.read_text()[-3000:]}")
