"""The thread that engines run on: a deep stack, and an interrupt for runs that outlive their wall time.

Overview
    How many bytes of native stack one byte of the guest's stack costs differs between compilers and processors. On a
    thread with room for far more than the guest can ever use, the guest's own limit is always the first to be met, and
    that one is exact. A main thread's 8 MiB are not enough: nested iterator helpers alone take more than 8.

    Of the sandbox, only this and `slot_guard` look at a real clock. It decides liveness alone: an interrupted run is an
    abstention, never a result.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import TypeVar

from offchain.sandbox.identity import MAX_WASM_STACK

THREAD_STACK = MAX_WASM_STACK + (16 << 20)

_REPEAT_SECONDS = 0.05

Result = TypeVar("Result")


class EngineThread:
    """Runs one piece of work at a time. Started at once, so that a process may forbid itself new threads afterwards."""

    def __init__(self, interrupt: Callable[[], None]) -> None:
        self._interrupt = interrupt
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sandbox engine")
        usual = threading.stack_size(THREAD_STACK)  # applies to threads started from here on
        try:
            self._executor.submit(int).result()
        finally:
            threading.stack_size(usual)

    def run(self, work: Callable[[], Result], seconds: float) -> Result:
        """The result of `work`; `interrupt` is called if it takes longer than `seconds`, or the wait is cut short."""
        future = self._executor.submit(work)
        try:
            wait((future,), seconds)
        finally:
            while not future.done():
                self._interrupt()  # again and again: the first may come before there is anything to interrupt
                wait((future,), _REPEAT_SECONDS)
        return future.result()

    def submit(self, work: Callable[[], Result]) -> Future[Result]:
        """Start `work`, which nobody here watches over."""
        return self._executor.submit(work)

    def close(self) -> None:
        """End the thread."""
        self._executor.shutdown()
