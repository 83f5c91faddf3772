"""Bad input ends in one line that names cause and remedy, exit code 1, nothing sent or written."""

import json
import socket
import subprocess

import pytest

from hitscanner.rehearsal import Rehearsal, prepare
from hitscanner.settings import Settings
from tests.unit.pipeline.conftest import tree

from .conftest import Installation


@pytest.fixture
def ready(tmp_path):
    """An installation whose inventory, lists and drives are prepared; nothing runs."""
    prepare(Settings(tmp_path / "home"), Rehearsal(routers=100, targets=50))
    return Installation(tmp_path / "home")


def refusal(ended):
    """The one line on standard error."""
    assert ended.code == 1, ended.err
    [line] = ended.err.strip().splitlines()
    assert line.startswith("hitscanner: ")
    return line


BAD_CONF = {
    "unknown key": ({"ppz": 7}, 'unknown key "ppz"; there are attempts'),
    "unknown vantage point": (
        {"list": "demo", "vantage_points": ["us-0002"]},
        'no vantage point has the name or tag "us-0002"; did you mean us-0001?',
    ),
    "malformed address": ({"targets": ["192.0.2.300"]}, '"192.0.2.300"'),
    "empty list of targets": ({"targets": []}, "no target in it"),
    "unknown list": ({"list": "dmeo"}, "there is no list 'dmeo'"),
    "reserved space": ({"targets": ["10.0.0.1"]}, "write !allow_reserved into the list"),
}


@pytest.mark.parametrize(("conf", "words"), BAD_CONF.values(), ids=BAD_CONF.keys())
def test_bad_parameters_are_refused_by_name_before_anything_starts(ready, conf, words):
    before = tree(ready.home)

    assert words in refusal(ready.hitscanner("run", "traceroute", "--conf", json.dumps(conf)))
    assert before == tree(ready.home)


def test_an_empty_list_file_is_refused(ready):
    (ready.home / "lists" / "nobody.txt").write_text("# nothing yet\n")

    line = refusal(ready.hitscanner("run", "traceroute", "--conf", '{"list": "nobody"}'))
    assert "list nobody: no target in it" in line


def test_a_list_of_do_not_probe_prefixes_only_is_refused(ready):
    (ready.home / "lists" / "do-not-probe.txt").write_text("100.64.0.0/10\nfd00::/8\n")

    line = refusal(ready.hitscanner("run", "traceroute", "--conf", '{"list": "demo"}'))
    assert "targets are excluded" in line
    assert "choose other targets" in line


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "there is no do-not-probe list, nothing is sent; create it"),
        ("", "the do-not-probe list is empty, nothing is sent"),
        ("192.0.2.0/24\nnot a prefix\n", 'line 2: "not a prefix"'),
    ],
    ids=["missing", "empty", "unparsable"],
)
def test_without_a_sound_do_not_probe_list_nothing_is_sent(ready, text, words):
    file = ready.home / "lists" / "do-not-probe.txt"
    file.unlink()
    if text is not None:
        file.write_text(text)
    before = tree(ready.home)

    assert words in refusal(ready.hitscanner("run", "traceroute", "--conf", '{"list": "demo"}'))
    assert before == tree(ready.home)


def test_conf_that_is_not_json_is_refused(ready):
    assert "--conf is not JSON" in refusal(ready.hitscanner("plan", "traceroute", "--conf", "{"))


def test_a_conf_file_that_is_not_there_is_named(ready):
    line = refusal(ready.hitscanner("plan", "traceroute", "--conf", "@nowhere.json"))
    assert "there is no file nowhere.json" in line


@pytest.mark.root
def test_a_full_disk_is_refused_before_anything_is_sent(ready, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", disk], check=True)
    try:
        subprocess.run(["cp", "-r", f"{ready.home}/.", disk], check=True)
        ended = Installation(disk).hitscanner("run", "traceroute", "--conf", '{"list": "demo"}')
        left = [path for path in tree(disk) if path.startswith("store/")]
    finally:
        subprocess.run(["umount", disk], check=True)

    assert "MB free" in refusal(ended)
    assert "free some space or set HITSCANNER_HOME" in refusal(ended)
    assert left == []


@pytest.mark.root
def test_without_scamper_the_run_is_refused(ready):
    """A mount namespace of its own, in which the program is hidden behind an empty file."""
    hidden = (
        'for f in $(type -ap scamper); do mount --bind /dev/null "$f"; done;'
        ' exec .venv/bin/hitscanner run traceroute --conf \'{"list": "demo"}\''
    )
    ended = ready.run("unshare", "--mount", "bash", "-c", hidden)

    assert "there is no scamper here; apt-get install scamper" in refusal(ended)


@pytest.mark.root
def test_without_root_the_run_is_refused(ready):
    """In a user namespace without a mapping we are nobody, and still own our files."""
    ended = ready.run(
        *("unshare", "--user", ".venv/bin/hitscanner", "run", "traceroute"),
        *("--conf", '{"list": "demo"}'),
    )

    assert "needs root; run it with sudo" in refusal(ended)


def test_a_taken_port_is_refused_with_the_remedy(ready):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        line = refusal(ready.hitscanner("local", "--port", str(port)))
    status = ready.hitscanner(
        *("simulator", "status", "--state-dir", str(ready.home / "simulator"), "--json")
    )

    assert f"{port}" in line
    assert "--port" in line
    assert status.result["state"] == "down"
