"""
Vantage points reached by SSH: the job is put into their spool, the prober runs detached.

Nothing of ours stays logged in: a prober outlives the connection, this process and Airflow, and is
found again by its job's folder.
"""

import json
import shlex
import time
from collections.abc import Awaitable, Callable
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from hitscanner.domain.cycle import Shard
from hitscanner.domain.hosts import VantagePoint
from hitscanner.infra.files import sha256_of
from hitscanner.infra.open_hosts import OpenHosts
from hitscanner.infra.remote import Done, Remote, RemoteError
from hitscanner.infra.transport import (
    PATH,
    SAID_NOTHING,
    STAGED_OR_LEFT,
    Job,
    Look,
    TransportError,
)

T = TypeVar("T")

BASE = "/var/lib/hitscanner"
"""Where a host keeps what is ours."""

_START = """cd /
rm -f {folder}/shard.json
setsid -f env -i PATH={path} python3 -I {pyz} run {folder} --centre-time {now:.6f} \
 </dev/null >>{folder}/prober.log 2>&1
"""

_NO_PROBER = 44
"""Exit status of a look that finds another version of the prober, or none."""

_SENDING = """n=0
for lease in {spool}/leases/*.lease; do
    [ -e "$lease" ] && ! flock -n "$lease" true && n=$((n + 1))
done
echo $n
"""
"""A prober locks its lease while it may send (docs/prober.md)."""


class SshTransport:
    """The steps of `Transport` over SSH."""

    poll_s = 2.0

    def __init__(self, hosts: OpenHosts, pyz: Path, base: str = BASE) -> None:
        self.hosts = hosts
        self.pyz = pyz
        self.base = base
        self.spool = f"{base}/spool"

    @cached_property
    def prober(self) -> str:
        """Where this version of the prober lies on a host; its name tells versions apart."""
        return f"{self.base}/prober-{sha256_of(self.pyz)[:16]}.pyz"

    def folder(self, shard: Shard) -> str:
        """Where a shard's job lies on the host."""
        return f"{self.spool}/jobs/{shard.list}/{shard.cycle}/{shard.shard}"

    def check(self, vp: VantagePoint) -> None:
        """Refuse nothing: a host that is away is the failure of its own lane."""

    def start(self, vp: VantagePoint, job: Job) -> None:
        """Stage *job* and start its prober, or find it running or done."""

        async def work(remote: Remote) -> None:
            await self._stage(remote, vp, job)
            folder = self.folder(job.shard)
            if not await self._is_begun(remote, folder):
                await self._expect(remote, self._start_script(folder))

        self._call(vp, work)

    async def _stage(self, remote: Remote, vp: VantagePoint, job: Job) -> None:
        """Put everything that the job needs onto the host."""
        folder = self.folder(job.shard)
        await self._enrol(remote, vp)
        await self._deliver(remote)
        await remote.put(f"{self.spool}/dnp.txt", job.do_not_probe)
        await remote.put(f"{folder}/targets.txt", job.targets)
        await remote.put(f"{folder}/job.json", job.job)

    async def _is_begun(self, remote: Remote, folder: str) -> bool:
        """Say whether a prober runs the job, or ran it to its end."""
        status = await self._status(remote, folder)
        return bool(status["running"]) or (status["shard"] or {}).get("state") == "done"

    def look(self, vp: VantagePoint, shard: Shard) -> Look:
        """Ask the prober's own `status`: one command."""
        status = self._call(vp, lambda remote: self._status(remote, self.folder(shard)))
        return Look(
            is_running=bool(status["running"]),
            report=None if status["shard"] is None else json.dumps(status["shard"]).encode(),
            words=str(status["log"] or SAID_NOTHING),
        )

    def fetch_slice(self, vp: VantagePoint, shard: Shard, name: str, to: Path) -> None:
        """Copy one slice; FileNotFoundError if the spool has lost it."""
        path = f"{self.folder(shard)}/slices/{name}"
        data = self._call(vp, lambda remote: remote.get(path))
        if data is None:
            raise FileNotFoundError(f"{vp.name}: {path} is gone")
        to.write_bytes(data)

    def forget(self, vp: VantagePoint, shard: Shard) -> None:
        """Remove what was staged and what was found; log and progress stay."""
        folder = self.folder(shard)
        gone = " ".join(f"{folder}/{name}" for name in ("slices", *STAGED_OR_LEFT))
        self._call(vp, lambda remote: self._expect(remote, f"rm -rf {gone}"))

    def abandon(self, vp: VantagePoint, shard: Shard) -> None:
        """Ask the job's prober to end, if there is one."""

        async def work(remote: Remote) -> None:
            await self._deliver(remote)
            await self._expect(remote, f"python3 -I {self.prober} stop {self.folder(shard)}")

        self._call(vp, work)

    def renew(self, vp: VantagePoint, do_not_probe: bytes | None) -> None:
        """Replace the list in the spool by rename, or remove it."""
        path = f"{self.spool}/dnp.txt"

        async def work(remote: Remote) -> None:
            if do_not_probe is None:
                await self._expect(remote, f"rm -f {shlex.quote(path)}")
            else:
                await remote.put(path, do_not_probe)

        self._call(vp, work)

    def hush(self, vp: VantagePoint, *, is_on: bool) -> None:
        """Make or remove the spool's file `stop`; probers look at it twice a second."""
        flag = f"{self.spool}/stop"
        remove = f"rm -f {shlex.quote(flag)}"

        async def work(remote: Remote) -> None:
            await (remote.put(flag, b"") if is_on else self._expect(remote, remove))

        self._call(vp, work)

    def at_work(self, vp: VantagePoint) -> int:
        """Count the leases of its rate that are held."""
        script = _SENDING.format(spool=shlex.quote(self.spool))
        return int(self._call(vp, lambda remote: self._expect(remote, script)))

    async def _enrol(self, remote: Remote, vp: VantagePoint) -> None:
        """Tell the host who it is, once: the key it showed is the one of the inventory."""
        path = f"{self.spool}/identity.json"
        if await remote.get(path) is None:
            await remote.put(path, json.dumps({"vp": vp.name}).encode())

    async def _deliver(self, remote: Remote) -> None:
        """Make sure that this version of the prober is there."""
        if not (await remote.run(f"test -e {self.prober}")).is_good:
            await remote.put(self.prober, self.pyz.read_bytes())

    async def _status(self, remote: Remote, folder: str) -> dict[str, Any]:
        ask = f"python3 -I {self.prober} status {folder}"
        done = await remote.run(f"[ -e {self.prober} ] || exit {_NO_PROBER}; {ask}")
        if done.status == _NO_PROBER:
            await self._deliver(remote)
            return dict(json.loads(await self._expect(remote, ask)))
        return dict(json.loads(self._good(remote, done)))

    def _start_script(self, folder: str) -> str:
        return _START.format(
            folder=shlex.quote(folder), pyz=self.prober, now=time.time(), path=shlex.quote(PATH)
        )

    async def _expect(self, remote: Remote, script: str) -> str:
        """Run *script* and give what it said; TransportError unless it exits with 0."""
        return self._good(remote, await remote.run(script))

    def _good(self, remote: Remote, done: Done) -> str:
        if not done.is_good:
            said = (done.err or done.out).strip().splitlines()
            why = said[-1] if said else f"exit status {done.status}"
            raise TransportError(f"{remote.name}: {why}; look at {self.base} on that host")
        return done.out

    def _call(self, vp: VantagePoint, work: Callable[[Remote], Awaitable[T]]) -> T:
        try:
            return self.hosts.call(vp, work)
        except RemoteError as error:
            raise TransportError(str(error)) from error
