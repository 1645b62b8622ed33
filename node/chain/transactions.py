"""Transactions from submission to finality: the pool at work on a live chain, and those who watch.

## Overview

`submit` validates with the runtime at the best block and admits to the pool, or raises at once: a bad transaction is
never accepted first and dropped later. A watcher is told the transaction's life as `Status`es: `future`? · `ready` ·
`inBlock` · `finalized`, or an end that says why not. After each block the pool is pruned, and what expired is reported.

## Errors

`TransactionValidityError` and `DecodeError` from the runtime, `PoolError` from the pool, and `TemporarilyBanned` for a
transaction that was found invalid moments ago.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import NamedTuple

import trio

from node.chain.feed import Finalized, Imported
from node.chain.pool import AlreadyImported, Change, ImmediatelyDropped, Outcome, Pool, PoolError, PoolTransaction
from node.chain.tree import Chain
from node.executor import Validator
from pallets.frame.validity import ExhaustsResources, TransactionSource, TransactionValidityError
from pallets.primitives.extrinsic import is_bare
from pallets.primitives.hashing import blake2_256
from pallets.primitives.scale import DecodeError

BAN_SECONDS = 30 * 60
MAX_BANNED = 4096
MAX_WATCHED_BLOCKS = 512  # blocks without finality before a watcher is told `finalityTimeout`

log = logging.getLogger("node.txpool")


class TemporarilyBanned(PoolError):
    """The transaction was in the pool and turned out invalid; it may be sent again later."""


class Status(NamedTuple):
    """One step of a transaction's life, by its JSON-RPC name; `hash` is the block's, or the usurper's."""

    name: str
    hash: bytes | None = None

    @property
    def is_last(self) -> bool:
        return self.name in ("finalized", "finalityTimeout", "usurped", "dropped", "invalid")


Watcher = Callable[[Status], None]
"""Told of each step; must not wait, and must not raise."""


class Transactions:
    """The pool of one chain."""

    def __init__(self, chain: Chain, pool: Pool, max_size: int) -> None:
        self.chain, self.pool, self.max_size = chain, pool, max_size
        self._validator: tuple[bytes, Validator] | None = None
        self._banned: dict[bytes, float] = {}
        self._watchers: dict[bytes, Watcher] = {}
        self._unfinalized: dict[bytes, list[bytes]] = {}  # block -> watched transactions in it
        self._became_ready = trio.Event()

    # Submission

    def submit(self, data: bytes, source: TransactionSource, watcher: Watcher | None = None) -> bytes:
        """Admits a transaction and answers its hash, or raises why not; `watcher` is told each later `Status`."""
        tx_hash = blake2_256(data)
        self._refuse_early(tx_hash, data)
        validity = self.validator().validate(source, data)
        tx = PoolTransaction.of(tx_hash, data, validity, self.chain.best.number)
        try:
            outcomes = self.pool.import_(tx)
        except ImmediatelyDropped as full:
            self._report(full.outcomes)
            raise
        if watcher is not None:
            self._watchers[tx_hash] = watcher
        self._report(outcomes)
        return tx_hash

    def unwatch(self, tx_hash: bytes) -> None:
        """Nobody wants to know any more; the transaction goes on."""
        self._watchers.pop(tx_hash, None)

    def validator(self) -> Validator:
        """The judge of what the next block could include."""
        best = self.chain.best.hash
        if self._validator is None or self._validator[0] != best:
            state = self.chain.states.head
            validator = self.chain.executor.runtime_at(state).validator(state, self.chain.best_header())
            self._validator = best, validator
        return self._validator[1]

    # Production

    def ready(self) -> Iterator[PoolTransaction]:
        """Ready transactions, best first."""
        return self.pool.ready()

    def has_ready(self) -> bool:
        return self.pool.ready_count > 0

    async def wait_ready(self) -> None:
        """Returns when a transaction is ready."""
        while not self.has_ready():
            self._became_ready = trio.Event()
            await self._became_ready.wait()

    def drop_invalid(self, tx_hash: bytes, reason: str) -> None:
        """A ready transaction turned out invalid while a block was built."""
        log.info("🚫 transaction 0x%s is invalid now: %s", tx_hash.hex(), reason)
        outcomes = self.pool.remove(tx_hash, Change.INVALID)
        if not any(outcome.tx.hash == tx_hash and is_bare(outcome.tx.data) for outcome in outcomes):
            self._ban(tx_hash)  # a bare one can't be signed anew, so it may come again when what was missing is there
        self._report(outcomes)

    # News

    def tags_of(self, extrinsics: list[bytes]) -> list[bytes]:
        """The tags that a block of these extrinsics on top of the best one provides."""
        tags: list[bytes] = []
        for extrinsic in extrinsics:
            try:
                tags += self.validator().validate(TransactionSource.InBlock, extrinsic).provides
            except (TransactionValidityError, DecodeError):
                continue  # an inherent, or valid only behind the others: it provides nothing that anybody waits for
        return tags

    def on_imported(self, block: Imported, tags: list[bytes]) -> None:
        """Prunes what the block included, or made impossible by providing `tags`, and tells the watchers."""
        hashes = [blake2_256(extrinsic) for extrinsic in block.extrinsics]
        known = [tx_hash for tx_hash in hashes if tx_hash in self.pool]
        watched = [tx_hash for tx_hash in known if tx_hash in self._watchers]
        if watched:
            self._unfinalized[block.hash] = watched
        for outcome in self.pool.prune(tags, known):
            if outcome.change is Change.PRUNED:
                self._tell(outcome.tx.hash, Status("inBlock", block.hash))
            else:
                self._report([outcome])
        self._report(self.pool.expire(block.header.number))
        self._time_out(block.header.number)

    def on_finalized(self, finalized: Finalized) -> None:
        """Tells the watchers of what became final."""
        for block in finalized.blocks:
            for tx_hash in self._unfinalized.pop(block, ()):
                self._tell(tx_hash, Status("finalized", block))

    async def run(self) -> None:
        """Follows finality, until cancelled."""
        async with self.chain.finality.subscribe() as news:
            async for finalized in news:
                self.on_finalized(finalized)

    # Inside

    def _refuse_early(self, tx_hash: bytes, data: bytes) -> None:
        if len(data) > self.max_size:
            raise ExhaustsResources
        if tx_hash in self.pool:
            raise AlreadyImported(tx_hash)
        until = self._banned.get(tx_hash)
        if until is not None:
            if trio.current_time() < until:
                raise TemporarilyBanned(f"0x{tx_hash.hex()} was invalid moments ago")
            del self._banned[tx_hash]

    def _ban(self, tx_hash: bytes) -> None:
        if len(self._banned) >= MAX_BANNED:
            del self._banned[next(iter(self._banned))]
        self._banned[tx_hash] = trio.current_time() + BAN_SECONDS

    def _report(self, outcomes: list[Outcome]) -> None:
        for outcome in outcomes:
            self._tell(outcome.tx.hash, Status(outcome.change.value, outcome.by))
        if self.has_ready():
            self._became_ready.set()

    def _tell(self, tx_hash: bytes, status: Status) -> None:
        watcher = self._watchers.get(tx_hash)
        if watcher is not None:
            if status.is_last:
                del self._watchers[tx_hash]
            watcher(status)

    def _time_out(self, number: int) -> None:
        """Gives up on blocks that have waited too long for finality."""
        for block in list(self._unfinalized):
            header = self.chain.header(block)
            if header is None or number - header.number < MAX_WATCHED_BLOCKS:
                return
            for tx_hash in self._unfinalized.pop(block):
                self._tell(tx_hash, Status("finalityTimeout", block))
