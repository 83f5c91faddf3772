"""The server's export for the cluster's shared volumes: NFSv4 only, restricted, root squashed."""

from collections.abc import Iterator

from hitscanner.provision import watched
from hitscanner.provision.desired import Desired
from hitscanner.provision.facts import Facts
from hitscanner.provision.model import Change, Run
from hitscanner.provision.phases.files import digest, put, render

SETTINGS = "# Written by hitscanner: NFSv4 needs one port only.\n[nfsd]\nvers3=n\nudp=n\n"


def plan(desired: Desired, facts: Facts) -> Iterator[Change]:
    """
    Yield folder, exports and service on a server with `storage = "nfs"`.

    The clients are the server itself and its pods: volumes are mounted there only, because NFS
    over a WAN hangs tasks; agents push what they measured.
    """
    if desired.role != "server" or desired.platform.storage != "nfs":
        return
    folder = desired.platform.nfs_export
    clients = ["127.0.0.1", *_own(desired, facts), str(desired.platform.cluster_cidr)]
    exports = render("exports.j2", folder=folder, clients=clients)
    yield from put(facts, "nfs", watched.NFS_FILE, SETTINGS)
    yield from put(facts, "nfs", watched.EXPORTS_FILE, exports)
    unit = facts.units.get("nfs-server.service")
    is_on = unit is not None and unit.active == "active"
    if not is_on or facts.applied.get("nfs") != digest(SETTINGS, exports):
        script = (
            f"set -e\ninstall -d -o nobody -g nogroup -m 2770 {folder}\n"
            "systemctl enable nfs-server.service\nsystemctl restart nfs-server.service\nexportfs -r"
        )
        record = ("nfs", digest(SETTINGS, exports))
        verify = f"exportfs -s | grep -q '^{folder} '"
        yield Change("nfs", f"export {folder}", Run(script), verify, record=record)


def _own(desired: Desired, facts: Facts) -> list[str]:
    known = [address for address in desired.peers if address in facts.addresses]
    return known or [address for address in facts.addresses if ":" not in address][:1]
