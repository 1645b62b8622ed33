"""What only a dev chain lets its owner do: mine, travel in time, move the head, make forks, hold finality up.

## Overview

Each cheat leaves a chain that any node accepts: blocks are sealed, roots are true, and what changes the state by hand
is an inherent of the block that has it (`pallets.cheats`). A block that only carries a cheat has none of the pool's
transactions.

## Errors

`Refused`: what was asked for can't be; the message says why and what to do. Blocks that don't exist are `UnknownBlock`,
and those whose state is gone `StateDiscarded`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from node.chain.feed import Imported
from node.chain.finality import Finalizer
from node.chain.producer import NEXT, NotIncluded, Order, Producer
from node.chain.tree import UnknownParent
from node.config import Sealing
from node.state.errors import WriteFailed
from pallets.cheats import (
    CHEATS,
    IDENTIFIER,
    Cheat,
    FailNext,
    Fund,
    Impersonate,
    KillPrefix,
    SetStorage,
    StopImpersonating,
)
from pallets.frame.executive import InvalidBlock
from pallets.frame.json_values import InvalidJson
from pallets.frame.storage_json import Prefix
from pallets.frame.validity import ExhaustsResources, TransactionValidityError
from pallets.primitives.scale import DecodeError, EncodeError

MAX_BLOCKS = 10_000
"""How many blocks one cheat mines at most."""
MAX_REORG = 100
"""How many blocks one cheat replaces at most: the state of a fork's block is put together from all before it."""


class Refused(Exception):
    """A cheat that can't be; nothing has changed."""


class Cheats:
    """The cheats of one chain's author."""

    def __init__(self, producer: Producer, finalizer: Finalizer) -> None:
        self.producer, self.finalizer = producer, finalizer
        self.chain, self.transactions, self.clock = producer.chain, producer.transactions, producer.clock

    async def mine(self, count: int, transactions: Sequence[bytes] | None = None) -> Imported:
        """Seals so many blocks, the first with just these transactions if they are given; answers the last."""
        if not 1 <= count <= MAX_BLOCKS:
            raise Refused(f"{count} blocks are too many: at most {MAX_BLOCKS} are mined by one call")
        order = NEXT if transactions is None else Order(extrinsics=transactions)
        for _ in range(count):
            try:
                block = await self.producer.create(order)
            except NotIncluded as error:
                raise Refused(str(error)) from None
            order = NEXT
        return block

    async def travel(self, moment_ms: int) -> Imported:
        """Moves the chain's clock to a later moment, and seals a block there: its time is the start of the slot."""
        now = self.clock.now_ms()
        if moment_ms < now:
            raise Refused(f"the chain's clock is at {now} ms and can't go back to {moment_ms}: see dev_revert")
        offset_ms = self.clock.offset_to(moment_ms)
        self.chain.store_clock_offset(offset_ms)
        self.clock.offset_ms = offset_ms
        return await self.producer.create(Order(extrinsics=()))

    async def set_storage(self, entries: Mapping[str, Any] | Sequence[tuple[bytes, bytes | None]]) -> Imported:
        """Changes entries of the state, by key or as `pallets.frame.storage_json` reads them by names."""
        if not isinstance(entries, Mapping):
            return await self.apply(SetStorage(list(entries)))
        cheats: list[Cheat] = []
        try:
            for entry in self.chain.runtime_at(self.chain.best.hash).read_storage(entries):
                if isinstance(entry, Prefix):
                    cheats.append(KillPrefix(entry.prefix))
                elif cheats and isinstance(cheats[-1], SetStorage):
                    cheats[-1].items.append((entry.key, entry.value))
                else:
                    cheats.append(SetStorage([(entry.key, entry.value)]))
        except InvalidJson as error:
            raise Refused(str(error)) from None
        return await self.apply(*cheats)

    async def fund(self, who: bytes, amount: int) -> Imported:
        """Issues units to an account."""
        return await self.apply(Fund(who, amount))

    async def impersonate(self, who: bytes | None) -> Imported:
        """Lets the mock signature count as an account's, or as everybody's (`None`)."""
        return await self.apply(Impersonate(who))

    async def stop_impersonating(self) -> Imported:
        """The mock signature counts for nobody, as at first; what waits with one is dropped by the next block."""
        return await self.apply(StopImpersonating())

    async def fail_next(self, count: int) -> Imported:
        """Makes so many signed extrinsics fail, from the next one on; 0 lets them be."""
        return await self.apply(FailNext(count))

    async def apply(self, *cheats: Cheat) -> Imported:
        """Seals a block that has these cheats, and nothing else."""
        try:
            data = {IDENTIFIER: CHEATS.encode(list(cheats))}
            return await self.producer.create(Order(extrinsics=(), inherent_data=data))
        except ExhaustsResources:
            raise Refused("it is too much for one block: do it in parts") from None
        except (InvalidBlock, TransactionValidityError, DecodeError, EncodeError) as error:
            raise Refused(str(error)) from None
        except WriteFailed:
            raise
        except Exception as error:  # a state that the runtime can't go on from shows itself in any way
            raise Refused(f"no block can be made with that state: {error!r}") from error

    async def set_head(self, block_hash: bytes) -> None:
        """Makes a known block the best one. Later blocks stay known; what waits in the pool is judged anew."""
        if block_hash == self.chain.best.hash:
            return
        async with self.chain.writing:
            moved = self.chain.rewind(block_hash, keeps_forks=True)
            self.transactions.on_reorganised(moved, [])
        self.producer.reconsider()

    async def reorganise(self, depth: int) -> Imported:
        """Replaces the last blocks by one more, which are empty; the transactions go back to the pool."""
        best, final = self.chain.best.number, self.chain.finalized.number
        if not 1 <= depth <= MAX_REORG:
            raise Refused(f"1 to {MAX_REORG} blocks can be replaced, not {depth}")
        if depth > best - final:
            raise Refused(
                f"block {final} is final, and the best is {best}: at most {best - final} blocks can be replaced; "
                "dev_delayFinality holds finality up"
            )
        ancestor = self.chain.hash_of(best - depth)
        assert ancestor is not None  # it is not before the final block
        try:
            return await self.producer.create_branch(ancestor, depth + 1)
        except UnknownParent:
            raise Refused(
                "a block that was to go became final meanwhile: dev_delayFinality holds finality up"
            ) from None

    def seal_as(self, sealing: Sealing) -> None:
        """When blocks are sealed from now on. Sealing by itself brings finality, unless that was held up by hand."""
        if sealing != "manual" and self.finalizer.delay is None and not self.finalizer.is_held_up:
            self.finalizer.delay = self.finalizer.usual_delay
        self.producer.seal_as(sealing)

    def delay_finality(self, seconds: float | None) -> None:
        """How long after its seal a block becomes final; `None` is the usual time."""
        self.finalizer.is_held_up = False
        self.finalizer.delay = self.finalizer.usual_delay if seconds is None else seconds

    def hold_finality_up(self) -> None:
        """Nothing becomes final by itself."""
        self.finalizer.is_held_up, self.finalizer.delay = True, None
