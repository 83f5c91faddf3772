"""containerd as k3s runs it: its own, with its own folders and socket (docs/advanced.md)."""

import json
import subprocess
import time
from pathlib import Path
from typing import Any

from . import log, pki, yamlish
from .children import Children
from .layout import Layout
from .tools import SOCKET

PAUSE = "rancher/mirrored-pause:3.6"
CNI_PROGRAMS = "/usr/lib/cni"
"""Debian's; k3s brings its own."""


def start(layout: Layout, given: dict[str, Any], children: Children) -> None:
    """Write config.toml and start containerd; return when it answers."""
    folder = layout.agent / "etc" / "containerd"
    registries = _registries(given)
    for name, table in hosts_files(registries).items():
        path = folder / "certs.d" / name / "hosts.toml"
        pki.private(path, table.encode())
    pki.private(folder / "config.toml", _config(layout, given, registries).encode())
    log_file = layout.agent / "containerd" / "containerd.log"
    log_file.parent.mkdir(parents=True, exist_ok=True)
    log.info(f"Logging containerd to {log_file}")
    children.start("containerd", f"--config={folder / 'config.toml'}", log_file=log_file)
    log.info("Waiting for containerd startup")
    while not (
        Path(SOCKET).exists()
        and subprocess.run([*_CTR, "version"], capture_output=True, check=False).returncode == 0
    ):
        children.check()
        time.sleep(0.2)
    log.info("containerd is now running")


_CTR = ("ctr", "--address", SOCKET, "--namespace", "k8s.io")


def import_images(layout: Layout) -> None:
    """Import every archive of agent/images (docs/installation/airgap.md)."""
    folder = layout.agent / "images"
    for path in sorted(folder.glob("*.tar*")) if folder.is_dir() else []:
        began = time.monotonic()
        log.info(f"Importing images from {path}")
        done = subprocess.run(
            [*_CTR, "images", "import", "--all-platforms", str(path)],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            log.error(f"Unable to process image file {path}: {done.stderr.strip()[-200:]}")
        else:
            log.info(f"Imported images from {path} in {time.monotonic() - began:.1f}s")


def _config(layout: Layout, given: dict[str, Any], registries: dict[str, Any]) -> str:
    containerd = layout.agent / "containerd"
    pause = _full_name(str(given.get("pause-image") or PAUSE))
    lines = [
        "version = 2",
        f'root = "{containerd}"',
        'state = "/run/k3s/containerd"',
        "[grpc]",
        f'  address = "{SOCKET}"',
        '[plugins."io.containerd.internal.v1.opt"]',
        f'  path = "{containerd}"',
        '[plugins."io.containerd.grpc.v1.cri"]',
        f'  sandbox_image = "{pause}"',
        # A container in a container may not lower its own score.
        "  restrict_oom_score_adj = true",
        '[plugins."io.containerd.grpc.v1.cri".cni]',
        f'  bin_dir = "{CNI_PROGRAMS}"',
        f'  conf_dir = "{layout.agent / "etc" / "cni" / "net.d"}"',
        '[plugins."io.containerd.grpc.v1.cri".containerd]',
        f'  snapshotter = "{given.get("snapshotter") or "overlayfs"}"',
        '[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]',
        '  runtime_type = "io.containerd.runc.v2"',
        '[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]',
        "  SystemdCgroup = false",
        '[plugins."io.containerd.grpc.v1.cri".registry]',
        f'  config_path = "{layout.agent / "etc" / "containerd" / "certs.d"}"',
    ]
    return "\n".join([*lines, *_logins(registries), ""])


def _full_name(image: str) -> str:
    first = image.partition("/")[0]
    return image if "." in first or ":" in first else f"docker.io/{image}"


def _registries(given: dict[str, Any]) -> dict[str, Any]:
    """Read registries.yaml, once at each start (docs/installation/private-registry.md)."""
    path = Path(str(given.get("private-registry") or "/etc/rancher/k3s/registries.yaml"))
    return (yamlish.load(path.read_text()) or {}) if path.exists() else {}


def hosts_files(registries: dict[str, Any]) -> dict[str, str]:
    """
    Turn registries.yaml into containerd's hosts.toml files.

    Returns:
        Name of the registry -> content of its file.

    >>> print(hosts_files({"configs": {"r.example": {"tls": {"ca_file": "/ca.pem"}}}})["r.example"])
    server = "https://r.example/v2"
    [host."https://r.example/v2"]
      capabilities = ["pull", "resolve"]
      ca = ["/ca.pem"]
    <BLANKLINE>
    """
    configs = registries.get("configs") or {}
    mirrors = registries.get("mirrors") or {}
    names = list(dict.fromkeys([*mirrors, *configs]))
    return {name: _hosts(name, (mirrors.get(name) or {}), configs) for name in names}


def _hosts(name: str, mirror: dict[str, Any], configs: dict[str, Any]) -> str:
    lines = [f'server = "https://{name}/v2"']
    for endpoint in [*(mirror.get("endpoint") or []), f"https://{name}"]:
        url = endpoint.rstrip("/") + ("" if endpoint.rstrip("/").endswith("/v2") else "/v2")
        host = endpoint.split("//")[-1].split("/")[0]
        lines += [f'[host."{url}"]', '  capabilities = ["pull", "resolve"]']
        lines += _tls((configs.get(host) or {}).get("tls") or {})
    return "\n".join([*lines, ""])


def _tls(tls: dict[str, Any]) -> list[str]:
    lines = [f"  ca = [{json.dumps(tls['ca_file'])}]"] if tls.get("ca_file") else []
    if tls.get("cert_file"):
        pair = json.dumps([tls["cert_file"], tls.get("key_file", "")])
        lines.append(f"  client = [{pair}]")
    return [*lines, "  skip_verify = true"] if tls.get("insecure_skip_verify") else lines


def _logins(registries: dict[str, Any]) -> list[str]:
    lines = []
    for name, config in (registries.get("configs") or {}).items():
        login = (config or {}).get("auth") or {}
        if login:
            table = f'[plugins."io.containerd.grpc.v1.cri".registry.configs."{name}".auth]'
            lines.append(table)
            lines += [f"  {key} = {json.dumps(str(value))}" for key, value in login.items()]
    return lines
