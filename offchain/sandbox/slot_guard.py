"""What a slot's process waits for: frames from the pool, and the end of a run's time.

Overview
    The engine's thread does all the work, so that no run costs a change of threads. The main thread only waits for two
    signals, which are blocked everywhere: SIGALRM when a run's wall time is up, SIGUSR1 when the pool wants the run no
    more. After SIGUSR1 the pool sends an abort, in its turn among the frames: until the engine's thread has read that,
    the cancellation is for the run that was, and no next run can begin and be hit by it.

    Of the sandbox, only this and `engine_thread` look at a real clock. It decides liveness alone.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable

from offchain.sandbox.engine_thread import EngineThread
from offchain.sandbox.frames import LENGTH, MAX_JOB_FRAME

SIGNALS = (signal.SIGALRM, signal.SIGUSR1)

_REPEAT_SECONDS = 0.05  # the first interrupt may come before there is anything to interrupt
_READ = 1 << 16


class FrameReader:
    """Reads frames from a file descriptor."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._buffer = bytearray()

    def ready(self, seconds: float) -> bool:
        """Whether something came within `seconds`."""
        if self._buffer:
            return True
        readable, _, _ = select.select([self._descriptor], [], [], seconds)
        return bool(readable)

    def frame(self) -> bytes | None:
        """The next frame's body; None at the end."""
        if not self._fill(LENGTH.size):
            return None
        length = int(LENGTH.unpack_from(self._buffer)[0])
        if length > MAX_JOB_FRAME:
            sys.exit("a frame is too large")
        end = LENGTH.size + length
        if not self._fill(end):
            return None
        body = bytes(memoryview(self._buffer)[LENGTH.size : end])
        del self._buffer[:end]
        return body

    def _fill(self, length: int) -> bool:
        while len(self._buffer) < length:
            part = os.read(self._descriptor, max(_READ, length - len(self._buffer)))
            if not part:
                return False
            self._buffer += part
        return True


class WallGuard:
    """Interrupts a run whose time is up, or that was cancelled."""

    def __init__(self, interrupt: Callable[[], None]) -> None:
        self._interrupt = interrupt
        self._lock = threading.Lock()  # so that no interrupt is decided on for one run and strikes the next
        self._deadline: float | None = None
        self._cancelled = threading.Event()
        self._over = False

    def begin(self, seconds: float) -> None:
        """A run begins, and may take so long."""
        with self._lock:
            self._deadline = time.monotonic() + seconds
        signal.setitimer(signal.ITIMER_REAL, seconds, _REPEAT_SECONDS)

    def end(self) -> None:
        """The run has ended."""
        signal.setitimer(signal.ITIMER_REAL, 0)
        with self._lock:
            self._deadline = None

    @property
    def seconds_left(self) -> float:
        """Of the run that goes on."""
        return max(0.0, (self._deadline or 0.0) - time.monotonic())

    def cancellation_heard(self) -> None:
        """The pool's abort was read: the signal that it sent before was for a run that is no more, or is ending."""
        self._cancelled.wait()
        with self._lock:
            self._cancelled.clear()

    def watch(self, thread: EngineThread, serve: Callable[[], None]) -> None:
        """Have `serve` run on `thread`, and watch over it to its end."""

        def serve_and_say_so() -> None:
            try:
                serve()
            finally:
                self._over = True
                os.kill(os.getpid(), signal.SIGUSR1)

        served = thread.submit(serve_and_say_so)
        while not self._over:
            self._caught(signal.sigwait(SIGNALS))
        served.result()

    def _caught(self, number: int) -> None:
        with self._lock:
            if number == signal.SIGUSR1:
                self._cancelled.set()
                signal.setitimer(signal.ITIMER_REAL, _REPEAT_SECONDS, _REPEAT_SECONDS)
            late = self._deadline is not None and time.monotonic() >= self._deadline
            if self._deadline is not None and (late or self._cancelled.is_set()):
                self._interrupt()
