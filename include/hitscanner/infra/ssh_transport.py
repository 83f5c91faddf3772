"""
Vantage points reached by SSH: the job is put into their spool, the prober runs detached.

Nothing of ours stays logged in: a prober outlives the connection, this process and Airflow, and is
found again by its job's folder.
"""

import hashlib
import json
import shlex
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

from hitscanner.domain.cycle import Shard
from hitscanner.domain.hosts import VantagePoint
from hitscanner.infra.open_hosts import OpenHosts
from hitscanner.infra.remote import Remote, RemoteError
from hitscanner.infra.transport import PATH, Job, TransportError

T = TypeVar("T")

BASE = "/var/lib/hitscanner"
"""Where a host keeps what is ours."""

_START = """cd /
rm -f {folder}/shard.json
setsid -f env -i PATH={path} python3 -I {pyz} run {folder} --centre-time {now:.6f} \
 </dev/null >>{folder}/prober.log 2>&1
"""

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

    def folder(self, shard: Shard) -> str:
        """Where a shard's job lies on the host."""
        return f"{self.spool}/jobs/{shard.list}/{shard.cycle}/{shard.shard}"

    def check(self, vp: VantagePoint) -> None:
        """Refuse nothing: a host that is away is the failure of its own lane."""

    def start(self, vp: VantagePoint, job: Job) -> None:
        """Stage *job* and start its prober, or find it running or done."""

        async def work(remote: Remote) -> None:
            prober = await self._stage(remote, vp, job)
            folder = self.folder(job.shard)
            if not await self._is_begun(remote, prober, folder):
                await self._expect(remote, self._start_script(prober, folder))

        self._call(vp, work)

    async def _stage(self, remote: Remote, vp: VantagePoint, job: Job) -> str:
        """Put everything that the job needs into the spool, and say where the prober is."""
        folder = self.folder(job.shard)
        await self._enrol(remote, vp)
        prober = await self._deliver(remote)
        await remote.put(f"{self.spool}/dnp.txt", job.do_not_probe)
        await remote.put(f"{folder}/targets.txt", job.targets)
        await remote.put(f"{folder}/job.json", job.job)
        return prober

    async def _is_begun(self, remote: Remote, prober: str, folder: str) -> bool:
        """Say whether a prober runs the job, or ran it to its end."""
        status = await self._status(remote, prober, folder)
        return bool(status["running"]) or (status["shard"] or {}).get("state") == "done"

    def is_running(self, vp: VantagePoint, shard: Shard) -> bool:
        """Say whether a prober holds the job's lock."""
        return bool(self._look(vp, shard)["running"])

    def report(self, vp: VantagePoint, shard: Shard) -> bytes | None:
        """Give `shard.json`, or None when the prober has not ended."""
        report = self._look(vp, shard)["shard"]
        return None if report is None else json.dumps(report).encode()

    def fetch_slice(self, vp: VantagePoint, shard: Shard, name: str, to: Path) -> None:
        """Copy one slice; FileNotFoundError if the spool has lost it."""
        path = f"{self.folder(shard)}/slices/{name}"
        data = self._call(vp, lambda remote: remote.get(path))
        if data is None:
            raise FileNotFoundError(f"{vp.name}: {path} is gone")
        to.write_bytes(data)

    def last_words(self, vp: VantagePoint, shard: Shard) -> str:
        """Give the last line that the prober, or what should have started it, wrote."""
        return str(self._look(vp, shard)["log"] or "it wrote nothing")

    def abandon(self, vp: VantagePoint, shard: Shard) -> None:
        """Ask the job's prober to end, if there is one."""

        async def work(remote: Remote) -> None:
            prober = await self._deliver(remote)
            await self._expect(remote, f"python3 -I {prober} stop {self.folder(shard)}")

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

    def _look(self, vp: VantagePoint, shard: Shard) -> dict[str, Any]:
        async def work(remote: Remote) -> dict[str, Any]:
            return await self._status(remote, await self._deliver(remote), self.folder(shard))

        return self._call(vp, work)

    async def _enrol(self, remote: Remote, vp: VantagePoint) -> None:
        """Tell the host who it is, once: the key it showed is the one of the inventory."""
        path = f"{self.spool}/identity.json"
        if await remote.get(path) is None:
            await remote.put(path, json.dumps({"vp": vp.name}).encode())

    async def _deliver(self, remote: Remote) -> str:
        """Make sure that this version of the prober is there, and say where."""
        data = self.pyz.read_bytes()
        path = f"{self.base}/prober-{hashlib.sha256(data).hexdigest()[:16]}.pyz"
        if not (await remote.run(f"test -e {shlex.quote(path)}")).is_good:
            await remote.put(path, data)
        return path

    async def _status(self, remote: Remote, prober: str, folder: str) -> dict[str, Any]:
        said = await self._expect(remote, f"python3 -I {shlex.quote(prober)} status {folder}")
        return dict(json.loads(said))

    def _start_script(self, prober: str, folder: str) -> str:
        quoted = shlex.quote(folder)
        return _START.format(
            folder=quoted, pyz=shlex.quote(prober), now=time.time(), path=shlex.quote(PATH)
        )

    async def _expect(self, remote: Remote, script: str) -> str:
        """Run *script* and give what it said; TransportError unless it exits with 0."""
        done = await remote.run(script)
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
