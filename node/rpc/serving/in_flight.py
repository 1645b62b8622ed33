"""What one connection has asked for and not been answered yet, bounded: who has too much under way isn't read further.

## Usage

`enter` when a request is begun that can't be answered at once, `leave` when it is over; before the next one is begun,
`wait_for_room`. A request is begun before its size counts, so there may be one more under way than the bounds say.

## Out of scope

Replies: a method that doesn't answer at once answers little.
"""

from __future__ import annotations

import trio

MAX_REQUESTS = 1024
MAX_BYTES = 16 * 1024 * 1024
"""Of the messages that asked."""


class InFlight:
    """The requests under way on one connection."""

    def __init__(self) -> None:
        self._requests = self._bytes = 0
        self._waiting = trio.lowlevel.ParkingLot()

    @property
    def is_full(self) -> bool:
        """Whether no further request may be begun."""
        return self._requests >= MAX_REQUESTS or self._bytes >= MAX_BYTES

    def enter(self, size: int) -> None:
        """A request was begun that took `size` bytes to ask for."""
        self._requests += 1
        self._bytes += size

    def leave(self, size: int) -> None:
        """It is over."""
        self._requests -= 1
        self._bytes -= size
        if self._waiting and self._requests <= MAX_REQUESTS // 2 and self._bytes <= MAX_BYTES // 2:
            self._waiting.unpark_all()  # half of it at a time: waking up for each would cost more than most requests

    async def wait_for_room(self) -> None:
        """Waits while `is_full`."""
        while self.is_full:
            await self._waiting.park()
