"""A thread that interrupts a run which outlives its wall time.

The one place in the sandbox that looks at a real clock. It decides liveness alone: an interrupted run is an abstention,
never a result.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic


class WallGuard:
    """Calls `interrupt` from its own thread when an armed stretch takes too long. One stretch at a time.

    The thread starts with the guard, so that a process may forbid itself new threads afterwards.
    """

    def __init__(self, interrupt: Callable[[], None]) -> None:
        self._interrupt = interrupt
        self._changed = threading.Condition()
        self._deadline: float | None = None
        self._sleeps_until: float | None = None
        self._closed = False
        self._thread = threading.Thread(target=self._watch, name="sandbox wall guard", daemon=True)
        self._thread.start()

    @contextmanager
    def armed(self, seconds: float) -> Iterator[None]:
        """Interrupt what runs inside this block once `seconds` have passed."""
        deadline = monotonic() + seconds
        with self._changed:
            self._deadline = deadline
            # Waking the thread for every run would cost as much as a small run: it looks again when it wakes anyway.
            if self._sleeps_until is None or deadline < self._sleeps_until:
                self._changed.notify()
        try:
            yield
        finally:
            with self._changed:
                self._deadline = None

    def close(self) -> None:
        """End the thread."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _watch(self) -> None:
        with self._changed:
            while not self._closed:
                now = monotonic()
                if self._deadline is not None and self._deadline <= now:
                    self._deadline = None
                    self._interrupt()
                self._sleeps_until = self._deadline
                self._changed.wait(None if self._deadline is None else self._deadline - now)
