"""From one JSON-RPC 2.0 message to its reply: requests, batches, errors, and what it takes some time to answer.

## Overview

`Dispatcher.begin` carries out a request as far as it goes at once, and answers the reply's bytes or a `Call` that is
under way. The requests of a batch are carried out one after the other. A request without an `id` is carried out and not
answered. Which methods there are, and which of them this caller may use, is the registry's.

## Bounds

Requests of a batch, and the bytes of a reply, or of a batch of them.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from types import NoneType
from typing import Any

import orjson
import trio

from node.config import RpcConfig
from node.counts import CallCounts, ProtocolCounts
from node.rpc.context import Context
from node.rpc.errors import (
    BATCH_ANSWER_TOO_BIG,
    BATCH_TOO_BIG,
    BATCHES_NOT_SUPPORTED,
    INTERNAL_ERROR,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    PARSE_ERROR,
    RpcError,
    invalid_params,
    query_error,
    response_too_big,
    too_big,
)
from node.rpc.registry import Method, Registry
from node.rpc.serving.session import Session, Subscription
from node.state.errors import DatabaseError
from node.state.remote.missing import Fetches, Missing

Id = str | int | None

log = logging.getLogger("node.rpc")


@dataclass(slots=True)
class Caller:
    """Who sends a message: a WebSocket's `session`, none over HTTP. `is_held_up` where the rate limit made it wait."""

    counts: ProtocolCounts
    session: Session | None = None
    is_held_up: bool = False


@dataclass(slots=True)
class Call:
    """A call that was begun; the outcome of one that subscribes is the subscription's news."""

    name: str
    request_id: Id
    answered: bool
    outcome: Awaitable[Any]
    counts: CallCounts
    started: float
    is_held_up: bool
    subscription: Subscription | None = None


class Dispatcher:
    """The methods that one kind of caller may call."""

    def __init__(self, context: Context, registry: Registry, config: RpcConfig) -> None:
        self.context, self.registry = context, registry
        self.max_batch, self.max_response = config.max_batch, config.max_response_bytes

    def begin(self, data: str | bytes, caller: Caller) -> bytes | Call | list[Any] | None:
        """The reply to a message, `None` where none is due; or what it takes some time to answer: a call, a batch."""
        try:
            message = orjson.loads(data)
        except orjson.JSONDecodeError as error:
            return failure(None, RpcError(PARSE_ERROR, "Parse error", str(error)))
        if not isinstance(message, list):
            return self._begin_one(message, caller)
        if not self.max_batch:
            return failure(None, RpcError(BATCHES_NOT_SUPPORTED, "Batched requests are not supported by this server"))
        if not message:
            return failure(None, RpcError(INVALID_REQUEST, "Invalid request", "a batch holds at least one request"))
        if len(message) > self.max_batch:
            return failure(None, too_big(BATCH_TOO_BIG, "The batch request was too large", self.max_batch))
        return message

    def _begin_one(self, request: Any, caller: Caller) -> bytes | Call | None:
        """As `begin`, for one request."""
        if not isinstance(request, dict):
            return failure(None, RpcError(INVALID_REQUEST, "Invalid request", "a request is an object"))
        request_id = request.get("id")
        if isinstance(request_id, bool) or not isinstance(request_id, (int, str, NoneType)):
            return failure(None, RpcError(INVALID_REQUEST, "Invalid request", "an id is a string or an integer"))
        name = request.get("method")
        if not isinstance(name, str):
            return failure(request_id, RpcError(INVALID_REQUEST, "Invalid request", "a method is a string"))
        answered = "id" in request
        counts, started = caller.counts.started(name), trio.current_time()
        subscription, is_error = None, False
        result: Any
        try:
            method = self.registry.methods.get(name)
            if method is None:
                result = self._unsubscribe(name, request.get("params"), caller.session)
            else:
                if method.notification is None:
                    arguments = method.arguments(request.get("params"))
                else:
                    session = _on_connection(method, caller.session)
                    if not answered:
                        reason = "a subscription needs an id: its identifier is the answer"
                        raise RpcError(INVALID_REQUEST, "Invalid request", reason)
                    arguments = method.arguments(request.get("params"))
                    subscription = session.subscribe(method.notification)
                if method.of_session:
                    arguments.insert(0, _on_connection(method, caller.session))
                elif method.of_subscription:
                    arguments.insert(0, subscription)
                if self.context.chain.fetcher is None:
                    result = method.function(self.context, *arguments)
                else:
                    result = _patiently(self.context.chain.fetcher, partial(method.function, self.context, *arguments))
                if hasattr(result, "__await__"):
                    held_up = caller.is_held_up
                    return Call(name, request_id, answered, result, counts, started, held_up, subscription)
            reply = self._success(request_id, result)
        except Exception as error:
            is_error = True
            reply = failure(request_id, _told(error, name))
            _give_up(subscription)
        counts.finished(trio.current_time() - started, is_error=is_error, is_rate_limited=caller.is_held_up)
        return reply if answered else None

    def _unsubscribe(self, name: str, params: Any, session: Session | None) -> bool | None:
        ends = self.registry.unsubscribes.get(name)
        if ends is None:
            raise RpcError(METHOD_NOT_FOUND, "Method not found")
        ended = session is not None and session.unsubscribe(_subscription_id(name, params))
        return ended if ends.tells_end else None

    def settled(self, call: Call, result: Any) -> bytes:
        """The reply to a call that has come to this result, or raised this exception."""
        is_error = isinstance(result, Exception)
        if not is_error:
            try:
                reply = self._success(call.request_id, result)
            except RpcError as error:
                result, is_error = error, True
        if is_error:
            reply = failure(call.request_id, _told(result, call.name))
        elapsed = trio.current_time() - call.started
        call.counts.finished(elapsed, is_error=is_error, is_rate_limited=call.is_held_up)
        return reply

    async def finish(self, call: Call, subscribed: list[Subscription]) -> bytes | None:
        """The reply to a call, `None` where none is due; `subscribed` grows by what is to start behind it."""
        subscription = call.subscription
        try:
            result = await call.outcome
            if subscription is not None:
                subscription.news = result
                result = subscription.identifier
                subscribed.append(subscription)
        except Exception as error:
            result = error
            _give_up(subscription)
        reply = self.settled(call, result)
        return reply if call.answered else None

    async def finish_batch(self, requests: list[Any], caller: Caller, subscribed: list[Subscription]) -> bytes | None:
        """The reply to a batch; `subscribed` grows by what is to start behind it."""
        replies: list[bytes] = []
        size = 0
        for request in requests:
            reply = self._begin_one(request, caller)
            if isinstance(reply, Call):
                reply = await self.finish(reply, subscribed)
            if reply is not None:
                replies.append(reply)
                size += len(reply)
            if size > self.max_response:
                message = "The batch response was too large"
                return failure(None, too_big(BATCH_ANSWER_TOO_BIG, message, self.max_response))
            await trio.lowlevel.checkpoint()  # others' requests come in between
        return b"[" + b",".join(replies) + b"]" if replies else None

    def _success(self, request_id: Id, result: Any) -> bytes:
        reply = orjson.dumps({"jsonrpc": "2.0", "id": request_id, "result": result})
        if len(reply) > self.max_response:
            raise response_too_big(self.max_response)
        return reply


def failure(request_id: Id, error: RpcError) -> bytes:
    """A reply that is an error."""
    return orjson.dumps({"jsonrpc": "2.0", "id": request_id, "error": error.to_json()})


async def _patiently(fetcher: Fetches, begin: Callable[[], Any]) -> Any:
    """What a method answers on a fork: what is missing of the state is fetched, and the method begun again."""
    while True:
        try:
            result = begin()
            return await result if hasattr(result, "__await__") else result
        except Missing as missing:
            await fetcher.fetch(missing)


def _on_connection(method: Method, session: Session | None) -> Session:
    if session is None:
        raise RpcError(METHOD_NOT_FOUND, "Method not found", f"{method.name} needs a WebSocket")
    return session


def _give_up(subscription: Subscription | None) -> None:
    if subscription is not None:
        subscription.session.unsubscribe(subscription.identifier)


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
