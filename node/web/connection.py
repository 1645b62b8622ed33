"""A WebSocket over a trio connection, the same object for server and client.

*Overview.* Reading is done by whoever calls `receive`, so that a slow handler slows its peer and nobody else. Writing
goes through one buffer, which is sent at the end of the turn, so that what was queued in it goes out together; what the
peer doesn't take then is left to one task. A second task pings silence.

*Usage.* `server.serve` and `client.connect_websocket` give one. Receive in one task; send from any number of them.

*Out of scope.* Requests, replies and subscriptions: messages have no meaning here.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from types import TracebackType
from typing import Self

import trio

from node.web.errors import ConnectionClosed
from node.web.http import Request
from node.web.limits import Limits
from node.web.transport import Transport
from node.web.turns import turns_of_this_run
from node.web.websocket import GOING_AWAY, INTERNAL_ERROR, NORMAL, Message, MessageStream

BURST = 256
"""Messages that one connection may receive or send without letting other tasks run."""
TURN = 0.004
"""Seconds for which one connection's messages may be handled without letting other tasks run."""


class WebSocket:
    """One WebSocket. `request` is the HTTP request that opened it.

    It works inside its `async with` block, at whose end the peer is told 1000, 1001 if cancelled, or 1011 if the block
    failed. An exception of the block comes out as it is, in no group.
    """

    def __init__(
        self,
        transport: Transport,
        stream: MessageStream,
        request: Request,
        limits: Limits,
        received: Iterable[Message] = (),
    ) -> None:
        """`received` are messages that came with the handshake."""
        self.request = request
        self._transport = transport
        self._stream = stream
        self._limits = limits
        self._send_buffer = limits.send_buffer
        self._inbox = deque(received)
        self._outbox = stream.output
        self._turns = turns_of_this_run()
        self._is_due = False
        self._burst = 0
        self._turn_end = math.inf
        self._heard = trio.current_time()
        self._receiving = False
        self._closing = False
        self._gone = False
        self._writer = trio.lowlevel.ParkingLot()
        self._writer_scope = trio.CancelScope(shield=True)
        self._changed = trio.lowlevel.ParkingLot()
        """Where tasks wait for room in the outbox, for its end, and for the peer's close."""
        self._tasks = trio.open_nursery()
        self._tasks_scope = trio.CancelScope()

    async def __aenter__(self) -> Self:
        nursery = await self._tasks.__aenter__()
        self._tasks_scope = nursery.cancel_scope
        nursery.start_soon(self._write)
        nursery.start_soon(self._ping_silence)
        self._flush()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with trio.CancelScope(shield=True):
            if error is None:
                await self.aclose()
            elif isinstance(error, Exception):
                await self.aclose(INTERNAL_ERROR, "internal error")
            else:
                await self.aclose(GOING_AWAY, "shutting down")
        self._writer_scope.cancel()
        self._tasks_scope.cancel()
        await self._tasks.__aexit__(None, None, None)  # the block's exception isn't the nursery's

    @property
    def is_open(self) -> bool:
        """Whether messages can still be sent."""
        return self._stream.is_open

    @property
    def closed(self) -> ConnectionClosed | None:
        """Code and reason of the close; None while the WebSocket is open."""
        return None if self.is_open else self._stream.closed()

    async def receive(self) -> Message | None:
        """The next message: text as `str`, binary as `bytes`; None once the WebSocket is closed, in whatever way.

        Pings are answered while a task is in here. One task at a time.
        """
        if self._inbox:
            self._burst += 1
            if self._burst > BURST or trio.current_time() >= self._turn_end:
                await self._rest()
        while not self._inbox:
            if self._closing or self._stream.ended:
                return None
            if len(self._outbox) >= self._send_buffer:
                await self._changed.park()  # a peer that doesn't read isn't read from
            else:
                await self._read()
        return self._inbox.popleft()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Message:
        message = await self.receive()
        if message is None:
            raise StopAsyncIteration
        return message

    async def send(self, message: Message) -> None:
        """Queue a message, after waiting for room where the peer is slow. Raises `ConnectionClosed`.

        A cancelled call has queued nothing.
        """
        await self.wait_for_room()
        self._stream.send(message)
        self._flush()

    async def send_text(self, utf8: bytes) -> None:
        """As `send`, of a text message that is encoded already."""
        await self.wait_for_room()
        self.queue_text(utf8)

    def queue_text(self, utf8: bytes) -> None:
        """Queue a text message that is encoded already.

        Doesn't look for room: the caller waits for it, or bounds how much it queues. Raises `ConnectionClosed`.
        """
        self._stream.send_text(utf8)
        if not self._is_due:
            self._flush()

    @property
    def has_room(self) -> bool:
        """Whether the peer takes what is sent to it, as far as is known."""
        return len(self._outbox) < self._send_buffer

    async def wait_for_room(self) -> None:
        """Wait while the peer is slow; lets other tasks run now and then."""
        self._burst += 1
        if self._burst > BURST:
            await self._rest()
        while len(self._outbox) >= self._send_buffer and self.is_open:
            await self._changed.park()

    def send_nowait(self, message: Message) -> bool:
        """Queue a message if there is room; False where the peer is too slow, or the WebSocket is closed."""
        if len(self._outbox) >= self._send_buffer or not self.is_open:
            return False
        self._stream.send(message)
        self._flush()
        return True

    async def aclose(self, code: int = NORMAL, reason: str = "") -> None:
        """Say goodbye, wait for the peer's part at most `Limits.close_timeout`, and close the connection.

        What was queued is sent first. May be called again, and by any task.
        """
        self._closing = True
        self._stream.close(code, reason)
        self._flush()
        try:
            with trio.move_on_after(self._limits.close_timeout):
                while not self._gone and (self._outbox or not self._stream.is_over):
                    if self._receiving or self._stream.is_over:
                        await self._changed.park()
                    else:
                        await self._read()
                        self._inbox.clear()
        finally:
            self._drop()

    async def _read(self) -> None:
        self._receiving = True
        try:
            data = await self._transport.receive_some()
        finally:
            self._receiving = False
        self._heard = trio.current_time()
        self._burst, self._turn_end = 1, self._heard + TURN
        self._inbox.extend(self._stream.receive_data(data))
        self._flush()
        if self._closing or self._stream.ended:
            self._changed.unpark_all()

    async def _rest(self) -> None:
        self._burst = 1
        await trio.lowlevel.checkpoint()
        self._turn_end = trio.current_time() + TURN

    def _flush(self) -> None:
        """See to it that what the stream has queued is sent at the end of the turn, unless the writer is at work."""
        if not self._is_due and self._writer and (self._outbox or self._stream.eof_due):
            self._is_due = True
            self._turns.at_end(self._send_at_end)

    def _send_at_end(self) -> None:
        self._is_due = False
        if self._gone:
            return
        try:
            if self._outbox:
                self._transport.send_now(self._outbox)
        except trio.BrokenResourceError:
            self._turns.wake(self._drop)
            return
        if self._outbox or self._stream.eof_due:
            self._turns.wake(self._writer.unpark)
        elif self._changed:
            self._turns.wake(self._changed.unpark_all)

    def _drop(self) -> None:
        """The connection is over: nothing more is sent or read. What was received can still be taken."""
        if self._gone:
            return
        self._gone = True
        self._outbox.clear()
        self._transport.close()
        self._stream.receive_data(b"")
        self._changed.unpark_all()

    async def _write(self) -> None:
        with self._writer_scope:
            while not self._gone:
                try:
                    while self._outbox:
                        if len(self._outbox) < self._send_buffer:
                            self._changed.unpark_all()
                        await self._transport.send_some(self._outbox)
                except trio.BrokenResourceError:
                    self._drop()
                if self._stream.eof_due:
                    self._stream.eof_due = False
                    self._transport.send_eof()
                self._changed.unpark_all()
                await self._writer.park()

    async def _ping_silence(self) -> None:
        while True:
            await trio.sleep(self._limits.ping_interval)
            silence = trio.current_time() - self._heard
            if not self._receiving:
                self._heard = trio.current_time()  # nobody listened: the silence is ours
            elif silence >= self._limits.silence_limit:
                self._stream.close(INTERNAL_ERROR, "no answer to pings")
                with suppress(trio.BrokenResourceError):
                    self._transport.send_now(self._outbox)
                self._drop()
            elif silence >= self._limits.ping_interval:
                self._stream.ping()
                self._flush()
