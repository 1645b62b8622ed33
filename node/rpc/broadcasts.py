"""The transactions that one connection has the node broadcast: each is kept in the pool until it is in a block.

## Overview

There is no network, so that to broadcast is to submit, and to submit again, at the next block, what the pool has
dropped for want of room or banned for a while. What is invalid is given up without a word, and what was in a block or
waited when a dev chain was set back is done; an operation lasts, whatever became of it, until it is stopped or the
connection ends. A transaction that is no longer broadcast stays in the pool.

## Usage

`session.part(Broadcasts)`.
"""

from __future__ import annotations

import logging
from contextlib import ExitStack
from functools import partial

import trio

from node.chain.feed import Imported
from node.chain.pool import AlreadyImported, ImmediatelyDropped, PoolError
from node.chain.transactions import Submission, TemporarilyBanned
from node.rpc.context import Context, check_length_prefix
from node.rpc.serving.session import Session
from pallets.frame.validity import TransactionSource, TransactionValidityError
from pallets.primitives.scale import DecodeError

GUARANTEED = 4
"""Operations that every connection may have, however large: the least that the specification allows."""
MAX_BROADCASTS, MAX_BYTES = 16, 16 * 1024 * 1024
"""Operations of a connection, as with Substrate, and bytes that they hold together."""
LATER = (AlreadyImported, ImmediatelyDropped, TemporarilyBanned)
"""What keeps a transaction out of the pool for now."""

log = logging.getLogger("node.rpc")


class Broadcast:
    """One operation; its transaction is gone when nothing is left to be done."""

    def __init__(self, data: bytes) -> None:
        self.data: bytes | None = data
        self.submission: Submission | None = None


class Broadcasts:
    """Those of one connection."""

    def __init__(self) -> None:
        self._under_way: dict[str, Broadcast] = {}
        self._begun = 0
        self._block_came = trio.lowlevel.ParkingLot()

    def begin(self, node: Context, session: Session, data: bytes) -> str | None:
        """Begins an operation; its identifier, `None` where there is no room for it."""
        if not self._has_room(len(data)):
            return None
        if not self._begun:
            listening = ExitStack()
            listening.enter_context(node.chain.imported.listen(self._on_imported))
            session.spawn(self._follow, node, listening)
        self._begun += 1
        identifier = f"{self._begun:016x}"
        broadcast = self._under_way[identifier] = Broadcast(data)
        try:
            check_length_prefix(data)
        except DecodeError:
            broadcast.data = None
        self._submit(node, broadcast)
        return identifier

    def stop(self, identifier: str) -> bool:
        """Ends an operation; whether there was one."""
        return self._under_way.pop(identifier, None) is not None

    def _has_room(self, size: int) -> bool:
        if len(self._under_way) < GUARANTEED:
            return True
        held = sum(len(broadcast.data or b"") for broadcast in self._under_way.values())
        return len(self._under_way) < MAX_BROADCASTS and held + size <= MAX_BYTES

    async def _follow(self, node: Context, listening: ExitStack) -> None:
        with listening:
            while True:
                await self._block_came.park()
                for broadcast in self._under_way.values():
                    self._submit(node, broadcast)

    def _on_imported(self, news: Imported) -> None:
        waiting = [broadcast for broadcast in self._under_way.values() if broadcast.data is not None]
        if not waiting:
            return
        included = set(news.extrinsics)
        for broadcast in waiting:
            if news.is_rewind or broadcast.data in included:
                broadcast.data = None
        self._block_came.unpark_all()

    def _submit(self, node: Context, broadcast: Broadcast) -> None:
        """Sees to it that a transaction is in the pool, or on its way there."""
        if broadcast.data is None or (broadcast.submission is not None and not broadcast.submission.is_settled):
            return
        try:
            submission = broadcast.submission = node.transactions.enqueue(broadcast.data, TransactionSource.External)
        except Exception as error:
            _refused(broadcast, error)
        else:
            submission.listen(partial(_settled, broadcast, submission))


def _settled(broadcast: Broadcast, submission: Submission) -> None:
    if submission.error is not None:
        _refused(broadcast, submission.error)


def _refused(broadcast: Broadcast, error: Exception) -> None:
    if not isinstance(error, LATER):
        broadcast.data = None
    if not isinstance(error, (PoolError, TransactionValidityError, DecodeError)):
        log.error("❌ a transaction couldn't be submitted", exc_info=error)
