"""A real WebSocket server that says what a test has written down, right or wrong."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import orjson
import trio

from node.web import Limits, WebSocket, open_listeners, serve
from node.web.http import Request, Response, loopback_only

Handler = Callable[[WebSocket], Awaitable[None]]


async def no_http(request: Request) -> Response:
    return Response.text(404, "JSON-RPC only")


@asynccontextmanager
async def serving(handler: Handler, listeners: list[trio.SocketListener] | None = None) -> AsyncIterator[int]:
    listeners = listeners or await open_listeners("127.0.0.1", 0)
    run = partial(serve, listeners, http=no_http, websocket=handler, allow=loopback_only, limits=Limits())
    async with trio.open_nursery() as nursery:
        port: int = await nursery.start(run)
        yield port
        nursery.cancel_scope.cancel()


def answer(request: dict[str, Any], result: Any) -> str:
    return orjson.dumps({"jsonrpc": "2.0", "id": request["id"], "result": result}).decode()


def notice(identifier: str, result: Any) -> str:
    params = {"subscription": identifier, "result": result}
    return orjson.dumps({"jsonrpc": "2.0", "method": "news", "params": params}).decode()
