"""Connections to workers: one WebSocket each, on which many requests are under way at once.

## Overview

`Links` keeps one `Link` for each worker that the directory knows, opened again whenever it is lost. An `Exchange` is
one request on a link: what the worker says of it waits there until it is taken.

Nothing shows who listens at an endpoint but the signature of what it answers: a receipt by the worker's registered key,
which `receipts` checks. Secrets go there sealed to the cluster's key.

## Usage

```python
exchange = link.begin()
try:
    await link.ask(Ask(exchange.id, ...))
    await exchange.arrived()
    exchange.parts.popleft()
finally:
    link.end(exchange)
```

## Errors

`LinkLost`: the connection ended before the worker had said all.

## Out of scope

Which worker is asked, and what is made of its answer: `dispatch`.
"""

from __future__ import annotations

import ipaddress
import logging
from collections import deque
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import trio

from node.web import WebSocket
from node.web.errors import ConnectionClosed, WebError
from offchain.gateway.agent_entry import AgentEntry
from offchain.gateway.directory import Directory, endpoints, serves
from offchain.serving.wire import (
    MAX_OPEN_REQUESTS,
    MAX_RESPONSE_BODY,
    TO_GATEWAY,
    TO_WORKER,
    CallAgent,
    Cancel,
    End,
    Found,
    Refused,
    ToGateway,
    ToWorker,
    Whole,
)
from pallets.primitives.scale import DecodeError
from pallets.primitives.worker_record import Worker

if TYPE_CHECKING:
    from offchain.gateway.asked import Asked

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 10.0  # seconds between attempts to connect
PART_COST, MAX_ANSWER = 256, MAX_RESPONSE_BODY + (2 << 20)
"""Bytes that a message costs beside its own, and that all messages of an answer may: it may come in 4096 parts."""
AVOID_SECONDS = 5.0
"""For how long a worker that failed is asked only where there is no other."""
LAST = (Whole, End, Refused, Found)

Connect = Callable[[str], AbstractAsyncContextManager[WebSocket]]
"""Opens a WebSocket to a worker's endpoint; raises `WebError`."""

log = logging.getLogger("offchain.gateway")


class LinkLost(Exception):
    """The connection to the worker ended before it had said all."""


class Exchange:
    """One request on a link."""

    __slots__ = ("id", "asked", "calls", "parts", "over", "_size", "_news")

    def __init__(self, id: int, asked: Asked | None) -> None:
        self.id, self.asked = id, asked
        self.calls: set[trio.CancelScope] = set()
        """Of the calls that the request's run has made and waits for."""
        self.parts: deque[ToGateway] = deque()
        """What the worker has said and nobody has taken."""
        self.over = False
        """Whether nothing more will come."""
        self._size = 0
        self._news: trio.Event | None = None

    async def arrived(self) -> None:
        """Waits until `parts` has something; raises `LinkLost` where nothing will come."""
        if self.parts:
            return
        if self.over:
            raise LinkLost("the worker went away")
        self._news = trio.Event()
        await self._news.wait()
        if not self.parts:
            raise LinkLost("the worker went away")

    def put(self, part: ToGateway, size: int) -> bool:
        """Takes in what the worker says in so many bytes; false where that is more than it may."""
        self.parts.append(part)
        self._size += PART_COST + size
        if isinstance(part, LAST):
            self.over = True
        if self._news is not None:
            self._news.set()
        return self._size <= MAX_ANSWER

    def lose(self) -> None:
        """The link is gone."""
        self.over = True
        if self._news is not None:
            self._news.set()


class Link:
    """The connection to one worker."""

    def __init__(self, worker: bytes, endpoint: str, connect: Connect) -> None:
        self.worker, self.endpoint = worker, endpoint
        self.asked_at = 0
        """When it was last chosen, in choices of the gateway."""
        self.avoid_until = 0.0
        """Until when, on trio's clock, others are asked first."""
        self._connect = connect
        self._socket: WebSocket | None = None
        self._exchanges: dict[int, Exchange] = {}
        self._count = 0
        self._scope = trio.CancelScope()
        self.on_call: Callable[[Link, Exchange | None, CallAgent], object] = lambda *_: None
        """Hears of each call of an agent that a run at the worker makes, of a request or of a job."""
        self.first_word: Callable[[bytes], ToWorker] | None = None
        """What each connection to this worker begins with."""

    @property
    def is_open(self) -> bool:
        """Whether it can be asked."""
        return self._socket is not None

    @property
    def in_flight(self) -> int:
        """Requests that are under way."""
        return len(self._exchanges)

    async def run(self, on_open: Callable[[], None]) -> None:
        """Keeps a connection until `close`, which may be called before."""
        pause = FIRST_PAUSE
        with self._scope:
            while True:
                try:
                    async with self._connect(self.endpoint) as socket:
                        self._socket = socket
                        log.info("worker 0x%s answers at %s", self.worker[:4].hex(), self.endpoint)
                        on_open()
                        if self.first_word is not None:
                            await self.ask(self.first_word(self.worker))
                        if await self._read(socket):
                            pause = FIRST_PAUSE
                        reason = "closed"
                except (WebError, LinkLost) as error:
                    reason = str(error)
                finally:
                    self._lose()
                log.info("no connection to worker 0x%s: %s; next in %g s", self.worker[:4].hex(), reason, pause)
                await trio.sleep(pause)
                pause = min(2 * pause, LONGEST_PAUSE)

    def close(self) -> None:
        """Ends `run`."""
        self._scope.cancel()

    def avoid(self) -> None:
        """Has others asked first for a while."""
        self.avoid_until = trio.current_time() + AVOID_SECONDS

    def begin(self, asked: Asked | None = None) -> Exchange:
        """A new request, to be handed to `end` whatever becomes of it."""
        self._count += 1
        exchange = self._exchanges[self._count] = Exchange(self._count, asked)
        return exchange

    async def ask(self, message: ToWorker) -> None:
        """Sends a message, after waiting for room; raises `LinkLost`."""
        socket = self._socket
        try:
            if socket is None:
                raise LinkLost("there is no connection to the worker")
            await socket.send(TO_WORKER.encode(message))
        except ConnectionClosed as error:
            raise LinkLost(str(error)) from None

    def end(self, exchange: Exchange) -> None:
        """Forgets a request, and tells the worker if it is still at it."""
        del self._exchanges[exchange.id]
        for scope in exchange.calls:
            scope.cancel()
        if not exchange.over and self._socket is not None:
            self._socket.send_nowait(TO_WORKER.encode(Cancel(exchange.id)))

    async def _read(self, socket: WebSocket) -> bool:
        """Takes in what the worker says until the connection ends; whether it said something, and all in the format."""
        heard = False
        while (message := await socket.receive()) is not None:
            try:
                part = TO_GATEWAY.decode_all(message if isinstance(message, bytes) else b"")
            except DecodeError as error:
                log.warning("worker 0x%s breaks the format: %s", self.worker[:4].hex(), error)
                return False
            heard = True
            exchange = self._exchanges.get(part.id)
            if isinstance(part, CallAgent):
                self.on_call(self, exchange, part)
                continue
            if exchange is not None and not exchange.over and not exchange.put(part, len(message)):
                log.warning("worker 0x%s answers with too much", self.worker[:4].hex())
                return False
        return heard

    def _lose(self) -> None:
        self._socket = None
        for exchange in self._exchanges.values():
            if not exchange.over:
                exchange.lose()


class Links:
    """The connections to all workers that the directory knows."""

    def __init__(self, directory: Directory, connect: Connect, *, private: bool) -> None:
        """`private` lets workers be at addresses of this machine and of private networks."""
        self._directory, self._connect, self._private = directory, connect, private
        self._links: dict[bytes, Link] = {}
        self._choices = 0
        self._stir = trio.Event()
        self.on_call: Callable[[Link, Exchange | None, CallAgent], object] = lambda *_: None
        self.first_word: Callable[[bytes], ToWorker] | None = None
        """As of each `Link`; to be set before `run`."""

    def __len__(self) -> int:
        return sum(link.is_open for link in self._links.values())

    def get(self, worker: bytes) -> Link | None:
        """The open link to a worker."""
        link = self._links.get(worker)
        return link if link is not None and link.is_open else None

    def open_links(self) -> list[Link]:
        """All that can be asked."""
        return [link for link in self._links.values() if link.is_open]

    async def run(self) -> None:
        """Keeps a link to each worker until cancelled."""
        self._directory.on_workers = self._wake
        async with trio.open_nursery() as nursery:
            while True:
                stir = self._stir
                wanted = endpoints(self._directory.workers.values())
                for worker, link in list(self._links.items()):
                    if wanted.get(worker) != link.endpoint:
                        link.close()
                        del self._links[worker]
                for worker, endpoint in wanted.items():
                    if worker not in self._links and (self._private or not is_private(endpoint)):
                        link = self._links[worker] = Link(worker, endpoint, self._connect)
                        link.on_call, link.first_word = self.on_call, self.first_word
                        nursery.start_soon(link.run, self._wake)
                await stir.wait()

    async def wait_for_any(self) -> None:
        """Waits until something has changed: a worker came, left, or can be asked."""
        await self._stir.wait()

    def choose(self, agent: AgentEntry, tried: set[bytes], only: bytes | None = None) -> Link | None:
        """The least busy worker that may serve an agent, and is none of these; those that failed lately come last.

        `only` names the one worker that will do.
        """
        best: tuple[bool, int, int] | None = None
        chosen = None
        workers, now = self._directory.workers, trio.current_time()
        for link in self._links.values():
            worker = workers.get(link.worker)
            if worker is None or not link.is_open or link.worker in tried or not serves(worker, agent):
                continue
            if only is not None and link.worker != only:
                continue
            rank = (link.avoid_until > now, _load(link, worker), link.asked_at)
            if (best is None or rank < best) and link.in_flight < MAX_OPEN_REQUESTS:
                best, chosen = rank, link
        if chosen is not None:
            self._choices += 1
            chosen.asked_at = self._choices
        return chosen

    def _wake(self) -> None:
        self._stir.set()
        self._stir = trio.Event()


def _load(link: Link, worker: Worker) -> int:
    return link.in_flight + worker.load


def is_private(url: str) -> bool:
    """Whether a URL names this machine or a private network by address or as `localhost`, or is none."""
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return True
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return host == "localhost" or host.endswith((".localhost", ".local", ".internal"))
