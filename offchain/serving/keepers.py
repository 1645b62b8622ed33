"""Which workers keep the bytes of a hash: those that come next behind it, in the order of the chain's own storage keys.

A worker's record stands under the BLAKE2b-128 of its key, so the records are spread evenly over a ring. The keepers of
bytes are the first workers behind the first half of their hash: everybody finds the same ones by one question, however
many workers there are, and no worker chooses what it keeps.
"""

from __future__ import annotations

from typing import NamedTuple

from offchain.chain import Chain
from offchain.records import WORKER
from pallets.primitives.worker_record import WorkerState

LOOKED_AT = 16
"""Workers behind a hash that may be its keepers: some of them listen nowhere."""
KEEPERS = 3
"""Workers that bytes are given to."""
PLACE = 16
"""Bytes by which workers are ordered."""


class Keeper(NamedTuple):
    """A worker, and where it listens."""

    worker: bytes
    endpoint: bytes


async def keepers_of(chain: Chain, hash: bytes) -> list[Keeper]:
    """The workers that may keep bytes of this hash, the nearest first."""
    keys = await chain.keys_under(WORKER.prefix, LOOKED_AT, WORKER.prefix + hash[:PLACE])
    if len(keys) < LOOKED_AT:
        keys += await chain.keys_under(WORKER.prefix, LOOKED_AT - len(keys))
    records = [WORKER.decode(value) for value in await chain.get_all(list(dict.fromkeys(keys)))]
    return [
        Keeper(record.info.worker_key, record.info.endpoint)
        for record in records
        if record is not None and record.state is not WorkerState.Left and record.info.endpoint
    ]
