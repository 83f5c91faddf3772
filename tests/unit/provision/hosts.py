"""Hosts that are as they should be, to be spoilt by tests."""

import json
from pathlib import Path
from typing import Any

from hitscanner.domain.platform import Platform
from hitscanner.provision.bundle import Bundle, BundleFile
from hitscanner.provision.desired import Desired, Registry
from hitscanner.provision.facts import ClusterFacts, Facts, FileFact, UnitFact
from hitscanner.provision.model import Change, JoinToken, Put, Start, Upload
from hitscanner.provision.phases.files import digest
from hitscanner.provision.plan import plan_host

HERE = Path(__file__).parent
SUM = "5e" * 32
BUNDLE = Bundle(
    {
        "k3s-amd64": BundleFile(Path("bundle/k3s-amd64"), SUM, SUM),
        "images/scanner.tar": BundleFile(Path("bundle/images/scanner.tar"), SUM, SUM),
    }
)
SERVER = "192.0.2.1"


def bare(**changes: Any) -> Facts:
    """A Debian 12 as its owner hands it over: sshd, a time service, nothing of ours."""
    base = json.loads((HERE / "bare.json").read_text())
    return Facts.model_validate(base | changes)


def desired(role: str = "agent", **changes: Any) -> Desired:
    """What the inventory wants of us-0001 or of the server; `platform` may be a table."""
    name = "us-0001" if role == "agent" else "centre"
    values: dict[str, Any] = {
        "name": name,
        "role": role,
        "server_address": SERVER,
        "address": "192.0.2.10" if role == "agent" else SERVER,
        "peers": (SERVER, "192.0.2.10"),
        "bundle": BUNDLE,
        "cluster": ClusterFacts(is_up=True),
        "labels": {"hitscanner/role": "vantage-point", "hitscanner/vantage-point": name},
    }
    values |= changes
    if isinstance(values.get("platform"), dict):
        values["platform"] = Platform.model_validate(values["platform"])
    if isinstance(values.get("cluster"), dict):
        values["cluster"] = ClusterFacts.model_validate(values["cluster"])
    if isinstance(values.get("registry"), dict):
        values["registry"] = _registry(values["registry"])
    for key in ("kubelet_args", "peers"):
        values[key] = tuple(values.get(key, ()))
    return Desired(**values)


def _registry(table: dict[str, Any]) -> Registry:
    auth = table.get("auth")
    return Registry(table["name"], table["ca"].encode(), tuple(auth) if auth else None)


def after(wanted: Desired, facts: Facts) -> Facts:
    """The host as an application of its plan leaves it, by what the changes say they do."""
    for change in plan_host(wanted, facts).changes:
        facts = made(wanted, facts, change)
    return facts


def made(wanted: Desired, facts: Facts, change: Change) -> Facts:
    """The host after one change."""
    update: dict[str, Any] = {}
    match change.action:
        case Put(path, content, mode):
            file = FileFact(sha256=digest(content), mode=f"{mode:04o}", text=content.decode())
            update["files"] = facts.files | {path: file}
        case Upload(path, _, sha256, mode):
            file = FileFact(sha256=sha256, mode=f"{mode:04o}")
            update["files"] = facts.files | {path: file}
        case JoinToken(path):
            file = FileFact(sha256="", mode="0600")
            update |= {"files": facts.files | {path: file}, "has_client_certificate": True}
            update["has_node_password"] = True
        case Start(unit):
            update["units"] = facts.units | {unit: _running(unit)}
        case _:
            update |= _by_command(wanted, facts, change)
    if change.record:
        update["applied"] = facts.applied | dict([change.record])
    return facts.model_copy(update=update)


def _running(unit: str) -> UnitFact:
    assert unit
    return UnitFact(active="active", sub="running", enabled="enabled", loaded="loaded")


def _by_command(wanted: Desired, facts: Facts, change: Change) -> dict[str, Any]:
    """What the commands of each phase do, as their manuals say."""
    words = change.says.split()
    match change.phase, words[0]:
        case "packages", "install":
            return {"packages": facts.packages | dict.fromkeys(words[1:], "1")}
        case "kernel", "load":
            return {"modules": facts.modules | dict.fromkeys(words[1:], "loaded")}
        case "kernel", "set":
            pairs = (word.rstrip(",").split("=") for word in words[1:])
            return {"sysctls": facts.sysctls | dict(pairs)}
        case _, "start":
            return {"units": facts.units | {words[1]: _running(words[1])}}
        case "firewall", "load":
            unit = "hitscanner-firewall.service"
            return {"units": facts.units | {unit: _running(unit)}, "firewall_lines": 20}
        case "firewall", "allow":
            script = change.action.script  # type: ignore[union-attr] # a Run, by the phase
            return {"ufw_rules": tuple(facts.ufw_rules + tuple(script.splitlines()[1:]))}
        case "nfs", "export":
            return {"units": facts.units | {"nfs-server.service": _running("nfs-server.service")}}
    return {}
