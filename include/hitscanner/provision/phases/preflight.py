"""What must be true before anything is changed: each refusal with its remedy."""

from collections.abc import Iterator

from hitscanner.provision import watched
from hitscanner.provision.desired import Desired
from hitscanner.provision.facts import Facts
from hitscanner.provision.model import Refusal
from hitscanner.provision.phases.kernel import needed_modules

SKEW_S = 30.0
"""Certificates and tokens fail on clocks that disagree by more (k3s, requirements)."""

DISK_FREE_MB = 3072
"""For k3s, its images and a day of raw measurements; less is needed once they are there."""

DISK_LEFT_MB = 512
MEMORY_MB = {"server": 1900, "agent": 450}
"""k3s, requirements: 2 GB for a server, 512 MB for an agent, less what the kernel keeps."""

PORTS = {"server": (6443, 6444, 10250), "agent": (6444, 10250)}
"""TCP ports that k3s listens on (k3s, requirements, "Inbound Rules for K3s Nodes")."""

IPVS_DEPRECATED, IPVS_OFF = 35, 40
"""Kubernetes minors (kubernetes PR #134539, enhancements PR #6120)."""

CGROUP_V1_OFF = 35
"""The kubelet of this minor on refuses cgroup v1 unless failCgroupV1 is false."""


def refusals(desired: Desired, facts: Facts) -> Iterator[Refusal]:
    """Give every reason not to touch the host."""
    yield from _system(desired, facts)
    yield from _kernel(desired, facts)
    yield from _resources(desired, facts)
    yield from _bundle(desired, facts)
    yield from _identity(desired, facts)
    if desired.role == "agent":
        yield from _way_to_server(desired, facts)
    else:
        yield from _size(desired)


def warnings(desired: Desired, facts: Facts) -> Iterator[str]:
    """Give what is worth knowing and stops nothing."""
    if desired.platform.kube_proxy_mode == "ipvs" and desired.minor >= IPVS_DEPRECATED:
        yield "kube_proxy_mode ipvs is deprecated since Kubernetes 1.35 and gone in 1.40"
    if desired.address and desired.address not in facts.addresses and ":" not in desired.address:
        yield (
            f"{desired.address} is no address of the host: it is behind NAT; the pod network needs"
            " external_address and wireguard-native, probes do not"
        )
    if desired.wants_v6 and not facts.has_default_v6:
        yield "source_v6 is set, but the host has no default route for IPv6"
    if desired.unresolved and desired.platform.firewall:
        names = ", ".join(desired.unresolved)
        yield f"the firewall is left as it is while these names do not resolve: {names}"
    if not facts.is_clock_synchronised:
        yield "the clock is not synchronised (yet); see: chronyc sources"
    for link in facts.veth_with_tx_offload:
        yield f"{link} is a veth with checksum offload: probes may leave with wrong checksums"
    firewalld = facts.units.get("firewalld.service")
    if firewalld and firewalld.active == "active":
        yield "firewalld is active; open the ports of docs/fleet.md in it"


def _system(desired: Desired, facts: Facts) -> Iterator[Refusal]:
    if not facts.is_systemd:
        yield Refusal("no-systemd", "PID 1 is not systemd", "use a host that systemd has started")
    if facts.os_id not in ("debian", "ubuntu", "raspbian"):
        what = f"it runs {facts.os_id or 'an unknown system'}"
        yield Refusal("unsupported-os", what, "use Debian or Ubuntu")
    wanted = (desired.arch,) if desired.arch else ("amd64", "arm64")
    if facts.arch not in wanted:
        what = f"its architecture is {facts.arch}, not {' or '.join(wanted)}"
        yield Refusal("wrong-architecture", what, "correct arch in the inventory, or the host")
    if abs(facts.clock_offset_s) > SKEW_S:
        side = "ahead of" if facts.clock_offset_s > 0 else "behind"
        what = f"its clock is {abs(facts.clock_offset_s):.0f} s {side} ours"
        yield Refusal("clock-skew", what, "set it: chronyc makestep, or date --set")
    if desired.role == "agent" and not facts.can_raw_socket:
        what = "it may not open raw sockets (no CAP_NET_RAW)"
        yield Refusal("no-raw-sockets", what, "give the container or host that right")
    if not (facts.has_default_v4 or facts.has_default_v6):
        yield Refusal("no-default-route", "it has no default route", "add one; k3s needs it")


def _kernel(desired: Desired, facts: Facts) -> Iterator[Refusal]:
    is_allowed = any(arg.lower() == "fail-cgroupv1=false" for arg in desired.kubelet_args)
    if facts.cgroup != "v2" and desired.minor >= CGROUP_V1_OFF and not is_allowed:
        what = f"it has cgroup {facts.cgroup}, which Kubernetes 1.{desired.minor} refuses"
        remedy = (
            "boot with systemd.unified_cgroup_hierarchy=1, or set kubelet_args ="
            ' ["fail-cgroupv1=false"]'
        )
        yield Refusal("cgroup-v1", what, remedy)
    mode = desired.platform.kube_proxy_mode
    if mode == "ipvs" and desired.minor >= IPVS_OFF:
        what = f"Kubernetes 1.{desired.minor} has no kube_proxy_mode ipvs (off since 1.40)"
        yield Refusal("ipvs-gone", what, 'set kube_proxy_mode = "nftables"')
    if mode == "nftables" and _kernel_version(facts) < (5, 13):
        what = f"kube_proxy_mode nftables needs Linux 5.13, it has {facts.kernel}"
        yield Refusal("old-kernel", what, 'upgrade it, or set kube_proxy_mode = "iptables"')
    for module in needed_modules(desired):
        if facts.modules.get(module, "missing") == "missing":
            what = f"its kernel has no {module}"
            yield Refusal("missing-module", what, _without(module))


def _without(module: str) -> str:
    if module in ("wireguard", "vxlan"):
        return "install the distribution's kernel, or choose another flannel_backend"
    if module.startswith(("ip_vs", "nf_tables", "ip_tables")):
        return "install the distribution's kernel, or choose another kube_proxy_mode"
    return "install the distribution's kernel"


def _kernel_version(facts: Facts) -> tuple[int, ...]:
    numbers = facts.kernel.partition("-")[0].split(".")[:2]
    return tuple(int(number) for number in numbers if number.isdecimal())


def _resources(desired: Desired, facts: Facts) -> Iterator[Refusal]:
    needed_mb = DISK_LEFT_MB if desired.unit in facts.applied else DISK_FREE_MB
    if facts.disk_free_mb < needed_mb:
        what = f"{facts.disk_free_mb} MB are free under /var/lib, {needed_mb} MB are needed"
        yield Refusal("disk-full", what, "free some space there")
    if facts.memory_mb < MEMORY_MB[desired.role]:
        what = f"it has {facts.memory_mb} MB of memory, {MEMORY_MB[desired.role]} MB are needed"
        yield Refusal("too-little-memory", what, "use a larger host")
    if desired.unit in facts.applied or _is_ours(desired, facts):
        return  # a join that was cut has left our own k3s at these ports
    for listener in facts.listening:
        if listener.proto == "tcp" and listener.port in PORTS[desired.role]:
            what = f"port {listener.port} is taken by {listener.process or 'another program'}"
            yield Refusal("port-taken", what, "stop that program")


def _bundle(desired: Desired, facts: Facts) -> Iterator[Refusal]:
    if desired.bundle is None:
        return
    if desired.bundle.binary(facts.arch) is None and watched.K3S not in facts.files:
        what = f"the bundle has no k3s-{facts.arch}"
        yield Refusal("no-binary", what, "put it there with its line in SHA256SUMS")
    for file in desired.bundle.for_host(facts.arch):
        if not file.found_sha256:
            what = f"{file.path.name} of the bundle is missing"
            yield Refusal("no-binary", what, "make the bundle again: ./bootstrap.sh bundle")
        elif not file.is_whole:
            what = f"{file.path.name} of the bundle does not have the checksum of SHA256SUMS"
            yield Refusal("wrong-checksum", what, "make the bundle again: ./bootstrap.sh bundle")


def _identity(desired: Desired, facts: Facts) -> Iterator[Refusal]:
    twin = desired.machine_ids.get(facts.machine_id)
    if twin is not None and twin != desired.name:
        what = f"it has the machine-id of {twin}, as after cloning a disk"
        remedy = "rm /etc/machine-id && systemd-machine-id-setup, then reboot"
        yield Refusal("duplicate-machine-id", what, remedy)
    other = "k3s-agent.service" if desired.role == "server" else "k3s.service"
    if other in facts.units:
        what = f"it has {other} and shall be a k3s {desired.role}"
        yield Refusal("other-role", what, "remove that k3s first")
    if (
        desired.unit in facts.units
        and desired.unit not in facts.applied
        and not _is_ours(desired, facts)
    ):
        what = f"it has a {desired.unit} that is not ours"
        yield Refusal("foreign-k3s", what, "remove that k3s first: k3s-uninstall.sh")


def _is_ours(desired: Desired, facts: Facts) -> bool:
    file = facts.files.get(f"/etc/systemd/system/{desired.unit}")
    return file is not None and "hitscanner" in (file.text or "")


def _way_to_server(desired: Desired, facts: Facts) -> Iterator[Refusal]:
    where = f"{desired.server_address} port 6443"
    if facts.server_port == "blocked":
        remedy = "open 6443/tcp towards the server on both sides (docs/fleet.md, ports)"
        yield Refusal("port-blocked", f"it gets no answer from {where}", remedy)
    elif facts.server_port == "refused" or not desired.cluster.is_up:
        what = f"no k3s server answers at {where}"
        yield Refusal("server-down", what, "set up the server first, or start its k3s")
    is_known = desired.cluster.node(desired.name) or desired.name in desired.cluster.node_passwords
    if is_known and not facts.has_node_password:
        what = f"the name {desired.name} is taken: the server keeps another node password for it"
        remedy = f"if this is the same host set up anew: hitscanner fleet remove {desired.name}"
        yield Refusal("node-password", what, remedy)


def _size(desired: Desired) -> Iterator[Refusal]:
    room = int(2 ** max(0, 24 - desired.platform.cluster_cidr.prefixlen))
    if desired.hosts > room:
        what = f"cluster_cidr {desired.platform.cluster_cidr} is enough for {room} hosts"
        remedy = f"the inventory has {desired.hosts}: set a larger one before the first start"
        yield Refusal("pod-network-too-small", what, remedy)
