"""Many hosts wait for their nodes with one question to the server."""

import asyncio

import pytest

from hitscanner.infra.remote import ConnectionLostError, Done
from hitscanner.provision import nodes
from hitscanner.provision.nodes import Nodes
from tests.unit.provision.fakes import FakeRemote

READY = Done(0, "True us-0001 v1.36.3\nFalse jp-0001 v1.36.3\n", "")


def server(*answers: Done | ConnectionLostError, delay_s: float = 0.0) -> FakeRemote:
    return FakeRemote("centre", [("get nodes", answer) for answer in answers], delay_s=delay_s)


def test_hosts_that_ask_together_are_told_by_one_answer() -> None:
    asked = server(READY, delay_s=0.01)

    async def eight() -> list[dict[str, str]]:
        shared = Nodes(asked)
        return await asyncio.gather(*(shared.ready() for _ in range(8)))

    assert asyncio.run(eight()) == [{"us-0001": "v1.36.3"}] * 8
    assert len(asked.scripts) == 1


def test_an_old_answer_is_not_given_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nodes, "FRESH_S", 0.0)
    asked = server(READY)

    async def twice() -> None:
        shared = Nodes(asked)
        await shared.ready()
        await asyncio.sleep(0.001)
        await shared.ready()

    asyncio.run(twice())

    assert len(asked.scripts) == 2


def test_a_host_that_gives_up_leaves_the_question_to_the_others() -> None:
    asked = server(READY, delay_s=0.05)

    async def two() -> dict[str, str]:
        shared = Nodes(asked)
        hasty = asyncio.create_task(shared.ready())
        patient = asyncio.create_task(shared.ready())
        await asyncio.sleep(0.01)
        hasty.cancel()
        return await patient

    assert asyncio.run(two()) == {"us-0001": "v1.36.3"}


def test_a_server_without_an_answer_has_no_node_ready_and_a_lost_one_is_an_error() -> None:
    lost = ConnectionLostError("centre", "cut", "again")

    assert asyncio.run(Nodes(server(Done(1, "", "refused"))).ready()) == {}
    with pytest.raises(ConnectionLostError):
        asyncio.run(Nodes(server(lost)).ready())
