"""One HTTP/1.1 connection of a caller: hypercorn's protocol, driven by trio in as few turns as it takes.

## Overview

What is said on the connection is hypercorn's: parsing, framing, the ASGI messages. This is the socket under it. Its
own driver for trio starts two tasks and sends three packets for each request, which costs twice what all else does;
here what a turn has to say leaves in one packet at its end, and being idle is a deadline instead of a task.

The application runs in a task of its connection, which is cancelled when the caller goes away: whoever waits for a
worker finds out at once, without listening for `http.disconnect`.

HTTP/1.1 alone: a wish for a WebSocket or HTTP/2 is ignored, as HTTP allows.

## Usage

```python
server = HttpServer(application, ConnectionLimits(), new_id)
await trio.serve_listeners(server.attend, listeners)
```

## Out of scope

What requests mean (`application`), TLS.
"""

from __future__ import annotations

import logging
import math
import re
import sys
from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import h11
import orjson
import trio
from h11._headers import Headers
from hypercorn.config import Config
from hypercorn.events import Closed, Event, RawData, Updated
from hypercorn.protocol.events import EndBody, Request, Response
from hypercorn.protocol.events import Event as StreamEvent
from hypercorn.protocol.h11 import STREAM_ID, H11Protocol
from hypercorn.protocol.http_stream import HTTPStream
from hypercorn.trio.worker_context import WorkerContext

from node.web.transport import SocketTransport
from node.web.turns import turns_of_this_run

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]
"""An ASGI application."""
RawHeaders = list[tuple[bytes, bytes]]
NewId = Callable[[], str]

SEND_BUFFER = 256 * 1024
"""Unsent bytes from which whoever answers has to wait for the caller to take some."""
BODY_PARTS = 4
"""Parts of a request's body, 64 KiB at most, that wait for the application."""
LINGER = 2.0
"""Seconds in which the caller may still read the last answer of a connection."""
TURNED_AWAY = (
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\nretry-after: 1\r\nconnection: close\r\n"
    b"content-length: %d\r\nx-request-id: %s\r\n\r\n%s"
)
MALFORMED = {
    400: ("bad-request", "the request is not HTTP/1.1"),
    431: ("headers-too-large", "request line and headers are over the limit"),
}
ABSOLUTE = re.compile(rb"https?://([^/?#]*)(.*)", re.IGNORECASE)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ConnectionLimits:
    """Bounds of what callers can hold; sizes in bytes, times in seconds."""

    max_connections: int = 1024
    max_headers: int = 32 * 1024
    """Request line and headers together; more is answered 431."""
    idle_timeout: float = 30.0
    """From a connection's opening, or its last answer, to the end of the next request's headers."""
    stall_timeout: float = 30.0
    """How long a caller may take nothing of what is being sent to it."""


class _Config(Config):
    """hypercorn's settings, and the headers of every answer: the date, worked out once a second."""

    def __init__(self, limits: ConnectionLimits) -> None:
        self.h11_max_incomplete_size = limits.max_headers
        self.accesslog = self.errorlog = None
        self.include_server_header = False
        self.keep_alive_max_requests = sys.maxsize
        self._date: list[tuple[bytes, bytes]] = []
        self._until = -math.inf

    def response_headers(self, protocol: str) -> list[tuple[bytes, bytes]]:
        now = trio.current_time()
        if now >= self._until:
            self._date, self._until = super().response_headers(protocol), now + 1.0
        return self._date


class HttpServer:
    """An application, and the connections to it that are open."""

    def __init__(self, application: Application, limits: ConnectionLimits, new_id: NewId) -> None:
        """`new_id` gives ids for requests that never get to the application."""
        self._application, self._limits, self._new_id = application, limits, new_id
        self._config, self._context = _Config(limits), WorkerContext(None)
        self._open = 0

    async def attend(self, stream: trio.SocketStream) -> None:
        """All of one connection. Raises nothing but cancellation."""
        try:
            peer = stream.socket.getpeername()[:2]
        except OSError:
            return  # reset before it was looked at
        transport = SocketTransport(stream, self._limits.stall_timeout)
        if self._open >= self._limits.max_connections:
            _turn_away(transport, self._new_id())
            return
        self._open += 1
        try:
            connection = _Connection(transport, self._application, self._config, self._context, self._limits, peer)
            await connection.run(self._new_id)
        except* trio.BrokenResourceError:
            log.debug("the connection of %s:%d broke off", *peer)
        except* Exception:
            log.exception("the connection of %s:%d failed", *peer)
        finally:
            self._open -= 1
            transport.close()


class _Connection:
    def __init__(
        self,
        transport: SocketTransport,
        application: Application,
        config: Config,
        context: WorkerContext,
        limits: ConnectionLimits,
        peer: tuple[str, int],
    ) -> None:
        self._transport, self._application, self._limits = transport, application, limits
        hypercorns: Any = (application, config, context, self, {}, False, peer, None, self._take)
        self._protocol = _Protocol(*hypercorns)
        self._turns = turns_of_this_run()
        self._out = bytearray()
        self._due = False
        self._drain_lock = trio.Lock()
        self._over = False
        self._nursery: trio.Nursery
        self._reading = trio.CancelScope()
        self._idle_until = trio.current_time() + limits.idle_timeout

    async def run(self, new_id: NewId) -> None:
        """Until either side closes; raises `BrokenResourceError` where the connection breaks off."""
        self._protocol.new_id = new_id
        async with trio.open_nursery() as self._nursery:
            self._nursery.start_soon(self._watch_idle)
            with self._reading:
                while data := await self._transport.receive_some():
                    if not self._over:
                        await self._protocol.handle(RawData(data))
            self._over = True
            self._nursery.cancel_scope.cancel()

    async def _watch_idle(self) -> None:
        """Ends a connection that is idle for long; cheaper than a deadline that each request moves twice."""
        while (left := self._idle_until - trio.current_time()) > 0:  # noqa: ASYNC110
            await trio.sleep(min(left, self._limits.idle_timeout))
        self._reading.cancel()

    async def spawn_app(
        self, application: Application, config: Config, scope: Scope, send: Callable[[Message | None], Awaitable[None]]
    ) -> Callable[[Message], Awaitable[None]]:
        """hypercorn calls this: starts a request's task, and gives what hands it the parts of the request."""
        parts = _Parts()

        async def answer() -> None:
            await application(scope, parts.receive, send)
            parts.close()
            await send(None)

        self._nursery.start_soon(answer)
        return parts.put

    async def _take(self, event: Event) -> None:
        """hypercorn calls this with what is to be sent, and when the connection is idle, busy or to be closed."""
        if isinstance(event, RawData):
            self._out += event.data
            if len(self._out) >= SEND_BUFFER:
                await self._drain()
            elif not self._due:
                self._due = True
                self._turns.at_end(self._flush)
        elif isinstance(event, Updated):
            self._idle_until = trio.current_time() + self._limits.idle_timeout if event.idle else math.inf
        elif isinstance(event, Closed) and not self._over:
            await self._drain()
            self._transport.send_eof()
            self._over = True
            self._reading.deadline = trio.current_time() + LINGER  # unread bytes would turn the close into a reset

    def _flush(self) -> None:
        self._due = False
        if self._over or not self._out:
            return
        try:
            self._transport.send_now(self._out)
        except trio.BrokenResourceError:
            self._turns.wake(self._reading.cancel)
            return
        if self._out:
            self._turns.wake(self._drain_soon)

    def _drain_soon(self) -> None:
        if not self._over:
            self._nursery.start_soon(self._drain)

    async def _drain(self) -> None:
        async with self._drain_lock:
            if self._out:
                self._transport.send_now(self._out)
            while self._out:
                await self._transport.send_some(self._out)


class _Parts:
    """The parts of a request between its connection and its task; quicker than trio's channel, which always yields."""

    def __init__(self) -> None:
        self._parts: deque[Message] = deque()
        self._closed = False
        self._changed: trio.Event | None = None

    async def put(self, message: Message) -> None:
        """Hands a part over, after waiting for room; drops it where nobody takes it any more."""
        while len(self._parts) >= BODY_PARTS and not self._closed and message["type"] != "http.disconnect":
            await self._change()
        if not self._closed:
            self._parts.append(message)
            self._stir()

    async def receive(self) -> Message:
        """The next part."""
        while not self._parts:
            await self._change()
        part = self._parts.popleft()
        self._stir()
        return part

    def close(self) -> None:
        """No more parts are taken."""
        self._closed = True
        self._stir()

    async def _change(self) -> None:
        if self._changed is None:
            self._changed = trio.Event()
        await self._changed.wait()

    def _stir(self) -> None:
        if self._changed is not None:
            self._changed.set()
            self._changed = None


class _Protocol(H11Protocol):
    """hypercorn's, without its other protocols, with an answer to what isn't HTTP, and with trailers."""

    new_id: NewId

    async def _check_protocol(self, event: h11.Request) -> None:
        """HTTP/1.1 whatever is wished for."""

    async def _create_stream(self, request: h11.Request) -> None:
        size = len(request.target) + sum(len(name) + len(value) for name, value in request.headers)
        if size > self.config.h11_max_incomplete_size:  # h11 looks at what comes in pieces alone
            await self._turn_down(431)
            return
        names = [name for name, _ in request.headers]
        if b"transfer-encoding" in names and b"content-length" in names:  # another server may read it otherwise
            await self._turn_down(400)
            return
        target, headers = _origin_form(request.target, list(request.headers))
        self.stream = HTTPStream(
            self.app,
            self.config,
            self.context,
            self.task_group,
            self.ssl,
            self.client,
            self.server,
            self.stream_send,
            STREAM_ID,
        )
        await self.stream.handle(
            Request(
                stream_id=STREAM_ID,
                headers=headers,
                http_version=request.http_version.decode(),
                method=request.method.decode(),
                raw_path=target,
                state=self.connection_state,
            )
        )
        self.keep_alive_requests += 1

    async def stream_send(self, event: StreamEvent) -> None:
        if isinstance(event, Response) and event.status_code >= 200:
            headers = [*event.headers, *self.config.response_headers("h11")]
            await self._send_h11_event(_response(event.status_code, headers))
            return
        if isinstance(event, EndBody) and isinstance(self.stream, HTTPStream):
            trailers = self.stream.scope["state"].get(TRAILERS)
            if trailers:
                await self._send_h11_event(h11.EndOfMessage(headers=trailers))
                return
        await super().stream_send(event)

    async def _turn_down(self, status_code: int) -> None:
        await self._send_error_response(status_code)
        await self.send(Closed())

    async def _send_error_response(self, status_code: int) -> None:
        request_id = self.new_id()
        body = _error(*MALFORMED.get(status_code, MALFORMED[400]), request_id)
        headers = [
            (b"x-request-id", request_id.encode()),
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(body)),
            (b"connection", b"close"),
        ]
        await self._send_h11_event(h11.Response(status_code=status_code, headers=headers))
        await self._send_h11_event(h11.Data(data=body))
        await self._send_h11_event(h11.EndOfMessage())


def _response(status: int, headers: list[tuple[bytes, bytes]]) -> h11.Response:
    """An answer's head. Its headers are known to be well-formed, so that h11 needn't look at each again."""
    return h11.Response(status_code=status, headers=Headers([(name, name, value) for name, value in headers]))


TRAILERS = "fathom.trailers"
"""In a scope's `state`: headers that follow a chunked body, set by the application before it ends the body."""


def _origin_form(target: bytes, headers: RawHeaders) -> tuple[bytes, RawHeaders]:
    """A target without scheme and host, as a proxy's clients send them: its host counts, not the header's."""
    absolute = ABSOLUTE.fullmatch(target)
    if absolute is None:
        return target, headers
    host, path = absolute.groups()
    return path if path.startswith(b"/") else b"/" + path, [
        (b"host", host),
        *((name, value) for name, value in headers if name != b"host"),
    ]


def _error(error: str, message: str, request_id: str) -> bytes:
    return orjson.dumps({"error": error, "message": message, "requestId": request_id})


def _turn_away(transport: SocketTransport, request_id: str) -> None:
    body = _error("busy", "all connections of this gateway are in use", request_id)
    with suppress(trio.BrokenResourceError):
        transport.send_now(bytearray(TURNED_AWAY % (len(body), request_id.encode(), body)))
        transport.send_eof()
    transport.close()
