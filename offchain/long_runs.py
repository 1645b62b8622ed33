"""Runs that take long, of which the chain is told that they go on: one task watches all, for most are over at once.

    with long_runs.watched(duty, job):
        ...  # after SILENT_SECONDS in here, `tell(duty, job)` begins; it is cancelled at the end of the block

`run` is to be running.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NoReturn

import trio

from offchain.duty import Duty
from pallets.primitives.job_record import Job

SILENT_SECONDS = 2.0
"""How long a run takes before the chain is told that the worker is at it."""


@dataclass(eq=False, slots=True)
class _Watched:
    """A run that goes on; `telling` is there once it takes long."""

    duty: Duty
    job: Job
    due: float
    telling: trio.CancelScope | None = None


class LongRuns:
    """The runs that go on."""

    def __init__(self, tell: Callable[[Duty, Job], Awaitable[None]]) -> None:
        self._tell = tell
        self._silent: dict[_Watched, None] = {}
        """The oldest first, of which nothing was told."""
        self._begun = trio.Event()

    @contextmanager
    def watched(self, duty: Duty, job: Job) -> Iterator[None]:
        """A run goes on in this block."""
        watched = _Watched(duty, job, trio.current_time() + SILENT_SECONDS)
        self._silent[watched] = None
        self._begun.set()
        try:
            yield
        finally:
            self._silent.pop(watched, None)
            if watched.telling is not None:
                watched.telling.cancel()

    async def run(self) -> NoReturn:
        """Tells of those that take long, until cancelled."""
        async with trio.open_nursery() as nursery:
            while True:
                if not self._silent:
                    self._begun = trio.Event()
                    await self._begun.wait()
                oldest = next(iter(self._silent), None)
                if oldest is None:
                    continue
                await trio.sleep_until(oldest.due)
                if oldest in self._silent:
                    del self._silent[oldest]
                    oldest.telling = trio.CancelScope()
                    nursery.start_soon(self._tell_of, oldest, oldest.telling)

    async def _tell_of(self, watched: _Watched, telling: trio.CancelScope) -> None:
        with telling:
            await self._tell(watched.duty, watched.job)
