"""
Airflow's connections to the hosts come from the inventory: `hs_NAME`, the host's key pinned.

Airflow asks its secrets backends in order; `hitscanner.local_airflow` names this one.  It gives
the path of the deploy key, never the key, so that no secret of the fleet gets into Airflow.  Read
anew at each question: a host added to the inventory has its connection at once.
"""

import json
from typing import Any

from airflow.secrets import BaseSecretsBackend

from hitscanner.domain.hosts import Server, VantagePoint
from hitscanner.domain.inventory import parse_inventory
from hitscanner.settings import Settings

PREFIX = "hs_"
"""Connections of hosts are `hs_us-0001` and so on, unlike any that people make."""

CONNECT_TIMEOUT_S = 10

COMMAND_TIMEOUT_S = 60
"""The SSH provider's own default of 10 s ends commands that only wait for a disk."""


class InventoryConnections(BaseSecretsBackend):
    """Gives the SSH connection of every host of the inventory, and nothing else."""

    def get_conn_value(self, conn_id: str, team_name: str | None = None) -> str | None:
        """Give the connection as JSON; None for a name that is no host of ours."""
        if not conn_id.startswith(PREFIX):
            return None
        settings = Settings.from_environment()
        if not settings.inventory.is_file():
            return None
        inventory = parse_inventory(settings.inventory.read_text("utf-8"), str(settings.inventory))
        named: dict[str, VantagePoint | Server] = {vp.name: vp for vp in inventory.vantage_points}
        if inventory.server:
            named[inventory.server.name] = inventory.server
        host = named.get(conn_id.removeprefix(PREFIX))
        return None if host is None or not host.address else render(host, str(settings.ssh_key))

    def get_variable(self, key: str, team_name: str | None = None) -> str | None:
        """Give nothing: the fleet has no variables."""
        return None


def render(host: VantagePoint | Server, key_file: str) -> str:
    """
    Write a host's connection for the SSH provider.

    A fingerprint cannot be pinned by the provider, which compares whole keys; such a host's
    connection has no key, and the provider refuses it unless known_hosts knows the host.

    >>> vp = VantagePoint(name="us-0001", address="192.0.2.10", host_key="SHA256:" + "A" * 43)
    >>> connection = json.loads(render(vp, "/srv/hs/ssh/id_ed25519"))
    >>> connection["host"], connection["extra"]["no_host_key_check"]
    ('192.0.2.10', False)
    """
    extra: dict[str, Any] = {
        "key_file": key_file,
        "look_for_keys": False,
        "conn_timeout": CONNECT_TIMEOUT_S,
        "cmd_timeout": COMMAND_TIMEOUT_S,
        "no_host_key_check": False,
        "allow_host_key_change": False,
    }
    if host.host_key and not host.host_key.startswith("SHA256:"):
        extra["host_key"] = " ".join(host.host_key.split()[:2])
    return json.dumps(
        {
            "conn_type": "ssh",
            "host": host.address,
            "login": host.user,
            "port": host.port,
            "description": f"{host.name}, from the inventory",
            "extra": extra,
        }
    )
