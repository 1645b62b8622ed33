"""The channels that callers pay from, as the last final block has them, proven.

## Overview

A channel is read when it is first asked for. Those that were asked for lately are read again after new final blocks, at
most once in `REFRESH_SECONDS`; those that owe the worker something now and then, since their payers may want them back.

## Usage

```python
channels = Channels(finalized, lambda: [account.voucher.channel for account in accounts])
nursery.start_soon(channels.run)
seen = channels.known(3) or await channels.get(3)
```

Errors: what asking the node raises, `agents.UNREADABLE`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import trio

from offchain import records
from offchain.chain import Head
from offchain.light.finalized import Finalized
from offchain.serving.agents import UNREADABLE
from offchain.serving.receipt_records import CHANNEL
from pallets.primitives.receipt_record import Channel

REFRESH_SECONDS, WATCH_SECONDS = 2.0, 30.0
MAX_CHANNELS, MAX_MISSING = 4096, 4096
READ_AT_ONCE = 64


@dataclass(frozen=True, slots=True)
class SeenChannel:
    """A channel after a final block."""

    id: int
    record: Channel
    now: int
    """The chain's time then, in milliseconds."""
    head: Head

    def claimed(self, worker: bytes, agent: int) -> int:
        """What it has paid a worker for an agent's answers."""
        claims = self.record.claims
        return next((each.cumulative for each in claims if (each.worker, each.agent) == (worker, agent)), 0)


class Channels:
    """Channels by number."""

    def __init__(
        self,
        final: Finalized,
        owing: Callable[[], Iterable[int]],
        log: logging.LoggerAdapter[logging.Logger],
        gone: Callable[[int], object] = lambda _: None,
    ) -> None:
        """`owing` says which are to be watched without being asked for; `gone` hears of those that are closed."""
        self._final, self._owing, self._log, self._gone = final, owing, log, gone
        self._seen: dict[int, SeenChannel] = {}
        self._asked_for: set[int] = set()
        self._missing: set[int] = set()  # not there, as of `_head`
        self._head: Head | None = None
        self._lock = trio.Lock()

    def known(self, id: int) -> SeenChannel | None:
        """A channel, if it is known as it was a moment ago."""
        self._asked_for.add(id)
        return self._seen.get(id)

    def seen(self, id: int) -> SeenChannel | None:
        """A channel, as it was when it was last looked at."""
        return self._seen.get(id)

    async def get(self, id: int) -> SeenChannel | None:
        """A channel after the newest final block; `None` where there is none of this number."""
        async with self._lock:
            head = await self._final.newest()
            self._turn_to(head)
            if self._is_stale(id, head):
                await self._read([id])
            return self._seen.get(id)

    async def run(self) -> None:
        """Follows the chain's final blocks until cancelled."""
        watched_at = -WATCH_SECONDS
        while True:
            wanted, self._asked_for = self._asked_for, set()
            if trio.current_time() - watched_at >= WATCH_SECONDS:
                watched_at = trio.current_time()
                wanted |= set(self._owing())
                self._seen = {id: seen for id, seen in self._seen.items() if id in wanted}
            try:
                if wanted:
                    await self._refresh(sorted(wanted))
            except UNREADABLE as error:
                self._log.info("callers' channels can't be read: %s", error)
            await trio.sleep(REFRESH_SECONDS)

    # Inside

    async def _refresh(self, ids: list[int]) -> None:
        head = await self._final.newest()
        self._turn_to(head)
        for at in range(0, len(ids), READ_AT_ONCE):
            stale = [id for id in ids[at : at + READ_AT_ONCE] if self._is_stale(id, head)]
            if stale:
                await self._read(stale)

    def _is_stale(self, id: int, head: Head) -> bool:
        seen = self._seen.get(id)
        return id not in self._missing and (seen is None or seen.head != head)

    def _turn_to(self, head: Head) -> None:
        if head != self._head:
            self._head = head
            self._missing.clear()

    async def _read(self, ids: list[int]) -> None:
        header = await self._final.header()
        keys = [records.NOW.key(), *(CHANNEL.key(id) for id in ids)]
        now, *values = await self._final.get_all(header, keys)
        for id, value in zip(ids, values, strict=True):
            record = CHANNEL.decode(value)
            if record is None:
                if self._seen.pop(id, None) is not None or id in self._owing():
                    self._gone(id)
                if len(self._missing) < MAX_MISSING:
                    self._missing.add(id)
            elif id in self._seen or len(self._seen) < MAX_CHANNELS:
                time = records.NOW.decode(now) or 0
                self._seen[id] = SeenChannel(id, record, time, Head(header.number, header.hash))
