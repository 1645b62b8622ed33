"""The live world: what a run's asks do outside, and the answers in the order in which they come.

Overview
    Each ask is begun when its turn brings it, and all that are open go on beside each other. `turn` hands out one
    answer at a time, the first to be ready. A fetch's task lives as long as its response's body: it reads a part when
    the run asks for one, so a server that sends more than is read waits. Leaving the world ends all that is open.

    | ask | what happens |
    | --- | --- |
    | `fetch` | `fetching`; with the head comes a body that is short and says so, or any if the script set a time-out |
    | `read` | the next part of a body, at most 64 KiB |
    | `cancel` | ends a fetch, or closes its body; what is read of it afterwards is an error |
    | `sleep` | until the run's clock is there |
    | `emit` | handed on to whoever takes the run's answer, one after the other |

    The run's clock starts at its context's time, and goes as trio's does.

Usage
    async with open_world(network, reach, start_ms=context.block_time_ms) as world:
        outcome = await pool.run(code, input, limits, context, world)

Errors
    What fails is the answer to its ask: `{"error": text, "reason": word}`, see `errors`. `WorldError` is raised.

Out of scope
    How many asks of how many bytes a run may make: the sandbox's `Limits`. Writing down what came: `recording`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from math import ceil
from typing import Any

import orjson
import trio

from offchain.outside.errors import (
    Aborted,
    AskFailed,
    BadAsk,
    InvalidAsk,
    NobodyListens,
    NoSuchStream,
    NothingAsked,
    TimedOut,
    TooLarge,
)
from offchain.outside.fetching import BODILESS, Fetcher, Request, Response, VirtualHost, read_request
from offchain.outside.http1 import Connections
from offchain.outside.network import Network
from offchain.outside.policy import FetchLimits, Reach
from offchain.sandbox.base import Answer, Ask

SHORT_BODY = 64 * 1024
"""Bytes of a body that is waited for before a fetch is answered."""
MAX_OPEN = 1024
"""Asks that may be open at once."""

Emit = Callable[[Mapping[str, Any], bytes], Awaitable[None]]
"""Takes a part of a streamed answer, head and body of an `emit` ask. Raises `OSError` when the caller has gone."""


@asynccontextmanager
async def open_world(
    network: Network,
    reach: Reach,
    *,
    start_ms: int,
    limits: FetchLimits = FetchLimits(),
    virtual: Mapping[str, VirtualHost] | None = None,
    own: Mapping[str, VirtualHost] | None = None,
    emit: Emit | None = None,
) -> AsyncIterator[LiveWorld]:
    """A world for one run.

    `start_ms` is the run's clock now, in milliseconds since 1970. `virtual` has beginnings of URLs, such as
    `https://api.openai.com/v1/`, that are answered in this process; an agent's list of hosts holds for them too.
    `own` are such that it doesn't hold for, and that no redirect leads to. Without `emit` nobody takes parts of
    answers.
    """
    async with (
        Connections(network, limits, allow_private=reach.allow_private) as connections,
        trio.open_nursery() as tasks,
    ):
        yield LiveWorld(Fetcher(connections, reach, limits, virtual or {}, own or {}), limits, start_ms, emit, tasks)
        tasks.cancel_scope.cancel()


class LiveWorld:
    """Made by `open_world`."""

    def __init__(
        self, fetcher: Fetcher, limits: FetchLimits, start_ms: int, emit: Emit | None, tasks: trio.Nursery
    ) -> None:
        self._fetcher = fetcher
        self._limits = limits
        self._tasks = tasks
        self._begun_at = trio.current_time()
        self._start_ms = self._reached_ms = start_ms
        self._places = trio.CapacityLimiter(limits.at_once)
        self._bytes_left = limits.total_bytes
        self._next_id = 0
        self._open: set[int] = set()
        self._ready: deque[Answer] = deque()
        self._news = trio.Event()
        self._bodies: dict[int, _Body] = {}
        self._fetches: dict[int, _Body] = {}
        self._emit = emit
        self._parts: deque[Ask] = deque()

    @property
    def now_ms(self) -> int:
        """The run's clock, in milliseconds since 1970."""
        return max(self._reached_ms, self._start_ms + int((trio.current_time() - self._begun_at) * 1000))

    async def turn(self, asks: Sequence[Ask]) -> Answer:
        """Begin `asks`, then the first answer to any that is open. Raises `BadAsk`, `NothingAsked`."""
        for ask in asks:
            self._begin(ask)
        if not self._open:
            raise NothingAsked("the run waits for an answer, and nothing that it asked is open")
        while not self._ready:
            self._news = trio.Event()
            await self._news.wait()
        answer = self._ready.popleft()
        self._open.remove(answer.id)
        return replace(answer, now_ms=self.now_ms)

    def _begin(self, ask: Ask) -> None:
        if ask.id < self._next_id or len(self._open) >= MAX_OPEN:
            raise BadAsk(f"ask {ask.id} isn't new, or one too many beside {len(self._open)} open ones")
        self._next_id = ask.id + 1
        self._open.add(ask.id)
        try:
            head = _read_head(ask.head)
            match ask.op:
                case "fetch":
                    request = read_request(head, ask.body, self._limits)
                    seconds = self._limits.head_seconds if request.timeout_seconds is None else request.timeout_seconds
                    deadline = trio.current_time() + min(seconds, self._limits.exchange_seconds)
                    self._fetches[ask.id] = _Body(trio.CancelScope(deadline=deadline))
                    self._tasks.start_soon(self._fetch, ask, request, self._fetches[ask.id])
                case "read":
                    self._body(head).read(ask)
                case "cancel":
                    self._cancelled(head).cancel()
                    self._answer(ask, {})
                case "sleep":
                    self._tasks.start_soon(self._sleep, ask, _number(head, "until_ms"))
                case "emit":
                    self._pass_on(ask)
        except AskFailed as error:
            self._fail(ask, error)

    def _answer(self, ask: Ask, head: Mapping[str, Any], body: bytes = b"") -> None:
        self._ready.append(Answer(ask.id, True, orjson.dumps(head), body))
        self._news.set()

    def _fail(self, ask: Ask, error: AskFailed) -> None:
        self._ready.append(Answer(ask.id, False, orjson.dumps({"error": str(error), "reason": error.reason})))
        self._news.set()

    # fetches and their bodies

    async def _fetch(self, ask: Ask, request: Request, body: _Body) -> None:
        begun, limits = trio.current_time(), self._limits
        waiting = deque([ask])
        try:
            with body.scope:
                async with AsyncExitStack() as exchange:
                    async with self._places:
                        response = await exchange.enter_async_context(self._fetcher.open(request))
                        first, whole = await self._beginning(request, response)
                    waiting = body.reads
                    self._answer_fetch(ask, response, first, body=None if whole else body)
                    if not whole:
                        body.scope.deadline = begun + limits.exchange_seconds
                        await self._hand_out(body, response, first)
                body.end = NoSuchStream("the body was read to its end")
                return
            raise (
                Aborted("the script cancelled it")
                if body.cancelled
                else TimedOut(f"the request to {request.url.host} timed out")
            )
        except AskFailed as error:
            body.end = error
            for each in waiting:
                self._fail(each, error)

    async def _beginning(self, request: Request, response: Response) -> tuple[bytes, bool]:
        """What is known of the body when the head is answered, and whether that is all of it."""
        if request.method == "HEAD" or response.status in BODILESS:
            return b"", True
        first = bytearray()
        in_time = request.timeout_seconds is not None  # else a body would be late because others were read before it
        if in_time or (response.length is not None and response.length <= SHORT_BODY):
            while in_time or len(first) <= SHORT_BODY:
                part = await self._part(response)
                if not part:
                    return bytes(first), True
                first += part
        return bytes(first), False

    def _answer_fetch(self, ask: Ask, response: Response, first: bytes, body: _Body | None) -> None:
        stream = None
        if body is not None:
            stream = len(self._bodies) + 1
            self._bodies[stream] = body
        head = {
            "status": response.status,
            "status_text": response.status_text,
            "headers": response.headers,
            "url": str(response.url),
            "redirected": response.redirected,
            "stream": stream,
        }
        self._answer(ask, head, first if body is None else b"")

    async def _hand_out(self, body: _Body, response: Response, first: bytes) -> None:
        while True:
            ask = await body.next_read()
            part, first = (first, b"") if first else (await self._part(response), b"")
            body.reads.popleft()
            self._answer(ask, {"done": not part}, part)
            if not part:
                return

    async def _part(self, response: Response) -> bytes:
        part = await anext(response.body, b"")
        self._bytes_left -= len(part)
        if self._bytes_left < 0:
            raise TooLarge(f"all responses together are longer than {self._limits.total_bytes} bytes")
        return part

    def _cancelled(self, head: Mapping[str, Any]) -> _Body:
        if "fetch" not in head:
            return self._body(head)
        found = self._fetches.get(int(_number(head, "fetch")))
        if found is None:
            raise NoSuchStream("no fetch has this number")
        return found

    def _body(self, head: Mapping[str, Any]) -> _Body:
        found = self._bodies.get(int(_number(head, "stream")))
        if found is None:
            raise NoSuchStream("no body has this number")
        return found

    # the clock, and parts of an answer

    async def _sleep(self, ask: Ask, until_ms: float) -> None:
        await trio.sleep_until(self._begun_at + (until_ms - self._start_ms) / 1000)
        self._reached_ms = max(self._reached_ms, ceil(until_ms))
        self._answer(ask, {})

    def _pass_on(self, ask: Ask) -> None:
        if self._emit is None:
            raise NobodyListens("the caller takes no answer in parts")
        self._parts.append(ask)
        if len(self._parts) == 1:
            self._tasks.start_soon(self._pass_on_all, self._emit)

    async def _pass_on_all(self, emit: Emit) -> None:
        """One after the other: tasks of a nursery begin in any order."""
        while self._parts:
            ask = self._parts[0]
            try:
                await emit(_read_head(ask.head), ask.body)
                self._answer(ask, {})
            except OSError:
                self._fail(ask, NobodyListens("the caller has gone"))
            self._parts.popleft()


class _Body:
    """A response's body that is read on demand."""

    def __init__(self, scope: trio.CancelScope) -> None:
        self.scope = scope
        self.reads: deque[Ask] = deque()
        self.cancelled = False
        self.end: AskFailed | None = None
        """Why it can't be read any more."""
        self._wanted = trio.Event()

    def read(self, ask: Ask) -> None:
        if self.end is not None:
            raise self.end
        self.reads.append(ask)
        self._wanted.set()

    def cancel(self) -> None:
        self.cancelled = True
        self.scope.cancel()

    async def next_read(self) -> Ask:
        while not self.reads:
            self._wanted = trio.Event()
            await self._wanted.wait()
        return self.reads[0]


def _read_head(data: bytes) -> Mapping[str, Any]:
    try:
        head = orjson.loads(data)
    except ValueError as error:
        raise InvalidAsk("the ask's head isn't JSON") from error
    if not isinstance(head, dict):
        raise InvalidAsk("the ask's head isn't an object")
    return head


def _number(head: Mapping[str, Any], name: str) -> float:
    value = head.get(name)
    if not isinstance(value, int | float) or not 0 <= value < 1 << 53:
        raise InvalidAsk(f"{name} must be a number from 0 to 2^53")
    return value
