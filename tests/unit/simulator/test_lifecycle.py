"""The simulator for real: namespaces, devices, scamper, and what is left behind (nothing)."""

import json
import os
import select
import shutil
import signal
import subprocess
from contextlib import contextmanager

import pytest
from pyroute2 import netns

from hitscanner.simulator import lifecycle
from hitscanner.simulator.faults import FaultError
from hitscanner.simulator.lifecycle import CannotSimulateError, SimulatorFailedError
from hitscanner.simulator.made import start_time
from hitscanner.simulator.score import score
from hitscanner.simulator.world import World, WorldFileError, WorldSpec, generate

from .conftest import VPS, needs_scamper, root
from .tables_of_scamper import link_rows, read_warts, trace_rows, write_parquet


@contextmanager
def gone_soon(pid):
    """Do something that ends a server, which is nobody's child, and wait until it is gone."""
    gone = os.pidfd_open(pid)
    yield
    assert select.select([gone], [], [], 30)[0]
    os.close(gone)


def kill(pid):
    """Kill a server and wait until it is gone."""
    with gone_soon(pid):
        os.kill(pid, signal.SIGKILL)


def namespaces():
    return {name for name in netns.listnetns() if name.startswith(f"hs-t{os.getpid()}-")}


@root
def test_up_makes_a_namespace_each_and_down_leaves_nothing(world_file, state):
    up = lifecycle.up(world_file, state)

    assert up.state == "up"
    assert namespaces() == set(up.netns) == {f"hs-{vp}" for vp in VPS}

    down = lifecycle.down(state)

    assert down.state == "down"
    assert namespaces() == set()
    assert not state.exists()
    assert start_time(up.pid) is None


@root
def test_up_again_changes_nothing(world_file, state):
    first, second = lifecycle.up(world_file, state), lifecycle.up(world_file, state)

    assert first.pid == second.pid


@root
def test_another_world_is_refused_while_one_is_up(world_file, state, tmp_path):
    lifecycle.up(world_file, state)
    generate(WorldSpec(6, 60, VPS, 60)).dump(tmp_path / "other.jsonl")

    with pytest.raises(CannotSimulateError, match=r"another world is up .* simulator down"):
        lifecycle.up(tmp_path / "other.jsonl", state)


@root
def test_what_a_killed_server_leaves_is_rebuilt_by_up(world_file, state):
    first = lifecycle.up(world_file, state)
    kill(first.pid)

    assert lifecycle.status(state).state == "crashed"

    second = lifecycle.up(world_file, state)

    assert second.state == "up"
    assert first.pid != second.pid


@root
def test_what_a_killed_server_leaves_is_removed_by_down(world_file, state):
    first = lifecycle.up(world_file, state)
    kill(first.pid)

    assert lifecycle.down(state).state == "down"
    assert namespaces() == set()


@root
def test_a_server_whose_state_was_deleted_clears_itself_away(world_file, state):
    """Who deletes the folder of an installation deletes the installation."""
    up = lifecycle.up(world_file, state)
    with gone_soon(up.pid):
        shutil.rmtree(state)

    assert namespaces() == set()


@root
def test_an_empty_namespace_of_our_name_is_taken_over(world_file, state):
    """Only a crash whose state directory was deleted leaves one."""
    netns.create(f"hs-{VPS[0]}")

    assert lifecycle.up(world_file, state).state == "up"


@root
def test_a_namespace_in_use_by_another_simulator_is_left_alone(world_file, state, tmp_path):
    other = tmp_path / "other"
    lifecycle.up(world_file, other)
    try:
        with pytest.raises(CannotSimulateError, match=r"hs-t.* is in use; .* `ip netns delete"):
            lifecycle.up(world_file, state)
        assert lifecycle.status(other).state == "up"
        assert len(namespaces()) == 2
    finally:
        lifecycle.down(other)


@root
def test_a_server_that_cannot_start_is_reported_and_cleaned_up(world_file, state, monkeypatch):
    monkeypatch.setattr(lifecycle.sys, "executable", "/bin/false")

    with pytest.raises(SimulatorFailedError, match="the simulator did not start"):
        lifecycle.up(world_file, state)
    assert namespaces() == set()
    assert lifecycle.status(state).state == "down"


@root
def test_a_bad_world_makes_nothing(state, tmp_path):
    (tmp_path / "bad").write_text("{}")

    with pytest.raises(WorldFileError):
        lifecycle.up(tmp_path / "bad", state)
    assert not state.exists()


def test_without_root_the_remedy_is_named(world_file, tmp_path, monkeypatch):
    monkeypatch.setattr(lifecycle.os, "geteuid", lambda: 1000)

    with pytest.raises(CannotSimulateError, match="run it as root"):
        lifecycle.up(world_file, tmp_path / "state")


@root
def test_without_ip_the_package_is_named(world_file, tmp_path, monkeypatch):
    monkeypatch.setattr(lifecycle.shutil, "which", lambda _: None)

    with pytest.raises(CannotSimulateError, match="install the package iproute2"):
        lifecycle.up(world_file, tmp_path / "state")


def test_down_where_nothing_is_does_nothing(tmp_path):
    assert lifecycle.down(tmp_path / "none").state == "down"
    assert lifecycle.status(tmp_path / "none").state == "down"


def trace(world, folder, targets, command):
    """Trace from every vantage point at once with real scamper; return its files."""
    (folder / "targets").write_text("".join(f"{target}\n" for target in targets))
    files = {vp.name: folder / f"{vp.name}.warts" for vp in world.vantage_points}
    probers = [
        subprocess.Popen(
            [
                *("ip", "netns", "exec", vp.netns, "scamper", "-p", "300", "-O", "warts"),
                *("-o", files[vp.name], "-c", command, "-f", folder / "targets"),
            ]
        )
        for vp in world.vantage_points
    ]
    assert [0 for _ in probers] == [prober.wait(timeout=120) for prober in probers]
    return files


@root
@needs_scamper
@pytest.mark.slow
@pytest.mark.parametrize("method", ["udp-paris", "icmp-paris", "tcp"])
def test_real_scamper_sees_the_truth_and_nothing_else(method, world_file, state, tmp_path):
    world = World.load(world_file)
    lifecycle.up(world_file, state)
    command = f"trace -P {method} -q 2 -w 1 -g 5"
    traces = read_warts(trace(world, tmp_path, world.targets(), command))
    tables = [
        write_parquet(trace_rows(traces), tmp_path / "traces.parquet"),
        write_parquet(link_rows(traces), tmp_path / "links.parquet"),
    ]
    result = score(world, tables[:1], tables[1])

    assert len(traces) == len(VPS) * len(world.targets())
    assert result.false_links == ()
    assert (result.precision, result.recall >= 0.99) == (1.0, True)
    assert lifecycle.status(state).unsent == 0


@root
@needs_scamper
def test_the_network_counts_every_probe_and_those_to_the_opted_out(world_file, state, tmp_path):
    world = World.load(world_file)
    lifecycle.up(world_file, state)
    trace(world, tmp_path, world.opt_out_targets()[:1], "trace -P udp-paris -q 1 -w 1")
    seen = lifecycle.counts(state)
    counts = lifecycle.down(state).counts

    probes = [counts["vantage_points"][vp]["probes"] for vp in VPS]
    assert min(probes) > 0
    assert counts["opt_out"] == sum(probes) == seen["opt_out"]["packets"]
    assert sum(count for _, count in seen["vantage_points"][VPS[0]]["per_second"]) == probes[0]
    assert {packet["vp"] for packet in seen["opt_out"]["last"]} == set(VPS)
    json.dumps(counts)


def pings(vp):
    """Return whether the vantage point gets an answer from its gateway."""
    argv = [
        "ip",
        "netns",
        "exec",
        f"hs-{vp}",
        "scamper",
        "-c",
        "ping -c 1 -W 1",
        "-i",
        "100.88.0.0",
    ]
    said = subprocess.run(argv, check=True, capture_output=True, text=True).stdout
    return "1 packets received" in said


@root
@needs_scamper
@pytest.mark.parametrize("kind", ["blackhole", "cut"])
def test_a_broken_vantage_point_gets_no_answer_until_it_is_mended(kind, world_file, state):
    lifecycle.up(world_file, state)
    assert pings(VPS[0])

    broken = lifecycle.fault(state, {"kind": kind, "vp": VPS[0]})
    assert [(on["kind"], on["vp"]) for on in broken.faults] == [(kind, VPS[0])]
    assert not pings(VPS[0])

    assert lifecycle.fault(state, {"kind": "clear"}).faults == ()
    # The kernel takes a second to see that the carrier is back.
    assert any(pings(VPS[0]) for _ in range(30))


@root
def test_a_stepped_clock_is_told_to_whoever_asks_for_it(world_file, state):
    lifecycle.up(world_file, state)
    lifecycle.fault(state, {"kind": "clock", "vp": VPS[1], "offset_s": -120.5})

    assert lifecycle.clock_offset_s(state, VPS[1]) == -120.5
    assert lifecycle.clock_offset_s(state, VPS[0]) == 0


@root
def test_a_fault_of_an_unknown_vantage_point_is_refused(world_file, state):
    lifecycle.up(world_file, state)

    with pytest.raises(FaultError, match="nobody: no such vantage point; there are: t"):
        lifecycle.fault(state, {"kind": "cut", "vp": "nobody"})


def test_a_fault_where_nothing_is_up_is_refused(tmp_path):
    with pytest.raises(CannotSimulateError, match="nothing is up"):
        lifecycle.fault(tmp_path / "state", {"kind": "cut", "vp": "us-0001"})
