"""
How much the simulated Internet answers: `make bench-simulator` (root, scamper, three minutes).

1. One vantage point, 8,000 probes/s, 5,000 routers of which none is silent: each probe that is read
   must be answered. What scamper's own socket drops (`/proc/net/raw`) is counted apart.
2. Twenty vantage points at 100 probes/s each: it may take half of a core.
3. A hundred vantage points and 50,000 routers, the most there may be: start and memory.

Exit status 1 if a goal is missed. Probes that were never read cannot be answered: the device drops
those, and its counter is among the figures.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from hitscanner.simulator import lifecycle
from hitscanner.simulator.objects import Prefix, Router, WorldSpec
from hitscanner.simulator.world import World, generate

ROUTERS, TARGETS = 5000, 4000
LOOK_S = 0.1
MOST_OF_A_CORE = 0.5
FULL_RATE_SHARE = 0.9
"""A second counts as one at full rate from this share of the rate on."""


def talkative(spec: WorldSpec) -> World:
    """Return a world in which somebody answers every probe."""
    return World(
        replace(thing, silent=False, port_unreachable_from="loopback")
        if isinstance(thing, Router)
        else replace(thing, end="answer")
        if isinstance(thing, Prefix)
        else thing
        for thing in generate(spec).objects()
    )


def start(netns: str, rate_pps: int, targets: Path) -> "subprocess.Popen[bytes]":
    """Trace the targets; in a namespace that has no way out."""
    trace = "trace -P icmp-paris -q 1 -w 2 -g 5"
    argv = ["scamper", "-p", str(rate_pps), "-c", trace, "-o", "/dev/null", "-f", str(targets)]
    return subprocess.Popen(["ip", "netns", "exec", netns, *argv], stdout=subprocess.DEVNULL)


def cpu_s(pid: int) -> float:
    """Return the processor time of a process (proc(5): utime and stime)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def peak_memory_mb(pid: int) -> int:
    """Return the most memory that a process held at once (proc(5): VmHWM)."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) // 1024 for line in lines if line.startswith("VmHWM"))


def socket_drops(pid: int) -> int:
    """Return what the raw sockets in the namespace of a process have dropped."""
    drops = 0
    for name in ("raw", "raw6"):
        try:
            lines = Path(f"/proc/{pid}/net/{name}").read_text().splitlines()[1:]
        except OSError:
            return drops
        drops += sum(int(line.split()[-1]) for line in lines)
    return drops


def device_drops(netns: str) -> int:
    """Return what the TAP device has dropped, either way."""
    argv = ["ip", "-n", netns, "-j", "-s", "link", "show", "dev", "hs0"]
    stats = json.loads(subprocess.run(argv, capture_output=True, check=True).stdout)[0]["stats64"]
    return int(stats["rx"]["dropped"]) + int(stats["tx"]["dropped"])


def measure(spec: WorldSpec, rate_pps: int, folder: Path) -> dict[str, Any]:
    """Trace all targets from every vantage point at once; return what passed."""
    world, state = talkative(spec), folder / "state"
    file, targets = folder / "world.jsonl", folder / "targets.txt"
    world.dump(file)
    targets.write_text("".join(f"{target}\n" for target in world.targets()))
    starting = time.monotonic()
    up = lifecycle.up(file, state)
    start_s = time.monotonic() - starting
    assert up.pid is not None
    try:
        began, before = time.monotonic(), cpu_s(up.pid)
        probers = [start(vp.netns, rate_pps, targets) for vp in world.vantage_points]
        dropped = dict.fromkeys(range(len(probers)), 0)
        while any(prober.poll() is None for prober in probers):
            for number, prober in enumerate(probers):
                dropped[number] = max(dropped[number], socket_drops(prober.pid))
            time.sleep(LOOK_S)
        wall_s, used_s = time.monotonic() - began, cpu_s(up.pid) - before
        on_devices = sum(device_drops(vp.netns) for vp in world.vantage_points)
        time.sleep(2)  # the status is written once a second
        memory_mb = peak_memory_mb(up.pid)
        seen, detailed = lifecycle.status(state), lifecycle.counts(state)
    finally:
        lifecycle.down(state)
    assert seen.counts["opt_out"] == 0
    vps = list(detailed["vantage_points"].values())
    probes = sum(vp["probes"] for vp in vps)
    total_pps = rate_pps * len(vps)
    return {
        "routers": spec.routers,
        "vantage_points": len(spec.vantage_points),
        "rate_pps_each": rate_pps,
        "probes": probes,
        "probes_per_s": round(probes / wall_s),
        "seconds_at_full_rate": seconds_at(vps, FULL_RATE_SHARE * total_pps),
        "peak_pps": max(vp["peak_pps"] for vp in vps),
        "unanswered": probes - sum(vp["replies"] for vp in vps),
        "not_taken_by_the_kernel": seen.unsent,
        "device_drops": on_devices,
        "scamper_socket_drops": sum(dropped.values()),
        "core_share_at_full_rate": round(used_s / probes * total_pps, 3),
        "us_per_probe": round(1e6 * used_s / probes, 1),
        "start_s": round(start_s, 1),
        "memory_mb": memory_mb,
    }


def seconds_at(vps: Iterable[Mapping[str, Any]], least_pps: float) -> int:
    """Count the seconds in which all vantage points together sent that much."""
    sent: Counter[int] = Counter()
    for vp in vps:
        sent.update(dict(vp["per_second"]))
    return sum(probes >= least_pps for probes in sent.values())


def main(arguments: Sequence[str]) -> int:
    """Print one JSON object a measurement; arguments: `fast`, `many`, `large`; all by default."""
    asked = {
        "fast": (WorldSpec(1, ROUTERS, names(1), TARGETS), 8000),
        "many": (WorldSpec(1, ROUTERS, names(20), 300), 100),
        "large": (WorldSpec(1, 50_000, names(100), 20), 20),
    }
    missed = False
    for name in arguments or asked:
        spec, rate_pps = asked[name]
        with tempfile.TemporaryDirectory() as folder:
            found = measure(spec, rate_pps, Path(folder))
        missed |= found["unanswered"] != 0 or found["seconds_at_full_rate"] == 0
        missed |= name == "many" and found["core_share_at_full_rate"] > MOST_OF_A_CORE
        print(json.dumps({"measurement": name, **found}), flush=True)
    return 1 if missed else 0


def names(count: int) -> tuple[str, ...]:
    """Name vantage points that no rehearsal has."""
    return tuple(f"b-{number:04d}" for number in range(1, count + 1))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
