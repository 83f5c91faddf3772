"""A shard's Job is made once, found again, judged by its end, and never left to start later."""

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest

from hitscanner.domain.cycle import Shard
from hitscanner.domain.hosts import VantagePoint
from hitscanner.infra.kube import ClusterRefusedError, ClusterUnreachableError
from hitscanner.infra.pod_transport import Cluster, PodTransport
from hitscanner.infra.remote import Done
from hitscanner.infra.shard_job import CAPABILITIES, job_manifest, job_name, job_state
from hitscanner.infra.transport import Job, TransportError
from tests.helm.pods import DIGEST, IMAGE

SHARD = Shard("sample", "20261122T030000Z", "us-0001", "0000")
VP = VantagePoint(
    name="us-0001", transport="pod", address="192.0.2.10", host_key="SHA256:" + "A" * 43
)
JOB = Job(SHARD, json.dumps({"deadline_s": 600}).encode(), b"", b"none\n")
CREATED = "2026-11-22T03:00:00Z"
CREATED_S = 1795316400.0


class FakeApi:
    """Keeps Jobs as the API server does: a name is taken until its Job is deleted."""

    def __init__(self) -> None:
        self.jobs: dict[str, dict[str, Any]] = {}
        self.pods: list[dict[str, Any]] = []
        self.asked: list[tuple[str, str]] = []
        self.is_away = False
        self.lingers = 0
        """Deletions of a Job that show no effect yet."""

    def __call__(self, method, path, body=None, *, query=None, timeout_s=15.0):
        self.asked.append((method, path))
        if self.is_away:
            raise ClusterUnreachableError("the API server does not answer", "wait")
        name = path.rpartition("/")[2]
        if path.endswith("/pods"):
            return {"items": self.pods}
        if method == "POST":
            return self._create(body)
        if name == "jobs":
            return {"items": list(self.jobs.values())}
        if name not in self.jobs:
            raise ClusterRefusedError(404, f"jobs {name} not found", "it is not there")
        if method == "DELETE":
            if self.lingers:
                self.lingers -= 1
            else:
                del self.jobs[name]
            return {}
        return self.jobs[name]

    def _create(self, body):
        name = body["metadata"]["name"]
        if name in self.jobs:
            raise ClusterRefusedError(409, f"jobs {name} already exists", "find it")
        self.jobs[name] = body
        return body


class EmptyHost:
    """A host where no prober has run; SSH itself is shown by tests of its own."""

    name = VP.name

    async def run(self, script: str, **_: object) -> Done:
        status = {"running": False, "shard": None, "log": None}
        said = json.dumps(status) if " status " in script else str(time.time())
        return Done(0, said, "")

    async def put(self, path: str, content: bytes, mode: int = 0o644) -> None:
        pass

    async def get(self, path: str) -> bytes | None:
        return None


class OverSsh:
    """What the pod transport takes over from the other."""

    hosts, pyz, base = None, Path(__file__), "/var/lib/hitscanner"


class Transport(PodTransport):
    poll_s = 0.0

    def _call(self, vp, work):
        return asyncio.run(work(EmptyHost()))


@pytest.fixture
def api() -> FakeApi:
    return FakeApi()


@pytest.fixture
def transport(api: FakeApi) -> Transport:
    return Transport(OverSsh(), Cluster(api, IMAGE + DIGEST))


def end(api: FakeApi, kind: str, reason: str = "") -> None:
    [job] = api.jobs.values()
    job["status"] = {"conditions": [{"type": kind, "status": "True", "reason": reason}]}


def pending(api: FakeApi, created: str = CREATED, **status: Any) -> None:
    metadata = {"creationTimestamp": created}
    api.pods = [{"metadata": metadata, "status": {"phase": "Pending", **status}}]


def test_a_task_that_runs_twice_makes_one_job(api, transport):
    transport.start(VP, JOB)
    transport.start(VP, JOB)

    assert list(api.jobs) == [job_name(SHARD)]
    assert transport.look(VP, SHARD).is_running


def test_a_job_that_ended_badly_is_made_anew_when_its_name_is_free_again(api, transport):
    transport.start(VP, JOB)
    end(api, "Failed", "BackoffLimitExceeded")
    api.lingers = 2

    transport.start(VP, JOB)

    [job] = api.jobs.values()
    assert "status" not in job


@pytest.mark.parametrize("kind", ["Complete", "Failed", "FailureTarget"])
def test_every_end_is_an_end_and_failure_target_does_not_wait_for_a_dead_node(api, transport, kind):
    transport.start(VP, JOB)
    end(api, kind, "DeadlineExceeded")

    assert not transport.look(VP, SHARD).is_running


def test_a_pod_without_a_node_or_an_image_is_given_up_and_its_job_taken_away(api, transport):
    transport.start(VP, JOB)
    waiting = {"waiting": {"reason": "ErrImagePull", "message": "not found"}}
    pending(api, containerStatuses=[{"state": waiting}])

    assert not transport.look(VP, SHARD).is_running
    assert api.jobs == {}


def test_a_pod_that_waits_for_less_than_two_minutes_is_waited_for():
    job = {"status": {}}
    unmet = {"status": "False", "reason": "Unschedulable", "message": "0/3 nodes"}
    pods = [
        {
            "metadata": {"creationTimestamp": CREATED},
            "status": {"phase": "Pending", "conditions": [unmet]},
        }
    ]

    assert job_state(job, pods, CREATED_S + 119).phase == "waiting"
    late = job_state(job, pods, CREATED_S + 121)
    assert (late.phase, late.words) == ("stuck", "Unschedulable: 0/3 nodes")


def test_an_api_server_that_is_away_is_a_transport_error_that_is_waited_out(api, transport):
    transport.start(VP, JOB)
    api.is_away = True

    with pytest.raises(TransportError, match="does not answer"):
        transport.look(VP, SHARD)


def test_a_stop_ends_the_pods_also_where_ssh_does_not_answer(api, transport, monkeypatch):
    transport.start(VP, JOB)

    def away(vp, work):
        raise TransportError("us-0001: nobody answers; look")

    monkeypatch.setattr(transport, "_call", away)

    with pytest.raises(TransportError, match="nobody answers"):
        transport.hush(VP, is_on=True)
    assert api.jobs == {}


def test_the_pod_is_pinned_bounded_and_has_no_right_too_many():
    manifest = job_manifest(
        SHARD,
        namespace="hitscanner",
        image=IMAGE + DIGEST,
        spool="/var/lib/hitscanner/spool",
        folder="/var/lib/hitscanner/spool/jobs/x",
        clock_offset_s=0.25,
        deadline_s=600,
    )
    spec, pod = manifest["spec"], manifest["spec"]["template"]["spec"]
    [container] = pod["containers"]

    assert (spec["backoffLimit"], spec["podReplacementPolicy"]) == (0, "Failed")
    assert spec["activeDeadlineSeconds"] == 900
    terms = pod["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    assert terms["nodeSelectorTerms"][0]["matchFields"][0]["values"] == ["us-0001"]
    assert pod["hostNetwork"] is True
    assert pod["automountServiceAccountToken"] is False
    assert container["securityContext"]["capabilities"] == {
        "drop": ["ALL"],
        "add": list(CAPABILITIES),
    }
    assert container["securityContext"]["readOnlyRootFilesystem"] is True
    assert "@sha256:" in container["image"]


def test_names_of_jobs_fit_and_differ():
    longest = Shard("l" * 60, "20261122T030000Z-17", "v" * 32, "0001")
    other = Shard("l" * 59, "20261122T030000Z-17", "v" * 32, "0001")

    assert len(job_name(longest)) <= 63
    assert job_name(longest) != job_name(other)
    assert job_name(SHARD).startswith("hs-us-0001-20261122t030000z-0000-")
