"""
Which certificates of a host are renewed, and how; pure.

A restart of k3s renews what has less than 120 days left and keeps the keys; `k3s certificate
rotate` makes new keys of everything.  Neither touches a CA.  Source: docs.k3s.io/cli/certificate.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from hitscanner.provision import watched
from hitscanner.provision.causes import by_name
from hitscanner.provision.certificates import JOB, RENEWED_BELOW, Certificates
from hitscanner.provision.desired import Desired
from hitscanner.provision.facts import Facts
from hitscanner.provision.model import Change, Detached, HostPlan, JoinToken, Refusal, Run, Start

Busy = Literal["refuse", "wait", "force"]

PHASE = "certificates"
BACKUPS = f"{watched.STATE}/backups"
KEPT = 5
"""Newest backups that stay on the server."""

CA_WARN = timedelta(days=365)
"""A CA lives ten years and nothing renews it; below this there is still time to plan for it."""

BACKUP = f"""set -eu
umask 077
mkdir -p {BACKUPS}
chmod 700 {BACKUPS}
rm -f {BACKUPS}/certificates-*.tar.new
cd /var/lib/rancher/k3s/server
file={BACKUPS}/certificates-$(date -u +%Y%m%dT%H%M%SZ).tar
tar -cf "$file.new" $(ls -d tls cred token)
sync "$file.new"
mv "$file.new" "$file"
ls -1 {BACKUPS}/certificates-*.tar | sort -r | tail -n +{KEPT + 1} | xargs -r rm --
"""
IS_WHOLE = f"""newest=$(ls -1 {BACKUPS}/certificates-*.tar | tail -n 1)
[ "$(stat -c %a "$newest")" = 600 ] && tar -tf "$newest" | grep -q '^tls/server-ca.key$'
"""
"""Digits of UTC sort as time does."""


@dataclass(frozen=True)
class Wish:
    """What a rotation shall do."""

    new_keys: bool = False
    """Whether every certificate gets a new key, near its end or not."""

    busy: Busy = "refuse"
    """What becomes of a host that is measuring."""

    wait_s: float = 3600.0
    """Longest wait for it to be idle."""


def plan_rotation(
    desired: Desired, facts: Facts, seen: Certificates, wish: Wish, now: datetime
) -> HostPlan:
    """
    Say what must be done for a host's certificates; nothing where none is near its end.

    Args:
        desired: the host, with the nodes of the cluster.
        facts: for the state of its unit and its version of k3s.
        seen: its certificates.
        wish: what was asked for.
        now: aware.

    >>> from datetime import UTC
    >>> now = datetime(2026, 11, 23, tzinfo=UTC)
    >>> bare, nothing = Facts(host="us-0001"), Certificates()
    >>> plan_rotation(Desired("us-0001", "agent"), bare, nothing, Wish(), now).refusals[0].cause
    'not-joined'
    """
    changes = tuple(_changes(desired, facts, seen, wish, now))
    refusals = tuple(_refusals(desired, facts, seen, wish, will_restart=bool(changes)))
    return HostPlan(desired.name, refusals, tuple(_warnings(seen, now)), changes)


def _changes(
    desired: Desired, facts: Facts, seen: Certificates, wish: Wish, now: datetime
) -> Iterator[Change]:
    version = facts.k3s_version or desired.k3s_version
    start = Start(desired.unit, desired.name, version.partition("+")[0])
    if seen.is_under_way:
        yield Change(PHASE, "wait for the renewal that is under way", Detached(JOB, ":", start))
        return
    due = seen.due(now)
    if not (due or wish.new_keys):
        return
    if desired.role == "server":
        yield Change(PHASE, f"back up CA, keys and token to {BACKUPS}", Run(BACKUP), IS_WHOLE)
    stop = f"systemctl stop {desired.unit}"
    if wish.new_keys:
        says = f"make new keys for {len(seen.leaves())} certificates"
        script = f"{stop}\n{watched.K3S} certificate rotate"
    else:
        first, leaf = next(iter(due.items()))
        says = f"renew {len(due)} certificates, the first ends in {(leaf.ends_at - now).days} days"
        says, script = f"{says} ({first})", stop
    has_ended = any(leaf.ends_at <= now for leaf in due.values())
    if desired.role == "agent" and (wish.new_keys or has_ended):
        # Then its old certificate does not open the server to it, and the token of its join is
        # long revoked (k3s pkg/nodepassword/validate.go).
        token = f"mint a token on the server and put it at {watched.JOIN_TOKEN}"
        yield Change(PHASE, token, JoinToken(watched.JOIN_TOKEN), is_secret=True)
    yield Change(PHASE, says, Detached(JOB, script, start))


def _refusals(
    desired: Desired, facts: Facts, seen: Certificates, wish: Wish, *, will_restart: bool
) -> Iterator[Refusal]:
    unit = facts.units.get(desired.unit)
    state = unit.active if unit else "missing"
    is_known = not desired.cluster.is_up or desired.cluster.node(desired.name) is not None
    if seen.is_under_way:
        return  # meanwhile the unit is down, and old files are gone
    if not seen.is_joined or not is_known:
        yield _refusal("not-joined", "it has no certificates or no node in the cluster")
    elif state != "active":
        yield _refusal("k3s-stopped", f"{desired.unit} is {state}")
    elif will_restart and desired.role == "agent" and not desired.cluster.is_up:
        yield _refusal("server-down", "the cluster's API does not answer on the server")
    elif will_restart and seen.busy and wish.busy != "force":
        many = f"{seen.busy} prober{'' if seen.busy == 1 else 's'}"
        yield _refusal("measuring", f"{many} may be sending")


def _refusal(cause: str, says: str) -> Refusal:
    return Refusal(cause, says, by_name(cause).remedy)


def _warnings(seen: Certificates, now: datetime) -> Iterator[str]:
    for path, found in sorted(seen.files.items()):
        if found.is_ca and found.ends_at - now < CA_WARN:
            days = (found.ends_at - now).days
            yield f"the CA {path} ends in {days} days; nothing renews it: k3s certificate rotate-ca"


def trouble(before: Certificates, after: Certificates, wish: Wish, now: datetime) -> str:
    """
    Say what is wrong after a renewal, empty when all is well: it counts what is shown over TLS.

    >>> from datetime import UTC
    >>> from hitscanner.provision.certificates import Certificate
    >>> now = datetime(2026, 11, 23, tzinfo=UTC)
    >>> old = Certificates(endpoints={"10250": Certificate(serial="1", ends_at=now)})
    >>> new = Certificate(serial="2", ends_at=now + timedelta(days=365))
    >>> trouble(old, old, Wish(), now)
    'port 10250 still shows serial 1, which ends in 0 days'
    >>> trouble(old, Certificates(endpoints={"10250": new}), Wish(), now)
    ''
    >>> trouble(old, Certificates(), Wish(), now)
    'port 10250 shows no certificate any more'
    """
    if lost := sorted(before.endpoints.keys() - after.endpoints.keys()):
        return f"port {lost[0]} shows no certificate any more"
    must_differ = before.endpoints if wish.new_keys and not before.is_under_way else {}
    for port, shown in after.endpoints.items():
        is_same = port in must_differ and must_differ[port].serial == shown.serial
        if is_same or shown.ends_at - now < RENEWED_BELOW:
            days = (shown.ends_at - now).days
            return f"port {port} still shows serial {shown.serial}, which ends in {days} days"
    left = after.due(now)
    return f"{next(iter(left))} was not renewed" if left else ""


def renewed(before: Certificates, after: Certificates) -> list[str]:
    """
    Say which ports show another certificate than before.

    >>> from datetime import UTC
    >>> from hitscanner.provision.certificates import Certificate
    >>> end = datetime(2027, 11, 23, tzinfo=UTC)
    >>> a, b = Certificate(serial="A1", ends_at=end), Certificate(serial="B2", ends_at=end)
    >>> renewed(Certificates(endpoints={"6443": a}), Certificates(endpoints={"6443": b}))
    ['port 6443: serial A1 -> B2, good until 2027-11-23']
    """
    return [
        f"port {port}: serial {old.serial} -> {new.serial}, good until {new.ends_at:%Y-%m-%d}"
        for port, new in after.endpoints.items()
        if (old := before.endpoints.get(port)) and old.serial != new.serial
    ]
