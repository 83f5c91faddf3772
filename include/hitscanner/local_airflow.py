"""
Airflow on this machine alone: its environment, `airflow standalone` up and down, a health check.

Nothing here imports Airflow; that costs seconds, and the commands here shall answer at once.
"""

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from hitscanner.errors import HitscannerError, UsageError

DEFAULT_PORT = 8080
"""Where the UI listens unless told otherwise."""

SECRETS_BACKEND = "hitscanner_airflow.secrets.InventoryConnections"
"""Gives Airflow the connections to the hosts of the inventory: `hs_NAME`."""

COMPONENTS = ("metadatabase", "scheduler", "dag_processor", "triggerer")
"""What `/api/v2/monitor/health` must call healthy."""

START_TIMEOUT_S = 400.0
"""Standalone needs about 30 s on two cores; a busy machine ten times that."""

INTERRUPT_GRACE_S = 20.0
"""After SIGINT standalone stops its four children: 6 s at rest, 12 s on a busy machine."""

TERMINATE_GRACE_S = 10.0
"""After SIGTERM to the whole group, before KILL."""


class PortTakenError(UsageError):
    """Another program listens where the UI shall."""


class LocalAirflowError(HitscannerError):
    """Airflow on this machine did not start, or is in the way."""


def airflow_environment(
    home: Path,
    repository: Path,
    port: int = DEFAULT_PORT,
    *,
    parallelism: int = 8,
    retry_delay_s: int = 300,
    search_path: str = os.defpath,
) -> dict[str, str]:
    """
    Describe a private Airflow by environment variables; add them to the process's own.

    Args:
        home: AIRFLOW_HOME; database, logs and the pid file lie here.
        repository: the checkout that holds `dags` and `plugins`.
        port: of the UI on 127.0.0.1, which also serves the tasks.
        parallelism: tasks at once; SQLite locks up above 16.
        retry_delay_s: wait before a failed task is tried again.
        search_path: PATH to put `home/bin` and the interpreter's folder in front of.

    >>> airflow_environment(Path("/h"), Path("/r"), 8081)["AIRFLOW__API__HOST"]
    '127.0.0.1'
    """
    url = f"http://127.0.0.1:{port}"
    options = {
        "core.dags_folder": repository / "dags",
        "core.plugins_folder": repository / "plugins",
        "core.load_examples": False,
        "core.executor": "LocalExecutor",
        "core.parallelism": min(parallelism, 16),
        "core.dags_are_paused_at_creation": False,
        "core.default_task_retry_delay": retry_delay_s,
        "core.simple_auth_manager_all_admins": True,  # no login: only this machine gets in
        "core.execution_api_server_url": f"{url}/execution/",
        "database.sql_alchemy_conn": f"sqlite:///{home.absolute()}/airflow.db",
        "logging.base_log_folder": home / "logs",
        "api.host": "127.0.0.1",  # Airflow's own default is every interface
        "api.port": port,
        "api.base_url": url,
        "api.workers": 1,
        "secrets.backend": SECRETS_BACKEND,
        "dag_processor.refresh_interval": 15,  # 300 s until a new DAG file shows otherwise
    }
    folders = [home / "bin", Path(sys.executable).parent]
    return {
        "AIRFLOW_HOME": str(home),
        "PATH": os.pathsep.join([*map(str, folders), search_path]),
        "PYTHONPATH": os.pathsep.join(str(repository / name) for name in ("include", "plugins")),
        "PYTHONDONTWRITEBYTECODE": "",  # without bytecode every import of Airflow takes 3 s more
    } | {
        "AIRFLOW__{}__{}".format(*name.upper().split(".")): str(value)
        for name, value in options.items()
    }


def start(environment: Mapping[str, str], *, timeout_s: float = START_TIMEOUT_S) -> str:
    """
    Bring `airflow standalone` up and wait until all its parts are healthy; leave a running one be.

    Args:
        environment: the process's own plus `airflow_environment`.
        timeout_s: how long to wait for health.

    Returns:
        The address of the UI: of one that was running, the port it was started with.

    Raises:
        PortTakenError: if another program has the port.
        LocalAirflowError: if it ends or is not healthy in time; it is stopped then.
    """
    home = Path(environment["AIRFLOW_HOME"])
    if running(home) is None:
        refuse_taken_port(int(environment["AIRFLOW__API__PORT"]))
        _spawn(home, environment)
    url = _pid_file(home).read_text().split()[1]
    try:
        wait_until_healthy(url, is_alive=lambda: running(home) is not None, timeout_s=timeout_s)
    except LocalAirflowError as error:
        stop(home)
        raise LocalAirflowError(f"{error}; see {_log(home)}") from None
    return url


def stop(home: Path) -> bool:
    """
    Stop the standalone of *home* with all its children; say whether one was running.

    Standalone forgets its children on SIGTERM, so it gets SIGINT; then its whole process group
    gets SIGTERM and KILL.
    """
    pid = running(home)
    if pid is not None:
        _signal(os.kill, pid, signal.SIGINT)
        if not _gone(pid, INTERRUPT_GRACE_S):
            _signal(os.killpg, pid, signal.SIGTERM)
            _gone(pid, TERMINATE_GRACE_S)
        _signal(os.killpg, pid, signal.SIGKILL)  # children that outlived their parent
    _pid_file(home).unlink(missing_ok=True)
    return pid is not None


def running(home: Path) -> int | None:
    """Give the process id of the standalone of *home*, None if there is none."""
    try:
        pid, _, started = _pid_file(home).read_text().split()
    except (OSError, ValueError):
        return None
    return int(pid) if _started(int(pid)) == started else None


def refuse_running(home: Path) -> None:
    """
    Make sure that no scheduler works on *home*: it would take tasks away from a run of ours.

    Raises:
        LocalAirflowError: if `airflow standalone` is up there.
    """
    if (pid := running(home)) is not None:
        raise LocalAirflowError(
            f"Airflow is running in {home} (process {pid}): stop it first, or trigger the run there"
        )


def refuse_taken_port(port: int) -> None:
    """
    Make sure that *port* of 127.0.0.1 is free.

    Raises:
        PortTakenError: if something listens there.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise PortTakenError(
                f"port {port} of 127.0.0.1 is taken ({error.strerror}): "
                f"stop what listens there, or choose another with --port"
            ) from error


def wait_until_healthy(
    url: str,
    *,
    is_alive: Callable[[], bool] = lambda: True,
    timeout_s: float = START_TIMEOUT_S,
) -> None:
    """
    Wait until the API server at *url* calls every component healthy.

    Raises:
        LocalAirflowError: if *is_alive* says no, or after *timeout_s* seconds.
    """
    end = time.monotonic() + timeout_s
    while unhealthy := _unhealthy(url):
        if not is_alive():
            raise LocalAirflowError("airflow standalone ended while starting")
        if time.monotonic() > end:
            raise LocalAirflowError(f"not healthy after {timeout_s:.0f} s: {', '.join(unhealthy)}")
        time.sleep(0.5)


def expand_conf(argv: Sequence[str], examples: Path) -> list[str]:
    """
    Replace `--conf @FILE` by the JSON of the file, as curl does; Airflow itself knows text only.

    A name without such a file is looked up as `NAME.json` in *examples*.

    Raises:
        UsageError: if there is no such file or it holds no JSON.

    >>> expand_conf(["dags", "trigger", "load", "--conf", "{}"], Path("examples"))
    ['dags', 'trigger', 'load', '--conf', '{}']
    """
    words = list(argv)
    for at, word in enumerate(words):
        if word.startswith("--conf=@"):
            words[at] = "--conf=" + _read_conf(word.removeprefix("--conf=@"), examples)
        elif word.startswith("@") and at > 0 and words[at - 1] in ("--conf", "-c"):
            words[at] = _read_conf(word[1:], examples)
    return words


def main(argv: Sequence[str]) -> None:
    """Become Airflow's own command line, with `--conf @FILE` expanded."""
    try:
        words = expand_conf(argv, Path(__file__).resolve().parents[1] / "examples")
    except UsageError as error:
        raise SystemExit(f"airflow: {error}") from None
    os.execv(sys.executable, [sys.executable, "-m", "airflow", *words])  # noqa: S606 no shell wanted


def _read_conf(name: str, examples: Path) -> str:
    candidates = [Path(name), examples / f"{name}.json"]
    file = next((path for path in candidates if path.is_file()), None)
    if file is None:
        raise UsageError(f"--conf @{name}: neither {candidates[0]} nor {candidates[1]} is a file")
    try:
        return json.dumps(json.loads(file.read_text("utf-8")))
    except ValueError as error:
        raise UsageError(f"--conf @{name}: {file} is not JSON ({error})") from error


def _unhealthy(url: str) -> list[str]:
    """Name the components that are not healthy."""
    try:
        with urllib.request.urlopen(f"{url}/api/v2/monitor/health", timeout=30) as reply:  # noqa: S310 our own http address
            health = json.load(reply)
    except (OSError, ValueError):
        return ["api-server"]
    return [name for name in COMPONENTS if (health.get(name) or {}).get("status") != "healthy"]


def _spawn(home: Path, environment: Mapping[str, str]) -> None:
    _write_shim(home, environment)
    _log(home).parent.mkdir(parents=True, exist_ok=True)
    with _log(home).open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "airflow", "standalone"],
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # its own group, to be stopped as a whole
        )
    url = environment["AIRFLOW__API__BASE_URL"]
    _pid_file(home).write_text(f"{process.pid}\n{url}\n{_started(process.pid)}\n")


def _write_shim(home: Path, environment: Mapping[str, str]) -> None:
    """
    Put an `airflow` into `home/bin`, for people and for standalone itself.

    It knows its environment, so that it works from any shell, and `--conf @FILE`.  Standalone
    starts its parts as `airflow scheduler` and so on; two of these would listen on every interface
    (8793, 8794) to serve logs that here lie on the same disk.
    """
    ours = sorted(key for key in environment if key.startswith(("AIRFLOW", "HITSCANNER", "PYTHON")))
    exports = "".join(f"export {key}={shlex.quote(environment[key])}\n" for key in ours)
    python = shlex.quote(sys.executable)
    shim = home / "bin" / "airflow"
    shim.parent.mkdir(parents=True, exist_ok=True)
    shim.write_text(
        f"#!/bin/sh\n{exports}"
        f'case "$1" in\n'
        f'scheduler | triggerer) exec {python} -m airflow "$@" --skip-serve-logs ;;\n'
        f'*) exec {python} -m hitscanner.local_airflow "$@" ;;\n'
        "esac\n"
    )
    shim.chmod(0o755)


def _pid_file(home: Path) -> Path:
    return home / "standalone.pid"


def _log(home: Path) -> Path:
    return home / "logs" / "standalone.log"


def _signal(send: Callable[[int, int], None], pid: int, number: int) -> None:
    with suppress(ProcessLookupError):
        send(pid, number)


def _gone(pid: int, grace_s: float) -> bool:
    """Wait for a process to end, at most *grace_s* seconds; reap it if it is our child."""
    end = time.monotonic() + grace_s
    while time.monotonic() < end:
        with suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)
        if _started(pid) is None:
            return True
        time.sleep(0.1)
    return False


def _started(pid: int) -> str | None:
    """
    Say when a process was started, in ticks since boot; None if there is none, or a zombie.

    A pid is used again in time, but not with the same start.  The command line would not do:
    a living standalone's was read without its words for a moment.  Source: proc(5), `stat`.
    """
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else fields[19]


if __name__ == "__main__":
    main(sys.argv[1:])
