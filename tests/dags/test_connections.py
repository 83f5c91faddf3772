"""Airflow's connections to hosts: from the inventory, the host's key pinned, no secret in them."""

import json
import shutil
from pathlib import Path

import pytest
from tests.dags.conftest import python
from tests.support.sshd import Sshd, make_key

from hitscanner.domain.inventory import Inventory

pytestmark = [
    pytest.mark.root,
    pytest.mark.skipif(
        shutil.which("sshd", path="/usr/sbin") is None,
        reason="needs a real sshd: apt-get install openssh-server",
    ),
]


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    """Connection id → who we were there, or what Airflow's SSH hook said."""
    home = tmp_path_factory.mktemp("connections")
    make_key(home / "other")
    with Sshd() as sshd:
        (home / "ssh").mkdir()
        shutil.copy(sshd.folder / "client", home / "ssh" / "id_ed25519")
        other = " ".join((home / "other.pub").read_text().split()[:2])
        points = (
            sshd.host(name="good-0001", host_key=sshd.public_key()),
            sshd.host(name="wrong-0001", address="localhost", host_key=other),
            sshd.host(name="print-0001", address="LOCALHOST"),
        )
        (home / "inventory.toml").write_text(Inventory(vantage_points=points).to_toml())
        with pytest.MonkeyPatch.context() as environment:
            environment.setenv("HITSCANNER_HOME", str(home))
            names = [f"hs_{point.name}" for point in points]
            script = str(Path(__file__).with_name("ssh_hooks.py"))
            done = python(home / "airflow", script, *names, "hs_nobody-0001")
    [line] = [line for line in done.stdout.splitlines() if line.startswith("ANSWERS ")]
    return json.loads(line.removeprefix("ANSWERS "))


def test_a_host_of_the_inventory_is_logged_in_to_with_the_deploy_key(answers):
    assert answers["hs_good-0001"] == "root"


def test_a_host_with_another_key_than_the_inventorys_is_refused(answers):
    assert answers["hs_wrong-0001"].startswith("BadHostKeyException: ")


def test_a_host_of_which_only_the_fingerprint_is_known_is_refused(answers):
    """The provider compares whole keys; a fingerprint must not turn into no check at all."""
    assert "not found in known_hosts" in answers["hs_print-0001"]


def test_what_is_no_host_of_ours_has_no_connection(answers):
    assert "isn't defined" in answers["hs_nobody-0001"]
