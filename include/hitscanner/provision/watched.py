"""What a look at a host covers: the modules, packages, units and files that phases ask for."""

K3S = "/usr/local/bin/k3s"
CONFIG = "/etc/rancher/k3s/config.yaml"
REGISTRIES = "/etc/rancher/k3s/registries.yaml"
REGISTRY_CA = "/etc/rancher/k3s/registry-ca.crt"
JOIN_TOKEN = "/etc/rancher/k3s/join-token"  # noqa: S105 # where a token lies, not a token
NODE_PASSWORD = "/etc/rancher/node/password"  # noqa: S105 # likewise
KUBECONFIG = "/etc/rancher/k3s/k3s.yaml"
UNIT_FOLDER = "/etc/systemd/system"
SERVER_UNIT = "k3s.service"
AGENT_UNIT = "k3s-agent.service"
IMAGES = "/var/lib/rancher/k3s/agent/images"
STATE = "/var/lib/hitscanner"
APPLIED = f"{STATE}/applied.json"
MODULES_FILE = "/etc/modules-load.d/hitscanner.conf"
SYSCTL_FILE = "/etc/sysctl.d/90-hitscanner.conf"
JOURNALD_FILE = "/etc/systemd/journald.conf.d/90-hitscanner.conf"
FIREWALL_FILE = "/etc/hitscanner/firewall.nft"
FIREWALL_UNIT = "hitscanner-firewall.service"
EXPORTS_FILE = "/etc/exports.d/hitscanner.exports"
NFS_FILE = "/etc/nfs.conf.d/hitscanner.conf"
DOCKER_CERTS = "/etc/docker/certs.d"
DOCKER_FILE = "/etc/docker/daemon.json"

MODULES = {
    "overlay": "overlay_fs",
    "br_netfilter": "bridge_netfilter",
    "nf_conntrack": "nf_conntrack",
    "nf_tables": "nf_tables",
    "vxlan": "vxlan",
    "wireguard": "wireguard",
    "ip_vs": "ip_vs",
    "ip_vs_rr": "ip_vs_rr",
    "ip_vs_wrr": "ip_vs_wrr",
    "ip_vs_sh": "ip_vs_sh",
}
"""Module -> the kernel option that builds it in (where modules.builtin does not tell)."""

SYSCTLS = (
    "net.ipv4.ip_forward",
    "net.bridge.bridge-nf-call-iptables",
    "net.bridge.bridge-nf-call-ip6tables",
    "fs.inotify.max_user_instances",
    "vm.panic_on_oom",
    "vm.overcommit_memory",
    "kernel.panic",
    "kernel.panic_on_oops",
)

PACKAGES = (
    *("ca-certificates", "chrony", "ntpsec", "systemd-timesyncd", "nftables", "kmod", "iproute2"),
    *("docker.io", "docker-ce", "nfs-common", "nfs-kernel-server", "ufw", "iptables"),
)

UNITS = (
    *("chrony.service", "chronyd.service", "systemd-timesyncd.service", "ntpsec.service"),
    *("docker.service", "nfs-server.service", "firewalld.service"),
    *(SERVER_UNIT, AGENT_UNIT, FIREWALL_UNIT),
)

SHOWN = (
    *(CONFIG, MODULES_FILE, SYSCTL_FILE, JOURNALD_FILE, FIREWALL_FILE, EXPORTS_FILE, NFS_FILE),
    *(f"{UNIT_FOLDER}/{unit}" for unit in (SERVER_UNIT, AGENT_UNIT, FIREWALL_UNIT)),
    DOCKER_FILE,
)
"""Files whose text may be seen, for the diff; nothing secret is ever in them."""

FILES = (*SHOWN, K3S, REGISTRIES, REGISTRY_CA, JOIN_TOKEN)
