"""What proves a worker's batches to be on the chain, for the files of their receipts.

## Overview

A proof is of the newest final state. It is remembered, and made anew every `FRESH_SECONDS` until the chain has done
with the batch: a later one says more of what became of it. Whoever asks for files makes the worker ask its node for one
proof at a time, and for few.

Where the node gives none, the file comes without: what isn't in it `fathom verify` looks for itself.

## Usage

```python
proofs = BatchProofs(final, worker_key, batches.is_over, log)
proof = await proofs.of(batch.first)
```
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

import trio

from offchain.light.finalized import Finalized
from offchain.light.receipt_check import batch_proof
from offchain.light.receipt_file import BatchProof
from offchain.serving.agents import UNREADABLE

FRESH_SECONDS = 5.0
MAX_PROOFS = 64
"""Batches whose proof is remembered, a few kilobytes each."""
WAIT_SECONDS = 3.0
"""For how long a file waits for its proof."""


class _Found(NamedTuple):
    """A proof, when it was made on trio's clock, and whether the chain had done with the batch by then."""

    proof: BatchProof
    at: float
    is_last: bool


class BatchProofs:
    """Proofs of one worker's batches."""

    def __init__(
        self,
        final: Finalized,
        worker: bytes,
        is_over: Callable[[int], bool],
        log: logging.LoggerAdapter[logging.Logger],
    ) -> None:
        """`is_over` says of a batch, by its first number, whether the chain has done with it in a final block."""
        self._final, self._worker, self._is_over, self._log = final, worker, is_over, log
        self._found: OrderedDict[int, _Found] = OrderedDict()
        self._turn = trio.Lock()

    async def of(self, first: int) -> BatchProof | None:
        """What proves the batch that begins with this number; `None` where it isn't final yet, or can't be proven."""
        with trio.move_on_after(WAIT_SECONDS):
            async with self._turn:
                if not self._is_fresh(first):
                    await self._make(first)
        found = self._found.get(first)
        return None if found is None else found.proof

    def _is_fresh(self, first: int) -> bool:
        found = self._found.get(first)
        return found is not None and (found.is_last or trio.current_time() - found.at < FRESH_SECONDS)

    async def _make(self, first: int) -> None:
        is_last = self._is_over(first)
        try:
            await self._final.newest()
            proof = await batch_proof(self._final, self._worker, first)
        except UNREADABLE as error:
            self._log.info("receipts from %d on can't be proven to be on the chain: %s", first, error)
            return
        if proof is not None:
            self._found[first] = _Found(proof, trio.current_time(), is_last)
            self._found.move_to_end(first)
            if len(self._found) > MAX_PROOFS:
                self._found.popitem(last=False)
