"""Real database servers on loopback, for Airflow's metadata."""

import os
import pwd
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cluster import rootfs
from tests.helm.api_server import free_port, running

needs_postgresql = pytest.mark.skipif(
    not Path("/usr/lib/postgresql").is_dir(), reason="apt-get install postgresql"
)
WORD = "open-sesame"

MYSQL = rootfs.Tree(
    packages=("mysql-server-core", "mysql-client-core"),
    suite="sid",
    options=('Acquire::Check-Valid-Until "false"',),
)
"""Debian has MySQL in unstable only."""


@contextmanager
def postgresql(folder: Path) -> Iterator[str]:
    """Run Debian's PostgreSQL with an empty database; give its URL as Airflow wants it."""
    programs = next(Path("/usr/lib/postgresql").glob("*/bin"))
    port, data = free_port(), folder / "data"
    data.mkdir()
    os.chown(data, pwd.getpwnam("postgres").pw_uid, -1)
    for above in (folder, *folder.parents):
        if above.stat().st_uid == os.getuid():
            above.chmod(above.stat().st_mode | 0o011)
    _as_postgres(str(programs / "initdb"), "-D", str(data), "-A", "trust", "-U", "postgres")
    socket = ["-c", f"unix_socket_directories={data}", "-c", "listen_addresses=127.0.0.1"]
    server = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
    server += [str(programs / "postgres"), "-D", str(data), "-p", str(port), *socket]
    client = [str(programs / "psql"), "-h", "127.0.0.1", "-p", str(port), "-U", "postgres", "-c"]
    with running(server, folder / "server.log"):
        _until([*client, "select 1"], folder / "server.log")
        for statement in (
            f"create role airflow login password '{WORD}'",
            "create database airflow owner airflow",
        ):
            subprocess.run([*client, statement], check=True, capture_output=True)
        yield f"postgresql+psycopg2://airflow:{WORD}@127.0.0.1:{port}/airflow"


@contextmanager
def mysql(folder: Path) -> Iterator[str]:
    """Run MySQL in a Debian of its own with an empty database; give its URL."""
    tree, port = rootfs.directory(MYSQL), free_port()
    data = folder / "data"
    data.mkdir()
    with _bound(data, tree / "mnt"):
        inside = ["chroot", str(tree)]
        options = ["--no-defaults", "--user=root", "--datadir=/mnt", "--secure-file-priv=NULL"]
        made = [*inside, "/usr/sbin/mysqld", *options, "--initialize-insecure"]
        subprocess.run(made, check=True, capture_output=True)
        server = [*inside, "/usr/sbin/mysqld", *options, "--bind-address=127.0.0.1"]
        server += [f"--port={port}", "--socket=/mnt/socket", "--mysqlx=0", "--pid-file=/mnt/pid"]
        client = [*inside, "mysql", "--no-defaults", "--socket=/mnt/socket", "-u", "root", "-e"]
        with running(server, folder / "server.log"):
            _until([*client, "select 1"], folder / "server.log")
            for statement in (
                "create database airflow character set utf8mb4 collate utf8mb4_unicode_ci",
                f"create user airflow@'%' identified by '{WORD}'",
                "grant all on airflow.* to airflow@'%'",
            ):
                subprocess.run([*client, statement], check=True, capture_output=True)
            yield f"mysql+mysqldb://airflow:{WORD}@127.0.0.1:{port}/airflow?charset=utf8mb4"


def _as_postgres(*command: str) -> None:
    subprocess.run(["runuser", "-u", "postgres", "--", *command], check=True, capture_output=True)


@contextmanager
def _bound(source: Path, target: Path) -> Iterator[None]:
    subprocess.run(["mount", "--bind", source, target], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", target], check=True)


def _until(question: Sequence[str], log: Path) -> None:
    deadline = time.monotonic() + 120
    while subprocess.run(question, capture_output=True, check=False).returncode:
        assert time.monotonic() < deadline, log.read_text(errors="replace")[-2000:]
        time.sleep(0.5)
