"""Inputs and outputs that jobs name by their hash: kept, given, and found at other workers.

## Overview

What somebody puts into the store (`put`) is kept for a while: so many bytes, the oldest go first. What a job of this
worker's is run on, and what it leaves, goes where the transcripts of jobs are (`keep`), whose place nothing takes that
is put from outside.

Bytes are looked for at the workers of the job and at the keepers of their hash, and taken if they have the hash. Who
has run a job gives its large output to the keepers as well, where everybody finds it by its hash alone.

## Usage

```python
endpoint.bytes = store = ByteStore(kept, given)
stored = StoredBytes(chain, store, log)
nursery.start_soon(stored.run)
data = await stored.find(hash, job.workers)      # raises `BytesMissing` after a while
stored.keep_output(data)                         # raises `NowhereToKeep`
```

## Errors

`BytesMissing` and `NowhereToKeep`, both a `Refusal` of the job. A `ByteStore` raises `TooLarge` and `OSError`.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import NoReturn

import trio

from offchain.chain import Chain, ChainError
from offchain.execution import Refusal
from offchain.outside_runs import NowhereToKeep
from offchain.rpc import CallFailed
from offchain.serving.asking import answer_of, endpoints_of, first_answer
from offchain.serving.keepers import KEEPERS, keepers_of
from offchain.serving.store import Store, TooLarge
from offchain.serving.wire import GetBytes, PutBytes
from pallets.primitives.hashing import blake2_256
from pallets.primitives.job import MAX_STORED_OUTPUT

RETRY_SECONDS = 1.0
ASKED_AT_ONCE = 2
"""Inputs that are looked for at the same moment: each of those who are asked may answer with megabytes."""
MAX_WAITING = 64
"""Outputs that wait to be given to their keepers."""


class BytesMissing(Refusal):
    """Nobody that was asked has the bytes of the job's input."""


class ByteStore:
    """Bytes by their hash, in two stores: what this worker's jobs need, and what others put."""

    def __init__(self, kept: Store, given: Store) -> None:
        self._kept, self._given = kept, given

    def get(self, hash: bytes) -> bytes | None:
        """The bytes of a hash, if they are here."""
        found = (store.get(hash) for store in (self._kept, self._given))
        return next((data for data in found if data is not None and blake2_256(data) == hash), None)

    def put(self, data: bytes) -> bytes:
        """Keeps what somebody gives, as long as there is room; answers its hash."""
        hash = blake2_256(data)
        if self.get(hash) is None:
            self._given.put(hash, data)
        return hash

    def keep(self, data: bytes) -> bytes:
        """Keeps what a job needs, on disk when this returns; answers its hash."""
        hash = blake2_256(data)
        self._kept.put(hash, data)
        self._kept.sync()
        return hash


class StoredBytes:
    """What one worker's jobs find and leave; `store` is none where it has no endpoint."""

    def __init__(self, chain: Chain, store: ByteStore | None, log: logging.LoggerAdapter[logging.Logger]) -> None:
        self._chain, self._store, self._log = chain, store, log
        self._asking = trio.CapacityLimiter(ASKED_AT_ONCE)
        self._send_new, self._new = trio.open_memory_channel[bytes](MAX_WAITING)

    def keep_output(self, data: bytes) -> None:
        """Keeps what a job has left; its keepers will be given it, too. Raises `NowhereToKeep`."""
        if self._store is None:
            raise NowhereToKeep("nobody could fetch its output, which is too large for the chain: give it --listen")
        try:
            hash = self._store.keep(data)
        except (OSError, TooLarge) as error:
            raise NowhereToKeep(f"its output can't be kept: {error}") from None
        try:
            self._send_new.send_nowait(hash)
        except trio.WouldBlock:
            self._log.info("too many outputs wait for their keepers: 0x%s stays here alone", hash[:4].hex())

    async def find(self, hash: bytes, workers: Sequence[bytes], is_late: Callable[[], Awaitable[bool]]) -> bytes:
        """The bytes of a job's input, of this worker or another, which are asked again until it is late.

        `workers` are those that have the job, by their keys. Raises `BytesMissing`.
        """
        found: bytes | None = None
        try:
            if self._store is not None:
                found = self._store.get(hash)
            while found is None:
                async with self._asking:
                    found = await self._ask(hash, workers)
                if found is None:
                    if await is_late():
                        raise BytesMissing(f"no worker that was asked has the bytes of its input, 0x{hash.hex()}")
                    await trio.sleep(RETRY_SECONDS)
            if self._store is not None:
                self._store.keep(found)  # those who judge the run will ask for it
        except (OSError, TooLarge) as error:
            self._log.warning("the input 0x%s can't be read or kept: %s", hash[:4].hex(), error)
            if found is None:
                raise BytesMissing(f"this worker's store can't be read: {error}") from None
        return found

    async def run(self) -> NoReturn:
        """Gives outputs to their keepers, until cancelled."""
        while True:
            hash = await self._new.receive()
            try:
                await self._give(hash)
            except (CallFailed, ChainError, OSError) as error:
                self._log.info("the output 0x%s stays here alone: %s", hash[:4].hex(), error)

    async def _ask(self, hash: bytes, workers: Sequence[bytes]) -> bytes | None:
        try:
            return await find_bytes(self._chain, hash, workers)
        except (CallFailed, ChainError) as error:
            self._log.info("who may have the bytes 0x%s can't be read: %s", hash[:4].hex(), error)
            return None

    async def _give(self, hash: bytes) -> None:
        data, given = None if self._store is None else self._store.get(hash), 0
        if data is None:
            return
        for keeper in await keepers_of(self._chain, hash):
            if given < KEEPERS and await answer_of(keeper.endpoint, PutBytes(1, data), 64) == hash:
                given += 1


async def find_bytes(chain: Chain, hash: bytes, workers: Sequence[bytes] = ()) -> bytes | None:
    """The bytes of a hash, of these workers or of its keepers; `None` where none of them has it."""
    keepers = await keepers_of(chain, hash)
    endpoints = [*await endpoints_of(chain, workers), *(keeper.endpoint for keeper in keepers)]

    def read(data: bytes) -> bytes | None:
        return data if blake2_256(data) == hash else None

    return await first_answer(endpoints, GetBytes(1, hash), MAX_STORED_OUTPUT, read)
