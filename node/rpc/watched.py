"""A transaction that somebody submits and watches: the steps of its life, kept until they are read.

## Usage

`author_submitAndWatchExtrinsic` and `transactionWatch_v1_submitAndWatch` make one, which takes its place in line at
once, await `admitted`, and tell what `life` gives.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import suppress

import trio

from node.chain.transactions import Status
from node.rpc.context import Context
from pallets.frame.validity import TransactionSource

MAX_STATUSES = 4096  # a transaction's life has a handful of steps; a chain of retractions many


class Watched:
    """One transaction under watch. Making it raises as `Transactions.enqueue`."""

    def __init__(self, node: Context, data: bytes) -> None:
        self._node = node
        self._send, self._receive = trio.open_memory_channel[Status](MAX_STATUSES)
        self.submission = node.transactions.enqueue(data, TransactionSource.External, self._on_status)

    async def admitted(self) -> None:
        """Waits until the pool has taken it; raises why it hasn't. Who is cancelled here watches no longer."""
        try:
            await self.submission
        except trio.Cancelled:
            self.end()
            raise

    async def life(self) -> AsyncGenerator[Status, None]:
        """Each step from its admission to its end."""
        try:
            async for status in self._receive:
                yield status
                if status.is_last:
                    return
        finally:
            self.end()

    def end(self) -> None:
        """Nobody watches any more; the transaction goes on."""
        if self.submission.is_settled and self.submission.error is None:
            self._node.transactions.unwatch(self.submission.hash)

    def _on_status(self, status: Status) -> None:
        with suppress(trio.WouldBlock, trio.BrokenResourceError):  # nobody listens any more
            self._send.send_nowait(status)
