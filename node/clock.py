"""The chain's clock: the host's, plus an offset that lets a dev chain travel in time."""

from __future__ import annotations

from collections.abc import Callable

Wall = Callable[[], int]
"""Milliseconds since the Unix epoch, as the host tells them; tests hand in a virtual one."""


class ChainClock:
    """Milliseconds of chain time. The offset is stored with the chain, and only grows but for reverts to a snapshot."""

    def __init__(self, wall: Wall, offset_ms: int = 0) -> None:
        self._wall = wall
        self.offset_ms = offset_ms

    def now_ms(self) -> int:
        return self._wall() + self.offset_ms

    def offset_to(self, moment_ms: int) -> int:
        """The offset with which it is at least `moment_ms`."""
        return max(self.offset_ms, moment_ms - self._wall())

    def advance_to(self, moment_ms: int) -> bool:
        """Moves the clock so that it is at least `moment_ms`; answers whether it moved."""
        before, self.offset_ms = self.offset_ms, self.offset_to(moment_ms)
        return self.offset_ms != before
