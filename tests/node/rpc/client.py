"""A JSON-RPC client over a real WebSocket, which keeps what it didn't ask for, and HTTP requests."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import trio

from node.service import RunningNode
from node.web import Response, WebSocket, connect_websocket, request

JSON = (("content-type", "application/json"),)
PATIENCE = 30
"""Seconds, virtual ones."""


class CallFailed(Exception):
    """The reply was an error object."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(error)
        self.code: int = error["code"]
        self.message: str = error["message"]
        self.data: Any = error.get("data")


class RpcClient:
    """One connection."""

    def __init__(self, socket: WebSocket) -> None:
        self.socket = socket
        self.notifications: deque[dict[str, Any]] = deque()
        self._id = 0

    async def receive(self) -> Any:
        """The next message, whatever it is."""
        with trio.fail_after(PATIENCE):
            message = await self.socket.receive()
        assert message is not None, "the connection was closed"
        return json.loads(message)

    async def exchange(self, message: Any) -> Any:
        """Sends this very message (JSON text, or what becomes JSON), and answers the next reply."""
        await self.socket.send(message if isinstance(message, str) else json.dumps(message))
        while True:
            reply = await self.receive()
            if isinstance(reply, dict) and "method" in reply:
                self.notifications.append(reply)
            else:
                return reply

    async def call(self, method: str, *params: Any) -> Any:
        """The result of a call; raises `CallFailed`."""
        self._id += 1
        reply = await self.exchange({"jsonrpc": "2.0", "id": self._id, "method": method, "params": list(params)})
        return result_of(reply, self._id)

    async def failure(self, method: str, *params: Any) -> CallFailed:
        """The error of a call that has to fail."""
        try:
            result = await self.call(method, *params)
        except CallFailed as failure:
            return failure
        raise AssertionError(f"{method} should fail, it answered {result!r}")

    async def news(self, subscription: str) -> Any:
        """The next notification of a subscription, as (method, result)."""
        while True:
            for notification in self.notifications:
                if notification["params"]["subscription"] == subscription:
                    self.notifications.remove(notification)
                    assert set(notification) == {"jsonrpc", "method", "params"}
                    return notification["method"], notification["params"]["result"]
            message = await self.receive()
            assert "method" in message, message
            self.notifications.append(message)

    async def silence(self, seconds: float) -> None:
        """Raises if anything is said for a while."""
        with trio.move_on_after(seconds):
            message = await self.socket.receive()
            raise AssertionError(f"nothing should be said, but was: {message!r}")


def result_of(reply: Any, request_id: Any) -> Any:
    """The result in a reply, whose form is checked; raises `CallFailed`."""
    assert reply["jsonrpc"] == "2.0"
    assert reply["id"] == request_id
    assert len(reply) == 3
    if "error" in reply:
        assert set(reply["error"]) in ({"code", "message"}, {"code", "message", "data"})
        raise CallFailed(reply["error"])
    return reply["result"]


@asynccontextmanager
async def connected(node: RunningNode) -> AsyncIterator[RpcClient]:
    """A client of a running node."""
    async with connect_websocket(node.ws_url) as socket:
        yield RpcClient(socket)


async def post(node: RunningNode, body: Any, headers: tuple[tuple[str, str], ...] = JSON) -> Response:
    """One HTTP request with this body, JSON unless it is bytes."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return await request(node.http_url, "POST", headers, data)
