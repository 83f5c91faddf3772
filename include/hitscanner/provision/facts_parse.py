"""Read what gather.sh printed; pure."""

import base64
import json
import re
from collections.abc import Iterator
from typing import Any, Literal, cast

from hitscanner.errors import HitscannerError
from hitscanner.provision.facts import Facts, FileFact, Listener, Presence, Reach, UnitFact

ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
"""`uname -m` -> as in k3s's file names."""

CAP_NET_RAW = 13
CAP_SYS_RESOURCE = 24
"""Bits of CapBnd in /proc/PID/status (capabilities(7))."""


class GatherError(HitscannerError):
    """A host's answer to gather.sh is not whole."""

    exit_code = 3


def parse_facts(host: str, text: str, clock_offset_s: float = 0.0) -> Facts:
    """
    Give the facts of *host* from what gather.sh printed there.

    Raises:
        GatherError: when the end is missing.
    """
    sections = dict(_sections(text))
    if "end" not in sections:
        raise GatherError(f"{host}: the look at it broke off; run it again")
    machine = [*sections["machine"], "", "", "", ""]
    pid1 = " ".join(sections["pid1"])
    capabilities = _capabilities(pid1)
    disk = (sections["disk"] or [""])[-1].split()
    return Facts(
        host=host,
        **_system(sections["os"]),
        arch=ARCHITECTURES.get(machine[0], machine[0]),
        kernel=machine[1],
        hostname=machine[2],
        machine_id=machine[3],
        boot=" ".join(sections["boot"]),
        is_systemd=pid1.startswith("systemd"),
        cgroup=_cgroup(sections["cgroup"]),
        clock_offset_s=round(clock_offset_s, 3),
        is_clock_synchronised=sections["clock"] == ["yes"],
        **_memory(sections["memory"]),
        disk_mb=int(disk[1]) if len(disk) > 3 else 0,
        disk_free_mb=int(disk[3]) if len(disk) > 3 else 0,
        addresses=tuple(sections["addresses"]),
        has_default_v4=any(":" not in route for route in sections["routes"]),
        has_default_v6=any(":" in route for route in sections["routes"]),
        can_raw_socket=bool(capabilities >> CAP_NET_RAW & 1),
        can_raise_limits=bool(capabilities >> CAP_SYS_RESOURCE & 1),
        veth_with_tx_offload=tuple(sections["veth"]),
        modules={n: cast("Presence", p) for n, p in map(str.split, sections["modules"])},
        sysctls={k: " ".join(v.split()) for k, _, v in _pairs(sections["sysctls"])},
        packages=_packages(sections["packages"]),
        units=dict(_units(sections["units"])),
        files=_files(sections["files"], sections["texts"]),
        listening=tuple(_listeners(sections["listening"])),
        ufw=_ufw(sections["ufw"]),
        ufw_rules=tuple(line for line in sections["ufw"] if line.startswith("ufw ")),
        firewall_lines=int((sections["nft"] or ["0"])[0]),
        server_port=reach(sections["server"]),
        **_k3s(sections["k3s"]),
        applied=json.loads("".join(sections["applied"]) or "{}"),
    )


def reach(lines: list[str]) -> Reach:
    """
    Say what became of a try to connect, by bash's exit status and words.

    >>> reach(["0 "]), reach(["1 connect: Connection refused"]), reach(["124 "]), reach([])
    ('open', 'refused', 'blocked', 'unknown')
    """
    if not lines:
        return "unknown"
    status = lines[0].split()[0]
    if status == "0":
        return "open"
    return "refused" if "refused" in " ".join(lines) else "blocked"


def _sections(text: str) -> Iterator[tuple[str, list[str]]]:
    for part in re.split(r"^@@ ", text, flags=re.MULTILINE)[1:]:
        name, *lines = part.splitlines()
        yield name, [line for line in lines if line.strip()]


def _pairs(lines: list[str]) -> list[tuple[str, str, str]]:
    return [line.partition("=") for line in lines]


def _system(lines: list[str]) -> dict[str, Any]:
    release = {key: value.strip('"') for key, _, value in _pairs(lines)}
    return {"os_id": release.get("ID", ""), "os_version": release.get("VERSION_ID", "")}


def _capabilities(text: str) -> int:
    found = re.search(r"CapBnd:\s*([0-9a-f]+)", text)
    return int(found[1], 16) if found else ~0


def _cgroup(lines: list[str]) -> Literal["v1", "v2", "hybrid"]:
    if lines[:1] == ["cgroup2fs"]:
        return "v2"
    return "hybrid" if "unified" in lines else "v1"


def _memory(lines: list[str]) -> dict[str, Any]:
    total_kb = re.search(r"MemTotal:\s*(\d+)", " ".join(lines))
    return {
        "cpus": int(lines[0]) if lines else 0,
        "memory_mb": int(total_kb[1]) // 1024 if total_kb else 0,
    }


def _packages(lines: list[str]) -> dict[str, str]:
    rows = (line.split(maxsplit=2) for line in lines)
    return {row[0]: row[2] for row in rows if len(row) == 3 and row[1] == "installed"}


def _units(lines: list[str]) -> Iterator[tuple[str, UnitFact]]:
    """`systemctl show` gives blocks; each begins where a key comes again."""
    block: dict[str, str] = {}
    for key, _, value in [*_pairs(lines), ("Id", "", "")]:
        if key in block:
            yield from _unit(block)
            block = {}
        block[key] = value
    yield from _unit(block)


def _unit(block: dict[str, str]) -> Iterator[tuple[str, UnitFact]]:
    if block.get("Id") and block.get("LoadState", "not-found") != "not-found":
        yield (
            block["Id"],
            UnitFact(
                active=block.get("ActiveState", ""),
                sub=block.get("SubState", ""),
                enabled=block.get("UnitFileState", ""),
                loaded=block["LoadState"],
            ),
        )


def _files(lines: list[str], texts: list[str]) -> dict[str, FileFact]:
    shown = {path: base64.b64decode(data) for path, _, data in (t.partition(" ") for t in texts)}
    found = {}
    for line in lines:
        sha256, mode, owner, path = line.split(maxsplit=3)
        text = shown[path].decode(errors="replace") if path in shown else None
        found[path] = FileFact(sha256=sha256, mode=mode.zfill(4), owner=owner, text=text)
    return found


def _listeners(lines: list[str]) -> Iterator[Listener]:
    for line in lines:
        parts = line.split()
        if len(parts) < 5 or parts[0] not in ("tcp", "udp"):
            continue
        address, _, port = parts[4].rpartition(":")
        process = re.search(r'users:\(\("([^"]+)"', line)
        yield Listener(
            proto=cast("Any", parts[0]),
            address=address.strip("[]").partition("%")[0],
            port=int(port),
            process=process[1] if process else "",
        )


def _ufw(lines: list[str]) -> Literal["absent", "inactive", "active"]:
    if not lines:
        return "absent"
    return "active" if lines[0] == "Status: active" else "inactive"


def _k3s(lines: list[str]) -> dict[str, Any]:
    version = re.search(r"v1\.\S+", lines[0]) if lines else None
    return {
        "k3s_version": version[0] if version else "",
        "has_node_password": "node-password" in lines,
        "has_client_certificate": "client-certificate" in lines,
    }
