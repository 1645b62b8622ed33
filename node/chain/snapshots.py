"""Snapshots: states of a dev chain to come back to, again and again and in any order.

## Overview

A snapshot names the best block and the clock of a moment. `revert` makes that block the best one and sets the clock
back; what came after is gone, unless another snapshot needs it, and so are the transactions that waited. Snapshots are
stored with the chain and survive a restart.

## Errors

`UnknownSnapshot`, `TooManySnapshots`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import NamedTuple

from node.chain.stored import BlockRef
from node.chain.transactions import Transactions
from node.chain.tree import Chain
from node.clock import ChainClock
from pallets.primitives.codec import codec_of
from pallets.primitives.types import U32, U64, Bytes32

MAX_SNAPSHOTS = 4096
PREFIX = b"snapshot/"
STORED = codec_of(tuple[Bytes32, U32, U64, U64])

log = logging.getLogger("node.snapshots")


class UnknownSnapshot(LookupError):
    """No snapshot has this id; `dev_listSnapshots` names those there are."""


class TooManySnapshots(Exception):
    """As many snapshots as may be are kept already."""


class Snapshot(NamedTuple):
    """A moment of the chain: its best block, the chain's time, and the clock's offset, in milliseconds."""

    id: int
    block: BlockRef
    taken_at_ms: int
    clock_offset_ms: int


class Snapshots:
    """The snapshots of one chain."""

    def __init__(
        self, chain: Chain, transactions: Transactions, clock: ChainClock, reverted: Callable[[], None]
    ) -> None:
        """`reverted` is called after each revert: what was due at the old head may be due at another time."""
        self.chain, self.transactions, self.clock, self._reverted = chain, transactions, clock, reverted
        self._snapshots = {snapshot.id: snapshot for snapshot in _stored(chain) if _is_there(chain, snapshot)}
        self._last = max(self._snapshots, default=0)  # no id is given twice, also where one was discarded
        self._pin()

    def list(self) -> list[Snapshot]:
        """All snapshots, oldest first."""
        return list(self._snapshots.values())

    def take(self) -> Snapshot:
        """Remembers this moment; raises `TooManySnapshots` and `WriteFailed`."""
        if len(self._snapshots) >= MAX_SNAPSHOTS:
            raise TooManySnapshots(f"{MAX_SNAPSHOTS} snapshots are kept already")
        number = self._last + 1
        taken = Snapshot(number, self.chain.best, self.clock.now_ms(), self.clock.offset_ms)
        batch = self.chain.db.batch()
        data = STORED.encode((*taken.block, taken.taken_at_ms, taken.clock_offset_ms))
        batch.put("meta", _key(number), data)
        self.chain.db.write(batch)
        self._snapshots[number], self._last = taken, number
        self._pin()
        return taken

    async def revert(self, number: int) -> Snapshot:
        """Goes back to a snapshot, which stays; raises `UnknownSnapshot` and `WriteFailed`, changing nothing."""
        self._known(number)
        async with self.chain.writing:
            return self.revert_now(number)

    def revert_now(self, number: int) -> Snapshot:
        """`revert`, for who drives a chain without trio: nobody else may be writing."""
        snapshot = self._known(number)
        offset_ms = self._offset_for(snapshot)
        self.chain.rewind(snapshot.block.hash, offset_ms)
        self.clock.offset_ms = offset_ms
        self.transactions.drop_all()
        self._reverted()
        return snapshot

    def discard(self, number: int) -> None:
        """Forgets a snapshot; raises `UnknownSnapshot` and `WriteFailed`."""
        self._known(number)
        batch = self.chain.db.batch()
        batch.delete("meta", _key(number))
        self.chain.db.write(batch)
        del self._snapshots[number]
        self._pin()

    def _known(self, number: int) -> Snapshot:
        snapshot = self._snapshots.get(number)
        if snapshot is None:
            raise UnknownSnapshot(f"there is no snapshot {number}")
        return snapshot

    def _offset_for(self, snapshot: Snapshot) -> int:
        """The snapshot's own, or what a host whose clock is behind that moment needs."""
        now_ms = self.clock.now_ms() - self.clock.offset_ms + snapshot.clock_offset_ms
        return snapshot.clock_offset_ms + max(snapshot.taken_at_ms - now_ms, 0)

    def _pin(self) -> None:
        self.chain.pinned = {snapshot.block.hash: None for snapshot in self._snapshots.values()}


def _key(number: int) -> bytes:
    return PREFIX + number.to_bytes(4, "big")


def _is_there(chain: Chain, snapshot: Snapshot) -> bool:
    """Whether the chain still has the block: it may have been reverted without a node, which knows no snapshots."""
    if chain.header(snapshot.block.hash) is not None:
        return True
    log.warning("⚠️  snapshot %d is gone, as its block #%d is", snapshot.id, snapshot.block.number)
    return False


def _stored(chain: Chain) -> list[Snapshot]:
    found = []
    for key, data in chain.db.items_from("meta", PREFIX):
        if not key.startswith(PREFIX):
            break
        block_hash, number, taken_at_ms, offset_ms = STORED.decode_all(data)
        found.append(
            Snapshot(int.from_bytes(key[len(PREFIX) :], "big"), BlockRef(block_hash, number), taken_at_ms, offset_ms)
        )
    return found
