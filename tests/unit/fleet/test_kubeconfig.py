"""The server's kubeconfig comes home readable by us alone, and certificates are read from text."""

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from hitscanner.domain.inventory import parse_inventory
from hitscanner.fleet.certificates import parse
from hitscanner.fleet.kubeconfig import NoRemoteKubeconfigError, fetch_kubeconfig
from hitscanner.provision.operations import Site

NOW = datetime(2026, 11, 23, tzinfo=UTC)
REMOTE = b"    server: https://127.0.0.1:6443\n"


class OneFile:
    """A host that has one file, or none."""

    name = "centre"

    def __init__(self, content):
        self.content = content

    async def get(self, path):
        return self.content


def site(tmp_path, content, transport="ssh"):
    @asynccontextmanager
    async def opened(name):
        yield OneFile(content)

    key = "SHA256:" + "A" * 43
    where = f'address = "100.67.83.2"\nhost_key = "{key}"' if transport == "ssh" else ""
    text = f'[server]\nname = "centre"\ntransport = "{transport}"\n{where}\n'
    return Site(parse_inventory(text, "inventory.toml"), opened, tmp_path, tmp_path)


def fetch(tmp_path, content, transport="ssh"):
    to = tmp_path / "cluster" / "kubeconfig"
    said = asyncio.run(fetch_kubeconfig(site(tmp_path, content, transport), "centre", to))
    return said, to


def test_the_kubeconfig_names_the_servers_address_and_is_ours_alone(tmp_path):
    said, to = fetch(tmp_path, REMOTE)

    assert said == [f"kubeconfig: {to}"]
    assert to.read_text() == "    server: https://100.67.83.2:6443\n"
    assert to.stat().st_mode & 0o777 == 0o600
    assert to.parent.stat().st_mode & 0o777 == 0o700


def test_the_same_kubeconfig_is_not_written_again(tmp_path):
    _, to = fetch(tmp_path, REMOTE)
    before = to.stat().st_mtime_ns
    said, _ = fetch(tmp_path, REMOTE)

    assert said == []
    assert to.stat().st_mtime_ns == before


def test_a_server_on_this_machine_is_reached_over_loopback(tmp_path):
    _, to = fetch(tmp_path, REMOTE, transport="local")

    assert to.read_bytes() == REMOTE


def test_a_server_without_kubeconfig_is_told_apart(tmp_path):
    with pytest.raises(NoRemoteKubeconfigError, match="is missing; see journalctl"):
        fetch(tmp_path, None)


def certificate(days):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "system:node:us-0001")])
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(NOW - timedelta(days=1))
    made = builder.not_valid_after(NOW + timedelta(days=days)).sign(key, hashes.SHA256())
    return made.public_bytes(serialization.Encoding.PEM).decode()


def test_the_first_certificate_of_each_file_is_read_and_garbage_left_out():
    text = f"== /a/leaf.crt\n{certificate(20)}{certificate(3000)}== /a/odd.crt\nno PEM\n"

    assert parse(text) == {"/a/leaf.crt": NOW + timedelta(days=20)}
