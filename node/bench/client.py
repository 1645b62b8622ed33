"""A blocking JSON-RPC client over WebSocket, cheap enough not to be what is measured.

## Usage

```python
with Client.connect(port) as client:
    head = client.call("chain_getHeader")
    hashes = client.pipeline([("engine_createBlock", [True, False])] * 100)
```
`frame` makes the bytes of a call beforehand, so that nothing but `send` is left to do while the clock runs.

## Errors

`BenchError` where the connection ends, `CallFailed` where the node answers an error.
"""

from __future__ import annotations

import socket
import time
from collections import deque
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Any, NamedTuple, Self

import orjson
from websockets.frames import TEXT, Frame

from node.bench.errors import BenchError
from node.web.websocket import ClientHandshake, Message, MessageStream

READ_SIZE = 1 << 18
MAX_MESSAGE = 1 << 30
SILENCE_SECONDS = 600.0
"""Within which the node answers whatever it is asked."""
PIPELINED = 64
"""Calls on the way at a time: few enough to fit into the buffers of both sides."""

Call = tuple[str, Sequence[Any]]


class Notification(NamedTuple):
    """What a subscription told, and when it was read off the wire, by `time.perf_counter`."""

    moment: float
    result: Any


class CallFailed(BenchError):
    """The node answered an error."""


def request(call_id: int, method: str, params: Sequence[Any]) -> bytes:
    """A JSON-RPC request."""
    return orjson.dumps({"jsonrpc": "2.0", "id": call_id, "method": method, "params": list(params)})


def frame(call_id: int, method: str, params: Sequence[Any]) -> bytes:
    """A JSON-RPC request as the one WebSocket frame that carries it."""
    return Frame(TEXT, request(call_id, method, params)).serialize(mask=True)


class Client:
    """One connection to a node on this machine."""

    def __init__(self, sock: socket.socket, stream: MessageStream, received: Iterable[Message]) -> None:
        self.socket, self._stream = sock, stream
        self._inbox = deque(received)
        self._calls = 0
        self._notifications: deque[Notification] = deque()

    @classmethod
    def connect(cls, port: int) -> Client:
        """A connection to a port of this host."""
        try:
            sock = socket.create_connection(("127.0.0.1", port), SILENCE_SECONDS)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            handshake = ClientHandshake(f"ws://127.0.0.1:{port}", (), max_message_size=MAX_MESSAGE)
            sock.sendall(handshake.data_to_send())
            while (opened := handshake.receive_data(sock.recv(READ_SIZE))) is None:
                pass
        except OSError as error:
            raise BenchError(f"the node can't be reached: {error}") from None
        return cls(sock, *opened)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.socket.close()

    # One call at a time

    def call(self, method: str, *params: Any) -> Any:
        """The result of a call."""
        return self.pipeline([(method, params)])[0]

    def pipeline(self, calls: Sequence[Call]) -> list[Any]:
        """The results of calls sent without awaiting each other's replies."""
        results: list[Any] = []
        first = self._calls + 1
        frames = [frame(number, *call) for number, call in enumerate(calls, first)]
        self._calls += len(calls)
        for start in range(0, len(frames), PIPELINED):
            chunk = frames[start : start + PIPELINED]
            self._send(b"".join(chunk))
            results += [self._result(first + start + place) for place in range(len(chunk))]
        return results

    def next_notification(self) -> Notification:
        """The next notification, of whichever subscription, awaited."""
        while not self._notifications:
            self._take(self._next_message())
        return self._notifications.popleft()

    def absorb(self) -> None:
        """Puts aside the notifications that the socket has to read now."""
        for message in self.receive():
            self._take(message)

    def _result(self, call_id: int) -> Any:
        while True:
            reply = self._take(self._next_message())
            if reply is None:
                continue
            if reply["id"] != call_id:
                raise BenchError(f"the node answered call {reply['id']} before call {call_id}")
            if "error" in reply:
                raise CallFailed(f"the node refuses a call: {reply['error']}")
            return reply["result"]

    def _take(self, message: Message) -> Any:
        """A reply; `None` for a notification, which is put aside."""
        parsed = orjson.loads(message)
        if "method" not in parsed:
            return parsed
        self._notifications.append(Notification(time.perf_counter(), parsed["params"]["result"]))
        return None

    def _next_message(self) -> Message:
        while not self._inbox:
            self._inbox.extend(self.receive())
        return self._inbox.popleft()

    def _send(self, data: bytes) -> None:
        try:
            self.socket.sendall(data)
        except OSError as error:
            raise BenchError(f"the node has closed the connection: {error}") from None

    def receive(self) -> list[Message]:
        """What the socket has to read now, one read of it."""
        try:
            data = self.socket.recv(READ_SIZE)
        except OSError as error:
            raise BenchError(f"the connection to the node is lost: {error}") from None
        if not data:
            raise BenchError("the node has closed the connection")
        return self._stream.receive_data(data)
