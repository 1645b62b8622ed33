"""Methods that can't answer at once: side by side, begun in order, bounded. On real sockets."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from node.config import RpcConfig
from node.later import Later
from node.rpc import author
from node.rpc.context import Context
from node.rpc.errors import RpcError
from node.rpc.registry import method, subscription
from node.rpc.serving import in_flight
from node.service import RunningNode
from tests.node.nodes import running_node
from tests.node.rpc.client import RpcClient, connected, post
from tests.node.scratch import scratch_directory
from tests.node.web.serving import frame, opened
from tests.node.web.test_connection import CountingTransport

KINDS = ("test_later", "test_wait")
QUIET = 0.02
"""Seconds in which nothing happens once all that can happen has: loopback bytes take a moment."""


class Calls:
    """What the methods of these tests were asked, by number; each call ends when the test says so."""

    def __init__(self) -> None:
        self.begun: list[int] = []
        self.ended: list[int] = []
        self._outcomes: dict[int, Later] = {}
        self._news = trio.lowlevel.ParkingLot()

    def begin(self, number: int) -> Later:
        self.begun.append(number)
        self._news.unpark_all()
        return self._outcomes.setdefault(number, Later())

    async def until_begun(self, number: int) -> None:
        while number not in self.begun:
            await self._news.park()

    async def wait(self, number: int) -> int:
        result: int = await self.begin(number)
        self.ended.append(number)
        return result

    def end(self, *numbers: int) -> None:
        for number in numbers:
            self._outcomes[number].settle(number)

    def fail(self, number: int, error: Exception) -> None:
        self._outcomes[number].fail(error)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    """The node has methods that wait for the test."""
    calls = Calls()

    @method()
    def test_later(node: Context, number: int, padding: str | None = None) -> Later:
        return calls.begin(number)

    @method()
    async def test_wait(node: Context, number: int, padding: str | None = None) -> int:
        return await calls.wait(number)

    @method()
    async def test_big(node: Context, number: int) -> str:
        calls.begin(number)
        await trio.lowlevel.checkpoint()
        return "x" * 200_000

    @subscription("test_news", unsubscribe="test_unsubscribe")
    async def test_subscribe(node: Context, number: int) -> AsyncIterator[Any]:
        await calls.wait(number)
        return news(number)

    async def news(number: int) -> AsyncIterator[Any]:
        yield number

    for declared in (test_later, test_wait, test_big, test_subscribe):
        monkeypatch.setattr(author, declared.__name__, declared, raising=False)
    return calls


@pytest.fixture
async def node(clock: MockClock, served: RpcConfig, calls: Calls) -> AsyncIterator[RunningNode]:
    with scratch_directory() as directory:
        async with running_node(directory, sealing="manual", rpc=served) as running:
            yield running


def ask(number: int | str | None, name: str, *params: Any) -> str:
    """A request; one without a number has no `id`."""
    request = {"method": name, "params": list(params)}
    return json.dumps(request if number is None else {"id": number, **request})


async def replies(rpc: RpcClient, count: int) -> list[Any]:
    """The next replies as (id, result or error code)."""
    found = [await rpc.receive() for _ in range(count)]
    return [(each["id"], each["result"] if "result" in each else each["error"]["code"]) for each in found]


# Order


@pytest.mark.parametrize("kind", KINDS)
async def test_calls_that_wait_hold_nobody_up_and_are_replied_to_as_they_end(
    clock: MockClock, rpc: RpcClient, calls: Calls, kind: str
) -> None:
    for number in range(4):
        await rpc.socket.send(ask(number, kind, number))
    await rpc.socket.send(ask("at once", "chain_getBlockHash", 7))
    assert await replies(rpc, 1) == [("at once", None)]
    await wait_all_tasks_blocked(QUIET)
    for number in (2, 0, 3, 1):
        calls.end(number)
        assert await replies(rpc, 1) == [(number, number)]
    assert await rpc.call("system_chain") == "Fathom Development"


@pytest.mark.parametrize("kind", KINDS)
async def test_calls_are_begun_in_the_order_they_came_in(
    clock: MockClock, rpc: RpcClient, calls: Calls, kind: str
) -> None:
    for number in range(300):
        await rpc.socket.send(ask(number, kind, number))
    await wait_all_tasks_blocked(QUIET)
    assert calls.begun == list(range(300))
    calls.end(*range(300))
    assert sorted(await replies(rpc, 300)) == [(number, number) for number in range(300)]


async def test_a_result_that_is_there_already_is_replied_to_at_once(
    clock: MockClock, rpc: RpcClient, calls: Calls
) -> None:
    calls.begin(5).settle("early")
    await rpc.socket.send(ask(1, "test_later", 5))
    assert await replies(rpc, 1) == [(1, "early")]


async def test_what_ends_together_is_sent_together(
    clock: MockClock, calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    transports: list[CountingTransport] = []

    def counting(stream: trio.SocketStream, stall_timeout: float) -> CountingTransport:
        transports.append(CountingTransport(stream, stall_timeout))
        return transports[-1]

    monkeypatch.setattr("node.web.server.SocketTransport", counting)
    with scratch_directory() as directory:
        async with running_node(directory, sealing="manual") as node, connected(node) as rpc:
            for kind in KINDS:
                numbers = range(100 * KINDS.index(kind), 100 * KINDS.index(kind) + 50)
                for number in numbers:
                    await rpc.socket.send(ask(number, kind, number))
                await wait_all_tasks_blocked(QUIET)
                before = transports[0].writes
                calls.end(*numbers)
                assert len(await replies(rpc, 50)) == 50
                assert transports[0].writes - before == 1


# Outcomes


@pytest.mark.parametrize("kind", KINDS)
async def test_failures_are_told_as_those_of_any_other_method(
    clock: MockClock, rpc: RpcClient, calls: Calls, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    for number in range(2):
        await rpc.socket.send(ask(number, kind, number))
    await rpc.socket.send(ask(2, kind, -1))
    assert await replies(rpc, 1) == [(2, -32602)]
    await wait_all_tasks_blocked(QUIET)
    calls.fail(0, RpcError(1010, "Invalid Transaction"))
    assert await replies(rpc, 1) == [(0, 1010)]
    assert caplog.records == []
    calls.fail(1, ZeroDivisionError("a defect"))
    assert await replies(rpc, 1) == [(1, -32603)]
    assert f"{kind} failed" in caplog.text
    assert "a defect" in caplog.text


@pytest.mark.parametrize("kind", KINDS)
async def test_a_call_without_an_id_is_carried_out_and_not_answered(
    clock: MockClock, rpc: RpcClient, calls: Calls, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(in_flight, "MAX_REQUESTS", 2)
    for number in range(10):
        await rpc.socket.send(ask(None, kind, number))
    for number in range(10):
        await wait_all_tasks_blocked(QUIET)
        calls.end(number)
    await rpc.socket.send(ask("last", "chain_getBlockHash", 7))
    assert await replies(rpc, 1) == [("last", None)]
    assert calls.begun == list(range(10))


@pytest.mark.parametrize("served", [RpcConfig(max_response_bytes=1000)])
async def test_a_reply_too_big_is_told_however_late(
    clock: MockClock, served: RpcConfig, rpc: RpcClient, calls: Calls
) -> None:
    for kind in ("test_later", "test_big"):
        await rpc.socket.send(ask(1, kind, 1))
        await wait_all_tasks_blocked(QUIET)
        if kind == "test_later":
            calls.begin(1).settle("x" * 1000)
        assert await replies(rpc, 1) == [(1, -32008)]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_batch_waits_for_each_and_what_is_behind_it_waits_for_the_batch(
    clock: MockClock, rpc: RpcClient, calls: Calls, kind: str
) -> None:
    batch = [{"id": number, "method": kind, "params": [number]} for number in range(3)]
    await rpc.socket.send(json.dumps(batch))
    await rpc.socket.send(ask("behind", "chain_getBlockHash", 7))
    for number in range(3):
        await wait_all_tasks_blocked(QUIET)
        assert calls.begun == list(range(number + 1))
        calls.end(number)
    assert [(each["id"], each["result"]) for each in await rpc.receive()] == [(number, number) for number in range(3)]
    assert await replies(rpc, 1) == [("behind", None)]


@pytest.mark.parametrize("kind", KINDS)
async def test_http_waits_too(clock: MockClock, node: RunningNode, calls: Calls, kind: str) -> None:
    bodies: list[Any] = []

    async def visit(body: Any) -> None:
        bodies.append(json.loads((await post(node, body)).body))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(visit, {"id": 1, "method": kind, "params": [1]})
        nursery.start_soon(visit, [{"id": 2, "method": kind, "params": [2]}])
        await wait_all_tasks_blocked(QUIET)
        assert sorted(calls.begun) == [1, 2]
        calls.end(1, 2)
    first, second = sorted(bodies, key=lambda body: isinstance(body, list))
    assert (first["result"], second[0]["result"]) == (1, 2)


# Bounds


@pytest.mark.parametrize("kind", KINDS)
async def test_so_many_calls_are_under_way_and_no_more(
    clock: MockClock, node: RunningNode, rpc: RpcClient, calls: Calls, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert in_flight.MAX_REQUESTS == 1024
    monkeypatch.setattr(in_flight, "MAX_REQUESTS", 8)
    for number in range(30):
        await rpc.socket.send(ask(number, kind, number))
    await rpc.socket.send(ask("behind", "chain_getBlockHash", 7))
    await wait_all_tasks_blocked(QUIET)
    assert calls.begun == list(range(8))
    async with connected(node) as other:
        assert await other.call("system_chain") == "Fathom Development"
    ended = 0
    while ended < 30:
        waiting = calls.begun[ended:]
        assert 0 < len(waiting) <= 8
        calls.end(*waiting)
        ended += len(waiting)
        await wait_all_tasks_blocked(QUIET)
    found = dict(await replies(rpc, 31))
    assert found.pop("behind") is None
    assert found == {number: number for number in range(30)}


@pytest.mark.parametrize("kind", KINDS)
async def test_so_many_bytes_are_under_way_and_the_sender_is_held_up(
    clock: MockClock, rpc: RpcClient, calls: Calls, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert in_flight.MAX_BYTES == 16 * 1024 * 1024
    monkeypatch.setattr(in_flight, "MAX_BYTES", 250_000)
    sent = 0

    async def flood() -> None:
        nonlocal sent
        for number in range(300):
            await rpc.socket.send(ask(number, kind, number, "x" * 100_000))
            sent += 1

    async with trio.open_nursery() as nursery:
        nursery.start_soon(flood)
        await wait_all_tasks_blocked(QUIET)
        assert calls.begun == [0, 1, 2]
        assert sent < 300
        for number in range(300):
            await calls.until_begun(number)
            calls.end(number)
        assert len(await replies(rpc, 300)) == 300


async def test_replies_that_nobody_reads_hold_up_the_next_calls_and_none_is_lost(
    clock: MockClock, node: RunningNode, calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(in_flight, "MAX_REQUESTS", 8)
    asked = b"".join(frame(ask(number, "test_big", number).encode()) for number in range(100))  # fits into one read
    async with await opened(node.rpc_port) as peer:
        await peer.send_all(asked)
        await wait_all_tasks_blocked(QUIET)
        assert 8 <= len(calls.begun) < 100
        async with connected(node) as other:
            assert await other.call("system_chain") == "Fathom Development"
        told = bytearray()
        while len(told) < 100 * 200_000 or told.count(b'"}') < 100:
            told += await peer.receive_some()
    assert all(b'"id":%d,' % number in told for number in range(100))


@pytest.mark.parametrize("kind", KINDS)
async def test_who_leaves_is_served_to_the_end(
    clock: MockClock, node: RunningNode, calls: Calls, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with connected(node) as rpc:
        for number in range(3):
            await rpc.socket.send(ask(number, kind, number))
        await wait_all_tasks_blocked(QUIET)
    await wait_all_tasks_blocked(QUIET)
    calls.end(0, 1)
    calls.fail(2, RpcError(1010, "Invalid Transaction"))
    await wait_all_tasks_blocked(QUIET)
    assert sorted(calls.ended) == ([0, 1] if kind == "test_wait" else [])
    assert caplog.records == []


# Subscriptions


async def test_identifiers_come_before_the_news_whoever_is_ready_first(
    clock: MockClock, rpc: RpcClient, calls: Calls
) -> None:
    for number in range(3):
        await rpc.socket.send(ask(number, "test_subscribe", number))
    assert await rpc.call("system_chain") == "Fathom Development"
    await rpc.silence(1)
    calls.end(2, 0, 1)
    identifiers: dict[str, int] = {}
    told: dict[str, int] = {}
    for _ in range(6):
        message = await rpc.receive()
        if "id" in message:
            identifiers[message["result"]] = message["id"]
        else:
            news = message["params"]
            assert news["subscription"] in identifiers
            told[news["subscription"]] = news["result"]
    assert told == identifiers
    assert sorted(told.values()) == [0, 1, 2]


@pytest.mark.parametrize("served", [RpcConfig(max_subscriptions=2)])
async def test_subscriptions_take_their_places_when_asked_for(
    clock: MockClock, served: RpcConfig, rpc: RpcClient, calls: Calls
) -> None:
    for number in range(3):
        await rpc.socket.send(ask(number, "test_subscribe", number))
    assert await replies(rpc, 1) == [(2, -32006)]
    await wait_all_tasks_blocked(QUIET)
    calls.fail(0, RpcError(1010, "Invalid Transaction"))
    assert await replies(rpc, 1) == [(0, 1010)]
    await rpc.socket.send(ask(4, "test_subscribe", 4))  # in the place of the one that failed
    await wait_all_tasks_blocked(QUIET)
    assert calls.begun == [0, 1, 4]
