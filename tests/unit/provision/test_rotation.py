"""A host's certificates and wishes → refusals, warnings and changes; data in rotation/*.json."""

import asyncio
import json
import subprocess
import tarfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from hitscanner.infra.ssh import LocalRemote
from hitscanner.provision import certificates
from hitscanner.provision.certificates import Certificate, Certificates
from hitscanner.provision.facts import UnitFact
from hitscanner.provision.facts_parse import GatherError
from hitscanner.provision.model import HostPlan
from hitscanner.provision.rotation import BACKUP, BACKUPS, IS_WHOLE, Wish, plan_rotation, trouble
from tests.unit.provision.hosts import bare, desired

NOW = datetime(2026, 11, 23, 3, tzinfo=UTC)
CASES = sorted((Path(__file__).parent / "rotation").glob("*.json"))


def ending(days: dict[str, int], *, is_ca: bool = False) -> dict[str, Certificate]:
    return {
        name: Certificate(serial=f"{number:X}", ends_at=NOW + timedelta(days=left), is_ca=is_ca)
        for number, (name, left) in enumerate(days.items(), start=10)
    }


def load(path: Path) -> tuple[dict[str, Any], HostPlan]:
    case = json.loads(path.read_text())
    role = case.get("role", "agent")
    name = "us-0001" if role == "agent" else "centre"
    cluster = case.get("cluster", {"is_up": True, "nodes": [{"name": name, "is_ready": True}]})
    wanted = desired(role, cluster=cluster)
    state = case.get("unit", "active")
    units = {wanted.unit: UnitFact(active=state, loaded="loaded")} if state else {}
    files = ending(case["files"]) | ending(case.get("cas", {}), is_ca=True)
    seen = Certificates(
        files=files,
        endpoints=ending(case.get("ports", {})),
        busy=case.get("busy", 0),
        is_under_way=case.get("is_under_way", False),
    )
    wish = Wish(**case.get("wish", {}))
    return case, plan_rotation(wanted, bare(units=units), seen, wish, NOW)


@pytest.mark.parametrize("path", CASES, ids=[path.stem for path in CASES])
def test_certificates_give_the_exact_changes(path: Path) -> None:
    case, plan = load(path)

    assert case.get("refusals", []) == [refusal.cause for refusal in plan.refusals]
    assert tuple(case.get("warnings", [])) == plan.warnings
    if "changes" in case:
        assert case["changes"] == [f"{change.phase}: {change.says}" for change in plan.changes]
    lines = [line.strip() for c in plan.changes for line in c.describe().splitlines()]
    lines = [line.removeprefix("$ ") for line in lines]
    for command in case.get("commands", []):
        if command.startswith("!"):
            assert not any(command[1:] in line for line in lines)
        else:
            assert command in lines


@pytest.mark.parametrize("path", CASES, ids=[path.stem for path in CASES])
def test_every_refusal_of_a_rotation_says_what_and_what_to_do(path: Path) -> None:
    _, plan = load(path)

    assert all(refusal.says and refusal.remedy for refusal in plan.refusals)


def shown(**days: int) -> Certificates:
    return Certificates(endpoints=ending({name.removeprefix("p"): n for name, n in days.items()}))


def test_with_new_keys_an_old_serial_is_trouble_however_long_it_is_good() -> None:
    far = shown(p10250=300)

    assert trouble(far, far, Wish(), NOW) == ""
    assert "still shows serial A" in trouble(far, far, Wish(new_keys=True), NOW)


def test_who_waited_for_anothers_renewal_may_have_seen_the_new_serial_already() -> None:
    far = shown(p10250=300).model_copy(update={"is_under_way": True})

    assert trouble(far, far, Wish(new_keys=True), NOW) == ""


def test_a_file_that_k3s_did_not_renew_is_trouble() -> None:
    left = Certificates(files=ending({"/var/lib/rancher/k3s/agent/x.crt": 30}))

    assert trouble(shown(), left, Wish(), NOW) == "agent/x.crt was not renewed"


def pem(days: int, *, is_ca: bool = False) -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    builder = x509.CertificateBuilder(name, name, key.public_key(), 0xAB12)
    builder = builder.not_valid_before(NOW - timedelta(days=30))
    builder = builder.not_valid_after(NOW + timedelta(days=days))
    if is_ca:
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
    made = builder.sign(key, hashes.SHA256())
    return made.public_bytes(serialization.Encoding.PEM).decode()


def test_the_first_certificate_of_a_chain_counts_and_garbage_is_passed_over() -> None:
    text = (
        f"@@ files\n== /a/leaf.crt\n{pem(9)}{pem(900, is_ca=True)}== /a/ca.crt\n"
        f"{pem(900, is_ca=True)}== /a/broken.crt\nnothing\n"
        f"@@ endpoints\n== 6443\n== 10250\n{pem(10)}@@ busy\n0\n@@ job\ninactive\n@@ end\n"
    )

    seen = certificates.parse("us-0001", text)

    assert {path: found.is_ca for path, found in seen.files.items()} == {
        "/a/leaf.crt": False,
        "/a/ca.crt": True,
    }
    assert seen.endpoints.keys() == {"10250"}
    assert seen.endpoints["10250"].serial == "AB12"
    assert list(seen.due(NOW)) == ["/a/leaf.crt", "port 10250"]
    assert not seen.is_under_way


def test_an_answer_without_its_end_is_not_believed() -> None:
    with pytest.raises(GatherError, match="us-0001: the look at its certificates broke off"):
        certificates.parse("us-0001", "@@ files\n")


def test_a_machine_without_k3s_has_no_certificates() -> None:
    seen = asyncio.run(certificates.look(LocalRemote("here")))

    assert (seen.files, seen.busy, seen.is_under_way) == ({}, 0, False)


def test_the_copy_is_whole_for_root_alone_and_the_newest_five_stay(tmp_path: Path) -> None:
    server, kept = tmp_path / "server", tmp_path / "backups"
    (server / "tls").mkdir(parents=True)
    (server / "cred").mkdir()
    for name in ("tls/server-ca.key", "cred/passwd", "token"):
        (server / name).write_text("secret")
    kept.mkdir()
    for day in range(10, 16):
        (kept / f"certificates-202611{day}T030000Z.tar").write_text("older")
    (kept / "certificates-20261101T030000Z.tar.new").write_text("of a run that was cut")

    for script in (BACKUP, IS_WHOLE):
        here = script.replace(BACKUPS, str(kept)).replace(
            "/var/lib/rancher/k3s/server", str(server)
        )
        subprocess.run(["sh", "-c", here], check=True, timeout=60)

    found = sorted(kept.iterdir())
    assert len(found) == 5
    assert found[0].name == "certificates-20261112T030000Z.tar"
    assert found[-1].stat().st_mode & 0o777 == 0o600
    assert kept.stat().st_mode & 0o777 == 0o700
    with tarfile.open(found[-1]) as tar:
        assert {"tls/server-ca.key", "cred/passwd", "token"} <= set(tar.getnames())
