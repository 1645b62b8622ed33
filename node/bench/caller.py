"""The process that calls an agent: many HTTP connections, each with one request under way, and how long answers take.

## Overview

`python -m node.bench.caller` takes one JSON line, an `Order`. It connects, prints `ready`, starts at the next line on
stdin, and after the order's seconds prints one JSON line, a `Report`. An answer's status is 200, its body the expected
one, and it has a receipt; nothing else of it is looked at, so that it is not the caller that is measured.
"""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median

from node.bench.assistant import Assistant, assistant, say_ready, serve
from node.bench.errors import BenchError

READ_SIZE = 1 << 16
STATUS, LENGTH, RECEIPT, END = b"HTTP/1.1 200", b"\r\ncontent-length: ", b"\r\nx-fathom-receipt: ", b"\r\n\r\n"
LOST_SECONDS = 30.0
"""Silence after which the gateway is given up."""


@dataclass(frozen=True)
class Order:
    """What to ask, and where; for `seconds`, after others of warming up, in which nothing is counted."""

    port: int
    path: str
    body: str
    connections: int
    warm_seconds: float
    seconds: float


@dataclass(frozen=True)
class Report:
    """What came of it; times from sending a request to reading its answer. `receipts` has those of warming up too."""

    answers: int
    seconds: float
    p50_ms: float
    p99_ms: float
    longest_ms: float
    receipts: int
    last_receipt: str
    cpu_seconds: float
    """This process's own processor time, of warming up too."""

    @property
    def per_second(self) -> float:
        return self.answers / self.seconds


class Caller:
    """A caller's process, connected."""

    def __init__(self, assisting: Assistant) -> None:
        self._assistant = assisting

    def call(self) -> Report:
        """Calls for the order's time."""
        self._assistant.tell("go")
        return Report(**self._assistant.report())


@contextmanager
def caller(order: Order) -> Iterator[Caller]:
    """A caller for the block."""
    with assistant("node.bench.caller", order) as assisting:
        yield Caller(assisting)


# Inside the process


class Lane:
    """One connection; `taken` are when its answers came, and the seconds that they took."""

    def __init__(self, order: Order) -> None:
        self.socket = socket.create_connection(("127.0.0.1", order.port), LOST_SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._request = f"GET {order.path} HTTP/1.1\r\nhost: 127.0.0.1:{order.port}\r\n\r\n".encode()
        self._body = order.body.encode()
        self._buffer = b""
        self._sent = 0.0
        self.taken: list[tuple[float, float]] = []
        self.receipts: list[bytes] = []

    def ask(self) -> None:
        """Sends the next request."""
        self._sent = time.perf_counter()
        self.socket.sendall(self._request)

    def read(self) -> bool:
        """Whether the answer is there; one that isn't as expected ends it all."""
        data = self.socket.recv(READ_SIZE)
        if not data:
            raise BenchError("the gateway has closed a connection")
        self._buffer += data
        head, end, body = self._buffer.partition(END)
        if not end or len(body) < _length(head):
            return False
        _, found, receipt = head.partition(RECEIPT)
        if not head.startswith(STATUS) or body != self._body or not found:
            raise BenchError(f"the gateway answers otherwise: {self._buffer[:1000]!r}")
        now = time.perf_counter()
        self.taken.append((now, now - self._sent))
        self.receipts.append(receipt[:66])
        self._buffer = b""
        return True


def _length(head: bytes) -> int:
    _, found, rest = head.partition(LENGTH)
    return int(rest.partition(b"\r\n")[0]) if found else 0


def _ask_all(lanes: Sequence[Lane], seconds: float) -> float:
    """Asks for so long; when it began."""
    with selectors.DefaultSelector() as selector:
        for lane in lanes:
            selector.register(lane.socket, selectors.EVENT_READ, lane)
        began = time.perf_counter()
        for lane in lanes:
            lane.ask()
        under_way = len(lanes)
        while under_way:
            ready = selector.select(LOST_SECONDS)
            if not ready:
                raise BenchError("the gateway has fallen silent")
            for key, _ in ready:
                if key.data.read():
                    if time.perf_counter() < began + seconds:
                        key.data.ask()
                    else:
                        under_way -= 1
    return began


def _carry_out(order: Order) -> Report:
    try:
        lanes = [Lane(order) for _ in range(order.connections)]
        say_ready()
        cpu = time.process_time()
        began = _ask_all(lanes, order.warm_seconds + order.seconds)
        cpu = time.process_time() - cpu
    except OSError as error:
        raise BenchError(f"the connection to the gateway is lost: {error}") from None
    first, last = began + order.warm_seconds, began + order.warm_seconds + order.seconds
    taken = sorted(each for lane in lanes for at, each in lane.taken if first <= at < last)
    if not taken:
        raise BenchError("the gateway has answered nothing")
    receipts = {receipt for lane in lanes for receipt in lane.receipts}
    if len(receipts) != sum(len(lane.taken) for lane in lanes):
        raise BenchError("some answers have the same receipt")
    return Report(
        answers=len(taken),
        seconds=order.seconds,
        p50_ms=round(median(taken) * 1e3, 3),
        p99_ms=round(taken[len(taken) * 99 // 100] * 1e3, 3),
        longest_ms=round(taken[-1] * 1e3, 3),
        receipts=len(receipts),
        last_receipt=lanes[0].receipts[-1].decode(),
        cpu_seconds=cpu,
    )


if __name__ == "__main__":
    serve(lambda given: _carry_out(Order(**given)))
