"""One WebSocket connection of a JSON-RPC client: its requests under way, its subscriptions, and what they share.

## Usage

A subscription takes its place with `subscribe`, before it is known whether it is granted; `start` runs what has been
granted once its identifier is on the way, so that no notification comes first. `part` keeps what a namespace remembers
of a connection.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import orjson
import trio

from node.chain.feed import FellBehind
from node.rpc.errors import SUBSCRIPTIONS_EXHAUSTED, RpcError
from node.rpc.serving.in_flight import InFlight
from node.web.connection import WebSocket
from node.web.errors import ConnectionClosed

T = TypeVar("T")

log = logging.getLogger("node.rpc")


@dataclass(slots=True)
class Subscription:
    """`news` is what it tells, `scope` ends it."""

    identifier: str
    notification: str
    scope: trio.CancelScope
    session: Session
    news: AsyncGenerator[Any, None] | None = None


class Session:
    """One connection: its requests under way, and its subscriptions."""

    def __init__(self, socket: WebSocket, nursery: trio.Nursery, max_subscriptions: int) -> None:
        self.socket, self.max_subscriptions = socket, max_subscriptions
        self.in_flight = InFlight()
        self._nursery = nursery
        self._scopes: dict[str, trio.CancelScope] = {}
        self._count = 0
        self._parts: dict[Callable[[], Any], Any] = {}
        self._after_batch: list[Callable[[], None]] | None = None

    def part(self, kind: Callable[[], T]) -> T:
        """What a namespace keeps for this connection, made by `kind` when first asked for."""
        if kind not in self._parts:
            self._parts[kind] = kind()
        found: T = self._parts[kind]
        return found

    def spawn(self, work: Callable[..., Awaitable[None]], *arguments: Any) -> None:
        """Does something beside the requests, until the connection ends."""
        self._nursery.start_soon(work, *arguments)

    def subscribe(self, notification: str) -> Subscription:
        """Takes a place for a subscription, which starts once its identifier is on the way.

        Raises `RpcError` where the connection has as many as it may have.
        """
        if len(self._scopes) >= self.max_subscriptions:
            text = f"a connection may hold {self.max_subscriptions} subscriptions"
            raise RpcError(SUBSCRIPTIONS_EXHAUSTED, "Too many subscriptions on the connection", text)
        self._count += 1
        subscription = Subscription(f"{self._count:016x}", notification, trio.CancelScope(), self)
        self._scopes[subscription.identifier] = subscription.scope
        return subscription

    def has(self, identifier: str) -> bool:
        """Whether a subscription has been begun and not ended."""
        return identifier in self._scopes

    def unsubscribe(self, identifier: str) -> bool:
        """Ends a subscription; whether there was one."""
        scope = self._scopes.pop(identifier, None)
        if scope is None:
            return False
        scope.cancel()
        return True

    def after_reply(self, act: Callable[[], None]) -> None:
        """Calls `act` when the reply to what is being carried out is as good as sent: now, but in a batch."""
        if self._after_batch is None:
            act()
        else:
            self._after_batch.append(act)

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Wraps a batch that is carried out, and the sending of its reply."""
        acts = self._after_batch = []
        try:
            yield
        finally:
            self._after_batch = None
            for act in acts:
                act()

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
