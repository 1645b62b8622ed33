"""JSON-RPC 2.0 over WebSocket and HTTP: who may call what, and replies and notifications out.

## Overview

Requests are begun in the order they came in. A method that answers at once is replied to at once; those that wait are
under way side by side, and replied to as they end. While a batch is carried out nothing else is read from its
connection. Who leaves is served to the end: what was asked is done.

A WebSocket connection is a `Session`, which also carries subscriptions: the reply with the identifier always leaves
before the first notification. A subscriber that reads too slowly loses that subscription, not the connection.

## Who may call what

Unsafe methods are for the node's operator: `--rpc-methods auto` serves them to this machine's programs and pages, and
refuses everybody else, as Substrate does by the address that it listens on. The `dev_*` cheats are for this machine
alone, whatever the flags.

## Bounds

Batch length, requests under way (`in_flight`) and subscriptions a connection, calls a minute, sizes of replies, and of
messages (by `node.web`).
"""

from __future__ import annotations

from collections import OrderedDict, deque
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

import orjson
import trio

from node.config import RpcConfig
from node.counts import RpcCounts
from node.later import Later
from node.rpc import (
    archive_v1,
    author,
    author_keys,
    chain,
    chain_head_v1,
    chain_spec_v1,
    childstate,
    dev,
    dev_trace,
    engine,
    grandpa,
    offchain,
    payment,
    state,
    state_costly,
    system,
    trace,
    transaction_v1,
    transaction_watch_v1,
)
from node.rpc.context import Context
from node.rpc.errors import METHOD_NOT_FOUND, RpcError
from node.rpc.registry import Method, Registry
from node.rpc.serving.dispatch import Call, Caller, Dispatcher
from node.rpc.serving.rate_limit import RateLimit
from node.rpc.serving.session import Session, Subscription
from node.web.connection import WebSocket
from node.web.errors import ConnectionClosed
from node.web.http import Request, Response, loopback_only

UNSAFE = "RPC call is unsafe to be called externally"
JSON_HEADERS = (("content-type", "application/json"),)
ALWAYS = (
    archive_v1,
    author,
    author_keys,
    chain,
    chain_head_v1,
    chain_spec_v1,
    childstate,
    grandpa,
    offchain,
    payment,
    state,
    state_costly,
    system,
    trace,
    transaction_v1,
    transaction_watch_v1,
)
"""Namespaces that every node serves."""


class Server:
    """The methods of one node."""

    def __init__(self, context: Context, config: RpcConfig = RpcConfig(), counts: RpcCounts | None = None) -> None:
        self.context, self.config = context, config
        self.counts = counts or RpcCounts()
        self._to_this_machine = Dispatcher(context, self._registry(is_stranger=False), config)
        self._to_strangers = Dispatcher(context, self._registry(is_stranger=True), config)
        self.counts.know(self._to_this_machine.registry.names)
        self._http_limits: OrderedDict[tuple[str, int], RateLimit] = OrderedDict()

    def _registry(self, *, is_stranger: bool) -> Registry:
        """What others than this machine's programs and pages are offered, or what those are."""
        registry = Registry()
        for module in (*ALWAYS, *((engine,) if self.context.author else ())):
            registry.add_module(module)
        if self.config.methods == "safe" or (self.config.methods == "auto" and is_stranger):
            for name, method in registry.methods.items():
                if method.unsafe:
                    registry.methods[name] = _refused(method, UNSAFE)
                elif method.unsafe_without is not None:
                    registry.methods[name] = _refused_without(method, method.unsafe_without)
        if self.context.snapshots is not None:
            cheats = Registry()
            cheats.add_module(dev)
            cheats.add_module(dev_trace)
            for name, method in cheats.methods.items():
                text = f"{name} is only for programs and pages of this machine"
                registry.methods[name] = _refused(method, text) if is_stranger else method
        registry.methods["rpc_methods"] = Method("rpc_methods", lambda _node: {"methods": registry.names}, ())
        return registry

    def _for(self, request: Request) -> Dispatcher:
        """What serves whoever sends this request; of a WebSocket, the one that opened it."""
        return self._to_this_machine if loopback_only(request) is None else self._to_strangers

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
        reply = await self._reply(request)
        if reply is None:
            return Response(204, _cors(request))
        return Response(200, (*JSON_HEADERS, *_cors(request)), reply)

    async def _reply(self, request: Request) -> bytes | None:
        """The reply to a posted message; `None` where none is due."""
        dispatcher, caller = self._for(request), Caller(self.counts.http)
        await _hold_up(caller, self._limit_of(request))
        begun = dispatcher.begin(request.body, caller)
        if isinstance(begun, list):
            await _hold_up(caller, self._limit_of(request), len(begun) - 1)
            return await dispatcher.finish_batch(begun, caller, [])
        return await dispatcher.finish(begun, []) if isinstance(begun, Call) else begun

    def _limit_of(self, request: Request) -> RateLimit | None:
        """The allowance of the connection that a request came on."""
        if self.config.rate_limit is None:
            return None
        found = self._http_limits.get(request.peer)
        if found is None:
            found = self._http_limits[request.peer] = RateLimit(self.config.rate_limit, trio.current_time())
            if len(self._http_limits) > self.config.max_connections:
                self._http_limits.popitem(last=False)
        self._http_limits.move_to_end(request.peer)
        return found

    # WebSocket

    async def on_websocket(self, socket: WebSocket) -> None:
        """Serves one connection until it ends, and what it has asked for is done."""
        opened = trio.current_time()
        self.counts.sessions_opened += 1
        try:
            async with trio.open_nursery() as subscriptions:
                session = Session(socket, subscriptions, self.config.max_subscriptions)
                async with trio.open_nursery() as calls:
                    with suppress(ConnectionClosed):
                        await self._converse(self._for(socket.request), session, calls)
                subscriptions.cancel_scope.cancel()
        finally:
            self.counts.session_closed(trio.current_time() - opened)

    async def _converse(self, dispatcher: Dispatcher, session: Session, calls: trio.Nursery) -> None:
        socket, caller = session.socket, Caller(self.counts.ws, session)
        per_minute = self.config.rate_limit
        limit = None if per_minute is None else RateLimit(per_minute, trio.current_time())
        due: deque[tuple[Call, int]] = deque()  # what tasks were started for; trio starts them in any order
        async for message in socket:
            if not socket.has_room:
                await socket.wait_for_room()
            if limit is not None:  # not a step more than needed on the way of each message
                await _hold_up(caller, limit)
            begun = dispatcher.begin(message, caller)
            if isinstance(begun, bytes):
                socket.queue_text(begun)  # at once, so that no notification it causes comes first
            elif isinstance(begun, Call):
                size = len(message)
                session.in_flight.enter(size)
                if isinstance(begun.outcome, Later):
                    begun.outcome.listen(partial(_on_settled, dispatcher, begun, begun.outcome, session, size))
                else:
                    due.append((begun, size))
                    calls.start_soon(_reply_to_next, dispatcher, session, due)
                if session.in_flight.is_full:
                    await session.in_flight.wait_for_room()
            elif begun is not None:
                subscribed: list[Subscription] = []
                await _hold_up(caller, limit, len(begun) - 1)
                with session.batch():
                    reply = await dispatcher.finish_batch(begun, caller, subscribed)
                    if reply is not None:
                        await socket.send_text(reply)
                        session.start(subscribed)


async def _hold_up(caller: Caller, limit: RateLimit | None, calls: int = 1) -> None:
    """Waits as long as the rate limit wants."""
    delay = 0.0 if limit is None else limit.delay(trio.current_time(), calls)
    caller.is_held_up = delay > 0
    if delay:
        await trio.sleep(delay)


def _on_settled(dispatcher: Dispatcher, call: Call, outcome: Later, session: Session, size: int) -> None:
    session.in_flight.leave(size)
    reply = dispatcher.settled(call, outcome.error or outcome.result())
    if call.answered:
        with suppress(ConnectionClosed):
            session.socket.queue_text(reply)


async def _reply_to_next(dispatcher: Dispatcher, session: Session, due: deque[tuple[Call, int]]) -> None:
    call, size = due.popleft()
    subscribed: list[Subscription] = []
    reply = await dispatcher.finish(call, subscribed)
    if reply is not None:
        with suppress(ConnectionClosed):
            await session.socket.wait_for_room()
            session.socket.queue_text(reply)
            session.start(subscribed)
    session.in_flight.leave(size)


def _refused(method: Method, text: str) -> Method:
    """A method in the place of one that isn't for this caller, with the code that Substrate has for unsafe calls."""

    def refuse(node: Context, *arguments: Any) -> Any:
        raise RpcError(METHOD_NOT_FOUND, text)

    return replace(method, function=refuse)


def _refused_without(method: Method, parameter: str) -> Method:
    """A method that is refused only where a parameter is left out."""
    place = [name for name, _, _ in method.gates].index(parameter)

    def refuse_without(node: Context, *arguments: Any) -> Any:
        if arguments[place] is None:
            raise RpcError(METHOD_NOT_FOUND, UNSAFE)
        return method.function(node, *arguments)

    return replace(method, function=refuse_without)


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
