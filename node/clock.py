"""The chain's clock: the host's, plus an offset that lets a dev chain travel in time."""

from __future__ import annotations

from collections.abc import Callable

Wall = Callable[[], int]
"""Milliseconds since the Unix epoch, as the host tells them; tests hand in a virtual one."""


class ChainClock:
    """Milliseconds of chain time. The offset only grows, and is stored with the chain."""

    def __init__(self, wall: Wall, offset_ms: int = 0) -> None:
        self._wall = wall
        self.offset_ms = offset_ms

    def now_ms(self) -> int:
        return self._wall() + self.offset_ms

    def advance_to(self, moment_ms: int) -> bool:
        """Moves the clock so that it is at least `moment_ms`; answers whether it moved."""
        behind = moment_ms - self.now_ms()
        if behind <= 0:
            return False
        self.offset_ms += behind
        return True
