"""Harbor: its configuration against the template's keys, and the host's steps on a real shell."""

import asyncio
import base64
import json
import os
import subprocess
import threading
from collections.abc import Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from hitscanner.errors import UnfinishedError, UsageError
from hitscanner.infra.harbor_api import HarborApi, HarborError
from hitscanner.infra.ssh import LocalRemote
from hitscanner.platform.harbor import REQUIRED, HarborSite, render_harbor, renewal_hook
from hitscanner.platform.harbor_host import HarborHost, Places
from hitscanner.platform.registry import Credentials, RegistryOffice
from tests.helm.upstream import folder

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="works on a host as root")

NAMES = {"admin": "pass-of-admin", "database": "pass-of-database"}


@pytest.fixture
def site(tmp_path: Path) -> HarborSite:
    for name in ("fullchain.pem", "privkey.pem"):
        (tmp_path / name).write_text(f"first {name}")
    return HarborSite(
        "registry.example.net",
        str(tmp_path / "fullchain.pem"),
        str(tmp_path / "privkey.pem"),
        NAMES["admin"],
        NAMES["database"],
        str(tmp_path / "data"),
    )


class TestConfiguration:
    def test_every_key_is_one_of_the_template_and_none_that_is_needed_is_missing(self, site):
        text = (folder("harbor") / "harbor.yml.tmpl").read_text()
        template, ours = yaml.safe_load(text), yaml.safe_load(render_harbor(site))

        assert [path for path in paths(ours) if not has(template, path)] == []
        assert [path for path in REQUIRED if not has(ours, path)] == []
        assert ours["_version"] == template["_version"]

    def test_what_is_needed_is_there(self, site):
        ours = yaml.safe_load(render_harbor(site))

        assert [path for path in REQUIRED if not has(ours, path)] == []
        assert ours["https"]["port"] == 443
        assert ours["log"]["level"] in {"debug", "info", "warning", "error", "fatal"}

    def test_the_data_volume_is_one_plain_line_for_harbors_own_search(self, site):
        lines = [line for line in render_harbor(site).splitlines() if "data_volume:" in line]

        assert lines == [f"data_volume: {site.data_volume}"]

    def test_a_password_with_every_sign_survives(self, site):
        odd = replace(site, admin_password='a: "b" #c \\ \' {{ x }} %')

        assert yaml.safe_load(render_harbor(odd))["harbor_admin_password"] == odd.admin_password

    @pytest.mark.parametrize(
        ("changed", "said"),
        [
            ({"registry": "localhost:5000"}, "other hosts must find it"),
            ({"registry": "reg.mydomain.com"}, "other hosts must find it"),
            ({"private_key": "/your/private/key/path"}, "no certificate of this site"),
            ({"certificate": "fullchain.pem"}, "absolute path"),
            ({"admin_password": "Harbor12345"}, "known default"),
            ({"database_password": "root123"}, "known default"),
            ({"data_volume": "/data and more"}, "plain absolute path"),
        ],
    )
    def test_what_harbor_takes_and_fails_at_later_is_refused(self, site, changed, said):
        with pytest.raises(UsageError, match=said):
            render_harbor(replace(site, **changed))


def test_a_renewed_certificate_reaches_nginx_and_an_unchanged_one_restarts_nothing(site, tmp_path):
    harbor = stand_in(tmp_path)
    served = Path(site.data_volume, "secret", "cert")
    served.mkdir(parents=True)
    hook = tmp_path / "hook"
    hook.write_text(renewal_hook(site, str(harbor.folder)))

    run(hook, tmp_path)
    run(hook, tmp_path)
    Path(site.certificate).write_text("second fullchain.pem")
    run(hook, tmp_path)

    assert (served / "server.crt").read_text() == "second fullchain.pem"
    assert (served / "server.key").stat().st_mode & 0o777 == 0o600
    restarts = (tmp_path / "docker.log").read_text().splitlines()
    assert restarts == [f"{harbor.folder}: compose restart proxy"] * 2


class TestHost:
    def test_the_first_run_installs_and_the_second_changes_nothing(self, site, tmp_path, on_path):
        host = harbor_host(site, tmp_path)
        planned = asyncio.run(host.plan())
        first, second = asyncio.run(host.apply()), asyncio.run(host.apply())

        assert len(planned) == 2
        assert [line.split()[0] for line in first] == ["installed", "wrote"]
        assert second == asyncio.run(host.plan()) == []
        assert (tmp_path / "installs").read_text() == "installed\n"
        config = Path(host.places.folder, "harbor.yml")
        assert config.stat().st_mode & 0o777 == 0o600
        assert yaml.safe_load(config.read_text())["harbor_admin_password"] == asyncio.run(
            host.admin_password()
        )

    def test_a_plan_leaves_nothing_behind_and_says_no_password(self, site, tmp_path, on_path):
        host = harbor_host(site, tmp_path)
        said = asyncio.run(host.plan())

        assert not Path(host.places.secrets).exists()
        assert not Path(host.places.folder, "harbor.yml").exists()
        assert not any(word in " ".join(said) for word in NAMES.values())

    def test_an_installation_that_was_cut_is_done_again_with_the_same_passwords(
        self, site, tmp_path, on_path
    ):
        host = harbor_host(site, tmp_path)
        installer = Path(host.places.folder, "install.sh")
        good = installer.read_text()
        installer.write_text("#!/bin/sh\necho no space left on device >&2\nexit 1\n")
        with pytest.raises(UnfinishedError, match="no space left on device"):
            asyncio.run(host.apply())
        password = asyncio.run(host.admin_password())
        installer.write_text(good)

        assert asyncio.run(host.apply())[0].startswith("installed")
        assert asyncio.run(host.admin_password()) == password

    def test_an_old_docker_is_refused_before_anything_is_made(self, site, tmp_path, on_path):
        (tmp_path / "bin" / "docker").write_text("#!/bin/sh\necho 19.03.8\n")
        host = harbor_host(site, tmp_path)

        with pytest.raises(UsageError, match=r"Docker is 19\.03\.8; Harbor needs 20\.10"):
            asyncio.run(host.apply())
        assert not Path(host.places.secrets).exists()

    def test_without_an_installer_it_says_where_to_get_one(self, site, tmp_path, on_path):
        host = harbor_host(site, tmp_path)
        Path(host.places.folder, "install.sh").unlink()

        with pytest.raises(UsageError, match=r"github\.com/goharbor/harbor/releases"):
            asyncio.run(host.apply())

    def test_the_offline_installer_of_the_bundle_is_unpacked(self, site, tmp_path, on_path):
        host = harbor_host(site, tmp_path)
        archive = tmp_path / "harbor-offline-installer-v2.15.2.tgz"
        subprocess.run(
            ["tar", "-czf", archive, "-C", tmp_path, Path(host.places.folder).name], check=True
        )
        new = replace(
            host, installer=archive, places=replace(host.places, folder=f"{tmp_path}/new")
        )

        assert asyncio.run(new.apply())[0] == "unpacked harbor-offline-installer-v2.15.2.tgz"


class TestRegistry:
    def test_project_accounts_retention_and_garbage_are_made_once(
        self, site, tmp_path, on_path, harbor
    ):
        office = registry_office(site, tmp_path, harbor)
        first, second = office.apply(), office.apply()

        assert [line.split()[0] for line in first[2:]] == [
            "made",
            "made",
            "made",
            "keep",
            "collect",
        ]
        assert second == []
        assert harbor.state["projects"][0]["metadata"]["public"] == "false"
        rights = {r["name"]: r["actions"] for r in harbor.state["robots"]}
        assert rights == {
            "robot$hitscanner+push": ["pull", "push"],
            "robot$hitscanner+pull": ["pull"],
        }
        assert harbor.state["gc"]["parameters"]["delete_untagged"] is True

    def test_the_accounts_files_are_nobody_elses_and_of_the_form_that_is_read(
        self, site, tmp_path, on_path, harbor
    ):
        office = registry_office(site, tmp_path, harbor)
        office.apply()

        for file in (office.credentials.push, office.credentials.pull):
            assert file.stat().st_mode & 0o777 == 0o600
        auths = json.loads(office.credentials.push.read_text())["auths"]
        assert list(auths) == ["registry.example.net"]
        assert office.credentials.pull.read_text() == "robot$hitscanner+pull:secret-of-2-0\n"

    def test_a_lost_file_renews_that_account_alone(self, site, tmp_path, on_path, harbor):
        office = registry_office(site, tmp_path, harbor)
        office.apply()
        office.credentials.pull.unlink()

        assert office.apply() == ["made the account that pulls"]
        assert office.credentials.pull.read_text() == "robot$hitscanner+pull:secret-of-2-1\n"
        assert len(harbor.state["robots"]) == 2

    def test_an_unhealthy_harbor_is_named_by_its_parts(self, site, tmp_path, on_path, harbor):
        harbor.state["ill"] = ["database"]

        with pytest.raises(HarborError, match="not healthy: database"):
            registry_office(site, tmp_path, harbor).apply()

    def test_a_public_project_is_not_filled(self, site, tmp_path, on_path, harbor):
        project = {"name": "hitscanner", "project_id": 7, "metadata": {"public": "true"}}
        harbor.state["projects"].append(project)

        with pytest.raises(HarborError, match="hitscanner is public"):
            registry_office(site, tmp_path, harbor).apply()

    def test_a_wrong_password_is_said_and_not_shown(self, harbor):
        with pytest.raises(HarborError, match="401") as refusal:
            HarborApi(harbor.url, "wrong-password").ensure_project("hitscanner")

        assert "wrong-password" not in str(refusal.value)


def paths(item: Any, path: str = "") -> Iterator[str]:
    if isinstance(item, dict):
        for key, sub in item.items():
            yield from paths(sub, f"{path}.{key}".lstrip("."))
    else:
        yield path


def has(item: Any, path: str) -> bool:
    for key in path.split("."):
        if not isinstance(item, dict) or key not in item:
            return False
        item = item[key]
    return True


def stand_in(tmp_path: Path) -> Places:
    """Make an installer that does as Harbor's: reads harbor.yml, copies the certificate, starts."""
    harbor = tmp_path / "harbor"
    harbor.mkdir()
    installer = harbor / "install.sh"
    installer.write_text(
        "#!/bin/sh\nset -e\n[ -f harbor.yml ]\n"
        "data=$(sed -n 's/^data_volume: //p' harbor.yml)\n"
        'mkdir -p "$data/secret/cert"\n'
        f"echo installed >>{tmp_path}/installs\n"
    )
    installer.chmod(0o755)
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "docker").write_text(
        "#!/bin/sh\n"
        'case "$*" in version*) echo 26.1.5+dfsg1 ;; "compose version"*) echo 2.26.1 ;;\n'
        f'*) echo "$(pwd): $*" >>{tmp_path}/docker.log ;; esac\n'
    )
    (programs / "docker").chmod(0o755)
    return Places(str(harbor), str(tmp_path / "secrets"), str(tmp_path / "hooks"))


@pytest.fixture
def on_path(tmp_path: Path) -> Places:
    """Make the stand-ins that `PathRemote` finds before this machine's own programs."""
    return stand_in(tmp_path)


class PathRemote(LocalRemote):
    """This machine, with the stand-ins before its own programs."""

    def __init__(self, programs: Path) -> None:
        super().__init__("registry")
        self.programs = programs

    async def run(self, script: str, *, stdin: bytes = b"", timeout_s: float = 60.0) -> Any:
        prefix = f"PATH={self.programs}:$PATH\n"
        return await super().run(prefix + script, stdin=stdin, timeout_s=timeout_s)


def harbor_host(site: HarborSite, tmp_path: Path) -> HarborHost:
    places = Places(f"{tmp_path}/harbor", f"{tmp_path}/secrets", f"{tmp_path}/hooks")
    return HarborHost(PathRemote(tmp_path / "bin"), site, places)


def registry_office(site: HarborSite, tmp_path: Path, harbor: "Harbor") -> RegistryOffice:
    host = harbor_host(site, tmp_path)

    @asynccontextmanager
    async def open_host() -> Any:
        yield host.remote

    def open_api(password: str) -> HarborApi:
        harbor.password = password
        return HarborApi(harbor.url, password)

    files = Credentials(site.registry, tmp_path / "push.json", tmp_path / "pull.txt")
    return RegistryOffice(open_host, site, files, open_api, None, host.places)


def run(hook: Path, tmp_path: Path) -> None:
    path = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
    subprocess.run(["sh", str(hook)], env={"PATH": path}, check=True, timeout=60)


class Harbor(HTTPServer):
    """Harbor's API as far as its documentation says what we ask."""

    password: str = ""
    state: dict[str, Any]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Answers(BaseHTTPRequestHandler):
    server: Harbor

    def do_GET(self) -> None:
        state, path = self.server.state, self.path.removeprefix("/api/v2.0")
        if path == "/health":
            parts = [{"name": n, "status": "healthy"} for n in ("core", "registry")]
            parts += [{"name": n, "status": "unhealthy"} for n in state["ill"]]
            health = "unhealthy" if state["ill"] else "healthy"
            self._answer(200, {"status": health, "components": parts})
        elif not self._is_admin():
            self._answer(401, {"errors": [{"code": "UNAUTHORIZED"}]})
        elif path.startswith("/projects?"):
            self._answer(200, state["projects"])
        elif path.startswith("/projects/"):
            self._answer(200, state["projects"][0])
        elif path.startswith("/robots?"):
            self._answer(200, state["robots"])
        else:
            self._answer(200, state["gc"])

    def do_POST(self) -> None:
        state, path = self.server.state, self.path.removeprefix("/api/v2.0")
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if path == "/projects":
            metadata = dict(body["metadata"])
            project = {"name": body["project_name"], "project_id": 7, "metadata": metadata}
            state["projects"].append(project)
            self._answer(201, None)
        elif path == "/robots":
            number = len(state["robots"]) + 1
            full = f"robot${body['permissions'][0]['namespace']}+{body['name']}"
            access = [item["action"] for item in body["permissions"][0]["access"]]
            state["robots"].append({"id": number, "name": full, "actions": access, "renewed": 0})
            self._answer(201, {"name": full, "secret": f"secret-of-{number}-0"})
        elif path == "/retentions":
            assert body["scope"] == {"level": "project", "ref": 7}
            state["projects"][0]["metadata"]["retention_id"] = "1"
            self._answer(201, None)
        else:
            state["gc"] = body
            self._answer(201, None)

    def do_PATCH(self) -> None:
        number = int(self.path.rsplit("/", 1)[-1])
        self.rfile.read(int(self.headers["Content-Length"]))
        robot = self.server.state["robots"][number - 1]
        robot["renewed"] += 1
        self._answer(200, {"secret": f"secret-of-{number}-{robot['renewed']}"})

    def _is_admin(self) -> bool:
        wanted = base64.b64encode(f"admin:{self.server.password}".encode()).decode()
        return self.headers["Authorization"] == f"Basic {wanted}"

    def _answer(self, status: int, body: object) -> None:
        data = b"" if body is None else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Stay silent."""


@pytest.fixture
def harbor() -> Iterator[Harbor]:
    server = Harbor(("127.0.0.1", 0), Answers)
    server.state = {"projects": [], "robots": [], "gc": {}, "ill": []}
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()
