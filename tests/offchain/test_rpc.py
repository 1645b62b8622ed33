"""The client against a real WebSocket server whose behaviour each test writes out."""

from __future__ import annotations

import logging
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import orjson
import pytest
import trio
from trio.testing import MockClock

from node.web import WebSocket, connect_websocket, open_listeners
from node.web.errors import CannotConnect
from offchain import rpc
from offchain.rpc import CallFailed, Client, ConnectionLost
from tests.offchain.scripted_node import answer, notice, serving

STRANGE = ({"id": None}, {"id": "x"}, {"id": 10**6}, {"method": "news"}, {"method": "news", "params": [1]})
"""Messages that are JSON-RPC, more or less, and mean nothing to the client."""


@asynccontextmanager
async def client_of(port: int) -> AsyncIterator[Client]:
    url = f"ws://127.0.0.1:{port}"
    async with trio.open_nursery() as nursery:
        client = Client(partial(connect_websocket, url), url)
        await nursery.start(client.run)
        yield client
        nursery.cancel_scope.cancel()


async def echo(socket: WebSocket) -> None:
    """Answers every call with its own method and parameters."""
    async for message in socket:
        request: dict[str, Any] = orjson.loads(message)
        await socket.send(answer(request, [request["method"], request["params"]]))


async def test_answers_find_their_questions_in_any_order() -> None:
    async def backwards(socket: WebSocket) -> None:
        waiting = []
        async for message in socket:
            request: dict[str, Any] = orjson.loads(message)
            waiting.append(request)
            if len(waiting) == 3:
                for each in reversed(waiting):
                    await socket.send(answer(each, each["params"]))

    found: dict[int, Any] = {}
    async with serving(backwards) as port, client_of(port) as client, trio.open_nursery() as nursery:

        async def ask(number: int) -> None:
            found[number] = await client.call("m", number)

        for number in range(3):
            nursery.start_soon(ask, number)
    assert found == {number: [number] for number in range(3)}


async def test_an_error_keeps_code_message_and_data() -> None:
    async def refuse(socket: WebSocket) -> None:
        async for message in socket:
            request: dict[str, Any] = orjson.loads(message)
            error = {"code": 1010, "message": "Invalid Transaction", "data": "Transaction is outdated"}
            await socket.send(orjson.dumps({"jsonrpc": "2.0", "id": request["id"], "error": error}).decode())

    async with serving(refuse) as port, client_of(port) as client:
        with pytest.raises(CallFailed, match="1010: Invalid Transaction: Transaction is outdated") as caught:
            await client.call("author_submitExtrinsic", "0x")
    assert (caught.value.code, caught.value.data) == (1010, "Transaction is outdated")


async def test_nobody_listening_is_an_error_at_the_first_attempt() -> None:
    (listener,) = await open_listeners("127.0.0.1", 0)
    port = listener.socket.getsockname()[1]
    await trio.aclose_forcefully(listener)
    with pytest.RaisesGroup(CannotConnect):
        async with client_of(port):
            pass


async def test_a_lost_call_is_asked_again_on_the_next_connection(caplog: pytest.LogCaptureFixture) -> None:
    connections = 0

    async def first_hangs_up(socket: WebSocket) -> None:
        nonlocal connections
        connections += 1
        if connections == 1:
            await socket.receive()
            return
        await echo(socket)

    async with serving(first_hangs_up) as port, client_of(port) as client:
        with caplog.at_level(logging.INFO):
            assert await client.call("m", 1) == ["m", [1]]
    assert connections == 2
    assert f"no connection to ws://127.0.0.1:{port} (closed): trying again in 0.25 s" in caplog.text


async def test_the_node_may_be_away_for_long(jumping_clock: MockClock, caplog: pytest.LogCaptureFixture) -> None:
    listeners = await open_listeners("127.0.0.1", 0)
    port = listeners[0].socket.getsockname()[1]
    async with trio.open_nursery() as nursery:
        url = f"ws://127.0.0.1:{port}"
        client = Client(partial(connect_websocket, url), url)
        async with serving(echo, listeners):
            await nursery.start(client.run)
            assert await client.call("m") == ["m", []]
        started = trio.current_time()
        await trio.sleep(100)
        async with serving(echo, await open_listeners("127.0.0.1", port)):
            assert await client.call("m") == ["m", []]
        assert trio.current_time() - started <= 100 + rpc.LONGEST_PAUSE + 5
        nursery.cancel_scope.cancel()
    pauses = re.findall(r"trying again in (\S+) s", caplog.text)
    assert pauses[:8] == ["0.25", "0.5", "1", "2", "4", "8", "15", "15"]


async def test_a_silent_node_is_given_up(jumping_clock: MockClock) -> None:
    connections = 0

    async def first_is_silent(socket: WebSocket) -> None:
        nonlocal connections
        connections += 1
        if connections == 1:
            async for _ in socket:
                pass
        await echo(socket)

    async with serving(first_is_silent) as port, client_of(port) as client:
        started = trio.current_time()
        assert await client.call("m") == ["m", []]
        assert trio.current_time() - started >= rpc.ANSWER_SECONDS
    assert connections == 2


@pytest.mark.parametrize("garbage", ["{", "[]", '"x"', "\N{SNOWMAN}"])
async def test_garbage_ends_the_connection(garbage: str) -> None:
    connections = 0

    async def first_babbles(socket: WebSocket) -> None:
        nonlocal connections
        connections += 1
        if connections == 1:
            await socket.send(garbage)
        await echo(socket)

    async with serving(first_babbles) as port, client_of(port) as client:
        assert await client.call("m") == ["m", []]
        assert await client.call("m") == ["m", []]
    assert connections == 2


async def test_strange_messages_are_passed_over() -> None:
    async def mutter(socket: WebSocket) -> None:
        async for message in socket:
            request: dict[str, Any] = orjson.loads(message)
            for strange in STRANGE:
                await socket.send(orjson.dumps(strange).decode())
            await socket.send(notice("unheard-of", 1))
            await socket.send(answer(request, 7))

    async with serving(mutter) as port, client_of(port) as client:
        assert await client.call("m") == 7


async def test_a_subscription_hears_the_notification_right_behind_its_identifier() -> None:
    ended: list[Any] = []

    async def feed(socket: WebSocket) -> None:
        async for message in socket:
            request: dict[str, Any] = orjson.loads(message)
            await socket.send(answer(request, "a1"))
            if request["method"] == "sub":
                for number in range(5):
                    await socket.send(notice("a1", number))
            else:
                ended.append(request["params"])

    async with serving(feed) as port, client_of(port) as client:
        async with client.watch("sub", "unsub", "key") as news:
            assert [await news.receive() for _ in range(5)] == [0, 1, 2, 3, 4]
        assert ended == [["a1"]]


async def test_a_watch_ends_with_its_connection() -> None:
    async def hang_up(socket: WebSocket) -> None:
        async for message in socket:
            request: dict[str, Any] = orjson.loads(message)
            await socket.send(answer(request, "a1"))
            await socket.send(notice("a1", "last"))
            return

    async with serving(hang_up) as port, client_of(port) as client, client.watch("sub", "unsub") as news:
        assert [item async for item in news] == ["last"]


async def test_a_watch_that_is_cut_off_before_it_began_says_so() -> None:
    async def hang_up(socket: WebSocket) -> None:
        await socket.receive()

    async with serving(hang_up) as port, client_of(port) as client:
        with pytest.raises(ConnectionLost, match="before it answered sub"):
            async with client.watch("sub", "unsub"):
                pass


async def test_following_survives_lost_connections() -> None:
    connections = 0

    async def feed_once(socket: WebSocket) -> None:
        nonlocal connections
        connections += 1
        async for message in socket:
            request: dict[str, Any] = orjson.loads(message)
            assert (request["method"], request["params"]) == ("sub", [["k"]])
            await socket.send(answer(request, "same identifier"))
            await socket.send(notice("same identifier", connections))
            if connections < 3:
                return

    heard: list[Any] = []
    third = trio.Event()

    def hear(item: Any) -> None:
        heard.append(item)
        if item == 3:
            third.set()

    async with serving(feed_once) as port, client_of(port) as client, trio.open_nursery() as nursery:
        nursery.start_soon(client.follow, "sub", "unsub", (["k"],), hear)
        with trio.fail_after(5):
            await third.wait()
        nursery.cancel_scope.cancel()
    assert heard == [1, 2, 3]


async def test_a_flood_of_notifications_costs_the_connection(caplog: pytest.LogCaptureFixture) -> None:
    async def flood(socket: WebSocket) -> None:
        async for message in socket:
            request: dict[str, Any] = orjson.loads(message)
            await socket.send(answer(request, "a1"))
            for number in range(rpc.MAX_UNREAD + 1):
                await socket.send(notice("a1", number))

    async with serving(flood) as port, client_of(port) as client, client.watch("sub", "unsub") as news:
        assert await client.call("m") == "a1"  # asked behind the flood, so answered by the next connection
        assert len([item async for item in news]) == rpc.MAX_UNREAD
    assert f"{rpc.MAX_UNREAD} notifications are unread" in caplog.text
