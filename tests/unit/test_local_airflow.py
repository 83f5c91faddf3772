"""Airflow on this machine alone: what it is told, how it comes up and goes down."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from hitscanner import local_airflow
from hitscanner.errors import UsageError

HEALTHY = {name: {"status": "healthy"} for name in local_airflow.COMPONENTS}
STUBBORN = """
import signal, subprocess, sys, time
signal.signal(signal.SIGINT, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(child.pid, flush=True)
time.sleep(600)
"""


def wait_until(condition):
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end, "it did not come true within 30 s"
        time.sleep(0.02)


def remember(home, pid, url, started=None):
    started = started or Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    (home / "standalone.pid").write_text(f"{pid}\n{url}\n{started}\n")


def is_gone(pid):
    """A zombie, whose parent nobody is, counts as gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


@pytest.fixture
def api_server():
    """An HTTP server whose health answer is its attribute `health`."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(self.server.health).encode())

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        server.health = HEALTHY
        server.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def standalone(tmp_path):
    """A process that looks like standalone, ignores SIGINT and has a child."""
    process = subprocess.Popen(
        [sys.executable, "-c", STUBBORN, "standalone"],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    process.child = int(process.stdout.readline())
    remember(tmp_path, process.pid, "http://127.0.0.1:1")
    yield process
    process.stdout.close()
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def test_nothing_listens_beyond_this_machine():
    environment = local_airflow.airflow_environment(Path("/h"), Path("/r"), 8123)

    assert environment["AIRFLOW__API__HOST"] == "127.0.0.1"
    assert environment["AIRFLOW__API__BASE_URL"] == "http://127.0.0.1:8123"
    assert environment["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"] == (
        "http://127.0.0.1:8123/execution/"
    )


def test_login_is_waived_only_together_with_the_loopback_address():
    environment = local_airflow.airflow_environment(Path("/h"), Path("/r"))

    assert environment["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS"] == "True"
    assert environment["AIRFLOW__API__HOST"] == "127.0.0.1"


@pytest.mark.parametrize(("asked", "given"), [(4, "4"), (64, "16")])
def test_sqlite_never_gets_more_than_sixteen_tasks_at_once(asked, given):
    environment = local_airflow.airflow_environment(Path("/h"), Path("/r"), parallelism=asked)

    assert environment["AIRFLOW__CORE__PARALLELISM"] == given


def test_the_retry_delay_can_be_shortened():
    environment = local_airflow.airflow_environment(Path("/h"), Path("/r"), retry_delay_s=2)

    assert environment["AIRFLOW__CORE__DEFAULT_TASK_RETRY_DELAY"] == "2"


def test_health_is_awaited_until_every_component_has_it(api_server):
    api_server.health = {**HEALTHY, "scheduler": {"status": None}}
    asked = []

    def is_alive():
        asked.append(True)
        api_server.health = HEALTHY
        return True

    local_airflow.wait_until_healthy(api_server.url, is_alive=is_alive)

    assert asked == [True]


def test_a_component_that_stays_unhealthy_is_named(api_server):
    api_server.health = {**HEALTHY, "triggerer": {"status": "unhealthy"}}

    with pytest.raises(local_airflow.LocalAirflowError, match="not healthy after 0 s: triggerer"):
        local_airflow.wait_until_healthy(api_server.url, timeout_s=0)


def test_waiting_ends_when_the_process_has_ended():
    with pytest.raises(local_airflow.LocalAirflowError, match="ended while starting"):
        local_airflow.wait_until_healthy("http://127.0.0.1:1", is_alive=lambda: False)


def test_a_taken_port_is_one_line_with_the_remedy(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        environment = local_airflow.airflow_environment(tmp_path, tmp_path, port)

        with pytest.raises(local_airflow.PortTakenError) as caught:
            local_airflow.start(environment)

    assert f"port {port} of 127.0.0.1 is taken" in str(caught.value)
    assert "--port" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_running_one_is_left_alone_and_its_address_given(api_server, standalone, tmp_path):
    remember(tmp_path, standalone.pid, api_server.url)
    environment = local_airflow.airflow_environment(tmp_path, tmp_path, 1)

    assert local_airflow.start(environment) == api_server.url
    assert standalone.poll() is None


def test_stopping_takes_the_children_along_even_if_the_interrupt_is_ignored(
    standalone, tmp_path, monkeypatch
):
    monkeypatch.setattr(local_airflow, "INTERRUPT_GRACE_S", 0.2)

    assert local_airflow.stop(tmp_path) is True

    wait_until(lambda: is_gone(standalone.pid) and is_gone(standalone.child))
    assert local_airflow.running(tmp_path) is None


def test_stopping_twice_is_no_error(tmp_path):
    assert local_airflow.stop(tmp_path) is False
    assert local_airflow.stop(tmp_path) is False


def test_another_process_with_a_pid_used_again_is_not_ours(tmp_path):
    remember(tmp_path, os.getpid(), "http://127.0.0.1:1", started="1")

    assert local_airflow.running(tmp_path) is None
    assert local_airflow.stop(tmp_path) is False


def test_a_run_in_one_process_is_refused_beside_a_scheduler(standalone, tmp_path):
    with pytest.raises(local_airflow.LocalAirflowError, match="stop it first"):
        local_airflow.refuse_running(tmp_path)


@pytest.mark.parametrize(
    "argv", [["--conf", "@asked.json"], ["-c", "@asked.json"], ["--conf=@asked.json"]]
)
def test_a_conf_file_is_put_in_place_of_its_name(tmp_path, monkeypatch, argv):
    (tmp_path / "asked.json").write_text('{"list":\n "demo"}')
    monkeypatch.chdir(tmp_path)

    [word] = [w for w in local_airflow.expand_conf(argv, tmp_path) if "{" in w]

    assert word.removeprefix("--conf=") == '{"list": "demo"}'


def test_a_name_without_a_file_is_an_example(tmp_path):
    (tmp_path / "example.json").write_text('{"gap": 4}')

    words = local_airflow.expand_conf(["dags", "trigger", "x", "--conf", "@example"], tmp_path)

    assert words == ["dags", "trigger", "x", "--conf", '{"gap": 4}']


def test_a_missing_or_broken_conf_file_is_named(tmp_path):
    (tmp_path / "broken.json").write_text("{")

    with pytest.raises(UsageError, match=r"--conf @nothing: neither nothing nor .*nothing.json"):
        local_airflow.expand_conf(["--conf", "@nothing"], tmp_path)
    with pytest.raises(UsageError, match=r"--conf @broken: .*broken.json is not JSON"):
        local_airflow.expand_conf(["--conf", "@broken"], tmp_path)
