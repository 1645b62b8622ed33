"""One WebSocket connection of a JSON-RPC client: its requests under way, its subscriptions, and what they share.

## Usage

A subscription takes its place with `subscribe`, before it is known whether it is granted; `start` runs what has been
granted once its identifier is on the way, so that no notification comes first. `part` keeps what a namespace remembers
of a connection.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, TypeVar

import orjson
import trio

from node.chain.feed import FellBehind
from node.rpc.errors import SUBSCRIPTIONS_EXHAUSTED, RpcError
from node.rpc.in_flight import InFlight
from node.web.connection import WebSocket
from node.web.errors import ConnectionClosed

MAX_SUBSCRIPTIONS = 1024

T = TypeVar("T")

log = logging.getLogger("node.rpc")


@dataclass(slots=True)
class Subscription:
    """`news` is what it tells, `scope` ends it."""

    identifier: str
    notification: str
    scope: trio.CancelScope
    news: AsyncGenerator[Any, None] | None = None


class Session:
    """One connection: its requests under way, and its subscriptions."""

    def __init__(self, socket: WebSocket, nursery: trio.Nursery) -> None:
        self.socket = socket
        self.in_flight = InFlight()
        self._nursery = nursery
        self._scopes: dict[str, trio.CancelScope] = {}
        self._count = 0
        self._parts: dict[Callable[[], Any], Any] = {}

    def part(self, kind: Callable[[], T]) -> T:
        """What a namespace keeps for this connection, made by `kind` when first asked for."""
        if kind not in self._parts:
            self._parts[kind] = kind()
        found: T = self._parts[kind]
        return found

    def subscribe(self, notification: str) -> Subscription:
        """Takes a place for a subscription, which starts once its identifier is on the way.

        Raises `RpcError` where the connection has as many as it may have.
        """
        if len(self._scopes) >= MAX_SUBSCRIPTIONS:
            text = f"a connection may hold {MAX_SUBSCRIPTIONS} subscriptions"
            raise RpcError(SUBSCRIPTIONS_EXHAUSTED, "Too many subscriptions on the connection", text)
        self._count += 1
        subscription = Subscription(f"{self._count:016x}", notification, trio.CancelScope())
        self._scopes[subscription.identifier] = subscription.scope
        return subscription

    def unsubscribe(self, identifier: str) -> bool:
        """Ends a subscription; whether there was one."""
        scope = self._scopes.pop(identifier, None)
        if scope is None:
            return False
        scope.cancel()
        return True

    def start(self, subscriptions: list[Subscription]) -> None:
        """Starts what was subscribed, now that the identifiers are on the way."""
        for subscription in subscriptions:
            if subscription.identifier in self._scopes:
                self._nursery.start_soon(self._run, subscription)

    async def _run(self, subscription: Subscription) -> None:
        notification, news = subscription.notification, subscription.news
        assert news is not None
        with subscription.scope:
            try:
                async with aclosing(news):
                    async for item in news:
                        params = {"subscription": subscription.identifier, "result": item}
                        message = {"jsonrpc": "2.0", "method": notification, "params": params}
                        await self.socket.send_text(orjson.dumps(message))
            except FellBehind:
                log.warning("a subscriber to %s fell behind and was cut off", notification)
            except ConnectionClosed:
                pass
            except Exception:
                log.exception("❌ a subscription to %s failed", notification)
        self._scopes.pop(subscription.identifier, None)
