"""JSON-RPC 2.0 over WebSocket and HTTP: requests in, replies and notifications out.

## Overview

`Server` turns a message into its reply, one request or a batch. A WebSocket connection is a `Session`, which also
carries subscriptions: the reply with the identifier always leaves before the first notification. A subscriber that
reads too slowly loses that subscription, not the connection. A request without an `id` is carried out and not answered.

## Bounds

Batch length, subscriptions a connection, sizes of replies, and of messages (by `node.web`).
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import orjson
import trio

from node.chain.feed import FellBehind
from node.rpc import author, chain, engine, payment, state, system
from node.rpc.context import Context
from node.rpc.errors import (
    BATCH_ANSWER_TOO_BIG,
    BATCH_TOO_BIG,
    INTERNAL_ERROR,
    INVALID_REQUEST,
    MAX_RESPONSE,
    METHOD_NOT_FOUND,
    PARSE_ERROR,
    SUBSCRIPTIONS_EXHAUSTED,
    RpcError,
    invalid_params,
    query_error,
    response_too_big,
    too_big,
)
from node.rpc.registry import Method, Registry
from node.web.connection import WebSocket
from node.web.errors import ConnectionClosed
from node.web.http import Request, Response

MAX_BATCH = 1024
MAX_SUBSCRIPTIONS = 1024
JSON_HEADERS = (("content-type", "application/json"),)

log = logging.getLogger("node.rpc")


class Server:
    """The methods of one node."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.registry = Registry()
        for module in (author, chain, payment, state, system, *((engine,) if context.author else ())):
            self.registry.add_module(module)
        self.registry.methods["rpc_methods"] = Method("rpc_methods", self._rpc_methods, ())

    def _rpc_methods(self, _node: Context) -> Any:
        return {"methods": self.registry.names}

    # HTTP

    async def on_http(self, request: Request) -> Response:
        """Answers a plain HTTP request."""
        if request.method == "OPTIONS":
            return Response(204, _cors(request), b"")
        if request.method == "GET" and request.path == "/health":
            health = orjson.dumps(system.system_health(self.context))
            return Response(200, (*JSON_HEADERS, *_cors(request)), health)
        if request.method != "POST":
            text = "JSON-RPC: POST a request here, or open a WebSocket. GET /health tells the health."
            return Response.text(405, text, (("allow", "POST, OPTIONS"), *_cors(request)))
        reply = await self.reply(request.body, None)
        if reply is None:
            return Response(204, _cors(request))
        return Response(200, (*JSON_HEADERS, *_cors(request)), reply)

    # WebSocket

    async def on_websocket(self, socket: WebSocket) -> None:
        """Serves one connection until it ends."""
        async with trio.open_nursery() as nursery:
            session = Session(socket, nursery)
            try:
                async for message in socket:
                    data = message.encode() if isinstance(message, str) else message
                    reply = await self.reply(data, session)
                    if reply is not None:
                        await socket.send(reply.decode())
                    session.start_pending()
            except ConnectionClosed:
                pass
            nursery.cancel_scope.cancel()

    # Requests

    async def reply(self, data: bytes, session: Session | None) -> bytes | None:
        """The reply to a message; `None` where none is due."""
        try:
            message = orjson.loads(data)
        except orjson.JSONDecodeError as error:
            return _failure(None, RpcError(PARSE_ERROR, "Parse error", str(error)))
        if not isinstance(message, list):
            return await self._answer(message, session)
        if not message:
            return _failure(None, RpcError(INVALID_REQUEST, "Invalid request", "a batch holds at least one request"))
        if len(message) > MAX_BATCH:
            return _failure(None, too_big(BATCH_TOO_BIG, "The batch request was too large", MAX_BATCH))
        answers: list[bytes] = []
        size = 0
        for request in message:
            answer = await self._answer(request, session)
            if answer is not None:
                answers.append(answer)
                size += len(answer)
            if size > MAX_RESPONSE:
                return _failure(None, too_big(BATCH_ANSWER_TOO_BIG, "The batch response was too large", MAX_RESPONSE))
            await trio.lowlevel.checkpoint()  # others' requests come in between
        return b"[" + b",".join(answers) + b"]" if answers else None

    async def _answer(self, request: Any, session: Session | None) -> bytes | None:
        """The reply to one request; `None` for a notification."""
        if not isinstance(request, dict):
            return _failure(None, RpcError(INVALID_REQUEST, "Invalid request", "a request is an object"))
        request_id = request.get("id")
        if isinstance(request_id, bool) or not isinstance(request_id, (str, int, type(None))):
            return _failure(None, RpcError(INVALID_REQUEST, "Invalid request", "an id is a string or an integer"))
        name = request.get("method")
        if not isinstance(name, str):
            return _failure(request_id, RpcError(INVALID_REQUEST, "Invalid request", "a method is a string"))
        try:
            result = await self._call(name, request.get("params"), session, answered="id" in request)
            answer = orjson.dumps({"jsonrpc": "2.0", "id": request_id, "result": result})
            if len(answer) > MAX_RESPONSE:
                raise response_too_big(MAX_RESPONSE)
        except RpcError as error:
            answer = _failure(request_id, error)
        except Exception as error:
            known = query_error(error)
            if known is None:
                log.exception("❌ %s failed", name)
                known = RpcError(INTERNAL_ERROR, "Internal error")
            answer = _failure(request_id, known)
        return answer if "id" in request else None

    async def _call(self, name: str, params: Any, session: Session | None, *, answered: bool) -> Any:
        notification = self.registry.unsubscribes.get(name)
        if notification is not None:
            return session is not None and session.unsubscribe(_subscription_id(name, params))
        method = self.registry.methods.get(name)
        if method is None:
            raise RpcError(METHOD_NOT_FOUND, "Method not found")
        if method.notification is None:
            return await method.call(self.context, params)
        if session is None:
            raise RpcError(METHOD_NOT_FOUND, "Method not found", f"{name} needs a WebSocket")
        if not answered:
            raise RpcError(
                INVALID_REQUEST, "Invalid request", "a subscription needs an id: its identifier is the answer"
            )
        session.make_room()
        return session.subscribe(method.notification, await method.call(self.context, params))


class Session:
    """The subscriptions of one connection."""

    def __init__(self, socket: WebSocket, nursery: trio.Nursery) -> None:
        self._socket, self._nursery = socket, nursery
        self._scopes: dict[str, trio.CancelScope] = {}
        self._pending: list[tuple[str, str, AsyncGenerator[Any, None]]] = []
        self._count = 0

    def make_room(self) -> None:
        """Raises where the connection has as many subscriptions as it may have."""
        if len(self._scopes) >= MAX_SUBSCRIPTIONS:
            text = f"a connection may hold {MAX_SUBSCRIPTIONS} subscriptions"
            raise RpcError(SUBSCRIPTIONS_EXHAUSTED, "Too many subscriptions on the connection", text)

    def subscribe(self, notification: str, news: AsyncGenerator[Any, None]) -> str:
        """Takes note of a subscription; it starts once its identifier is on the way."""
        self._count += 1
        identifier = f"{self._count:016x}"
        self._scopes[identifier] = trio.CancelScope()
        self._pending.append((identifier, notification, news))
        return identifier

    def unsubscribe(self, identifier: str) -> bool:
        """Ends a subscription; whether there was one."""
        scope = self._scopes.pop(identifier, None)
        if scope is None:
            return False
        scope.cancel()
        return True

    def start_pending(self) -> None:
        """Starts what was subscribed since the last reply left."""
        for identifier, notification, news in self._pending:
            self._nursery.start_soon(self._run, identifier, notification, news)
        self._pending.clear()

    async def _run(self, identifier: str, notification: str, news: AsyncGenerator[Any, None]) -> None:
        scope = self._scopes.get(identifier)
        if scope is None:
            return
        head = {"jsonrpc": "2.0", "method": notification}
        with scope:
            try:
                async with aclosing(news):
                    async for item in news:
                        message = {**head, "params": {"subscription": identifier, "result": item}}
                        await self._socket.send(orjson.dumps(message).decode())
            except FellBehind:
                log.warning("a subscriber to %s fell behind and was cut off", notification)
            except ConnectionClosed:
                pass
            except Exception:
                log.exception("❌ a subscription to %s failed", notification)
        self._scopes.pop(identifier, None)


def _cors(request: Request) -> tuple[tuple[str, str], ...]:
    """What lets a page read the answer; a page that may not talk to us was refused before."""
    origin = request.header("origin")
    if origin is None:
        return ()
    return (
        ("access-control-allow-origin", origin),
        ("access-control-allow-methods", "POST, GET, OPTIONS"),
        ("access-control-allow-headers", "content-type"),
        ("vary", "origin"),
    )


def _failure(request_id: str | int | None, error: RpcError) -> bytes:
    return orjson.dumps({"jsonrpc": "2.0", "id": request_id, "error": error.to_json()})


def _subscription_id(name: str, params: Any) -> str:
    found = params[0] if isinstance(params, list) and params else None
    if not isinstance(found, (str, int)):
        raise invalid_params(f"{name} takes the subscription's identifier")
    return str(found)
