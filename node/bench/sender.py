"""The process that sends the transfers: it signs and frames them beforehand, so that it measures the node.

## Overview

`python -m node.bench.sender` takes one JSON line, an `Order`. It prepares everything, prints `ready`, and starts at the
next line on stdin: one `author_submitExtrinsic` a transfer, over a few WebSockets, each filled as fast as the node
reads. At the end it prints one JSON line, a `Report`. In an order with `sealed` that is when all transfers are in
blocks that the node has written and announced, otherwise when all are answered.

Blocks are awaited by `chain_subscribeNewHeads`; their bodies are fetched only when all submissions are answered, and
the clock is read when a head arrives, so that looking costs the node next to nothing while it is measured.
"""

from __future__ import annotations

import selectors
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from node.bench.accounts import Accounts
from node.bench.assistant import Assistant, assistant, say_ready, serve
from node.bench.client import Client, frame
from node.bench.errors import BenchError

ACCEPTED = '"result"'
SEND_SIZE = 1 << 16
LOST_SECONDS = 120.0
"""Silence after which the node is given up."""


@dataclass(frozen=True)
class Order:
    """What to send, and where. `kept` is a file in which extrinsics once signed are kept for the next order."""

    port: int
    accounts: int
    count: int
    connections: int
    sealed: bool
    kept: str


@dataclass(frozen=True)
class Report:
    """What came of it; `blocks` have transfers in them."""

    seconds: float
    submit_seconds: float
    blocks: int


class Sender:
    """A sender's process; everything is signed."""

    def __init__(self, assisting: Assistant) -> None:
        self._assistant = assisting

    def send(self) -> Report:
        """Sends everything."""
        self._assistant.tell("go")
        return Report(**self._assistant.report())


@contextmanager
def sender(order: Order) -> Iterator[Sender]:
    """A sender for the block, on the cores of this process."""
    with assistant("node.bench.sender", order) as assisting:
        yield Sender(assisting)


# Inside the process


class Lane:
    """One connection that transfers go through."""

    def __init__(self, client: Client, frames: list[bytes]) -> None:
        self.client = client
        self.waiting = memoryview(b"".join(frames))
        self.unanswered = len(frames)
        client.socket.setblocking(False)

    def write(self) -> bool:
        """Sends what the node takes; whether anything is left."""
        try:
            sent = self.client.socket.send(self.waiting[:SEND_SIZE])
        except BlockingIOError:
            sent = 0
        except OSError as error:
            raise BenchError(f"the node has closed a connection: {error}") from None
        self.waiting = self.waiting[sent:]
        return bool(self.waiting)

    def read(self) -> None:
        """Takes replies; the first refusal ends it all."""
        for message in self.client.receive():
            if ACCEPTED not in str(message):
                raise BenchError(f"the node refuses a transfer: {message!r}")
            self.unanswered -= 1


class Heads:
    """New blocks as they are announced."""

    def __init__(self, client: Client) -> None:
        self.client = client
        client.call("chain_subscribeNewHeads")
        client.next_notification()  # the block that is best already

    def await_all(self, extrinsics: set[str]) -> tuple[float, int]:
        """When the block with the last of these was announced, and how many blocks have any."""
        missing, blocks = len(extrinsics), 0
        patience = time.perf_counter() + LOST_SECONDS
        while True:
            head = self.client.next_notification()
            found = sum(extrinsic in extrinsics for extrinsic in self._body(int(head.result["number"], 16)))
            missing -= found
            blocks += found > 0
            if not missing:
                return head.moment, blocks
            if found:
                patience = head.moment + LOST_SECONDS
            elif head.moment > patience:
                raise BenchError(f"{missing} transfers were accepted, and are in no block")

    def _body(self, number: int) -> list[str]:
        block: dict[str, Any] = self.client.call("chain_getBlock", self.client.call("chain_getBlockHash", number))
        body: list[str] = block["block"]["extrinsics"]
        return body


def _extrinsics(order: Order) -> list[str]:
    """The transfers as hex, signed here or kept from an earlier order."""
    kept = Path(order.kept)
    if kept.exists():
        return kept.read_text().split()
    with Client.connect(order.port) as client:
        genesis = bytes.fromhex(client.call("chain_getBlockHash", 0)[2:])
    made = [f"0x{data.hex()}" for data in Accounts(order.accounts).signed(order.count, genesis)]
    kept.write_text("\n".join(made))
    return made


def _send_all(lanes: list[Lane], heads: Client) -> None:
    """Returns when every transfer is answered."""
    with selectors.DefaultSelector() as selector:
        both = selectors.EVENT_READ | selectors.EVENT_WRITE
        for lane in lanes:
            selector.register(lane.client.socket, both, lane)
        selector.register(heads.socket, selectors.EVENT_READ, None)
        while any(lane.unanswered for lane in lanes):
            ready = selector.select(LOST_SECONDS)
            if not ready:
                raise BenchError("the node has fallen silent")
            for key, events in ready:
                lane = key.data
                if lane is None:
                    heads.absorb()
                    continue
                if events & selectors.EVENT_WRITE and not lane.write():
                    selector.modify(lane.client.socket, selectors.EVENT_READ, lane)
                if events & selectors.EVENT_READ:
                    lane.read()


def _carry_out(order: Order) -> Report:
    extrinsics = _extrinsics(order)
    frames = [frame(number, "author_submitExtrinsic", [data]) for number, data in enumerate(extrinsics)]
    expected = set(extrinsics)
    with ExitStack() as stack:
        heads = Heads(stack.enter_context(Client.connect(order.port)))
        lanes = [
            Lane(stack.enter_context(Client.connect(order.port)), frames[place :: order.connections])
            for place in range(order.connections)
        ]
        say_ready()
        started = time.perf_counter()
        _send_all(lanes, heads.client)
        answered = ended = time.perf_counter()
        blocks = 0
        if order.sealed:
            ended, blocks = heads.await_all(expected)
    return Report(ended - started, answered - started, blocks)


if __name__ == "__main__":
    serve(lambda given: _carry_out(Order(**given)))
