"""
Why a host did not become what it should: the words of journals and commands, and their remedies.

Messages of k3s, the kubelet and kube-proxy are matched as they stand in their sources of
version 1.36; a cause that is final does not go away by waiting.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Cause:
    """A reason with a name for tables, what it means, and what helps."""

    name: str
    means: str
    remedy: str
    patterns: tuple[str, ...] = ()
    """Regular expressions for one line of a journal or of standard error."""

    is_final: bool = True


CAUSES = (
    Cause(
        "ca-mismatch",
        "the token was made by another cluster's CA",
        "remove what is left of another cluster: hitscanner fleet remove HOST, then join it",
        (
            r"token CA hash does not match",
            r"x509: certificate signed by unknown authority",
            r"failed to validate.*CA certificate hash",
        ),
    ),
    Cause(
        "node-password",
        "the server keeps another node password for this name",
        "if this is the same host set up anew: hitscanner fleet remove HOST, then join it",
        (r"[Nn]ode password rejected", r"hash does not match for node", r"duplicate hostname"),
    ),
    Cause(
        "token-expired",
        "the server no longer knows the token: its time is over or it was revoked",
        "run it again; each join gets a new token",
        (r"token (has |is )?expired", r"bootstrap token .* (expired|not found)"),
    ),
    Cause(
        "token-rejected",
        "the server does not accept the token",
        "run it again; each join gets a new token",
        (
            r"token is not valid",
            r"invalid (bootstrap )?token",
            r"failed to (normalize|validate|parse)( \w+)* token",
            r"(not authorized|[Uu]nauthorized)",
            r"\b401( |$)",
        ),
    ),
    Cause(
        "clock-skew",
        "certificates are not valid at the time that the host's clock shows",
        "set the clock: chronyc makestep",
        (r"certificate has expired or is not yet valid", r"x509: .*is (before|after) \d{4}-"),
    ),
    Cause(
        "cgroup-v1",
        "the kubelet refuses cgroup v1",
        'boot with cgroup v2, or set kubelet_args = ["fail-cgroupv1=false"]',
        (r"configured to not run on a host using cgroup v1", r"cgroup v1 (is|support).*"),
    ),
    Cause(
        "missing-module",
        "the kernel lacks a module",
        "install the distribution's kernel, or choose another kube_proxy_mode or flannel_backend",
        (
            r"modprobe: FATAL: Module (overlay|br_|nf_|ip_|ip6|vxlan|wireguard)\S* not found",
            r"can't use the IPVS proxier",
            r"ipvs.*(not supported|no such file)",
            r"operation not supported.*(vxlan|wireguard)",
        ),
    ),
    Cause(
        "disk-full",
        "no space is left on a disk",
        "free some space under /var/lib",
        (r"[Nn]o space left on device", r"DiskPressure"),
    ),
    Cause(
        "too-many-files",
        "the kernel gives out no more files or inotify instances",
        "raise fs.inotify.max_user_instances: sysctl fs.inotify.max_user_instances=1024",
        (r"inotify_init: too many open files", r"too many open files"),
    ),
    Cause(
        "wrong-checksum",
        "a file did not arrive as SHA256SUMS says, or is not that in the bundle",
        "make the bundle again: ./bootstrap.sh bundle",
        (r"WARNING: \d+ computed checksum", r"sha256sum: .*FAILED"),
    ),
    Cause(
        "port-taken",
        "another program holds a port that k3s needs",
        "stop that program",
        (r"bind: address already in use", r"listen tcp .*address already in use"),
    ),
    Cause(
        "packages",
        "Debian's packages could not be installed",
        "see that the host reaches its package sources, or install them by hand",
        (r"Unable to locate package", r"Failed to fetch", r"dpkg was interrupted", r"^E: "),
    ),
    Cause(
        "server-down",
        "nothing answers at the server's port 6443",
        "set up the server first, or start its k3s",
        (r":6443.*connection refused", r"connect: connection refused"),
        is_final=False,
    ),
    Cause(
        "port-blocked",
        "packets to the server's port 6443 get no answer",
        "open 6443/tcp towards the server on both sides",
        (
            r":6443.*(i/o timeout|deadline exceeded|Client\.Timeout|no route to host|timed out)",
            # The agent's own load balancer, through which it speaks to the server.
            r"127\.0\.0\.1:6444/\S* (EOF|context deadline exceeded|read: connection reset)",
            r"(no route to host|network is unreachable)",
        ),
        is_final=False,
    ),
    Cause(
        "not-ready", "it runs and its node does not become Ready", "see: journalctl -u k3s-agent"
    ),
    Cause("step-failed", "a command failed", "read the detail, mend it, run it again"),
    Cause("locked", "another run is at work on the host", "wait for it to end"),
    Cause(
        "measuring",
        "a prober may be sending there, and a rotation was to restart its k3s",
        "run it again later, or with busy = wait, or with force: probers outlive it",
    ),
    Cause("k3s-stopped", "its k3s does not run", "see journalctl there, then fleet apply for it"),
    Cause("not-joined", "it is no node of the cluster", "join it: hitscanner fleet join HOST"),
    Cause(
        "not-renewed",
        "k3s is up again and still shows an old certificate",
        "see: k3s certificate check; then run it again with new keys",
    ),
    Cause("canary-failed", "the server or the first agent failed", "mend that one, run it again"),
    Cause("not-begun", "an earlier host failed, or nobody approved", "run it again"),
    Cause("rebooted", "the host was restarted while we worked on it", "run it again; it goes on"),
    Cause("connection-lost", "the connection was cut while we worked", "run it again; it goes on"),
    Cause("timed-out", "it took longer than its deadline", "run it again; it goes on"),
    Cause(
        "wrong-host-key",
        "the host shows another key than the inventory's",
        "if it was set up anew, put its new fingerprint into the inventory; else stop",
    ),
    Cause("unknown-host", "the host's name does not resolve", "correct address in the inventory"),
    Cause("unreachable", "nobody answers at the host's address", "see whether the host is up"),
    Cause("port-closed", "no sshd listens there", "correct port in the inventory, or start sshd"),
    Cause("auth-refused", "our key is not accepted", "add our public key to authorized_keys there"),
    Cause("no-sudo", "the user may not become root", "USER ALL=(ALL) NOPASSWD: ALL in sudoers"),
    Cause("put-failed", "a file could not be written", "look at that folder"),
    Cause("other-role", "it runs a k3s of the other role", "remove that k3s first"),
    Cause("foreign-k3s", "it runs a k3s that is not ours", "remove that k3s first"),
    Cause("no-systemd", "PID 1 is not systemd", "use a host that systemd has started"),
    Cause("unsupported-os", "it is not Debian or Ubuntu", "use Debian or Ubuntu"),
    Cause(
        "wrong-architecture", "it is not amd64 or arm64, or not arch", "correct arch, or the host"
    ),
    Cause("no-raw-sockets", "it cannot probe: no CAP_NET_RAW", "give it that right"),
    Cause("no-default-route", "k3s needs a default route", "add one"),
    Cause("ipvs-gone", "this Kubernetes has no IPVS mode", 'set kube_proxy_mode = "nftables"'),
    Cause("old-kernel", "nftables mode needs Linux 5.13", 'set kube_proxy_mode = "iptables"'),
    Cause("too-little-memory", "512 MB for an agent, 2 GB for a server", "use a larger host"),
    Cause("no-binary", "the bundle lacks a file", "make the bundle again: ./bootstrap.sh bundle"),
    Cause("duplicate-machine-id", "another host has its machine-id", "make a new one, reboot"),
    Cause("pod-network-too-small", "cluster_cidr has too few /24", "set a larger one at the start"),
)
"""Journal causes first, in order of precedence where one line speaks of several."""


def by_name(name: str) -> Cause:
    """
    Give the cause of that name.

    >>> by_name("locked").remedy
    'wait for it to end'
    """
    return next(cause for cause in CAUSES if cause.name == name)


def classify(text: str) -> tuple[Cause, str] | None:
    r"""
    Find the latest line that tells a cause.

    Returns:
        The cause and the line, shortened; None when no line tells any.

    >>> cause, line = classify("starting\nwrite /x: no space left on device\nretrying")
    >>> cause.name, line
    ('disk-full', 'write /x: no space left on device')
    >>> classify("all is well")
    """
    return next(_found(text), None)


BENIGN = re.compile(r"skip loading plugin")
"""containerd tries every snapshotter, with modprobe's words for those that are not there."""


def _found(text: str) -> Iterator[tuple[Cause, str]]:
    for line in reversed(text.splitlines()):
        if BENIGN.search(line):
            continue
        for cause in CAUSES:
            if any(re.search(pattern, line) for pattern in cause.patterns):
                yield cause, redact(line.strip())[:300]


def redact(text: str) -> str:
    """
    Blot out whatever looks like a k3s token.

    >>> redact("K10" + "a" * 64 + "::abcdef.0123456789abcdef is not valid")
    '(secret) is not valid'
    """
    secret = r"K10[0-9a-f]{64}::\S+|\b[a-z0-9]{6}\.[a-z0-9]{16}\b"  # noqa: S105 # a pattern
    return re.sub(secret, "(secret)", text)


def table() -> str:
    """Give the causes as the Markdown table of docs/fleet.md."""
    rows = [f"| `{cause.name}` | {cause.means} | {cause.remedy} |" for cause in CAUSES]
    return "\n".join(["| cause | means | remedy |", "|---|---|---|", *rows]) + "\n"
