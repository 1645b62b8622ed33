"""A worker's endpoint: it takes gateways' requests, many at once, and answers each with a signed receipt.

## Overview

`Endpoint` listens and speaks `wire`; `Service` answers. Requests share the worker's slots with its jobs: no more than
one request beyond the slots is ever in the sandbox's queue, so that a job waits for one run at most; the others wait
here, up to `MAX_WAITING`.

A run goes on when its caller has gone: what was begun is cheaper to end than the slot's process to replace. Nothing is
signed of it.

## Usage

```python
endpoint = await nursery.start(listen, "127.0.0.1", 0)
endpoint.url                                   # goes into the worker's registration
nursery.start_soon(endpoint.serve, service)    # as soon as there is one
```

## Out of scope

What is run and signed (`service`), and who is served: whoever can connect. What costs is paid by ticket.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Protocol

import trio

from node.web import Limits, Request, Response, WebSocket, bound_port, open_listeners, serve
from node.web.errors import ConnectionClosed
from offchain.serving.lines import Line
from offchain.serving.store import TooLarge
from offchain.serving.wire import (
    MAX_MESSAGE,
    MAX_OPEN_REQUESTS,
    TO_GATEWAY,
    TO_WORKER,
    Answered,
    Ask,
    CallAgent,
    Cancel,
    Chunk,
    End,
    Found,
    GetBytes,
    GetReceipt,
    GetTranscript,
    Head,
    NotAnswered,
    PutBytes,
    Refused,
    TakesCalls,
    Whole,
)
from pallets.primitives.scale import DecodeError

LIMITS = Limits(max_connections=64, max_message_size=MAX_MESSAGE, max_request_size=1024)
MAX_OPEN_BYTES = 128 << 20
"""Of requests that are open, on all connections together; more are refused as `worker-busy`."""
PROTOCOL_ERROR = 1002
LAST_WORD_SECONDS = 1.0
PUT_BYTES_A_SECOND = 16 << 20
"""What one connection may put into the store."""
NOT_HERE = "this is a worker's endpoint, for gateways: ask a gateway"

log = logging.getLogger(__name__)

Kept = GetTranscript | GetBytes | PutBytes
"""What is answered also while no requests are: jobs depend on it."""
Question = Ask | GetReceipt | Kept
Reply = Whole | Head | Chunk | End | Refused | Found | CallAgent
Send = Callable[[Reply], Awaitable[None]]
"""Raises `ConnectionClosed` when the gateway has gone."""


class Caller:
    """Who waits for an answer; `wanted` says whether anybody still does."""

    def __init__(self, send: Send, line: Line | None = None) -> None:
        self.wanted, self._send = True, send
        self.line = line
        """By which its run may call agents."""

    async def send(self, *replies: Reply) -> None:
        """Says what there is to say, as long as somebody listens."""
        try:
            for reply in replies:
                if self.wanted:
                    await self._send(reply)
        except ConnectionClosed:
            self.wanted = False


class Answering(Protocol):
    """Who answers; `service.Service` does."""

    async def answer(self, ask: Ask, caller: Caller) -> None:
        """Answers a request, with `Whole`, `End` or `Refused` as its last word."""

    async def receipt_file(self, id: bytes) -> bytes | None:
        """JSON of a receipt."""


class Bytes(Protocol):
    """Who keeps bytes by their hash; `stored_bytes.ByteStore` does. Both may raise `TooLarge` and `OSError`."""

    def get(self, hash: bytes) -> bytes | None:
        """The bytes of a hash."""

    def put(self, data: bytes) -> bytes:
        """Keeps bytes; answers their hash."""


class Endpoint:
    """The port that a worker listens at; made by `listen`."""

    def __init__(self, host: str, listeners: list[trio.SocketListener]) -> None:
        self._listeners = listeners
        self._answering: tuple[Answering, trio.Nursery] | None = None
        self.transcript: Callable[[bytes], bytes | None] = lambda root: None
        """A transcript, as it is kept, by its root."""
        self.bytes: Bytes | None = None
        """What jobs name by its hash alone."""
        self.lines: dict[Line, None] = {}
        """Those to gateways, the oldest first."""
        self._lobby: trio.Nursery | None = None
        self._open = 0  # bytes of messages that are being answered
        port = bound_port(listeners)
        self.url = f"ws://[{host}]:{port}" if ":" in host else f"ws://{host}:{port}"

    async def run(self, task_status: trio.TaskStatus[Endpoint]) -> None:
        """Listens until cancelled."""
        async with trio.open_nursery() as self._lobby:
            listening = partial(serve, self._listeners, http=_http, websocket=self._converse, allow=_allow)
            await self._lobby.start(partial(listening, limits=LIMITS))
            task_status.started(self)

    async def serve(self, answering: Answering) -> None:
        """Has requests answered by this one, until cancelled; what it hasn't answered by then is refused."""
        try:
            async with trio.open_nursery() as nursery:
                self._answering = answering, nursery
                await trio.sleep_forever()
        finally:
            self._answering = None

    async def _converse(self, websocket: WebSocket) -> None:
        callers: dict[int, Caller] = {}
        turn = trio.Lock()  # what is kept is large: one answer of a connection at a time is in memory

        async def send(reply: Reply) -> None:
            await websocket.send(TO_GATEWAY.encode(reply))

        line = Line(send)
        self.lines[line] = None
        try:
            async for message in websocket:
                try:
                    if put := self._take(message, callers, send, turn, line):
                        await trio.sleep(put / PUT_BYTES_A_SECOND)
                except (DecodeError, _BadMessage) as error:
                    log.info("a gateway at %s:%d is disconnected: %s", *websocket.request.peer, error)
                    await websocket.aclose(PROTOCOL_ERROR, str(error))
        finally:
            del self.lines[line]
            line.lose()
            for caller in callers.values():
                caller.wanted = False

    def _take(self, message: str | bytes, callers: dict[int, Caller], send: Send, turn: trio.Lock, line: Line) -> int:
        """Begins to answer a message; answers how many bytes it has put into the store."""
        if isinstance(message, str):
            raise _BadMessage("messages are binary")
        said = TO_WORKER.decode_all(message)
        if isinstance(said, Cancel):
            if (cancelled := callers.get(said.id)) is not None:
                cancelled.wanted = False
            return 0
        if isinstance(said, Answered | NotAnswered):
            line.take(said)
            return 0
        if isinstance(said, TakesCalls):
            line.said = said
            return 0
        assert isinstance(said, Question)
        size = len(message)
        if said.id in callers:
            raise _BadMessage(f"request {said.id} is open already")
        caller = Caller(send, line)
        if len(callers) >= 2 * MAX_OPEN_REQUESTS:
            raise _BadMessage("far too many requests are open")
        callers[said.id] = caller
        if isinstance(said, Kept) and len(callers) <= MAX_OPEN_REQUESTS:
            assert self._lobby is not None
            if isinstance(said, PutBytes):  # at once: many that wait would fill the memory
                hash = self._put(said)
                self._lobby.start_soon(self._show, said.id, lambda: hash, turn, caller, callers)
                return size
            self._lobby.start_soon(self._show, said.id, partial(self._kept, said), turn, caller, callers)
        elif self._answering is not None and len(callers) <= MAX_OPEN_REQUESTS and self._open + size <= MAX_OPEN_BYTES:
            answering, nursery = self._answering
            self._open += size
            nursery.start_soon(self._answer, answering, said, size, caller, callers)
        else:
            assert self._lobby is not None
            self._lobby.start_soon(self._turn_away, said.id, caller, callers)
        return 0

    async def _answer(
        self, answering: Answering, said: Question, size: int, caller: Caller, callers: dict[int, Caller]
    ) -> None:
        try:
            if isinstance(said, GetReceipt):
                await caller.send(Found(said.id, await answering.receipt_file(said.receipt)))
            elif isinstance(said, Ask):
                await answering.answer(said, caller)
        except trio.Cancelled:
            with trio.move_on_after(LAST_WORD_SECONDS, shield=True):
                await caller.send(Refused(said.id, 503, "worker-ends", "the worker has ended", None, True))
            raise
        except Exception:
            log.exception("a request failed inside the worker")
            text = "the worker failed: its log says more"
            await caller.send(Refused(said.id, 502, "worker-failed", text, None, True))
        finally:
            self._open -= size
            del callers[said.id]

    async def _show(
        self, id: int, show: Callable[[], bytes | None], turn: trio.Lock, caller: Caller, callers: dict[int, Caller]
    ) -> None:
        try:
            async with turn:
                await caller.send(Found(id, show() if caller.wanted else None))
        finally:
            del callers[id]

    def _kept(self, said: GetTranscript | GetBytes) -> bytes | None:
        try:
            if isinstance(said, GetTranscript):
                return self.transcript(said.root)
            return None if self.bytes is None else self.bytes.get(said.hash)
        except OSError as error:
            log.error("what is kept can't be read: %s", error)
            return None

    def _put(self, said: PutBytes) -> bytes | None:
        try:
            return None if self.bytes is None else self.bytes.put(said.data)
        except (OSError, TooLarge) as error:
            log.error("what is to be kept can't be written: %s", error)
            return None

    async def _turn_away(self, id: int, caller: Caller, callers: dict[int, Caller]) -> None:
        busy = self._answering is not None
        error = "worker-busy" if busy else "worker-starting"
        text = "too many requests are open, or too large ones" if busy else "the worker starts"
        try:
            await caller.send(Refused(id, 503, error, f"{text}: try again in a moment", None, True))
        finally:
            del callers[id]


class _BadMessage(Exception):
    """A gateway doesn't keep to the protocol."""


async def listen(host: str, port: int, *, task_status: trio.TaskStatus[Endpoint]) -> None:
    """Listens until cancelled, 0 is a free port; started with the endpoint. Raises `CannotListen`."""
    endpoint = Endpoint(host, await open_listeners(host, port))
    await endpoint.run(task_status)


async def _http(_request: Request) -> Response:
    return Response.text(426, NOT_HERE, (("upgrade", "websocket"),))


def _allow(request: Request) -> Response | None:
    """No page of any site may speak to a worker: gateways send no Origin."""
    return None if request.header("origin") is None else Response.text(403, NOT_HERE)
