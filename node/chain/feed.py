"""One-to-many news: imported blocks, finality, and the life of transactions.

Publishing never waits. Every subscriber has a bounded buffer; one that falls behind by more than that is closed with
`FellBehind`, and nobody else notices. A listener is called while the news is published, and sees what it tells of.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Generic, NamedTuple, TypeVar

import trio

from pallets.frame.runtime import EventRecord
from pallets.primitives.header import Header

T = TypeVar("T")

BUFFER = 1024


class FellBehind(Exception):
    """The subscriber read too slowly and missed news; it has to subscribe again."""


class Imported(NamedTuple):
    """A block was imported, or, where it is not new, became the best one again.

    With `is_rewind` the chain was set back to it: blocks that were there are gone, or final ones aren't final any more.
    `changes` are those of the best state; `retracted` blocks were canonical before and no longer are, newest first;
    `enacted` ones are newly canonical, oldest first, the block itself left out.
    """

    hash: bytes
    header: Header
    extrinsics: list[bytes]
    changes: Mapping[bytes, bytes | None]
    events: Sequence[EventRecord]
    is_best: bool = True
    is_new: bool = True
    retracted: tuple[bytes, ...] = ()
    enacted: tuple[bytes, ...] = ()
    is_rewind: bool = False


class Finalized(NamedTuple):
    """A block, and with it all its ancestors, is final. `blocks` are the newly final ones, oldest first."""

    hash: bytes
    header: Header
    blocks: tuple[bytes, ...]


class Feed(Generic[T]):
    """News of one kind."""

    def __init__(self, buffer: int = BUFFER) -> None:
        self._buffer = buffer
        self._subscribers: dict[Callable[[T], None], None] = {}

    def publish(self, item: T) -> None:
        for listener in list(self._subscribers):
            listener(item)

    @contextmanager
    def listen(self, listener: Callable[[T], None]) -> Iterator[None]:
        """Calls `listener`, which must neither wait nor raise, with each news from now on."""
        self._subscribers[listener] = None
        try:
            yield
        finally:
            del self._subscribers[listener]

    @asynccontextmanager
    async def subscribe(self, buffer: int | None = None) -> AsyncIterator[Subscription[T]]:
        """News from now on; iterate over what this gives. At most `buffer` items wait, if not the feed's own bound."""
        subscription: Subscription[T] = Subscription(self._buffer if buffer is None else buffer)
        with self.listen(subscription.offer):
            try:
                yield subscription
            finally:
                subscription.close()


class Subscription(Generic[T]):
    """One subscriber's end: `async for item in subscription`."""

    def __init__(self, buffer: int) -> None:
        self._send, self._receive = trio.open_memory_channel[T](buffer)
        self._behind = False

    def offer(self, item: T) -> None:
        try:
            self._send.send_nowait(item)
        except trio.WouldBlock:
            self._behind = True
            self._send.close()
        except trio.ClosedResourceError:
            pass

    def close(self) -> None:
        self._send.close()
        self._receive.close()

    def __aiter__(self) -> Subscription[T]:
        return self

    async def __anext__(self) -> T:
        try:
            return await self._receive.receive()
        except trio.EndOfChannel:
            if self._behind:
                raise FellBehind("news came faster than they were read") from None
            raise StopAsyncIteration from None
