"""
Work that goes on on a host without us: a transient unit with a name, polled to its end.

A cut connection, a killed Airflow or a host whose API server is just being restarted ends our
polling and not the work; the next run finds the unit by its name and waits for it.
Source: systemd-run(1), systemd.service(5).
"""

import asyncio
import shlex

from hitscanner.infra.remote import Remote, RemoteError
from hitscanner.provision import watched
from hitscanner.provision.model import Detached

POLL_S = 1.0
FOLDER = f"{watched.STATE}/jobs"

_JOB = """#!/bin/sh
# Written by hitscanner; runs as the unit {name}.service.
exec >{base}.log 2>&1
( set -eu
{script}
)
echo $? >{base}.status.new
mv {base}.status.new {base}.status
"""

_BEGIN = """set -eu
unit={name}.service
if [ "$(systemctl show --property ActiveState --value "$unit")" = active ]; then exit 0; fi
systemctl reset-failed "$unit" 2>/dev/null || true
rm -f {base}.status {base}.log
systemd-run --quiet --collect --unit={name} --property=RuntimeMaxSec={timeout_s} \\
    --property=ExecStopPost={after} /bin/sh {base}.sh
"""

_LOOK = """state=$(systemctl show --property ActiveState --value {name}.service)
case $state in active | activating | deactivating) echo running; exit 0 ;; esac
cat {base}.status 2>/dev/null || echo killed
tail -n 3 {base}.log 2>/dev/null
"""


class DetachedError(RemoteError):
    """Detached work ended without success."""


async def run_detached(remote: Remote, action: Detached) -> None:
    """
    Begin *action*'s script unless its unit is at work, and wait for the end of it.

    Raises:
        DetachedError: when it could not be begun, failed, or was killed; with its last lines.
        RemoteError: when the host cannot be asked any more; the work goes on there.
    """
    base = f"{FOLDER}/{action.name}"
    script = action.script.strip()
    await remote.put(f"{base}.sh", _JOB.format(name=action.name, base=base, script=script).encode())
    after = f"/bin/systemctl start --no-block {action.start.unit}"
    done = await remote.run(
        _BEGIN.format(
            name=action.name, base=base, timeout_s=action.timeout_s, after=shlex.quote(after)
        )
    )
    if not done.is_good:
        said = done.err.strip().splitlines() or ["no word"]
        raise _failed(remote, f"{action.name} cannot be begun: {said[-1]}")
    status, _, log = (await _end(remote, _LOOK.format(name=action.name, base=base))).partition("\n")
    if status != "0":
        last = (log.strip().splitlines() or ["no word"])[-1]
        raise _failed(remote, f"{action.name} ended with {status}: {last}")


async def _end(remote: Remote, look: str) -> str:
    """Poll until the unit is gone; systemd itself ends it after its time."""
    while (said := (await remote.run(look, timeout_s=30)).out.strip()) == "running":
        await asyncio.sleep(POLL_S)
    return said


def _failed(remote: Remote, what: str) -> DetachedError:
    return DetachedError(remote.name, what, "read the detail, mend it, run it again")
