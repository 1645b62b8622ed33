"""From signed receipts to batches on the chain, and to the leaves of them that the chain asks for.

## Overview

Every few seconds, or once there are `MOST`, the receipts on disk that are in no batch become one. A batch is sent until
the chain has it; the next one is made after that, so that there is one way only that the numbers go on. The chain then
draws leaves of it, which are shown to it, with the tickets by which agents pay. When the chain has done with a batch,
in a final block, its receipts may be forgotten.

While nothing is to be sent or shown, nothing is asked of the node. The chain takes a batch every `BatchInterval` by its
own clock, which stands while there are no blocks: what comes too soon for it is sent again.

The chain's `NextReceipt` never goes back on the chain that all this was signed for. Where it does, or knows more than
was ever signed, the chain was set back, or the log was: either way the key must sign no more (`Standing.look_again`).

## Errors

`LogLost`: the chain has receipts of this key that the log hasn't. On simulated chains the worker goes on under a fresh
key; on others its operator has to see to it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

import trio

from offchain.chain import IN_POOL, Chain, ChainError, refusal_of
from offchain.keys import WorkerKeys
from offchain.rpc import CallFailed, ConnectionLost
from offchain.serving import receipt_records
from offchain.serving.receipt_log import LogFailed, Range, ReceiptLog
from pallets.primitives import merkle
from pallets.primitives.receipt import (
    MAX_NEWEST,
    AnsweredLeaf,
    Opening,
    ReceiptBatch,
    SignedTicket,
    openings_bytes,
    receipt_batch_bytes,
)
from pallets.primitives.receipt_record import BatchRecord, BatchStage

MOST = 4096
"""Receipts of a batch: some 10 ms of hashing."""
BATCH_SECONDS, LEAST_SECONDS = 5.0, 3.0
"""Between two batches; the second where there are `MOST` already: the chain's `BatchInterval`."""
LOOK_SECONDS, IDLE_SECONDS = 1.0, 4.0
"""How often it looks at the chain while something is on its way: the second, where the last look left nothing to do."""
PAUSE, LONGEST_PAUSE = 2.0, 60.0
LOOKED_BACK = 64
"""Batches that are looked at after a start: the chain may wait for leaves of theirs."""
TOO_SOON = "TooSoon"
OVER = frozenset({BatchStage.Paid, BatchStage.Void, BatchStage.Unpaid})


class LogLost(Exception):
    """The chain has receipts of this key that its log hasn't."""


class Batches:
    """One worker's batches, under one key."""

    def __init__(
        self,
        chain: Chain,
        keys: WorkerKeys,
        log_of_receipts: ReceiptLog,
        contradicted: Callable[[], None],
        log: logging.LoggerAdapter[logging.Logger],
    ) -> None:
        """`contradicted` is told that the chain contradicts what was signed."""
        self._chain, self._keys, self._receipts = chain, keys, log_of_receipts
        self._contradicted, self._log = contradicted, log
        self._open = self._receipts.batches[-LOOKED_BACK:]
        self._final = 0
        self._made_at = -BATCH_SECONDS
        self._more = trio.Event()
        self._sent: tuple[Range, bytes] | None = None  # the newest that was sent, for it may take several times

    def receipt_added(self) -> None:
        """There is one more receipt to be committed."""
        if not self._more.is_set():
            self._more.set()

    def is_over(self, first: int) -> bool:
        """Whether the chain has done with the batch that begins with this number, in a final block."""
        return first < self._final and all(batch.first != first for batch in self._open)

    async def check(self) -> None:
        """Whether the log is the one that the chain knows; raises `LogLost`, and what asking the node raises."""
        key = receipt_records.NEXT_RECEIPT.key(self._keys.worker_key)
        known = receipt_records.NEXT_RECEIPT.decode(await self._chain.get(key)) or 0
        if known > self._receipts.next:
            self._contradicted()
            raise LogLost(
                f"the chain has receipts up to {known} of this key, and the log up to {self._receipts.next} only: "
                "take a fresh --base-path"
            )

    async def run(self) -> None:
        """Commits and shows until cancelled, or until nothing more can be written down."""
        pause = PAUSE
        while True:
            if not self._open and self._receipts.batched == self._receipts.next:
                await self._more.wait()
                self._more = trio.Event()
            wait = LOOK_SECONDS
            try:
                if not await self._tend():
                    wait = IDLE_SECONDS
                pause = PAUSE
            except LogFailed as error:
                self._log.error("commits no more receipts: %s", error)
                return
            except (ChainError, CallFailed, ConnectionLost) as error:
                self._log.info("receipts have to wait: %s", error)
                wait, pause = pause, min(2 * pause, LONGEST_PAUSE)
            await trio.sleep(wait)

    async def _tend(self) -> bool:
        """Does what is due; whether anything was."""
        key = self._keys.worker_key
        final = await self._chain.finalized()
        final_next = await self._chain.read(receipt_records.NEXT_RECEIPT, key, at=final.hash) or 0
        next = await self._chain.read(receipt_records.NEXT_RECEIPT, key) or 0
        between = any(batch.first < next < batch.end for batch in self._open)
        if final_next < self._final or next > self._receipts.batched or between:
            self._log.warning("the chain's receipts of this worker end at %d: it was set back, or the log", next)
            self._contradicted()
            return False
        self._final = final_next
        done = False
        for batch in list(self._open):
            if batch.first == next:
                await self._commit(batch)
                return True
            if batch.end <= next:
                done |= await self._show(batch, final.hash)
        if self._receipts.batched != next or not self._receipts.on_disk_up_to > next:
            return done
        if self._is_time():
            made = self._receipts.batch(min(self._receipts.on_disk_up_to - next, MOST))
            self._made_at = trio.current_time()
            self._open.append(made)
            await self._commit(made)
        return True

    def _is_time(self) -> bool:
        waiting = self._receipts.on_disk_up_to - self._receipts.batched
        pause = LEAST_SECONDS if waiting >= MOST else BATCH_SECONDS
        return waiting > 0 and trio.current_time() - self._made_at >= pause

    async def _commit(self, batch: Range) -> None:
        """Sends a batch; it is on disk before."""
        await self._receipts.all_on_disk()
        what = f"receipts {batch.first} to {batch.end - 1}"
        if await self._submit(self._call(batch), what):
            self._log.info("commits %s", what)

    def _call(self, batch: Range) -> bytes:
        """The call that commits a batch."""
        if self._sent is None or self._sent[0] != batch:
            total = sum(kept.receipt.charge for kept in self._receipts.receipts(batch))
            root = self._receipts.tree(batch)[-1][0]
            signed = ReceiptBatch(self._keys.worker_key, batch.first, batch.count, root, total)
            signature = self._keys.sign(receipt_batch_bytes(self._chain.genesis, signed))
            self._sent = batch, receipt_records.commit_receipts(signed, signature)
        return self._sent[1]

    async def _show(self, batch: Range, final: bytes) -> bool:
        """Shows the leaves of a batch that were drawn; whether any were. It is over once that is final."""
        keys = self._keys.worker_key, batch.first
        record: BatchRecord | None = await self._chain.read(receipt_records.RECEIPT_BATCH, *keys)
        if record is None or record.stage in OVER:
            record = await self._chain.read(receipt_records.RECEIPT_BATCH, *keys, at=final)
            if (record is None or record.stage in OVER) and batch.end <= self._final:
                self._over(batch, record)
        elif record.stage is BatchStage.Openings:
            openings, newest = self._openings(batch, record.drawn), self._newest(batch)
            signature = self._keys.sign(openings_bytes(self._chain.genesis, *keys, openings, newest))
            call = receipt_records.open_receipts(*keys, openings, newest, signature)
            what = f"{len(record.drawn)} of receipts {batch.first} to {batch.end - 1}"
            if await self._submit(call, what):
                self._log.info("shows %s", what)
            return True
        return False

    def _over(self, batch: Range, record: BatchRecord | None) -> None:
        self._open.remove(batch)
        if record is not None and record.stage is BatchStage.Void:
            self._log.warning("receipts %d to %d are void", batch.first, batch.end - 1)
        done = min((each.first for each in self._open), default=self._receipts.batched)
        self._receipts.forget(done)

    def _openings(self, batch: Range, places: list[int]) -> list[Opening]:
        tree = self._receipts.tree(batch)
        found = []
        for place in places:
            kept = self._receipts.get(batch.first + place)
            assert kept is not None
            found.append(Opening(AnsweredLeaf(kept.signed), merkle.path_in(tree, place), kept.ticket))
        return found

    def _newest(self, batch: Range) -> list[SignedTicket]:
        """The last ticket of each gateway: the chain pays for no more leaves than there are tickets."""
        found: dict[bytes, SignedTicket] = {}
        for kept in self._receipts.receipts(batch):
            ticket = kept.ticket
            if ticket is not None and (
                ticket.gateway not in found or ticket.ticket.nonce > found[ticket.gateway].ticket.nonce
            ):
                found[ticket.gateway] = ticket
        return list(found.values())[:MAX_NEWEST]

    async def _submit(self, call: bytes, what: str) -> bool:
        """Whether the pool takes a call that it hasn't yet."""
        try:
            await self._chain.submit_bare(call)
        except CallFailed as error:
            reason = refusal_of(error)
            if error.code not in IN_POOL and reason != TOO_SOON:
                self._log.info("%s: refused, %s", what, reason)
            return False
        return True
