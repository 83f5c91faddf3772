"""Kernel modules and settings for the pod network and the chosen kube-proxy mode."""

from collections.abc import Iterator

from hitscanner.provision import watched
from hitscanner.provision.desired import Desired
from hitscanner.provision.facts import Facts
from hitscanner.provision.model import Change, Run
from hitscanner.provision.phases.files import put

PROXY_MODULES = {
    "ipvs": ("ip_vs", "ip_vs_rr", "ip_vs_wrr", "ip_vs_sh"),
    "nftables": ("nf_tables",),
    "iptables": ("nf_tables",),
}
"""
Installing ipvsadm does not load them, and kube-proxy exits without them.

Today's iptables speaks to nf_tables; kernels without the legacy ip_tables are as good.
"""

OVERLAY_MODULES = {"vxlan": "vxlan", "wireguard-native": "wireguard"}

LEAST = {"fs.inotify.max_user_instances": "1024"}
"""128, the kernel's own, is used up by a kubelet beside a few other services."""

SETTINGS = {
    "net.ipv4.ip_forward": "1",
    "net.bridge.bridge-nf-call-iptables": "1",
    "net.bridge.bridge-nf-call-ip6tables": "1",
}
HARDENED = {
    "vm.panic_on_oom": "0",
    "vm.overcommit_memory": "1",
    "kernel.panic": "10",
    "kernel.panic_on_oops": "1",
}
"""k3s, CIS hardening guide: what protect-kernel-defaults asks for."""


def needed_modules(desired: Desired) -> tuple[str, ...]:
    """
    Give the modules without which k3s does not work as chosen.

    >>> needed_modules(Desired("us-0001", "agent"))
    ('overlay', 'br_netfilter', 'nf_conntrack', 'nf_tables', 'wireguard')
    """
    overlay = OVERLAY_MODULES.get(desired.platform.flannel_backend)
    proxy = PROXY_MODULES[desired.platform.kube_proxy_mode]
    return ("overlay", "br_netfilter", "nf_conntrack", *proxy, *([overlay] if overlay else []))


def plan(desired: Desired, facts: Facts) -> Iterator[Change]:
    """Yield modules for now and for every boot, then settings for now and for every boot."""
    modules = needed_modules(desired)
    yield from put(facts, "kernel", watched.MODULES_FILE, "\n".join(modules) + "\n")
    absent = [module for module in modules if facts.modules.get(module) == "available"]
    if absent:
        names = " ".join(absent)
        verify = " && ".join(f"[ -d /sys/module/{name} ]" for name in absent)
        yield Change("kernel", f"load {names}", Run(f"modprobe -a {names}"), verify)
    settings = SETTINGS | (HARDENED if desired.platform.hardening == "cis" else {})
    text = "".join(f"{key} = {value}\n" for key, value in (settings | LEAST).items())
    yield from put(facts, "kernel", watched.SYSCTL_FILE, text)
    wrong = {key: value for key, value in settings.items() if facts.sysctls.get(key) != value}
    wrong |= {key: value for key, value in LEAST.items() if _is_less(facts.sysctls.get(key), value)}
    if wrong:
        says = "set " + ", ".join(f"{key}={value}" for key, value in wrong.items())
        # Another file may come later in the alphabet and win at the next boot: that is drift.
        script = f"sysctl --quiet --load={watched.SYSCTL_FILE}"
        tests = [f'[ "$(sysctl -n {key})" = {value} ]' for key, value in wrong.items()]
        yield Change("kernel", says, Run(script), " && ".join(tests))


def _is_less(found: str | None, wanted: str) -> bool:
    return found is not None and found.isdecimal() and int(found) < int(wanted)
