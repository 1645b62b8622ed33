"""The process that asks: prepared calls over many WebSockets, each with a few on the way, and how long answers take.

## Overview

`python -m node.bench.asker` takes one JSON line, an `Order`. It connects, prints `ready`, starts at the next line on
stdin, stops at the one after that, and prints one JSON line, a `Report`. Each connection sends its next call when an
answer is there. Frames of the node are cut by their lengths and looked at for a result, nothing more, so that it is the
node that is measured; `node.bench.client` reads answers in full.

Source of the frames' layout: RFC 6455, section 5.2.
"""

from __future__ import annotations

import os
import selectors
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median

from node.bench.assistant import Assistant, assistant, say_ready, serve
from node.bench.client import Call, Client, frame
from node.bench.errors import BenchError

READ_SIZE = 1 << 16
LOOK_UP = 100
"""After how many answers one who asks alone looks whether to stop."""
MEDIUM, LARGE = 126, 127
RESULT, ERROR = b'"result":', b'"error":'
LOST_SECONDS = 30.0
"""Silence after which the node is given up."""


@dataclass(frozen=True)
class Order:
    """What to ask in turn, and where; on `core` alone, if one is named."""

    port: int
    calls: Sequence[Call]
    connections: int
    depth: int
    core: int | None


@dataclass(frozen=True)
class Report:
    """What came of it; times from sending a call to reading its answer."""

    answers: int
    seconds: float
    p50_us: float
    p99_us: float
    longest_us: float

    @property
    def per_second(self) -> float:
        return self.answers / self.seconds


class Asker:
    """An asker's process, connected."""

    def __init__(self, assisting: Assistant) -> None:
        self._assistant = assisting

    def ask_for(self, seconds: float) -> Report:
        """Asks for a while."""
        self.begin()
        time.sleep(seconds)
        return self.end()

    def begin(self) -> None:
        """Asks from now on."""
        self._assistant.tell("go")

    def end(self) -> Report:
        """Stops asking."""
        self._assistant.tell("stop")
        return Report(**self._assistant.report())


@contextmanager
def asker(order: Order) -> Iterator[Asker]:
    """An asker for the block."""
    with assistant("node.bench.asker", order) as assisting:
        yield Asker(assisting)


# Inside the process


class Lane:
    """One connection; `taken` are the seconds that its answers took."""

    def __init__(self, client: Client, frames: Sequence[bytes], place: int) -> None:
        self.socket = client.socket
        self.socket.setblocking(False)
        self._frames, self._next = frames, place
        self._buffer = b""
        self._sent: deque[float] = deque()
        self.taken: list[float] = []

    def ask(self, count: int) -> None:
        """Sends the next calls."""
        now = time.perf_counter()
        data = b""
        for _ in range(count):
            data += self._frames[self._next % len(self._frames)]
            self._next += 1
            self._sent.append(now)
        try:
            self.socket.sendall(data)
        except OSError as error:
            raise BenchError(f"the node has closed a connection: {error}") from None

    def read(self) -> int:
        """How many answers there are; the first error ends it all."""
        try:
            data = self.socket.recv(READ_SIZE)
        except OSError as error:
            raise BenchError(f"the connection to the node is lost: {error}") from None
        if not data:
            raise BenchError("the node has closed a connection")
        now = time.perf_counter()
        buffer = self._buffer + data
        at = count = 0
        while (end := _frame_end(buffer, at)) is not None:
            if RESULT not in buffer[at:end] or ERROR in buffer[at:end]:
                raise BenchError(f"the node refuses a call: {buffer[at:end]!r}")
            self.taken.append(now - self._sent.popleft())
            at = end
            count += 1
        self._buffer = buffer[at:]
        return count


def _frame_end(buffer: bytes, at: int) -> int | None:
    """Where the whole, unmasked frame that starts at `at` ends; `None` where it isn't whole."""
    if len(buffer) < at + 2:
        return None
    length, body = buffer[at + 1], at + 2
    if length >= MEDIUM:
        body = at + (4 if length == MEDIUM else 10)
        length = int.from_bytes(buffer[at + 2 : body], "big")
    return body + length if len(buffer) >= body + length else None


def _ask_all(lanes: Sequence[Lane], selector: selectors.BaseSelector, depth: int) -> float:
    """Asks until told to stop; how many seconds it took."""
    started = time.perf_counter()
    for lane in lanes:
        lane.ask(depth)
    while True:
        ready = selector.select(LOST_SECONDS)
        if not ready:
            raise BenchError("the node has fallen silent")
        for key, _ in ready:
            lane = key.data
            if lane is None:
                return time.perf_counter() - started
            count = lane.read()
            if count:
                lane.ask(count)


def _ask_alone(lane: Lane, selector: selectors.BaseSelector) -> float:
    """As `_ask_all` with one call at a time on one connection: the answer is awaited by the socket itself."""
    lane.socket.setblocking(True)
    started = time.perf_counter()
    while not selector.select(0):
        for _ in range(LOOK_UP):
            lane.ask(1)
            while not lane.read():
                pass
    return time.perf_counter() - started


def _carry_out(order: Order) -> Report:
    if order.core is not None:
        os.sched_setaffinity(0, {order.core})
    frames = [frame(number, method, params) for number, (method, params) in enumerate(order.calls)]
    lanes = [
        Lane(Client.connect(order.port), frames, place * len(frames) // order.connections)
        for place in range(order.connections)
    ]
    with selectors.DefaultSelector() as selector:
        say_ready()
        selector.register(sys.stdin, selectors.EVENT_READ, None)
        if order.connections == order.depth == 1:
            seconds = _ask_alone(lanes[0], selector)
        else:
            for lane in lanes:
                selector.register(lane.socket, selectors.EVENT_READ, lane)
            seconds = _ask_all(lanes, selector, order.depth)
    taken = sorted(each for lane in lanes for each in lane.taken)
    if not taken:
        raise BenchError("the node has answered nothing")
    return Report(
        answers=len(taken),
        seconds=seconds,
        p50_us=round(median(taken) * 1e6, 1),
        p99_us=round(taken[len(taken) * 99 // 100] * 1e6, 1),
        longest_us=round(taken[-1] * 1e6, 1),
    )


if __name__ == "__main__":
    serve(lambda given: _carry_out(Order(**given)))
