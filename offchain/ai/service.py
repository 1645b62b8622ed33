"""The embedded models as an OpenAI-compatible server on loopback, which the workers of one machine share.

Overview
    An ASGI application over `virtual.answer`, served by hypercorn. A caller that hangs up ends its generation. Pages
    of other machines are refused by Host and Origin, since a browser lets them ask.

Usage
    async with open_embedded() as provider:
        await nursery.start(partial(serve, provider, "127.0.0.1:8321"))

Out of scope
    Callers on other machines, and keys for them.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any

import hypercorn.config
import hypercorn.trio
import trio

from node.web.http import is_loopback
from offchain.ai.provider import Provider
from offchain.ai.virtual import MAX_REQUEST, HttpAnswer, answer, refusal

KEEP_ALIVE_SECONDS = 120.0  # longer than clients keep a connection, so that it isn't closed under a request

_log = logging.getLogger("offchain.ai.service")
_log.setLevel(logging.WARNING)  # hypercorn tells where it runs

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


async def serve(provider: Provider, bind: str, *, task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED) -> None:
    """Serve until cancelled; started with the base URL. `bind` is `HOST:PORT`, or `fd://N` for a listening socket."""
    config = hypercorn.config.Config()
    config.bind = [bind]
    config.accesslog = None
    config.errorlog = _log
    config.include_server_header = False
    config.keep_alive_timeout = KEEP_ALIVE_SECONDS
    config.graceful_timeout = 1.0

    async def application(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await _respond(provider, scope, receive, send)
        elif scope["type"] == "lifespan":
            await _live(receive, send)

    async with trio.open_nursery() as nursery:
        urls: list[str] = await nursery.start(_serve, application, config)
        task_status.started(f"{urls[0]}/v1")


async def _serve(application: Any, config: Any, *, task_status: trio.TaskStatus[list[str]]) -> None:
    await hypercorn.trio.serve(application, config, task_status=task_status)


async def _live(receive: Receive, send: Send) -> None:
    while True:
        kind = (await receive())["type"]
        await send({"type": f"{kind}.complete"})
        if kind == "lifespan.shutdown":
            return


async def _respond(provider: Provider, scope: Message, receive: Receive, send: Send) -> None:
    headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
    body = await _body(receive)
    if body is None:
        return
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_cancel_when_gone, receive, nursery.cancel_scope)
        if _foreign(dict(headers)):
            answered = refusal(403, "this port answers only to the local machine", "invalid_request_error")
        else:
            target = scope["raw_path"].decode("latin-1")
            answered = await answer(provider, scope["method"], target, headers, body)
        try:
            await _send(answered, send)
        finally:
            await answered.body.aclose()
        nursery.cancel_scope.cancel()


async def _send(answered: HttpAnswer, send: Send) -> None:
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in answered.headers]
    await send({"type": "http.response.start", "status": answered.status, "headers": headers})
    async for part in answered.body:
        await send({"type": "http.response.body", "body": part, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def _body(receive: Receive) -> bytes | None:
    """The request's body, up to one byte more than is allowed; None where the caller hung up."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        body += message["body"][: MAX_REQUEST + 1 - len(body)]
        if not message.get("more_body"):
            return bytes(body)


async def _cancel_when_gone(receive: Receive, scope: trio.CancelScope) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()


def _foreign(headers: dict[str, str]) -> bool:
    host, origin = headers.get("host"), headers.get("origin")
    return host is None or not is_loopback(host) or (origin is not None and not is_loopback(origin.partition("://")[2]))
