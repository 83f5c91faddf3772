"""
The flags of `k3s server` and `k3s agent`, from the command line and the configuration file.

Sources: docs/cli/server.md, docs/cli/agent.md, docs/installation/configuration.md.
"""

import os
from pathlib import Path
from typing import Any

from . import log, yamlish

CONFIG = "/etc/rancher/k3s/config.yaml"

_AGENT_VALUES = [
    "config",
    "v",
    "vmodule",
    "log",
    "token",
    "token-file",
    "server",
    "data-dir",
    "node-name",
    "lb-server-port",
    "image-credential-provider-bin-dir",
    "image-credential-provider-config",
    "container-runtime-endpoint",
    "default-runtime",
    "image-service-endpoint",
    "pause-image",
    "snapshotter",
    "private-registry",
    "node-ip",
    "bind-address",
    "node-external-ip",
    "node-internal-dns",
    "node-external-dns",
    "resolv-conf",
    "flannel-iface",
    "flannel-conf",
    "flannel-cni-conf",
    "vpn-auth",
    "vpn-auth-file",
]
_AGENT_LISTS = ["node-label", "node-taint", "kubelet-arg", "kube-proxy-arg"]
_AGENT_SWITCHES = [
    "debug",
    "alsologtostderr",
    "with-node-id",
    "selinux",
    "protect-kernel-defaults",
    "nonroot-devices",
    "docker",
    "disable-default-registry-endpoint",
    "enable-pprof",
    "rootless",
    "prefer-bundled-bin",
    "disable-apiserver-lb",
]
_SERVER_VALUES = [
    "https-listen-port",
    "advertise-address",
    "advertise-port",
    "cluster-cidr",
    "service-cidr",
    "service-node-port-range",
    "cluster-dns",
    "cluster-domain",
    "flannel-backend",
    "egress-selector-mode",
    "servicelb-namespace",
    "write-kubeconfig",
    "write-kubeconfig-mode",
    "write-kubeconfig-group",
    "helm-job-image",
    "agent-token",
    "agent-token-file",
    "cluster-reset-restore-path",
    "datastore-endpoint",
    "datastore-cafile",
    "datastore-certfile",
    "datastore-keyfile",
    "etcd-snapshot-name",
    "etcd-snapshot-schedule-cron",
    "etcd-snapshot-retention",
    "etcd-snapshot-dir",
    "etcd-s3-endpoint",
    "etcd-s3-endpoint-ca",
    "etcd-s3-access-key",
    "etcd-s3-secret-key",
    "etcd-s3-bucket",
    "etcd-s3-region",
    "etcd-s3-folder",
    "etcd-s3-proxy",
    "etcd-s3-config-secret",
    "etcd-s3-timeout",
    "default-local-storage-path",
    "system-default-registry",
    "secrets-encryption-provider",
]
_SERVER_LISTS = [
    "tls-san",
    "disable",
    "kube-apiserver-arg",
    "etcd-arg",
    "kube-controller-manager-arg",
    "kube-scheduler-arg",
    "kube-cloud-controller-manager-arg",
]
_SERVER_SWITCHES = [
    "tls-san-security",
    "flannel-ipv6-masq",
    "flannel-external-ip",
    "cluster-init",
    "cluster-reset",
    "etcd-expose-metrics",
    "etcd-disable-snapshots",
    "etcd-snapshot-compress",
    "etcd-s3",
    "etcd-s3-skip-ssl-verify",
    "etcd-s3-insecure",
    "disable-scheduler",
    "disable-cloud-controller",
    "disable-kube-proxy",
    "disable-network-policy",
    "disable-helm-controller",
    "disable-agent",
    "embedded-registry",
    "supervisor-metrics",
    "secrets-encryption",
]

KINDS: dict[str, dict[str, str]] = {
    "agent": {
        **dict.fromkeys(_AGENT_VALUES, "value"),
        **dict.fromkeys(_AGENT_LISTS, "list"),
        **dict.fromkeys(_AGENT_SWITCHES, "switch"),
    }
}
KINDS["server"] = {
    **KINDS["agent"],
    **dict.fromkeys(_SERVER_VALUES, "value"),
    **dict.fromkeys(_SERVER_LISTS, "list"),
    **dict.fromkeys(_SERVER_SWITCHES, "switch"),
}

_SHORT = {"c": "config", "l": "log", "t": "token", "s": "server", "d": "data-dir", "i": "node-ip"}
_ENVIRONMENT = {
    "token": "K3S_TOKEN",
    "token-file": "K3S_TOKEN_FILE",
    "server": "K3S_URL",
    "node-name": "K3S_NODE_NAME",
    "config": "K3S_CONFIG_FILE",
    "data-dir": "K3S_DATA_DIR",
}


def parse(command: str, argv: list[str]) -> dict[str, Any]:
    """
    Merge the environment, the configuration file and *argv*, the last being strongest.

    Returns:
        Flag without dashes -> text, list of texts, or bool; only what is given.

    Raises:
        FatalError: for a flag on the command line that k3s does not have, or a
            configuration file that is not YAML.
    """
    kinds = KINDS[command]
    typed = _from_argv(argv, kinds)
    environment = {
        name: os.environ[variable]
        for name, variable in _ENVIRONMENT.items()
        if os.environ.get(variable) and name in kinds
    }
    given: dict[str, Any] = {}
    for layer in (environment, _from_file(typed.get("config"), kinds), typed):
        for name, value in layer.items():
            given[name] = [*given.get(name, []), *value] if kinds[name] == "list" else value
    return given


def _from_argv(argv: list[str], kinds: dict[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    words = list(argv)
    while words:
        word = words.pop(0)
        name, equals, value = word.lstrip("-").partition("=")
        name = _SHORT.get(name, name)
        if not word.startswith("-") or name not in kinds:
            raise log.FatalError(f"flag provided but not defined: -{name}")
        if kinds[name] == "switch":
            found[name] = value.lower() != "false"
        else:
            if not equals and not words:
                raise log.FatalError(f"flag needs an argument: -{name}")
            text = value if equals else words.pop(0)
            found[name] = [*found.get(name, []), text] if kinds[name] == "list" else text
    return found


def _from_file(given: Any, kinds: dict[str, str]) -> dict[str, Any]:
    """
    Read config.yaml and, after it, config.yaml.d/*.yaml in alphabetical order.

    A later file replaces a key; a key that ends in `+` adds to the list
    (configuration.md, "Multiple Config Files" and "Value Merge Behavior").
    A key that is no flag is skipped with a warning (pkg/configfilearg/parser.go).
    """
    main = Path(given or os.environ.get("K3S_CONFIG_FILE") or CONFIG)
    drop_ins = sorted([*Path(f"{main}.d").glob("*.yaml"), *Path(f"{main}.d").glob("*.yml")])
    if given and not main.exists():
        raise log.FatalError(f"open {main}: no such file or directory")
    found: dict[str, Any] = {}
    for path in [main, *drop_ins]:
        if path.exists():
            _merge(found, _read(path), kinds)
    return found


def _read(path: Path) -> dict[str, Any]:
    try:
        content = yamlish.load(path.read_text())
    except yamlish.YamlError as error:
        raise log.FatalError(str(error)) from None
    return content or {}


def _merge(found: dict[str, Any], content: dict[str, Any], kinds: dict[str, str]) -> None:
    for key, value in content.items():
        name, adds = key.rstrip("+"), key.endswith("+")
        name = _SHORT.get(name, name)
        if name not in kinds:
            log.warning(f"Unknown flag --{key} found in config.yaml, skipping")
        elif kinds[name] == "switch":
            found[name] = value if isinstance(value, bool) else str(value).lower() == "true"
        elif kinds[name] == "list":
            items = [str(item) for item in (value if isinstance(value, list) else [value])]
            found[name] = [*found.get(name, []), *items] if adds else items
        else:
            found[name] = str(value)
