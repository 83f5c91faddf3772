"""Routers are as hard to tell apart for real scamper as the world file says."""

import json
import subprocess
from itertools import pairwise

import pytest

from hitscanner.simulator import addressing, lifecycle
from hitscanner.simulator.aliases import methods_for
from hitscanner.simulator.world import WorldSpec, generate

from .conftest import VPS, needs_scamper, root

ALLY = 'dealias -m ally -p "-P icmp-echo" {} {}'


def dealias(world, folder, commands):
    """Run dealias commands by real scamper; return result by (method, addresses)."""
    (folder / "commands").write_text("".join(f"{command}\n" for command in commands))
    vp, out = world.vantage_points[0], folder / "out.warts"
    subprocess.run(
        [
            *("ip", "netns", "exec", vp.netns, "scamper", "-p", "300", "-O", "warts"),
            *("-O", "cmdfile", "-o", out, "-f", folder / "commands"),
        ],
        check=True,
    )
    text = subprocess.run(["sc_warts2json", out], check=True, capture_output=True, text=True).stdout
    records = [json.loads(line) for line in text.splitlines()]
    return {
        (record["method"], *(probe["dst"] for probe in record["probedefs"])): record["result"]
        for record in records
        if record["type"] == "dealias"
    }


def interfaces(world, router):
    """Return the IPv4 addresses of a router's links."""
    ends = [(near.link, world.links[near.link].end_of(router)) for near in world.neighbours[router]]
    return [str(addressing.to_address(4, addressing.link_address(4, *end))) for end in ends]


@root
@needs_scamper
@pytest.mark.slow
def test_real_scamper_finds_the_aliases_that_can_be_found_and_no_others(state, tmp_path):
    world = generate(WorldSpec(4, 200, VPS[:1], 40))
    world.dump(tmp_path / "world.jsonl")
    lifecycle.up(tmp_path / "world.jsonl", state)
    routers = [
        router
        for router in world.routers.values()
        if len(world.neighbours[router.id]) > 1 and not router.silent
    ][:40]
    pairs = {router.id: tuple(interfaces(world, router.id)[:2]) for router in routers}
    others = [(pairs[a.id][0], pairs[b.id][0]) for a, b in pairwise(routers)]
    commands = [f"dealias -m mercator -w 1 {pair[0]}" for pair in pairs.values()]
    commands += [ALLY.format(*pair) for pair in [*pairs.values(), *others]]
    found = dealias(world, tmp_path, commands)

    for router in routers:
        a, b = pairs[router.id]
        methods = methods_for(router, 4)
        assert (found["mercator", a] == "aliases") == ("mercator" in methods)
        assert (found["ally", a, b] == "aliases") == ("ipid" in methods)
    assert len(commands) == len(found)
    assert not [pair for pair in others if found["ally", *pair] == "aliases"]
