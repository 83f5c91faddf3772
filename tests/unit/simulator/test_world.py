"""Worlds: files that are checked, and worlds from a seed."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hitscanner.simulator import addressing
from hitscanner.simulator.generate import ImpossibleWorldError
from hitscanner.simulator.objects import Link, Prefix, Router, VantagePoint
from hitscanner.simulator.world import World, WorldFileError, WorldSpec, generate

from .worlds import plain_line

specs = st.builds(
    WorldSpec,
    seed=st.integers(0, 1 << 32),
    routers=st.integers(20, 300),
    vantage_points=st.integers(1, 6).map(lambda n: tuple(f"us-{i:04d}" for i in range(n))),
    targets=st.integers(1, 60),
    kind=st.sampled_from(["clean", "dirty"]),
)
few = settings(max_examples=25)


@few
@given(specs)
def test_a_world_has_the_numbers_that_were_asked_for(spec):
    world = generate(spec)

    assert spec.routers == len(world.routers)
    assert spec.vantage_points == tuple(vp.name for vp in world.vantage_points)
    assert spec.targets == len(set(world.targets()))


@few
@given(specs)
def test_the_same_seed_gives_the_same_bytes_and_a_file_gives_the_world_back(tmp_path_factory, spec):
    folder = tmp_path_factory.mktemp("world")
    generate(spec).dump(folder / "a")
    generate(spec).dump(folder / "b")
    World.load(folder / "a").dump(folder / "c")

    assert (folder / "a").read_bytes() == (folder / "b").read_bytes()
    assert (folder / "a").read_bytes() == (folder / "c").read_bytes()


@few
@given(specs)
def test_every_router_can_be_reached_inside_its_as(spec):
    world = generate(spec)
    for router in world.routers.values():
        first = min(r.id for r in world.routers.values() if r.asn == router.asn)
        if router.id == first:
            members = {r.id for r in world.routers.values() if r.asn == router.asn}
            assert members == _reached(world, first)


@few
@given(specs)
def test_no_two_interfaces_share_an_address_and_arithmetic_finds_the_router(spec):
    world = generate(spec)
    for version in (4, 6):
        owners = {}
        for router in world.routers:
            for address in world.addresses_of(router, version):
                assert address not in owners
                owners[address] = router
                owner = addressing.owner_of(version, address)
                assert router == world.attachment(owner)


@few
@given(specs)
def test_links_and_routers_of_an_as_lie_in_its_aligned_blocks(spec):
    world = generate(spec)
    for here in world.ases:
        assert here.first_link % here.links == 0
        assert here.first_router % here.routers == 0
        mine = {r.id for r in world.routers.values() if r.asn == here.asn}
        assert mine <= set(range(here.first_router, here.first_router + here.routers))


@few
@given(specs)
def test_providers_are_above_their_customers_so_that_no_as_is_its_own_provider(spec):
    world = generate(spec)
    tier = {here.asn: here.tier for here in world.ases}
    for link in world.links.values():
        a, b = tier[world.routers[link.a].asn], tier[world.routers[link.b].asn]
        if link.relation is not None:
            assert (a < b) if link.relation == "provider" else (a == b)


@few
@given(specs)
def test_every_address_lies_in_a_prefix_of_its_routers_as_and_in_no_other(spec):
    world = generate(spec)
    pairs = world.prefix_to_as()
    for version in (4, 6):
        for router in list(world.routers.values())[:20]:
            for value in world.addresses_of(router.id, version):
                owner = addressing.owner_of(version, value)
                address = addressing.to_address(version, value)
                asns = {asn for network, asn in pairs if address in network}
                if owner.kind == "router":
                    assert {router.asn} == asns
                if owner.kind == "link" and world.links[owner.number].relation is None:
                    assert {router.asn} == asns
                if owner.kind == "link" and world.links[owner.number].relation == "provider":
                    provider = world.routers[world.links[owner.number].a].asn
                    assert {provider} == asns


def test_targets_avoid_the_prefixes_that_opted_out():
    world = generate(WorldSpec(1, 100, ("us-0001",), 40))

    assert len(world.opt_out_targets()) == 4
    assert not set(world.targets()) & set(world.opt_out_targets())


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        (WorldSpec(1, 19, ("a",), 1), "19 routers: ask for 20 to 50000"),
        (WorldSpec(1, 50_001, ("a",), 1), "50001 routers"),
        (WorldSpec(1, 100, (), 1), "0 vantage points"),
        (WorldSpec(1, 100, ("a",), 0), "0 targets"),
        (WorldSpec(1, 100, ("a", "a"), 1), "vp a: 'a' is taken by a"),
        (WorldSpec(1, 100, ("A_b",), 1), "vp A_b: name it like us-0001"),
    ],
)
def test_an_impossible_spec_is_refused_with_the_number_to_change(spec, says):
    with pytest.raises((ImpossibleWorldError, WorldFileError), match=says):
        generate(spec)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "w:1: line: Invalid JSON"),
        ('{"type": "bridge"}', "w:1: line: Input tag 'bridge'"),
        ('{"type": "router", "id": 1, "silnet": true}', "w:1: router.silnet: Unexpected"),
        ('\n# why\n{"type": "router"}', "w:3: router.id: Field required"),
        ('{"type": "link", "id": 0, "a": 1, "b": 2}', "w: link 0 names router 1, which no line"),
        ('{"type": "prefix", "id": 0, "router": 5}', "w: prefix 0 names router 5"),
        ('{"type": "router", "id": 1}\n{"type": "router", "id": 1}', "two lines define router 1"),
        ('{"type": "event", "at_s": 1.0, "action": "link_down", "link": 4}', "names link 4"),
    ],
)
def test_a_bad_world_file_is_refused_with_line_key_and_cause(tmp_path, monkeypatch, text, says):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "w"
    path.write_text(text)
    with pytest.raises(WorldFileError) as refusal:
        World.load(path)

    assert says in str(refusal.value).replace(str(path), "w")


def test_a_missing_world_file_names_the_command_that_makes_one(tmp_path):
    with pytest.raises(WorldFileError, match="hitscanner simulator world"):
        World.load(tmp_path / "none")


@pytest.mark.parametrize(
    ("link", "says"),
    [
        (Link(id=9, a=1, b=1), "joins router 1 to itself"),
        (Link(id=9, a=1, b=2, cost=0), "needs cost >= 1"),
        (Link(id=9, a=1, b=2, relation="peer"), "drop its relation"),
        (Link(id=9, a=1, b=8), "say relation provider or peer"),
    ],
)
def test_a_link_that_cannot_be_is_refused(link, says):
    objects = [*plain_line().objects(), Router(id=8, asn=2)]
    with pytest.raises(WorldFileError, match=says):
        World([*objects, link])


def test_two_ases_cannot_be_both_peers_and_provider():
    objects = [Router(id=1), Router(id=2, asn=2)]
    links = [Link(id=0, a=1, b=2, relation="peer"), Link(id=1, a=1, b=2, relation="provider")]
    with pytest.raises(WorldFileError, match="are already peer"):
        World([*objects, *links])


def test_a_small_world_is_written_by_hand(tmp_path):
    path = tmp_path / "w"
    path.write_text(
        '{"type": "router", "id": 1}\n'
        '{"type": "router", "id": 2, "silent": true}\n'
        '{"type": "link", "id": 0, "a": 1, "b": 2, "delay_us": 5000}\n'
        '{"type": "prefix", "id": 0, "router": 2, "targets_v4": [1], "end": "no_host"}\n'
        '{"type": "vp", "id": 0, "name": "us-0001", "router": 1}\n'
    )
    world = World.load(path)

    assert VantagePoint(id=0, name="us-0001", router=1) == world.vantage_point("us-0001")
    assert Prefix(id=0, router=2, targets_v4=(1,), end="no_host") == world.prefixes[0]


def _reached(world, start):
    asn = world.routers[start].asn
    seen, ahead = {start}, [start]
    while ahead:
        for near in world.neighbours[ahead.pop()]:
            if near.router not in seen and world.routers[near.router].asn == asn:
                seen.add(near.router)
                ahead.append(near.router)
    return seen


def behaviours(kind):
    """What is in a large world of a kind: (behaviour, how many of it)."""
    world = generate(WorldSpec(1, 2000, ("us-0001", "jp-0001"), 2000, kind))
    routers, links = world.routers.values(), world.links.values()
    prefixes, vps = world.prefixes.values(), world.vantage_points
    return Counter(
        [f"balance {r.balance}" for r in routers]
        + [f"reply from {r.reply_from}" for r in routers]
        + [f"port unreachable from {r.port_unreachable_from}" for r in routers]
        + [f"ip id {r.ip_id}" for r in routers]
        + [f"mpls {r.mpls}" for r in routers]
        + ["silent" for r in routers if r.silent]
        + ["rate limit" for r in routers if r.icmp_pps]
        + ["loss" for each in links if each.loss]
        + ["queue" for each in links if each.queue_us]
        + [f"end {p.end}" for p in prefixes]
        + ["opt-out" for p in prefixes if p.opt_out]
        + [f"firewall {protocol}" for p in prefixes for protocol in p.firewall]
        + ["choosy" for p in prefixes if len(p.answers) < 3]
        + ["translator" for vp in vps if vp.nat]
        + [f"event {event.action}" for event in world.events]
        + ["narrow diamond" if width < 9 else "wide diamond" for width in diamonds(world)]
    )


def diamonds(world):
    """Widths of the diamonds inside ASes: routers of two links between the same two ends."""
    between = Counter()
    for near in world.neighbours.values():
        ends = {each.router for each in near}
        if len(near) == 2 == len(ends):
            between[tuple(sorted(ends))] += 1
    return [width for width in between.values() if width > 1]


BOTH = {
    *("balance flow", "balance destination", "silent", "opt-out", "ip id shared"),
    *("reply from ingress", "reply from egress", "reply from loopback"),
    *("port unreachable from loopback", "port unreachable from probed"),
    *("port unreachable from none", "ip id interface", "ip id random", "ip id zero", "ip id echo"),
    *("mpls none", "mpls explicit", "mpls implicit"),
    *("end answer", "end silent", "end no_net", "end no_host", "end filtered", "end loop"),
    *("narrow diamond", "wide diamond"),
}
DIRTY_ONLY = {
    *("balance packet", "rate limit", "loss", "queue", "firewall udp", "firewall tcp", "choosy"),
    *("translator", "event link_down", "event link_up"),
}


def test_a_clean_world_has_every_behaviour_that_a_prober_can_cope_with():
    assert set(behaviours("clean")) >= BOTH
    assert not DIRTY_ONLY & set(behaviours("clean"))


def test_a_dirty_world_has_every_behaviour():
    assert set(behaviours("dirty")) >= BOTH | DIRTY_ONLY


def test_a_dirty_world_is_dirty_to_the_extent_that_is_documented():
    found = behaviours("dirty")

    assert 5 <= found["balance packet"] <= 40
    assert 20 <= found["rate limit"] <= 60
    assert 20 <= found["silent"] <= 60
