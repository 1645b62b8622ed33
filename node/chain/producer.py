"""Block production: when a block is sealed, and how it is built.

## Overview

| sealing | a block is sealed |
| --- | --- |
| `instant` | at start, when a transaction is ready, each slot while the runtime has something due, else every 6 s |
| milliseconds | at that interval |
| `manual` | when `engine_createBlock` asks |

A block's slot is the author's next own one after its parent's and not before now, so at most one block a slot; its
timestamp is the start of the slot. Sealing on its own runs at most 10 s ahead of the clock, and where transactions come
by the hundred it waits a moment for more of them. Explicit mining may run further, and takes the clock along. Building
yields to other tasks every few milliseconds, so that queries stay quick meanwhile.

`run` seals as it was told, until `seal_as` says otherwise. An `Order` asks for one block, and may say what is to be in
it: then nothing of the pool is.

## Out of scope

Finality (`finality`), and blocks made by others (`importer`).
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Generator, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import trio

from node.abbreviated import short_hash
from node.chain.authorship import Authorship
from node.chain.feed import Imported
from node.chain.inherents import InherentProvider, inherent_data
from node.chain.transactions import Transactions
from node.chain.tree import Chain, UnknownParent
from node.clock import ChainClock
from node.config import Sealing
from node.counts import ProposerCounts
from node.executor import BlockBuilder, BuiltBlock
from node.state.errors import WriteFailed
from node.state.forked import update_of
from node.state.remote.missing import Missing
from node.state.trie import ordered_root
from pallets.frame.executive import InvalidBlock
from pallets.frame.runtime_api import UnknownRuntimeApi
from pallets.frame.validity import ExhaustsResources, TransactionValidityError
from pallets.primitives.codec import codec_of
from pallets.primitives.header import Header
from pallets.primitives.scale import DecodeError
from pallets.primitives.types import U64

LEAD_MS = 10_000  # how far ahead of the clock blocks are sealed without being asked for
EMPTY_BLOCK_MS = 6_000
RETRY_SECONDS = 1.0  # between two attempts to write where the disk is full
YIELD_SECONDS = 0.004
TRIE_SLICE = 200  # changed keys between two chances for other tasks
RUSH = 64  # ready transactions from which on a block waits for those that are arriving
RUSH_SECONDS, CALM_SECONDS = 0.25, 0.005  # at most, and how long nothing may have arrived
SKIPS = 8  # transactions that don't fit before the block is taken to be full
NO_ROOT = bytes(32)
NEXT_DUE = codec_of(U64 | None)

log = logging.getLogger("node.producer")


class NothingToSeal(Exception):
    """No transaction is ready, and an empty block wasn't asked for."""


class NotIncluded(Exception):
    """An extrinsic that was asked for can't be in the block, so there is none; the message says which, and why."""


class Order(NamedTuple):
    """What a block is to be like. The default is the next one: on the best block, with what is ready."""

    parent: bytes | None = None
    extrinsics: Sequence[bytes] | None = None
    """All of them, and behind the inherents nothing else."""
    inherent_data: Mapping[bytes, bytes] = {}
    """What the author brings on top of what it always does."""
    after_slot: int = 0
    """The block's slot is a later one."""


NEXT = Order()


class Producer:
    """The author: one block at a time."""

    def __init__(
        self,
        chain: Chain,
        transactions: Transactions,
        clock: ChainClock,
        authorship: Authorship,
        inherents: tuple[InherentProvider, ...],
        now: Callable[[], float] = trio.current_time,
        *,
        idles: bool = True,
    ) -> None:
        """`now` tells seconds, from any beginning: what building takes is measured by it.

        One that `idles` seals a block at start, and empty ones where nothing happens, and stays near the clock.
        """
        self.chain, self.transactions, self.clock, self.authorship = chain, transactions, clock, authorship
        self.slot_duration_ms, self.inherents, self._now = authorship.slot_duration_ms, inherents, now
        self._idles = idles
        self.counts = ProposerCounts()
        self._sealed_at = 0.0  # by trio's clock
        self.sealing: Sealing = "manual"
        self._mode = trio.CancelScope()
        self._wait = trio.CancelScope()
        self._mined = False
        self._disk_fails = False

    # When

    async def run(self, sealing: Sealing) -> None:
        """Seals by itself, until cancelled; instant sealing begins with a block, whatever is ready."""
        self.sealing = sealing
        if sealing == "instant" and self._idles:
            await self._seal()
        while True:
            with trio.CancelScope() as self._mode:
                if self.sealing == "instant":
                    await self._run_instant()
                elif self.sealing == "manual":
                    await trio.sleep_forever()
                else:
                    await self._run_interval(self.sealing)

    def seal_as(self, sealing: Sealing) -> None:
        """Changes when `run` seals; a block that is under way is begun anew, if it still is to be."""
        self.sealing = sealing
        self._mode.cancel()

    async def _run_instant(self) -> None:
        while True:
            with trio.move_on_after(self._until_next_ms() / 1000) as self._wait:
                await self.transactions.wait_ready()
            if self._mined:
                self._mined = False  # somebody else sealed meanwhile: what is due next may be due sooner
                continue
            await self._within_lead()
            await self._after_the_rush()
            await self._seal()

    async def _after_the_rush(self) -> None:
        """Lets a flood of transactions come together: a block of a thousand costs half of ten of a hundred."""
        ready = self.transactions.pool.ready_count
        with trio.move_on_after(RUSH_SECONDS):
            while ready >= RUSH:
                await trio.sleep(CALM_SECONDS)
                before, ready = ready, self.transactions.pool.ready_count
                if ready == before:
                    return

    async def _run_interval(self, interval_ms: int) -> None:
        due = trio.current_time()
        while True:
            await self._within_lead()
            await self._seal()
            due = max(due + interval_ms / 1000, trio.current_time())
            await trio.sleep_until(due)

    async def create_block(self, *, create_empty: bool, parent: bytes | None = None) -> Imported:
        """Mines one block now, on the best one or on `parent`, however far ahead of the clock.

        Raises `NothingToSeal` and `UnknownParent`.
        """
        if not create_empty and not self.transactions.has_ready():
            raise NothingToSeal("no transaction is ready; pass create_empty to seal an empty block")
        return await self.create(Order(parent))

    async def create(self, order: Order) -> Imported:
        """Mines a block as ordered, however far ahead of the clock; raises `NotIncluded` and `UnknownParent`."""
        imported = await self._build(order, takes_clock_along=True)
        self.reconsider()
        return imported

    async def create_branch(self, parent: bytes, length: int) -> Imported:
        """Mines so many blocks with inherents alone, the first on `parent`, later than the best; answers the last."""
        async with self.chain.writing:
            order = Order(parent, (), after_slot=self.chain.best_header().slot() or 0)
            for _ in range(length):
                imported = await self._drive(partial(self._steps, order, takes_clock_along=True))
                order = Order(imported.hash, ())
        self.reconsider()
        return imported

    def seal_now(self, order: Order = NEXT) -> Imported:
        """`create` in one go, for who drives a chain without trio: nobody else may be writing."""
        steps = self._steps(order, takes_clock_along=True)
        while True:
            try:
                next(steps)
            except StopIteration as end:
                imported: Imported = end.value
                return imported

    def reconsider(self) -> None:
        """The head has moved by somebody else's doing: what is due next may be due at another time."""
        self._mined = True
        self._wait.cancel()

    def next_slot(self, parent: Header, after: int = 0) -> int:
        """The slot of the next block: the author's own, after the parent's and slot `after`, and not before now."""
        slot = max((parent.slot() or 0) + 1, after + 1, -(-self.clock.now_ms() // self.slot_duration_ms))
        return self.authorship.own_slot(slot)

    def _slot_start(self, header: Header) -> int:
        return (header.slot() or 0) * self.slot_duration_ms

    def _until_next_ms(self) -> float:
        """How long until an empty block is due: the runtime's own need, or the clients'."""
        due = self._runtime_due() if self._idles else None
        if due is None:
            return EMPTY_BLOCK_MS if self._idles else math.inf
        if due > self._slot_start(self.chain.best_header()):
            return min(max(due - self.clock.now_ms(), 0), EMPTY_BLOCK_MS)
        # Due already: a block each slot, however far ahead of the clock we are.
        since_sealed = trio.current_time() - self._sealed_at
        return max(self.slot_duration_ms - int(since_sealed * 1000), 0)

    def _runtime_due(self) -> int | None:
        try:
            data = self.chain.call(self.chain.best.hash, "CalendarApi_next_due")
        except UnknownRuntimeApi:
            return None  # a runtime without a calendar never has anything due
        found: int | None = NEXT_DUE.decode_all(data)
        return found

    async def _within_lead(self) -> None:
        if not self._idles:
            return
        ahead = self.next_slot(self.chain.best_header()) * self.slot_duration_ms - self.clock.now_ms() - LEAD_MS
        if ahead > 0:
            await trio.sleep(ahead / 1000)

    async def _seal(self) -> None:
        """Builds a block; a defect that keeps it from being built is logged, and the next one is tried.

        A disk that is full is told once, and tried again: what is there can be read meanwhile.
        """
        try:
            await self._build()
            self._disk_fails = False
        except WriteFailed as error:
            if not self._disk_fails:
                log.error("❌ block #%d could not be written, and is tried again: %s", self._next(), error)
            self._disk_fails = True
            await trio.sleep(RETRY_SECONDS)
        except Exception:
            log.exception("❌ block #%d could not be built", self._next())
            await trio.sleep(self.slot_duration_ms / 1000)

    def _next(self) -> int:
        return self.chain.best.number + 1

    # How

    async def _build(self, order: Order = NEXT, *, takes_clock_along: bool = False) -> Imported:
        async with self.chain.writing:
            return await self._drive(partial(self._steps, order, takes_clock_along=takes_clock_along))

    async def _drive(self, begin: Callable[[], Generator[None, None, Imported]]) -> Imported:
        """Takes all steps, and lets others run in between; what is missing of a forked state is fetched, for a new try.

        Nothing is inserted before the last step, so nothing has happened when a try is given up.
        """
        started = trio.current_time()
        steps = begin()
        while True:
            try:
                next(steps)
            except Missing as missing:
                assert self.chain.fetcher is not None  # who else would miss anything
                await self.chain.fetcher.fetch(missing)
                steps = begin()
            except StopIteration as end:
                self._sealed_at = trio.current_time()
                imported: Imported = end.value
                return imported
            if trio.current_time() - started > YIELD_SECONDS:
                await trio.lowlevel.checkpoint()
                started = trio.current_time()

    def _steps(self, order: Order, *, takes_clock_along: bool) -> Generator[None, None, Imported]:
        """Builds and inserts a block; between two steps others may read the chain, and submit."""
        chain = self.chain
        on = chain.best.hash if order.parent is None else order.parent
        parent = chain.header(on)
        if parent is None:
            raise UnknownParent(f"block 0x{on.hex()} is unknown")
        slot = self.next_slot(parent, order.after_slot)
        open_header = Header(on, parent.number + 1, bytes(32), bytes(32), self.authorship.digest(on, slot))
        state = chain.state_at(on)
        counts, began = self.counts, self._now()
        filled = counts.filled
        log.info("🙌 Starting consensus session on top of parent 0x%s (#%d)", on.hex(), parent.number)
        builder = chain.executor.runtime_at(state).build(state, open_header)
        opened = self._now()
        inherents = builder.inherents({**inherent_data(self.inherents, on, slot), **order.inherent_data})
        counts.inherents.observe(self._now() - opened)
        for extrinsic in inherents:
            builder.apply(extrinsic)
        if order.extrinsics is None:
            tags = yield from self._include(builder, on_best=on == chain.best.hash)
        else:
            tags = yield from self._include_all(builder, order.extrinsics, on_best=on == chain.best.hash)
        built = builder.finalize()
        update = update_of(state, built.changes)
        while not update.advance(TRIE_SLICE):
            yield
        counts.constructed.observe(self._now() - began)
        yield
        header = self._sealed(built, update.root)
        yield
        counts.proposal.observe(self._now() - began)
        counts.transactions = len(built.extrinsics)
        log.info(
            "🎁 Prepared block for proposing at %d (%d ms) hash: 0x%s; parent_hash: %s; end: %s; extrinsics_count: %d",
            header.number,
            (self._now() - began) * 1000,
            header.hash.hex(),
            short_hash(on),
            "NoMoreTransactions" if counts.filled == filled else "HitBlockWeightLimit",
            counts.transactions,
        )
        offset = self.clock.offset_to(self._slot_start(header)) if takes_clock_along else self.clock.offset_ms
        moved = None if offset == self.clock.offset_ms else offset
        prepared = None
        if on == chain.best.hash:
            prepared = yield from chain.prepare(header, built, update.nodes)
        imported = chain.insert(header, built, update.nodes, clock_offset_ms=moved, prepared=prepared)
        self.clock.offset_ms = offset
        self.transactions.on_imported(imported, tags)
        return imported

    def _sealed(self, built: BuiltBlock, state_root: bytes) -> Header:
        header = built.header
        if header.state_root not in (NO_ROOT, state_root):
            named = header.state_root.hex()
            raise InvalidBlock(f"the runtime says state root 0x{named}, its changes come to 0x{state_root.hex()}")
        header.state_root = state_root
        if header.extrinsics_root == NO_ROOT:
            header.extrinsics_root = ordered_root(built.extrinsics)
        header.digest = [*header.digest, *self.authorship.seal(header)]
        return header

    def _include(self, builder: BlockBuilder, *, on_best: bool) -> Generator[None, None, list[bytes]]:
        """Takes ready transactions while they fit, and answers their tags; what turns out invalid leaves the pool.

        On a fork all is judged by another state than the pool's, so what is invalid there stays in the pool.
        """
        provided: list[bytes] = []
        left_out: set[bytes] = set()  # tags that this block won't provide: what needs one has to wait as well
        skipped = 0
        for tx in self.transactions.ready():
            yield
            if not self.transactions.pool.is_ready(tx.hash) or not left_out.isdisjoint(tx.requires):
                left_out.update(tx.provides)
                continue
            try:
                builder.apply(tx.data)
            except ExhaustsResources:
                left_out.update(tx.provides)
                skipped += 1
                if skipped > SKIPS:
                    self.counts.filled += 1
                    break
            except (TransactionValidityError, DecodeError) as error:
                left_out.update(tx.provides)
                if on_best:
                    self.transactions.drop_invalid(tx.hash, str(error))
            except Missing:
                raise
            except Exception as error:
                log.exception("❌ transaction 0x%s stopped the runtime and is dropped", tx.hash.hex())
                self.transactions.drop_invalid(tx.hash, repr(error))
            else:
                provided += tx.provides
        else:
            self.counts.ran_out += 1
        return provided

    def _include_all(
        self, builder: BlockBuilder, extrinsics: Sequence[bytes], *, on_best: bool
    ) -> Generator[None, None, list[bytes]]:
        """Takes just these, and answers their tags; raises `NotIncluded`."""
        tags = self.transactions.tags_of(list(extrinsics)) if on_best else []
        for index, extrinsic in enumerate(extrinsics):
            yield
            try:
                builder.apply(extrinsic)
            except (TransactionValidityError, DecodeError, InvalidBlock) as error:
                raise NotIncluded(f"transaction {index} can't be included: {error}") from None
        return tags
