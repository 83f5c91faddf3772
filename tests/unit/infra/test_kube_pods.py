"""Pods that prove a host, pull images, and the drain: every end, and nothing left behind."""

import pytest

from hitscanner.infra.kube import ClusterRefusedError
from hitscanner.infra.kube_pods import (
    NAMESPACE,
    DrainError,
    ImageError,
    PodError,
    drain,
    pull_images,
    run_probe,
)
from tests.support.kube_fake import FakeApi, FakeClock, raw_node, raw_pod, refusal

PODS = f"/api/v1/namespaces/{NAMESPACE}/pods"
PENDING = {"phase": "Pending", "conditions": [{"status": "False", "message": "no node fits"}]}


def waiting(reason):
    state = {"waiting": {"reason": reason, "message": "registry says no"}}
    return {"phase": "Pending", "containerStatuses": [{"image": "img:1", "state": state}]}


@pytest.mark.parametrize("phase", ["Running", "Succeeded"])
def test_a_probe_that_runs_proves_the_host_and_is_taken_away(phase):
    api = FakeApi(kubelet=lambda pod: {"phase": phase})
    run_probe(api, "us-0001", "pause", 60, FakeClock().clock())

    assert api.pods == {}
    assert f"DELETE {PODS}/hs-probe-us-0001" in api.asked


@pytest.mark.parametrize(
    ("status", "error", "words"),
    [
        (waiting("ErrImagePull"), ImageError, "ErrImagePull: registry says no"),
        (waiting("CreateContainerError"), PodError, "CreateContainerError"),
        ({"phase": "Failed", "message": "evicted: disk"}, PodError, "evicted: disk"),
        (PENDING, PodError, "after 60 s: no node fits"),
    ],
    ids=["no image", "no container", "failed", "not scheduled"],
)
def test_a_probe_that_cannot_run_says_why_within_its_deadline(status, error, words):
    api, clock = FakeApi(kubelet=lambda pod: status), FakeClock()
    with pytest.raises(error, match=words):
        run_probe(api, "us-0001", "pause", 60, clock.clock())

    assert clock.at <= 61
    assert api.pods == {}


def test_a_probe_left_by_a_killed_run_is_replaced():
    api = FakeApi()
    api.add(raw_pod("hs-probe-us-0001", "us-0001", NAMESPACE))
    run_probe(api, "us-0001", "pause", 60, FakeClock().clock())

    assert api.asked.count(f"POST {PODS}") == 2
    assert api.pods == {}


def test_a_young_namespace_is_waited_for_until_it_has_its_account():
    early = refusal(403, "error looking up serviceaccount hitscanner-fleet/default")
    api = FakeApi(refusals={f"POST {PODS}": [early, early]})
    run_probe(api, "us-0001", "pause", 60, FakeClock().clock())

    assert api.asked.count(f"POST {PODS}") == 3


def test_who_may_not_make_pods_is_told_at_once():
    clock = FakeClock()
    with pytest.raises(ClusterRefusedError, match="403 no"):
        run_probe(FakeApi(refusals={f"POST {PODS}": refusal(403)}), "a", "pause", 60, clock.clock())

    assert clock.at == 0


def test_images_count_as_pulled_although_the_command_does_not_exist():
    ended = {"terminated": {"exitCode": 128, "reason": "StartError"}}
    done = {"image": "scanner:1", "imageID": "sha256:0", "state": ended}
    api = FakeApi(kubelet=lambda pod: {"phase": "Failed", "containerStatuses": [done]})
    pull_images(api, "us-0001", ["scanner:1"], 60, FakeClock().clock())

    assert api.pods == {}


def test_an_image_that_does_not_come_is_named():
    api = FakeApi(kubelet=lambda pod: waiting("ImagePullBackOff"))
    with pytest.raises(ImageError, match="img:1: ImagePullBackOff"):
        pull_images(api, "us-0001", ["img:1"], 60, FakeClock().clock())


def test_nothing_is_asked_where_no_image_is_wanted():
    api = FakeApi()
    pull_images(api, "us-0001", [], 60, FakeClock().clock())

    assert api.asked == []


def test_a_drain_evicts_jobs_and_leaves_daemons():
    api = FakeApi(nodes={"us-0001": raw_node("us-0001")})
    api.add(raw_pod("shard", "us-0001"))
    api.add(raw_pod("speaker", "us-0001", owner="DaemonSet"))
    api.add(raw_pod("elsewhere", "jp-0001"))
    gone = drain(api, "us-0001", 60, FakeClock().clock())

    assert gone == ["default/shard"]
    assert sorted(pod["metadata"]["name"] for pod in api.pods.values()) == ["elsewhere", "speaker"]
    assert api.nodes["us-0001"]["spec"]["unschedulable"] is True


def test_a_drain_that_a_budget_forbids_ends_at_its_deadline_and_names_the_pod():
    api = FakeApi(nodes={"us-0001": raw_node("us-0001")})
    api.add(raw_pod("shard", "us-0001"))
    api.refusals["POST /api/v1/namespaces/default/pods/shard/eviction"] = refusal(429)
    clock = FakeClock()
    with pytest.raises(DrainError, match="us-0001 still has default/shard"):
        drain(api, "us-0001", 30, clock.clock())

    assert clock.at <= 31
