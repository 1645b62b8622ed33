"""What the chain asks of a worker for one attempt at a job, as that changes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import trio

from offchain.journal import SignedOutput
from pallets.primitives.job_record import Task

Entry = tuple[int, int]
"""Job and attempt."""


class Duty:
    """One attempt at a job."""

    def __init__(self, entry: Entry, task: Task) -> None:
        self.job, self.attempt = entry
        self.task = task
        self.scope = trio.CancelScope()
        self._task_scope = trio.CancelScope()
        self._asked = trio.Event()

    def ask(self, task: Task) -> None:
        """The chain asks for this now."""
        if task is not self.task:
            self.task = task
            self._task_scope.cancel()
            self._asked.set()
            self._asked = trio.Event()

    async def wanted(self) -> None:
        """Waits until the chain asks for anything."""
        while self.task is Task.Wait:
            await self._asked.wait()

    async def meanwhile(self, work: Callable[[Duty, SignedOutput], Awaitable[None]], signed: SignedOutput) -> None:
        """Works until the chain asks for something else."""
        with trio.CancelScope() as self._task_scope:
            await work(self, signed)
            await trio.sleep_forever()

    def __str__(self) -> str:
        return f"job {self.job}, attempt {self.attempt}"
