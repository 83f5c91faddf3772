"""The prober with a real scamper in a network of two namespaces: when all is well, and when not."""

import json
import os
import signal
import subprocess
from collections import Counter
from contextlib import suppress

import pytest

from hitscanner.prober.job import METHODS
from hitscanner.prober.ports import ports_of
from hitscanner.prober.tasks import pack
from hitscanner.prober.warts import join, read_traces

pytestmark = [pytest.mark.root, pytest.mark.slow]

SLOW = {"rate_pps": 10}
"""A trace to a near address costs one packet, so this is ten traces a second."""

ENDLESS = {**SLOW, "gap": 255}
"""With a silent target the slice lasts for minutes: it ends when a test ends it, not before."""

SILENT = "100.99.9.0/24\n"
"""The do-not-probe list that takes the silent target out, so that a job can be finished."""


def account(job):
    shard = job.shard()
    keys = ("targets", "done", "failed", "excluded", "unassigned")
    return [shard[key] for key in keys]


def destinations(job):
    """How often each address was traced, in all kept slices."""
    files = sorted((job.path / "slices").glob("*.warts"))
    return Counter(trace.destination_text for path in files for trace in read_traces(path))


def fill(path):
    """Write to *path* until the disk is full."""
    with path.open("wb", buffering=0) as stream, suppress(OSError):
        while True:
            stream.write(bytes(4096))


def only_one(job):
    """The process id of the job's measuring scamper (the other one keeps its privileges)."""
    job.wait_until(job.scamper_pids, "scamper runs")
    return job.scamper_pids()[0]


def test_a_job_is_done_and_every_file_says_so(vp_job, network):
    targets = [*network.fast(20), *network.fast6(5)]
    sources = {"4": network.source4, "6": network.source6}
    job = vp_job(targets, source_addresses=sources)

    result = job.run()

    shard = job.shard()
    port = next(ports_of("demo", "us-0001", "0000"))
    assert result.returncode == 0
    assert (shard["state"], shard["exit_code"], shard["cause"]) == ("done", 0, None)
    assert account(job) == [25, 25, 0, 0, 0]
    assert job.names() == ["0000.json", "0000.warts"]
    assert destinations(job) == dict.fromkeys(targets, 1)
    assert tuple(job.progress()[key] for key in ("state", "done", "total")) == ("done", 25, 25)
    assert shard["slices"][0]["argv"][1:] == [
        *("-p", "100", "-o", str(job.path / "slices/0000.warts.partial"), "-O", "warts"),
        *("-l", "demo", "-L", "1", "-C", "123", "-M", "us-0001"),
        *("-c", f"trace -P icmp-paris -f 1 -g 5 -q 1 -w 1 -s {port}"),
        *("-f", str(job.path / "slices/0000.targets")),
    ]


@pytest.mark.parametrize("method", METHODS)
def test_every_method_reaches_its_targets(vp_job, network, method):
    # a veth leaves the checksum of UDP over IPv6 to its peer, and udp-paris goes by the checksum
    targets6 = network.fast6(2) if method != "udp-paris" else []
    job = vp_job([*network.fast(2), *targets6], method=method)

    assert job.run().returncode == 0
    traces = list(read_traces(job.path / "slices/0000.warts"))
    assert min(trace.reply_count for trace in traces) >= 1


def test_a_finished_job_returns_at_once_even_where_it_could_not_run(vp_job, network):
    job = vp_job(network.fast(3))
    job.run()
    (job.spool / "dnp.txt").unlink()
    before = (job.path / "shard.json").read_bytes()

    result = job.run("--scamper", "no-such-scamper", offset_s=9999)

    assert result.returncode == 0
    assert before == (job.path / "shard.json").read_bytes()


def test_a_finished_job_whose_slice_was_damaged_is_not_finished(vp_job, network):
    job = vp_job(network.fast(3))
    job.run()
    os.truncate(job.path / "slices/0000.warts", 100)

    result = job.run()

    assert result.returncode == 0
    assert account(job) == [3, 3, 0, 0, 0]
    assert destinations(job) == dict.fromkeys(network.fast(3), 1)


def test_slices_join_into_one_file_that_scampers_own_reader_reads_whole(vp_job, network, tmp_path):
    targets = network.fast(14)
    job = vp_job(targets, slice_s=1)  # six targets each

    assert job.run().returncode == 0

    parts = sorted((job.path / "slices").glob("*.warts"))
    assert len(parts) == 3
    whole = tmp_path / "whole.warts"
    whole.write_bytes(join([part.read_bytes() for part in parts]))
    read = subprocess.run(["sc_warts2json", whole], capture_output=True, text=True, check=True)
    objects = [json.loads(line) for line in read.stdout.splitlines()]
    assert read.stderr == ""
    assert ["cycle-start", *["trace"] * 14, "cycle-stop"] == [each["type"] for each in objects]
    assert targets == [each["dst"] for each in objects if each["type"] == "trace"]


def test_sigterm_ends_the_slice_and_the_next_run_probes_only_the_rest(vp_job, network):
    job = vp_job([*network.silent(1), *network.fast(20)], **ENDLESS)
    prober = job.start()
    job.wait_until_finished(5)

    prober.send_signal(signal.SIGTERM)

    assert prober.wait(30) == 2
    first = job.shard()
    assert (first["state"], first["exit_code"]) == ("stopped", 2)
    assert 5 <= first["done"] <= 20
    assert first["done"] + first["unassigned"] == 21
    assert job.names() == ["0000.json", "0000.warts"]
    assert job.scamper_pids() == []
    job.opt_out(SILENT)
    assert job.run().returncode == 0
    assert account(job) == [21, 20, 0, 1, 0]
    assert destinations(job) == dict.fromkeys(network.fast(20), 1)


def test_the_stop_command_ends_a_prober_and_status_tells(vp_job, network):
    job = vp_job([*network.silent(1), *network.fast(20)], **ENDLESS)
    prober = job.start()
    job.wait_until_finished(2)
    command = [*job.argv()[:-4], "status", str(job.path)]
    during = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)

    command[-2] = "stop"
    stopped = subprocess.run(command, capture_output=True, check=True, text=True)

    assert during["running"]
    assert during["progress"]["state"] == "probing"
    assert f"stopped process {prober.pid}\n" == stopped.stdout
    assert prober.wait(30) == 2
    command[-2] = "status"
    after = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    assert (after["running"], after["shard"]["state"]) == (False, "stopped")


def test_the_stop_flag_ends_a_running_slice(vp_job, network):
    job = vp_job([*network.silent(1), *network.fast(20)], **ENDLESS)
    prober = job.start()
    job.wait_until_finished(2)

    (job.spool / "stop").touch()

    assert prober.wait(10) == 2
    assert "stop flag" in job.shard()["cause"]
    assert job.scamper_pids() == []


def test_nothing_is_sent_while_the_stop_flag_is_set(vp_job, network):
    job = vp_job(network.fast(3))
    (job.spool / "stop").touch()

    assert job.run().returncode == 2
    assert account(job) == [3, 0, 0, 0, 3]
    assert job.names() == []


def test_the_deadline_ends_a_slice(vp_job, network):
    job = vp_job([*network.silent(1), *network.fast(20)], deadline_s=4, **ENDLESS)

    assert job.run().returncode == 2
    assert "deadline" in job.shard()["cause"]
    assert 0 < job.shard()["done"] <= 20


def test_a_scamper_killed_by_a_signal_fails_the_job_and_its_whole_records_stay(vp_job, network):
    job = vp_job([*network.silent(1), *network.fast(20)], **ENDLESS)
    prober = job.start()
    job.wait_until_finished(5)

    os.kill(only_one(job), signal.SIGKILL)

    assert prober.wait(30) == 3
    shard = job.shard()
    assert shard["state"] == "failed"
    assert "scamper was killed by signal 9" in shard["cause"]
    assert shard["done"] + shard["failed"] == 21
    assert shard["slices"][0]["exit_status"] == -9
    assert shard["done"] == len(destinations(job)) >= 5
    job.opt_out(SILENT)
    assert job.run().returncode == 0
    assert account(job) == [21, 20, 0, 1, 0]
    assert destinations(job) == dict.fromkeys(network.fast(20), 1)


def test_a_killed_prober_takes_scamper_along_and_loses_and_repeats_nothing(vp_job, network):
    job = vp_job([*network.silent(1), *network.fast(20)], **ENDLESS)
    prober = job.start()
    job.wait_until_finished(5)

    prober.kill()
    prober.wait()

    job.wait_until(lambda: not job.scamper_pids(), "the orphaned scamper is gone")
    saved = job.finished()
    assert 5 <= len(saved) <= 20
    job.opt_out(SILENT)
    assert job.run().returncode == 0
    assert account(job) == [21, 20, 0, 1, 0]
    assert destinations(job) == dict.fromkeys(network.fast(20), 1)
    first = [pack(t.destination_text) for t in read_traces(job.path / "slices/0000.warts")]
    assert saved == sorted(first)
    assert [each["exit_status"] for each in job.shard()["slices"]] == [None, 0]


def test_a_torn_record_is_dropped_and_its_target_probed_again(vp_job, network):
    job = vp_job([*network.silent(1), *network.fast(20)], **ENDLESS)
    prober = job.start()
    job.wait_until_finished(5)
    prober.kill()
    prober.wait()
    job.wait_until(lambda: not job.scamper_pids(), "the orphaned scamper is gone")
    partial = job.path / "slices/0000.warts.partial"
    os.truncate(partial, partial.stat().st_size - 3)

    job.opt_out(SILENT)
    assert job.run().returncode == 0

    assert account(job) == [21, 20, 0, 1, 0]
    assert destinations(job) == dict.fromkeys(network.fast(20), 1)


def test_an_opt_out_leaves_a_running_slice_and_the_rest_is_probed(vp_job, network):
    silent = network.silent(3)
    job = vp_job([*silent, *network.fast(30)], gap=255, **SLOW)
    prober = job.start()
    job.wait_until_finished(3)

    job.opt_out("# they asked\n" + SILENT)

    assert prober.wait(60) == 0
    assert account(job) == [33, 30, 0, 3, 0]
    assert destinations(job) == dict.fromkeys(network.fast(30), 1)
    slices = job.shard()["slices"]
    assert [each["excluded"] for each in slices] == [3, 0]
    assert slices[0]["dnp_sha256"] != slices[1]["dnp_sha256"]


def test_an_opt_out_of_finished_targets_too_counts_each_target_once(vp_job, network):
    job = vp_job([*network.fast(15), *network.silent(2)], gap=255, **SLOW)
    prober = job.start()
    job.wait_until_finished(15)

    job.opt_out("100.99.0.0/16\n")

    assert prober.wait(60) == 0
    assert account(job) == [17, 15, 0, 2, 0]


def test_a_prober_killed_again_and_again_ends_with_every_target_once(vp_job, network):
    job = vp_job(network.fast(40), slice_s=20, rate_pps=16, max_pps=16)  # slices of 20
    for finished in (3, 9, 19, 24):
        prober = job.start()
        job.wait_until_finished(finished)
        prober.kill()
        prober.wait()

    assert job.run().returncode == 0
    assert account(job) == [40, 40, 0, 0, 0]
    assert destinations(job) == dict.fromkeys(network.fast(40), 1)
    assert sorted(job.names()) == sorted(
        f"{number:04d}{ending}"
        for number in range(len(job.shard()["slices"]))
        for ending in (".json", ".warts")
    )


def test_an_opt_out_that_meets_nothing_unfinished_interrupts_nothing(vp_job, network):
    job = vp_job(network.fast(30), **SLOW)
    prober = job.start()
    job.wait_until_finished(3)

    job.opt_out("203.0.113.0/24\n")

    assert prober.wait(60) == 0
    assert len(job.shard()["slices"]) == 1
    assert account(job) == [30, 30, 0, 0, 0]


@pytest.mark.parametrize("text", [None, "192.0.2.0/33\n"], ids=["removed", "garbled"])
def test_a_list_that_fails_while_probing_silences_the_prober(vp_job, network, text):
    job = vp_job([*network.silent(1), *network.fast(20)], **ENDLESS)
    prober = job.start()
    job.wait_until_finished(2)

    if text is None:
        (job.spool / "dnp.txt").unlink()
    else:
        (job.spool / "dnp.txt").write_text(text)

    assert prober.wait(30) == 4
    assert "do-not-probe list" in job.shard()["cause"]
    assert job.scamper_pids() == []
    assert 2 <= job.shard()["done"] <= 20


def test_a_second_prober_of_the_same_job_goes_away_and_changes_nothing(vp_job, network):
    job = vp_job([*network.silent(1), *network.fast(20)], **ENDLESS)
    prober = job.start()
    job.wait_until_finished(20)

    second = job.run()

    assert second.returncode == 4
    assert f"another prober (process {prober.pid}) runs this job" in second.stderr
    assert not (job.path / "shard.json").exists()
    job.opt_out(SILENT)
    assert prober.wait(60) == 0
    assert account(job) == [21, 20, 0, 1, 0]


def test_two_jobs_of_a_host_wait_for_each_others_rate(vp_job, network):
    budget = {**ENDLESS, "max_pps": 15}
    first = vp_job([*network.silent(1), *network.fast(5)], **budget)
    second = vp_job(network.fast(20), shard="0001", **budget)
    probers = [first.start()]
    first.wait_until_finished(5)
    probers.append(second.start())
    second.wait_until(lambda: second.progress().get("state") == "waiting", "the second waits")
    assert second.scamper_pids() == []

    first.opt_out(SILENT)

    assert [prober.wait(60) for prober in probers] == [0, 0]
    ended_at = first.shard()["slices"][-1]["ended_at"]
    assert ended_at <= second.shard()["slices"][0]["started_at"]


def test_a_full_disk_is_one_line_and_leaves_nothing_that_looks_finished(vp_job, network, tmp_path):
    spool = tmp_path / "small"
    spool.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(spool)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("cannot mount a tmpfs")
    try:
        job = vp_job([*network.silent(1), *network.fast(20)], spool=spool, **ENDLESS)
        prober = job.start()
        job.wait_until_finished(2)
        fill(spool / "ballast")
        assert prober.wait(30) == 3
        assert job.scamper_pids() == []
        assert [name for name in job.names() if name.endswith((".warts", ".json", ".tmp"))] == []
        if (job.path / "shard.json").exists():  # a page may have come free
            assert (job.shard()["state"], job.shard()["done"]) == ("failed", 0)
            assert "disk full" in job.shard()["cause"]
        (spool / "ballast").unlink()
        job.opt_out(SILENT)
        second = job.run()
        assert second.returncode == 0
        assert destinations(job) == dict.fromkeys(network.fast(20), 1)
    finally:
        subprocess.run(["umount", "-l", str(spool)], check=True)


def test_no_room_from_the_start_sends_nothing(vp_job, network, tmp_path):
    spool = tmp_path / "small"
    spool.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", str(spool)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("cannot mount a tmpfs")
    try:
        job = vp_job(network.fast(3), spool=spool)

        result = job.run()

        assert result.returncode == 3
        assert "disk full" in job.shard()["cause"]
        assert account(job) == [3, 0, 0, 0, 3]
    finally:
        subprocess.run(["umount", "-l", str(spool)], check=True)
