"""Airflow's metadata on a real PostgreSQL, by the address that the platform writes."""

import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from hitscanner.local_airflow import airflow_environment
from hitscanner.platform.secrets import URLS
from tests.cluster import rootfs
from tests.helm.api_server import free_port, running
from tests.support.paths import REPOSITORY

pytestmark = [pytest.mark.long, pytest.mark.root, pytest.mark.timeout(1800)]

SERVER = rootfs.Tree(packages=("postgresql",))
"""Debian's PostgreSQL in a tree of its own: the machine's own, if any, is left alone."""

DRIVERS = ("psycopg2-binary", "asyncpg")

STAY = r"""
set -eu
mount --make-rprivate /
mount --bind "$2" "$1/mnt"
mount -t proc proc "$1/proc"
exec chroot "$1" setpriv --reuid=postgres --regid=postgres --init-groups sh -c '
set -eu
bin=$(ls -d /usr/lib/postgresql/*/bin)
export LC_ALL=C.UTF-8
[ -s /mnt/pg/PG_VERSION ] || {
    "$bin/initdb" -D /mnt/pg -E UTF8 --auth=scram-sha-256 -U airflow --pwfile=/mnt/password
    echo "create database airflow" | "$bin/postgres" --single -D /mnt/pg postgres
} >/dev/null
exec "$bin/postgres" -D /mnt/pg -k /mnt -c listen_addresses=127.0.0.1 -p "$0" -c max_connections=200
' "$3"
"""


@dataclass(frozen=True)
class Airflow:
    """An Airflow whose database is that server."""

    environment: dict[str, str]
    home: Path

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *command],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )


@pytest.fixture(scope="module")
def airflow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Airflow]:
    folder = tmp_path_factory.mktemp("postgres")
    data, home, drivers = folder / "data", folder / "airflow", folder / "drivers"
    data.mkdir()
    data.chmod(0o777)
    folder.chmod(0o755)
    password = secrets.token_urlsafe(24)
    (data / "password").write_text(password)
    (data / "password").chmod(0o644)
    lock = (REPOSITORY / "requirements-cluster.lock").read_text()
    pins = [line.split()[0] for line in lock.splitlines() if line.startswith(DRIVERS)]
    command = ["uv", "pip", "install", "-q", "--no-deps", "--target", str(drivers), *pins]
    subprocess.run([*command, "--python", sys.executable], check=True)
    port = free_port()
    server = ["unshare", "--mount", "sh", "-c", STAY, "sh"]
    server += [str(rootfs.directory(SERVER)), str(data), str(port)]
    url = URLS["postgresql"].format(password=password, host="127.0.0.1")
    path = os.environ["PATH"]
    settings = airflow_environment(home, REPOSITORY, retry_delay_s=1, search_path=path)
    environment = {
        **os.environ,
        **settings,
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": url.replace(":5432/", f":{port}/"),
        "PYTHONPATH": os.pathsep.join(filter(None, (settings.get("PYTHONPATH"), str(drivers)))),
    }
    with running(server, folder / "server.log"):
        made = Airflow(environment, home)
        deadline = time.monotonic() + 120
        while (checked := made.run("-m", "airflow", "db", "check")).returncode:
            log = (folder / "server.log").read_text()[-2000:]
            assert time.monotonic() < deadline, (log, checked.stderr[-2000:])
            time.sleep(1)
        yield made


def test_the_whole_schema_is_made_on_an_empty_database(airflow):
    done = airflow.run("-m", "airflow", "db", "migrate")

    assert done.returncode == 0, done.stderr[-3000:]
    assert airflow.run("-m", "airflow", "db", "check-migrations").returncode == 0


def test_a_mapped_run_ends_well_and_is_on_record_there(airflow):
    """The real `traceroute` and `provision_platform`, over the fakes of tests/dags."""
    folder = airflow.home / "scenarios"
    folder.mkdir(parents=True)
    scenarios = REPOSITORY / "tests" / "dags" / "once_scenarios.py"
    script = (
        "import runpy, sys; module = runpy.run_path(sys.argv[1]);"
        "module['FLEET_SCENARIOS'].clear();"
        "kept = {name: module['SCENARIOS'][name] for name in ('all_well',)};"
        "module['SCENARIOS'].clear(); module['SCENARIOS'].update(kept);"
        "module['main'](__import__('pathlib').Path(sys.argv[2]))"
    )
    done = airflow.run("-c", script, str(scenarios), str(folder))

    assert done.returncode == 0, done.stderr[-3000:]
    listed = airflow.run("-m", "airflow", "dags", "list-runs", "traceroute", "-o", "plain")
    assert "success" in listed.stdout, listed.stderr[-2000:]
