"""JSON-RPC 2.0 over WebSocket and HTTP: requests in, replies and notifications out.

## Overview

`Server` turns a message into its reply, one request or a batch. Requests are begun in the order they came in. A method
that answers at once is replied to at once; those that wait are under way side by side, and replied to as they end. The
requests of a batch are carried out one after the other, and nothing else is read from the connection meanwhile. A
request without an `id` is carried out and not answered. Who leaves is served to the end: what was asked is done.

A WebSocket connection is a `Session`, which also carries subscriptions: the reply with the identifier always leaves
before the first notification. A subscriber that reads too slowly loses that subscription, not the connection.

## Bounds

Batch length, requests under way (`in_flight`) and subscriptions a connection, sizes of replies, and of messages (by
`node.web`).
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Awaitable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from types import NoneType
from typing import Any

import orjson
import trio

from node.rpc import author, chain, dev, engine, payment, state, system
from node.rpc.context import Context
from node.rpc.errors import (
    BATCH_ANSWER_TOO_BIG,
    BATCH_TOO_BIG,
    INTERNAL_ERROR,
    INVALID_REQUEST,
    MAX_RESPONSE,
    METHOD_NOT_FOUND,
    PARSE_ERROR,
    RpcError,
    invalid_params,
    query_error,
    response_too_big,
    too_big,
)
from node.rpc.later import Later
from node.rpc.registry import Method, Registry
from node.rpc.session import Session, Subscription
from node.state.errors import DatabaseError
from node.web.connection import WebSocket
from node.web.errors import ConnectionClosed
from node.web.http import Request, Response, loopback_only

MAX_BATCH = 1024
JSON_HEADERS = (("content-type", "application/json"),)

log = logging.getLogger("node.rpc")


class Server:
    """The methods of one node."""

    def __init__(self, context: Context, *, to_strangers: bool = False) -> None:
        """`to_strangers` makes the server that others than this machine's programs and pages talk to."""
        self.context = context
        self.registry = Registry()
        for module in (author, chain, payment, state, system, *((engine,) if context.author else ())):
            self.registry.add_module(module)
        if context.snapshots is not None:
            cheats = Registry()
            cheats.add_module(dev)
            self.registry.methods |= {
                name: _refused(method) if to_strangers else method for name, method in cheats.methods.items()
            }
        self.registry.methods["rpc_methods"] = Method("rpc_methods", self._rpc_methods, ())
        self._to_strangers = self if to_strangers else Server(context, to_strangers=True)

    def _to(self, request: Request) -> Server:
        """What serves whoever sends this request; of a WebSocket, the one that opened it."""
        return self if loopback_only(request) is None else self._to_strangers

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
        reply = await self._to(request).reply(request.body)
        if reply is None:
            return Response(204, _cors(request))
        return Response(200, (*JSON_HEADERS, *_cors(request)), reply)

    # WebSocket

    async def on_websocket(self, socket: WebSocket) -> None:
        """Serves one connection until it ends, and what it has asked for is done."""
        await self._to(socket.request)._serve(socket)

    async def _serve(self, socket: WebSocket) -> None:
        async with trio.open_nursery() as subscriptions:
            session = Session(socket, subscriptions)
            due: deque[tuple[Call, int]] = deque()  # what tasks were started for; trio starts them in any order
            async with trio.open_nursery() as calls:
                with suppress(ConnectionClosed):
                    async for message in socket:
                        await socket.wait_for_room()
                        begun = self._begin(message, session)
                        if isinstance(begun, bytes):
                            socket.reply_text(begun)  # at once, so that no notification it causes comes first
                        elif isinstance(begun, Call):
                            size = len(message)
                            session.in_flight.enter(size)
                            if isinstance(begun.outcome, Later):
                                begun.outcome.listen(partial(_on_settled, begun, begun.outcome, session, size))
                            else:
                                due.append((begun, size))
                                calls.start_soon(_reply_to_next, session, due)
                            if session.in_flight.is_full:
                                await session.in_flight.wait_for_room()
                        elif begun is not None:
                            subscribed: list[Subscription] = []
                            reply = await self._finish_batch(begun, session, subscribed)
                            if reply is not None:
                                await socket.send_text(reply)
                                session.start(subscribed)
            subscriptions.cancel_scope.cancel()

    # Requests

    async def reply(self, data: bytes) -> bytes | None:
        """The reply to a message from outside of a WebSocket; `None` where none is due."""
        begun = self._begin(data, None)
        if isinstance(begun, list):
            return await self._finish_batch(begun, None, [])
        return await _finish(begun, None, []) if isinstance(begun, Call) else begun

    def _begin(self, data: str | bytes, session: Session | None) -> bytes | Call | list[Any] | None:
        """The reply to a message, `None` where none is due; or what it takes some time to answer: a call, a batch."""
        try:
            message = orjson.loads(data)
        except orjson.JSONDecodeError as error:
            return _failure(None, RpcError(PARSE_ERROR, "Parse error", str(error)))
        if not isinstance(message, list):
            return self._begin_one(message, session)
        if not message:
            return _failure(None, RpcError(INVALID_REQUEST, "Invalid request", "a batch holds at least one request"))
        if len(message) > MAX_BATCH:
            return _failure(None, too_big(BATCH_TOO_BIG, "The batch request was too large", MAX_BATCH))
        return message

    def _begin_one(self, request: Any, session: Session | None) -> bytes | Call | None:
        """As `_begin`, for one request."""
        if not isinstance(request, dict):
            return _failure(None, RpcError(INVALID_REQUEST, "Invalid request", "a request is an object"))
        request_id = request.get("id")
        if isinstance(request_id, bool) or not isinstance(request_id, (int, str, NoneType)):
            return _failure(None, RpcError(INVALID_REQUEST, "Invalid request", "an id is a string or an integer"))
        name = request.get("method")
        if not isinstance(name, str):
            return _failure(request_id, RpcError(INVALID_REQUEST, "Invalid request", "a method is a string"))
        answered = "id" in request
        try:
            method = self.registry.methods.get(name)
            if method is None:
                result = self._unsubscribe(name, request.get("params"), session)
            elif method.notification is not None:
                return self._subscribe(method, request_id, request.get("params"), session, answered=answered)
            else:
                arguments = method.arguments(request.get("params"))
                if method.of_session:
                    arguments.insert(0, _on_connection(method, session))
                result = method.function(self.context, *arguments)
                if hasattr(result, "__await__"):
                    return Call(name, request_id, answered, result)
            reply = _success(request_id, result)
        except Exception as error:
            reply = _failure(request_id, _told(error, name))
        return reply if answered else None

    def _subscribe(
        self, method: Method, request_id: str | int | None, params: Any, session: Session | None, *, answered: bool
    ) -> Call:
        session = _on_connection(method, session)
        if not answered:
            reason = "a subscription needs an id: its identifier is the answer"
            raise RpcError(INVALID_REQUEST, "Invalid request", reason)
        arguments = method.arguments(params)
        if method.of_session:
            arguments.insert(0, session)
        subscription = session.subscribe(method.notification or "")
        return Call(method.name, request_id, answered, method.function(self.context, *arguments), subscription)

    def _unsubscribe(self, name: str, params: Any, session: Session | None) -> bool | None:
        ends = self.registry.unsubscribes.get(name)
        if ends is None:
            raise RpcError(METHOD_NOT_FOUND, "Method not found")
        ended = session is not None and session.unsubscribe(_subscription_id(name, params))
        return ended if ends.tells_end else None

    async def _finish_batch(
        self, requests: list[Any], session: Session | None, subscribed: list[Subscription]
    ) -> bytes | None:
        """The reply to a batch; `subscribed` grows by what is to start behind it."""
        replies: list[bytes] = []
        size = 0
        for request in requests:
            reply = self._begin_one(request, session)
            if isinstance(reply, Call):
                reply = await _finish(reply, session, subscribed)
            if reply is not None:
                replies.append(reply)
                size += len(reply)
            if size > MAX_RESPONSE:
                return _failure(None, too_big(BATCH_ANSWER_TOO_BIG, "The batch response was too large", MAX_RESPONSE))
            await trio.lowlevel.checkpoint()  # others' requests come in between
        return b"[" + b",".join(replies) + b"]" if replies else None


@dataclass(slots=True)
class Call:
    """A call that was begun; the outcome of one that subscribes is the subscription's news."""

    name: str
    request_id: str | int | None
    answered: bool
    outcome: Awaitable[Any]
    subscription: Subscription | None = None


def _on_connection(method: Method, session: Session | None) -> Session:
    if session is None:
        raise RpcError(METHOD_NOT_FOUND, "Method not found", f"{method.name} needs a WebSocket")
    return session


def _refused(method: Method) -> Method:
    """A method in the place of one that isn't for strangers, with the code that Substrate has for unsafe calls."""

    def refuse(node: Context, *arguments: Any) -> Any:
        raise RpcError(METHOD_NOT_FOUND, f"{method.name} is only for programs and pages of this machine")

    return replace(method, function=refuse)


def _on_settled(call: Call, outcome: Later, session: Session, size: int) -> None:
    session.in_flight.leave(size)
    try:
        reply = _success(call.request_id, outcome.result())
    except Exception as error:
        reply = _failure(call.request_id, _told(error, call.name))
    if call.answered:
        with suppress(ConnectionClosed):
            session.socket.queue_text(reply)


async def _reply_to_next(session: Session, due: deque[tuple[Call, int]]) -> None:
    call, size = due.popleft()
    subscribed: list[Subscription] = []
    reply = await _finish(call, session, subscribed)
    if reply is not None:
        with suppress(ConnectionClosed):
            await session.socket.wait_for_room()
            session.socket.queue_text(reply)
            session.start(subscribed)
    session.in_flight.leave(size)


async def _finish(call: Call, session: Session | None, subscribed: list[Subscription]) -> bytes | None:
    """The reply to a call, `None` where none is due; `subscribed` grows by what is to start behind it."""
    try:
        result = await call.outcome
        if call.subscription is not None:
            call.subscription.news = result
            result = call.subscription.identifier
            subscribed.append(call.subscription)
        reply = _success(call.request_id, result)
    except Exception as error:
        if call.subscription is not None and session is not None:
            session.unsubscribe(call.subscription.identifier)
        reply = _failure(call.request_id, _told(error, call.name))
    return reply if call.answered else None


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


def _success(request_id: str | int | None, result: Any) -> bytes:
    reply = orjson.dumps({"jsonrpc": "2.0", "id": request_id, "result": result})
    if len(reply) > MAX_RESPONSE:
        raise response_too_big(MAX_RESPONSE)
    return reply


def _failure(request_id: str | int | None, error: RpcError) -> bytes:
    return orjson.dumps({"jsonrpc": "2.0", "id": request_id, "error": error.to_json()})


def _told(error: Exception, name: str) -> RpcError:
    """What the caller of a method is told of its failure."""
    known = error if isinstance(error, RpcError) else query_error(error)
    if isinstance(error, DatabaseError):
        log.error("❌ %s failed: %s", name, error)
    if known is None:
        log.error("❌ %s failed", name, exc_info=error)
        known = RpcError(INTERNAL_ERROR, "Internal error")
    return known


def _subscription_id(name: str, params: Any) -> str:
    found = params[0] if isinstance(params, list) and params else None
    if not isinstance(found, (str, int)):
        raise invalid_params(f"{name} takes the subscription's identifier")
    return str(found)
