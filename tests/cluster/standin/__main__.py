"""The command line of k3s (docs/cli/cli.md)."""

import argparse
import atexit
import base64
import json
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from . import (
    access,
    agent,
    bootstrap,
    certificate,
    encrypt,
    flags,
    log,
    pki,
    server,
    snapshot,
    tokens,
    tools,
    yamlish,
)
from .api import Api, ApiError
from .children import Children
from .layout import DEFAULT, Layout
from .version import VERSION

DAEMONS: dict[str, Callable[[dict[str, Any], Children], None]] = {
    "server": server.run,
    "agent": agent.run,
}


def main() -> int:
    """Run one command; 0, or 1 with the reason in the log."""
    tools.pass_through(sys.argv)
    try:
        _run(sys.argv[1:])
    except (log.FatalError, ApiError, tokens.TokenError, RuntimeError, OSError) as error:
        log.fatal(str(error))
        return 1
    return 0


def _run(words: list[str]) -> None:
    if not words or words[0] in ("-h", "--help", "help"):
        print("NAME:\n   k3s - Kubernetes, but small and simple (a stand-in for tests)")
    elif words[0] in DAEMONS:
        _daemon(words[0], words[1:])
    elif words[0] in tools.TOOLS:  # the others are not handed here
        raise log.FatalError(f"the stand-in has no {words[0]}")
    elif words[0] == "check-config":
        _check_config()
    else:
        _command(words)


def _daemon(command: str, argv: list[str]) -> None:
    if os.geteuid() != 0:
        raise log.FatalError(f"must run as root: {command}")
    children = Children(VERSION)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    signal.signal(signal.SIGINT, lambda *_: sys.exit(0))
    given = flags.parse(command, argv)
    log.info(f"Starting k3s {command} {VERSION}")
    try:
        DAEMONS[command](given, children)
    except SystemExit:
        children.stop()
        raise
    finally:
        children.kill()


def _check_config() -> None:
    found = Path("/sys/fs/cgroup/cgroup.controllers").exists()
    print(f"\nVerifying binaries in {tools.PROGRAMS}/{VERSION}:\n- sha256sum: good")
    print(f"\nSystem:\n- cgroup hierarchy: cgroups {'V2' if found else 'V1'} mounted")
    print("\nSTATUS: pass")


def _command(words: list[str]) -> None:
    given = _parser().parse_args(words)
    given.action(given, _layout(given))


def _layout(given: argparse.Namespace) -> Layout:
    return Layout(Path(given.data_dir))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="k3s")
    groups = parser.add_subparsers(required=True)
    _token_commands(groups.add_parser("token").add_subparsers(required=True))
    certificates = groups.add_parser("certificate").add_subparsers(required=True)
    for name, action in (("check", certificate.check), ("rotate", certificate.rotate)):
        command = _add(certificates, name, lambda given, layout, act=action: act(layout, given))
        command.add_argument("--service", "-s", action="append", default=[])
        command.add_argument("--output", "-o", default="text", choices=("text", "table", "json"))
    _snapshot_commands(groups.add_parser("etcd-snapshot").add_subparsers(required=True))
    encryption = groups.add_parser("secrets-encrypt").add_subparsers(required=True)
    _add(encryption, "status", lambda given, layout: encrypt.status(layout))
    return parser


def _token_commands(group: Any) -> None:
    command = _add(group, "create", _create_token)
    command.add_argument("token", nargs="?")
    command.add_argument("--description", default="")
    command.add_argument("--groups", default=bootstrap.GROUP)
    command.add_argument("--ttl", default="24h0m0s")
    command.add_argument("--usages", default="signing,authentication")
    command = _add(group, "delete", lambda given, _: bootstrap.delete(_api(given), given.tokens))
    command.add_argument("tokens", nargs="*")
    _add(group, "generate", lambda given, layout: print(tokens.generate()))
    command = _add(group, "list", lambda given, _: bootstrap.show(_api(given), given.output))
    command.add_argument("--output", default="text", choices=("text", "json"))
    command = _add(group, "rotate", _rotate_token)
    command.add_argument("--token", "-t", default=os.environ.get("K3S_TOKEN"))
    command.add_argument("--server", "-s", default="https://127.0.0.1:6443")
    command.add_argument("--new-token", default="")


def _snapshot_commands(group: Any) -> None:
    command = _add(
        group,
        "save",
        lambda given, layout: snapshot.save(layout, given, Path(tools.PROGRAMS, VERSION)),
    )
    command.add_argument("--name", default="on-demand")
    for name in ("ls", "list"):
        command = _add(group, name, lambda given, layout: snapshot.show(layout, given))
        command.add_argument("--output", "-o", default="table", choices=("table", "json"))
    command = _add(group, "delete", lambda given, layout: snapshot.delete(layout, given.names))
    command.add_argument("names", nargs="*")


def _add(group: Any, name: str, action: Callable[..., None]) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = group.add_parser(name)
    command.set_defaults(action=action)
    command.add_argument("--data-dir", "-d", default=DEFAULT)
    command.add_argument("--kubeconfig", default=os.environ.get("KUBECONFIG") or tools.KUBECONFIG)
    return command


def _create_token(given: argparse.Namespace, layout: Layout) -> None:
    bootstrap.create(_api(given), (layout.tls / "server-ca.crt").read_bytes(), given)


def _rotate_token(given: argparse.Namespace, layout: Layout) -> None:
    old = given.token or (layout.server / "token").read_text().strip()
    server_access = access.open_server(given.server, old)
    body = json.dumps({"newToken": given.new_token}).encode()
    server_access.ask("/v1-k3s/token", body)
    print("Token rotated, restart k3s nodes with new token")


def _api(given: argparse.Namespace) -> Api:
    """Return the API of the kubeconfig that the server wrote."""
    config = yamlish.load(Path(given.kubeconfig).read_text())
    cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
    address = urlsplit(cluster["server"])
    folder = Path(tempfile.mkdtemp(prefix="k3s-"))
    atexit.register(shutil.rmtree, folder, True)
    files = []
    for name, table in (
        ("certificate-authority", cluster),
        ("client-certificate", user),
        ("client-key", user),
    ):
        files.append(folder / name)
        pki.private(files[-1], base64.b64decode(table[f"{name}-data"]))
    return Api(address.hostname or "", address.port or 443, *files)


if __name__ == "__main__":
    sys.exit(main())
