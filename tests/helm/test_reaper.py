"""The script that deletes forgotten Jobs, against a server that answers like the API's."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests.helm.rendering import HELM

SCRIPT = HELM / "hitscanner" / "files" / "reaper.py"


class Jobs(HTTPServer):
    """Jobs by name and age in hours; what was deleted, and what else was asked."""

    ages: dict[str, float]
    deleted: list[str]
    asked: list[tuple[str, str, object]]


class Answers(BaseHTTPRequestHandler):
    server: Jobs

    def do_GET(self) -> None:
        now = datetime.now(UTC)
        items = [
            {"metadata": {"name": name, "creationTimestamp": stamp(now - timedelta(hours=hours))}}
            for name, hours in self.server.ages.items()
        ]
        self._answer(200, {"items": items}, None)

    def do_DELETE(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        name = self.path.rsplit("/", 1)[-1]
        self._answer(404 if name == "gone" else 200, {}, body)
        if name != "gone":
            self.server.deleted.append(name)

    def _answer(self, status: int, body: object, asked: object) -> None:
        self.server.asked.append((self.path, self.headers["Authorization"], asked))
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *_: object) -> None:
        """Stay silent."""


def stamp(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.fixture
def api() -> Iterator[Jobs]:
    server = Jobs(("127.0.0.1", 0), Answers)
    server.ages, server.deleted, server.asked = {}, [], []
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def reap(api: Jobs, folder: Path, hours: str = "192") -> str:
    """Run the script as the pod does, but over plain HTTP and with its account in a folder."""
    (folder / "token").write_text("sesame\n")
    program = f"""
import runpy, sys, pathlib, ssl, urllib.request
plain = urllib.request.Request
urllib.request.Request = lambda url, **more: plain(url.replace("https:", "http:"), **more)
ssl.create_default_context = lambda cafile: None
sys.argv = ["reaper.py", "hitscanner", {hours!r}]
text = pathlib.Path({str(SCRIPT)!r}).read_text()
text = text.replace("/var/run/secrets/kubernetes.io/serviceaccount", {str(folder)!r})
exec(compile(text, "reaper.py", "exec"), {{"__name__": "__main__"}})
"""
    environment = {
        "KUBERNETES_SERVICE_HOST": "127.0.0.1",
        "KUBERNETES_SERVICE_PORT": str(api.server_port),
    }
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_only_jobs_older_than_any_cycle_are_deleted_with_their_pods(api, tmp_path):
    api.ages = {"young": 1, "old": 193, "older": 1000, "nearly": 191}

    said = reap(api, tmp_path)

    assert api.deleted == ["older", "old"]
    assert said.splitlines()[-1] == "4 jobs seen, 2 deleted"
    path, authorization, body = api.asked[-1]
    assert path == "/apis/batch/v1/namespaces/hitscanner/jobs/old"
    assert authorization == "Bearer sesame"
    assert body["propagationPolicy"] == "Background"


def test_a_job_that_somebody_else_deleted_meanwhile_is_no_error(api, tmp_path):
    api.ages = {"gone": 500, "old": 400}

    said = reap(api, tmp_path)

    assert api.deleted == ["old"]
    assert said.splitlines()[-1] == "2 jobs seen, 2 deleted"


def test_an_empty_namespace_is_left_as_it_is(api, tmp_path):
    assert reap(api, tmp_path) == "0 jobs seen, 0 deleted\n"
