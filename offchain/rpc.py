"""JSON-RPC to a node: calls and subscriptions on one WebSocket, which is opened again whenever it is lost.

## Overview

`Client.run` keeps a connection, with growing pauses between attempts. `call` waits for a connection, and asks again on
the next one where an answer was lost, so it is for what may be asked twice: reads, and submissions, which the node
knows by their hash. `follow` subscribes anew on every connection. `watch` is one subscription on one connection, for
what has an end.

## Usage

```python
async with trio.open_nursery() as nursery:
    client = Client(partial(connect_websocket, url), url)
    await nursery.start(client.run)
    version = await client.call("state_getRuntimeVersion")
```

## Errors

```
RpcError
├── CallFailed           the node answered with an error: its code, message and data
└── ConnectionLost       the connection ended before the answer came
    ├── NodeSilent       no answer came in time
    ├── NotJsonRpc       what came is no message of JSON-RPC
    ├── StrayAnswer      an answer to what wasn't asked, where the connection is strict
    └── TooManyUnread    notifications came faster than they were read
```
The first attempt to connect raises the `WebError` that it fails with; later ones are retried for ever.

## Out of scope

What methods mean: `chain`.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, NoReturn, Protocol

import orjson
import trio

from node.web.errors import ConnectionClosed, WebError

ANSWER_SECONDS = 30.0
FIRST_PAUSE, LONGEST_PAUSE = 0.25, 15.0  # seconds between attempts to connect
STEADY_SECONDS = 30.0  # a connection that lasted so long ends a series of failures
MAX_UNREAD = 1024  # notifications of one subscription
MAX_TEXT = 300

log = logging.getLogger(__name__)


class RpcError(Exception):
    """A question that was put to the node and has no result."""


class CallFailed(RpcError):
    """The node answered with an error; `code`, `message` and `data` are its own."""

    def __init__(self, method: str, code: int, message: str, data: Any = None) -> None:
        detail = "" if data is None else f": {data}"
        super().__init__(f"{method} failed with {code}: {message}{detail}"[:MAX_TEXT])
        self.method, self.code, self.message, self.data = method, code, message, data


class ConnectionLost(RpcError):
    """The connection ended, or was given up, before the answer came."""


class NodeSilent(ConnectionLost):
    """The node didn't answer within the time that it had."""


class NotJsonRpc(ConnectionLost):
    """The node sent what is not JSON, or no object."""


class StrayAnswer(ConnectionLost):
    """The node answered a question that it wasn't asked."""


class TooManyUnread(ConnectionLost):
    """A subscription's notifications came faster than they were read."""


class Link(Protocol):
    """What carries messages: an open WebSocket, or whatever stands for one."""

    async def send(self, message: str, /) -> None:
        """Raises `ConnectionClosed`."""

    async def receive(self) -> str | bytes | None:
        """The next message; `None` once the link is closed."""


Connect = Callable[[], AbstractAsyncContextManager[Link]]
"""Opens a link; raises `WebError`."""


class _Question:
    """A request that waits for its reply; one that subscribes has a channel for what follows."""

    def __init__(self, news: trio.MemorySendChannel[Any] | None) -> None:
        self.news = news
        self.answered = trio.Event()
        self.reply: dict[str, Any] | None = None


class Connection:
    """One link from opening to end."""

    def __init__(self, link: Link, *, answer_seconds: float = ANSWER_SECONDS, strict: bool = False) -> None:
        """A question may take `answer_seconds`; a `strict` connection ends at an answer that nobody asked for."""
        self._link = link
        self._answer_seconds, self._strict = answer_seconds, strict
        self.lost: ConnectionLost | None = None
        """Why it was given up, if it was."""
        self._reading = trio.CancelScope()
        self._ended = False
        self._count = 0
        self._questions: dict[int, _Question] = {}
        self._news: dict[str, trio.MemorySendChannel[Any]] = {}

    async def read(self) -> None:
        """Hands out what comes, until the link ends or is given up."""
        try:
            with self._reading:
                while (message := await self._link.receive()) is not None:
                    self._take(message)
        finally:
            self._ended = True
            for question in self._questions.values():
                question.answered.set()
            for channel in self._news.values():
                channel.close()

    async def call(self, method: str, *params: Any) -> Any:
        """The result of a call; raises `CallFailed` or `ConnectionLost`."""
        return await self._ask(method, params, None)

    @asynccontextmanager
    async def subscription(
        self, method: str, unsubscribe: str, *params: Any
    ) -> AsyncIterator[trio.MemoryReceiveChannel[Any]]:
        """The notifications of a subscription; the channel ends with the connection. Raises as `call`."""
        send, receive = trio.open_memory_channel[Any](MAX_UNREAD)
        identifier = await self._ask(method, params, send)
        try:
            with receive:
                yield receive
        finally:
            self._news.pop(identifier, None)
        if not self._ended:
            await self.call(unsubscribe, identifier)

    def give_up(self, reason: ConnectionLost) -> None:
        """Ends the connection from this side."""
        log.warning("the connection to the node is given up: %s", reason)
        self.lost = self.lost or reason
        self._reading.cancel()

    async def _ask(self, method: str, params: tuple[Any, ...], news: trio.MemorySendChannel[Any] | None) -> Any:
        if self._ended:
            raise ConnectionLost("the connection to the node is closed")
        self._count += 1
        number, question = self._count, _Question(news)
        self._questions[number] = question
        request = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
        try:
            with trio.fail_after(self._answer_seconds):
                await self._link.send(orjson.dumps(request).decode())
                await question.answered.wait()
        except ConnectionClosed as error:
            raise ConnectionLost(f"the connection to the node is closed: {error}") from None
        except trio.TooSlowError:
            silent = NodeSilent(f"the node did not answer {method} within {self._answer_seconds:g} s")
            self.give_up(silent)
            raise silent from None
        finally:
            del self._questions[number]
        if question.reply is None and self.lost is not None:
            raise type(self.lost)(f"{self.lost}; {method} has no answer")
        if question.reply is None:
            raise ConnectionLost(f"the connection to the node ended before it answered {method}")
        return _result(method, question.reply)

    def _take(self, message: str | bytes) -> None:
        try:
            reply = orjson.loads(message)
        except orjson.JSONDecodeError:
            return self.give_up(NotJsonRpc("the node sent what is not JSON"))
        if not isinstance(reply, dict):
            return self.give_up(NotJsonRpc("the node sent what is not a JSON-RPC message"))
        number = reply.get("id", 0)
        question = self._questions.get(number) if isinstance(number, int) else None
        if question is not None:
            identifier = reply.get("result")
            if question.news is not None and isinstance(identifier, str):
                self._news[identifier] = question.news  # now: the first notification may be right behind
            question.reply = reply
            question.answered.set()
        elif "method" in reply:
            self._notify(reply.get("params"))
        elif self._strict and not (isinstance(number, int) and 0 < number <= self._count):
            self.give_up(StrayAnswer(f"the node answered a question with the id {number!r:.40}, which has none"))
        return None

    def _notify(self, params: Any) -> None:
        channel = self._news.get(str(params.get("subscription"))) if isinstance(params, dict) else None
        if channel is None:
            return
        try:
            channel.send_nowait(params.get("result"))
        except trio.WouldBlock:
            self.give_up(TooManyUnread(f"{MAX_UNREAD} notifications are unread"))
        except trio.BrokenResourceError:
            pass  # nobody listens any more; the unsubscription is on its way


class Client:
    """A node that is asked over one connection at a time."""

    def __init__(self, connect: Connect, name: str) -> None:
        """`name` is what logs call the node."""
        self._connect, self._name = connect, name
        self._connection: Connection | None = None
        self._connected = trio.Event()

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> NoReturn:
        """Keeps a connection until cancelled; started once there is the first. That attempt raises its `WebError`."""
        pause = FIRST_PAUSE
        first = True
        while True:
            opened = trio.current_time()
            try:
                async with self._connect() as link:
                    opened = trio.current_time()
                    log.info("connected to %s", self._name)
                    if first:
                        first = False
                        task_status.started()
                    await self._use(Connection(link))
                reason = "closed"
            except WebError as error:
                if first:
                    raise
                reason = str(error)
            if trio.current_time() - opened >= STEADY_SECONDS:
                pause = FIRST_PAUSE
            log.warning("no connection to %s (%s): trying again in %g s", self._name, reason, pause)
            await trio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    @asynccontextmanager
    async def another(self) -> AsyncIterator[Client]:
        """A client of the same node, over a connection of its own: for last words, when this one's is ended."""
        async with trio.open_nursery() as nursery:
            client = Client(self._connect, self._name)
            await nursery.start(client.run)
            yield client
            nursery.cancel_scope.cancel()

    async def call(self, method: str, *params: Any) -> Any:
        """The result of a call, asked again on the next connection where one is lost; raises `CallFailed`."""
        while True:
            connection = await self._current()
            try:
                return await connection.call(method, *params)
            except ConnectionLost as error:
                log.info("%s is asked again: %s", method, error)
                await trio.lowlevel.checkpoint()

    async def follow(
        self, method: str, unsubscribe: str, params: tuple[Any, ...], on_news: Callable[[Any], None]
    ) -> None:
        """Hands every notification to `on_news`, subscribing anew on each connection, until cancelled."""
        while True:
            connection = await self._current()
            try:
                async with connection.subscription(method, unsubscribe, *params) as news:
                    async for notification in news:
                        on_news(notification)
            except ConnectionLost:
                await trio.lowlevel.checkpoint()

    @asynccontextmanager
    async def watch(self, method: str, unsubscribe: str, *params: Any) -> AsyncIterator[trio.MemoryReceiveChannel[Any]]:
        """The notifications of one subscription, which end with the connection. Raises `RpcError`."""
        connection = await self._current()
        async with connection.subscription(method, unsubscribe, *params) as news:
            yield news

    async def _use(self, connection: Connection) -> None:
        self._connection = connection
        self._connected.set()
        try:
            await connection.read()
        finally:
            self._connection = None
            self._connected = trio.Event()

    async def _current(self) -> Connection:
        while self._connection is None:
            await self._connected.wait()
        return self._connection


def _result(method: str, reply: dict[str, Any]) -> Any:
    error = reply.get("error")
    if error is None:
        return reply.get("result")
    if not isinstance(error, dict) or not isinstance(error.get("code"), int):
        raise CallFailed(method, 0, "the node's error has no code")
    raise CallFailed(method, error["code"], str(error.get("message", "")), error.get("data"))
