"""A worker's endpoint before anything is run: when requests are taken, and how many."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
import trio
import trio.testing

from node.web import WebSocket, connect_websocket
from offchain.serving import server
from offchain.serving.server import Caller, Endpoint, listen
from offchain.serving.wire import TO_GATEWAY, TO_WORKER, Ask, Refused, ToGateway
from pallets.primitives.http import HttpRequest
from tests.offchain.hearing import PATIENCE


@dataclass
class Pending:
    """Has answers wait until it is told."""

    asked: list[int] = field(default_factory=list)
    go: trio.Event = field(default_factory=trio.Event)

    async def answer(self, ask: Ask, caller: Caller) -> None:
        self.asked.append(ask.id)
        await self.go.wait()
        await caller.send(Refused(ask.id, 403, "agent-paused", "", None, False))

    async def receipt_file(self, id: bytes) -> bytes | None:
        raise AssertionError("nobody asks for one")


@dataclass
class Stage:
    endpoint: Endpoint
    socket: WebSocket
    answering: Pending
    nursery: trio.Nursery
    """In which it answers."""

    async def ask(self, id: int, body: bytes = b"") -> None:
        message = Ask(id, 0, None, HttpRequest("POST", "/", "", [], body), "", None, None, None)
        await self.socket.send(TO_WORKER.encode(message))

    async def reply(self) -> tuple[int, str, bool]:
        """The refusal that comes next."""
        with trio.fail_after(PATIENCE):
            message = await self.socket.receive()
        assert isinstance(message, bytes)
        said: ToGateway = TO_GATEWAY.decode_all(message)
        assert isinstance(said, Refused)
        return said.id, said.error, said.elsewhere


@asynccontextmanager
async def staged() -> AsyncIterator[Stage]:
    async with trio.open_nursery() as nursery:
        endpoint: Endpoint = await nursery.start(listen, "127.0.0.1", 0)
        async with connect_websocket(endpoint.url) as socket, trio.open_nursery() as answering:
            yield Stage(endpoint, socket, Pending(), answering)
            answering.cancel_scope.cancel()
        nursery.cancel_scope.cancel()


async def test_requests_are_taken_from_start_to_end() -> None:
    async with staged() as stage:
        await stage.ask(1)
        assert await stage.reply() == (1, "worker-starting", True)
        stage.nursery.start_soon(stage.endpoint.serve, stage.answering)
        await trio.testing.wait_all_tasks_blocked()
        await stage.ask(2)
        while not stage.answering.asked:  # noqa: ASYNC110
            await trio.sleep(0.001)
        stage.nursery.cancel_scope.cancel()
        with trio.CancelScope(shield=True):
            assert await stage.reply() == (2, "worker-ends", True)


@pytest.mark.parametrize(("name", "bound"), [("MAX_OPEN_REQUESTS", 2), ("MAX_OPEN_BYTES", 2500)])
async def test_what_is_open_is_bounded(name: str, bound: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, name, bound)
    async with staged() as stage:
        stage.nursery.start_soon(stage.endpoint.serve, stage.answering)
        await trio.testing.wait_all_tasks_blocked()
        for id in (1, 2, 3):
            await stage.ask(id, bytes(1000))
        assert await stage.reply() == (3, "worker-busy", True) and sorted(stage.answering.asked) == [1, 2]
        stage.answering.go.set()
        assert {await stage.reply(), await stage.reply()} == {(id, "agent-paused", False) for id in (1, 2)}
        await stage.ask(4, bytes(1000))
        assert await stage.reply() == (4, "agent-paused", False)
