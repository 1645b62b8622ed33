"""A proxy before a real node that misbehaves as public endpoints do: each way is a `Fault`, switched on by a test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson
import trio

from node.web import WebSocket, connect_websocket
from node.web.errors import ConnectionClosed
from tests.offchain.scripted_node import serving

Fault = Callable[[dict[str, Any], dict[str, Any]], "dict[str, Any] | str | None"]
"""What becomes of an answer, given the question and the answer: another one, any text, or none at all."""


@dataclass
class Endpoint:
    """A proxy, the faults it has now, and what it was asked."""

    fault: Fault | None = None
    drop_after: int | None = None
    """Answers until it drops the connection, once."""
    hang_up: bool = False
    """Whether it drops the connection right behind the next answer, once."""
    mute: bool = False
    """Whether notifications are held back."""
    refuse: bool = False
    """Whether it closes connections at once."""
    asked: list[str] = field(default_factory=list)
    connections: int = 0
    url: str = ""


@asynccontextmanager
async def endpoint(node_url: str, fault: Fault | None = None) -> AsyncIterator[Endpoint]:
    """A proxy before the node at this URL."""
    made = Endpoint(fault)

    async def serve(client: WebSocket) -> None:
        made.connections += 1
        if made.refuse:
            return
        try:
            async with connect_websocket(node_url) as node, trio.open_nursery() as nursery:
                questions: dict[Any, dict[str, Any]] = {}
                nursery.start_soon(_up, made, client, node, questions, nursery.cancel_scope)
                await _down(made, client, node, questions)
                nursery.cancel_scope.cancel()
        except* ConnectionClosed:
            pass

    async with serving(serve) as port:
        made.url = f"ws://127.0.0.1:{port}"
        yield made


async def _up(
    made: Endpoint, client: WebSocket, node: WebSocket, questions: dict[Any, dict[str, Any]], scope: trio.CancelScope
) -> None:
    async for message in client:
        question = orjson.loads(message)
        questions[question["id"]] = question
        made.asked.append(question["method"])
        await node.send(message)
    scope.cancel()


async def _down(made: Endpoint, client: WebSocket, node: WebSocket, questions: dict[Any, dict[str, Any]]) -> None:
    async for message in node:
        answer = orjson.loads(message)
        question = questions.pop(answer.get("id"), None)
        if question is None:
            if not made.mute:
                await client.send(message)
            continue
        if made.drop_after is not None:
            made.drop_after -= 1
            if made.drop_after < 0:
                made.drop_after = None
                return
        changed = answer if made.fault is None else made.fault(question, answer)
        if changed is not None:
            await client.send(changed if isinstance(changed, str) else orjson.dumps(changed).decode())
        if made.hang_up:
            made.hang_up = False
            return


# Faults


def stalls(method: str) -> Fault:
    """Never answers this method."""
    return lambda question, answer: None if question["method"] == method else answer


def babbles(method: str) -> Fault:
    """Answers this method with what is not JSON."""
    return lambda question, answer: "<html>502 Bad Gateway</html>" if question["method"] == method else answer


def strays(method: str) -> Fault:
    """Answers this method under another id."""
    return lambda question, answer: {**answer, "id": 10**9} if question["method"] == method else answer


def refuses(method: str, code: int, message: str, data: Any = None, times: int = 10**9) -> Fault:
    """Answers this method with an error, so many times."""
    left = [times]

    def fault(question: dict[str, Any], answer: dict[str, Any]) -> dict[str, Any]:
        if question["method"] != method or left[0] <= 0:
            return answer
        left[0] -= 1
        error = {"code": code, "message": message} | ({} if data is None else {"data": data})
        return {"jsonrpc": "2.0", "id": answer["id"], "error": error}

    return fault


def lies(method: str, change: Callable[[Any], Any]) -> Fault:
    """Changes the result of this method."""
    return lambda question, answer: (
        {**answer, "result": change(answer.get("result"))} if question["method"] == method else answer
    )
