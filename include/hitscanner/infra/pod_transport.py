"""
Vantage points that are nodes of the cluster: a Job starts the prober, SSH brings and takes files.

The spool is the same as over SSH, so opting out, stopping and fetching need no API server and no
overlay network.  Only starting does, and a prober that has begun goes on without it.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from hitscanner.domain.cycle import Shard
from hitscanner.domain.hosts import VantagePoint
from hitscanner.infra.kube import Api, ClusterError, ClusterRefusedError, Json
from hitscanner.infra.remote import Remote
from hitscanner.infra.shard_job import JobState, job_manifest, job_name, job_state
from hitscanner.infra.ssh_transport import SshTransport
from hitscanner.infra.transport import Job, Look, TransportError

T = TypeVar("T")

NAMESPACE = "hitscanner"
"""Where scanner pods run (helm/hitscanner, `namespaces.measurement`)."""

GONE_WITHIN_S = 60.0
"""How long a deleted Job may take to go before its successor is tried again, seconds."""


@dataclass(frozen=True)
class Cluster:
    """Where Jobs are made, and of what."""

    api: Api
    image: str
    """The scanner's, by digest."""

    namespace: str = NAMESPACE


class PodTransport(SshTransport):
    """The steps of `Transport` where the prober runs in a pod of its own."""

    def __init__(self, over_ssh: SshTransport, cluster: Cluster) -> None:
        super().__init__(over_ssh.hosts, over_ssh.pyz, over_ssh.base)
        self.cluster = cluster

    def start(self, vp: VantagePoint, job: Job) -> None:
        """Stage *job* and create its Job, or find it; a Job that ended badly is made anew."""

        async def work(remote: Remote) -> float | None:
            await self._stage(remote, vp, job)
            if await self._is_begun(remote, self.folder(job.shard)):
                return None
            await self._expect(remote, f"rm -f {self.folder(job.shard)}/shard.json")
            return await self._clock_offset_s(remote)

        offset_s = self._call(vp, work)
        if offset_s is not None:
            self._create(job, offset_s)

    def look(self, vp: VantagePoint, shard: Shard) -> Look:
        """See whether the Job waits or runs; one that can never run is taken away."""
        state = self._state(shard)
        if state.phase in ("waiting", "running"):
            return Look(is_running=True, report=None, words=state.words)
        if state.phase == "stuck":
            self.abandon(vp, shard)
        found = super().look(vp, shard)
        return Look(is_running=False, report=found.report, words=state.words or found.words)

    def abandon(self, vp: VantagePoint, shard: Shard) -> None:
        """Delete the Job with its pod: nothing of it starts later."""
        self._ask(lambda: self._delete(job_name(shard)))

    def hush(self, vp: VantagePoint, *, is_on: bool) -> None:
        """Set the flag in the spool and end the pods, each also where the other cannot be done."""
        try:
            super().hush(vp, is_on=is_on)
        finally:
            if is_on:
                self._ask(lambda: self._delete_all(vp))

    def _create(self, job: Job, clock_offset_s: float) -> None:
        manifest = job_manifest(
            job.shard,
            namespace=self.cluster.namespace,
            image=self.cluster.image,
            spool=self.spool,
            folder=self.folder(job.shard),
            clock_offset_s=clock_offset_s,
            deadline_s=json.loads(job.job)["deadline_s"],
        )
        until = time.monotonic() + GONE_WITHIN_S
        while not self._ask(lambda: self._try_to_create(job.shard, manifest)):
            if time.monotonic() > until:
                raise TransportError(
                    f"{job.shard.vp}: Job {job_name(job.shard)} is still being deleted; "
                    "it is tried again"
                )
            time.sleep(self.poll_s)

    def _try_to_create(self, shard: Shard, manifest: Json) -> bool:
        """Create the Job or find it at work; False while an ended one of that name goes away."""
        try:
            self.cluster.api("POST", self._jobs, manifest)
        except ClusterRefusedError as error:
            if error.status != 409:
                raise
            if self._state(shard).phase in ("waiting", "running"):
                return True
            self._delete(job_name(shard))
            return False
        return True

    def _state(self, shard: Shard) -> JobState:
        def ask() -> JobState:
            try:
                job = self.cluster.api("GET", self._path(shard))
            except ClusterRefusedError as error:
                if error.status != 404:
                    raise
                return JobState("ended", "its Job is gone")
            selector = {"labelSelector": f"batch.kubernetes.io/job-name={job_name(shard)}"}
            pods = self.cluster.api("GET", f"{self._namespace}/pods", query=selector)["items"]
            return job_state(job, pods, time.time())

        return self._ask(ask)

    async def _clock_offset_s(self, remote: Remote) -> float:
        """Give the host's clock minus ours; half a round trip of error."""
        before = time.time()
        said = float(await self._expect(remote, "date +%s.%N"))
        return said - (before + time.time()) / 2

    def _delete(self, name: str) -> None:
        try:
            self.cluster.api("DELETE", f"{self._jobs}/{name}", query=_WITH_ITS_POD)
        except ClusterRefusedError as error:
            if error.status != 404:
                raise

    def _delete_all(self, vp: VantagePoint) -> None:
        selector = {"labelSelector": f"hitscanner.io/vp={vp.name}"}
        for job in self.cluster.api("GET", self._jobs, query=selector)["items"]:
            self._delete(job["metadata"]["name"])

    def _ask(self, question: Callable[[], T]) -> T:
        try:
            return question()
        except ClusterError as error:
            raise TransportError(str(error)) from error

    @property
    def _jobs(self) -> str:
        return f"/apis/batch/v1/namespaces/{self.cluster.namespace}/jobs"

    @property
    def _namespace(self) -> str:
        return f"/api/v1/namespaces/{self.cluster.namespace}"

    def _path(self, shard: Shard) -> str:
        return f"{self._jobs}/{job_name(shard)}"


_WITH_ITS_POD = {"propagationPolicy": "Background"}
