"""What one follower of the chain's head is told, and which blocks it holds: the rules of `chainHead_v1_follow`.

## Overview

`Follow` turns the chain's news into events, in an order a client can rely on: a block comes after its parent, a best
or a final block after it was announced, and the best block is never one that finality has decided against. Each block
announced is *pinned*, and stays readable with its state (`Chain.hold`), also where finality decides against it, until
the follower unpins it. It makes no events of its own accord: feed it `Imported` and `Finalized` as they are published.

A pinned block that is neither open nor the last final one is *settled*; only those count against the follower, so that
a chain whose finality rests can be followed like any other.

## Errors

`FollowEnded` where the follower can't be told a consistent story any more: the chain was set back, or it holds too
many settled blocks or one for too long. `NotPinned` and `UnpinnedTwice` by `unpin`, which then unpins nothing.

Mirrors the JSON-RPC specification, and `sc_rpc_spec_v2::chain_head`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

from node.chain.feed import Finalized, Imported
from node.chain.stored import BlockRef, SideBlock
from node.chain.tree import Chain
from node.state.backend import StateDiscarded, UnknownBlock

MAX_FINALIZED = 16
"""Final blocks that are told of at the start, the last one included."""
MAX_SETTLED = 512
"""Settled blocks that a follower may have pinned."""
MAX_SETTLED_SECONDS = 600
"""How long a follower may have pinned a settled block that lies further back than `RECENT` blocks."""
RECENT = 64


class Initialized(NamedTuple):
    """The first event: the last final blocks, oldest first."""

    finalized: tuple[bytes, ...]


class NewBlock(NamedTuple):
    """A block that isn't final; its parent is the last final block, or was announced before."""

    hash: bytes
    parent: bytes


class BestBlockChanged(NamedTuple):
    """The best block, which was announced before, or is the last final one."""

    hash: bytes


class BlocksFinalized(NamedTuple):
    """Announced blocks that are final, oldest first, and those that never will be."""

    finalized: tuple[bytes, ...]
    pruned: tuple[bytes, ...]


FollowEvent: TypeAlias = Initialized | NewBlock | BestBlockChanged | BlocksFinalized


class FollowEnded(Exception):
    """There can be no further event; the client has to follow anew."""


class NotPinned(LookupError):
    """The follower was never told of this block, or has unpinned it."""


class UnpinnedTwice(ValueError):
    """A block is named twice where each should be once."""


class Settled(NamedTuple):
    """Since when finality had passed a pinned block, in seconds of the caller's clock, and the block's number."""

    since: float
    number: int


class Follow:
    """One follower. Every method works at once, so that it sees the chain as the news left it."""

    def __init__(self, chain: Chain) -> None:
        self._chain = chain
        self._final = chain.finalized
        self._best = b""
        self._open: dict[bytes, SideBlock] = {}  # announced and neither final nor pruned, parents first
        self._pinned: dict[bytes, None] = {}
        self._settled: dict[bytes, Settled] = {}  # in the order they settled

    def begin(self, now: float) -> list[FollowEvent]:
        """The first events: the final blocks, all that are open, and the best one. `now` is in seconds."""
        finalized = _last_finalized(self._chain)
        self._final, self._best = finalized[-1], self._chain.best.hash
        for block in finalized:
            self._pin(block.hash)
        for block in finalized[:-1]:
            self._settled[block.hash] = Settled(now, block.number)
        self._open = {block.hash: block for block in _open_blocks(self._chain)}
        for block_hash in self._open:
            self._pin(block_hash)
        return [
            Initialized(tuple(block.hash for block in finalized)),
            *(NewBlock(block.hash, block.parent) for block in self._open.values()),
            BestBlockChanged(self._best),
        ]

    def is_pinned(self, block_hash: bytes) -> bool:
        """Whether the follower holds a block."""
        return block_hash in self._pinned

    def on_imported(self, news: Imported) -> list[FollowEvent]:
        """What an import means; raises `FollowEnded`."""
        if news.is_rewind:
            raise FollowEnded("the chain was set back")
        events: list[FollowEvent] = []
        block, parent = news.hash, news.header.parent_hash
        if news.is_new:
            if parent not in self._open and parent != self._final.hash:
                raise FollowEnded(f"the parent of block {news.header.number} was not announced")
            self._open[block] = SideBlock(block, news.header.number, parent)
            self._pin(block)
            events.append(NewBlock(block, parent))
        if news.is_best and block != self._best:
            self._best = block
            events.append(BestBlockChanged(block))
        return events

    def on_finalized(self, news: Finalized, now: float) -> list[FollowEvent]:
        """What finality means, at `now` in seconds; raises `FollowEnded`."""
        fresh = [block for block_hash in news.blocks if (block := self._open.pop(block_hash, None)) is not None]
        if len(fresh) < len(news.blocks):
            raise FollowEnded("a block is final that was not announced")
        pruned = self._cut_off(news.hash)
        self._settle(self._final, now)
        self._final = BlockRef(news.hash, news.header.number)
        for block in (*fresh[:-1], *pruned):
            self._settle(BlockRef(block.hash, block.number), now)
        self._check_settled(now)
        return [BlocksFinalized(news.blocks, tuple(block.hash for block in pruned))]

    def unpin(self, block_hashes: Sequence[bytes]) -> None:
        """Lets go of blocks, all or none; raises `UnpinnedTwice` or `NotPinned`."""
        if len(set(block_hashes)) < len(block_hashes):
            raise UnpinnedTwice("a block is to be unpinned twice")
        for block_hash in block_hashes:
            if block_hash not in self._pinned:
                raise NotPinned(f"0x{block_hash.hex()} is not pinned")
        for block_hash in block_hashes:
            del self._pinned[block_hash]
            self._settled.pop(block_hash, None)
            self._chain.release(block_hash)

    def end(self) -> None:
        """Lets go of all blocks; no further event can come."""
        self.unpin(list(self._pinned))

    def _pin(self, block_hash: bytes) -> None:
        self._pinned[block_hash] = None
        self._chain.hold(block_hash)

    def _cut_off(self, final: bytes) -> list[SideBlock]:
        """Takes out the open blocks that don't lead from a final one."""
        leading = {final}
        pruned = []
        for block in list(self._open.values()):
            if block.parent in leading:
                leading.add(block.hash)
            else:
                pruned.append(self._open.pop(block.hash))
        return pruned

    def _settle(self, block: BlockRef, now: float) -> None:
        if block.hash in self._pinned:
            self._settled[block.hash] = Settled(now, block.number)

    def _check_settled(self, now: float) -> None:
        if len(self._settled) > MAX_SETTLED:
            raise FollowEnded(f"more than {MAX_SETTLED} blocks are pinned that finality has passed")
        for settled in self._settled.values():
            if now - settled.since <= MAX_SETTLED_SECONDS:
                return
            if settled.number < self._final.number - RECENT:
                raise FollowEnded(f"block {settled.number} was pinned for over {MAX_SETTLED_SECONDS} seconds")


def _last_finalized(chain: Chain) -> list[BlockRef]:
    """The last final blocks whose states are kept, oldest first."""
    found = [chain.finalized]
    while len(found) < MAX_FINALIZED:
        number = found[-1].number - 1
        block_hash = chain.hash_of(number)
        if block_hash is None:
            break
        try:
            chain.state_at(block_hash)
        except (StateDiscarded, UnknownBlock):
            break
        found.append(BlockRef(block_hash, number))
    return found[::-1]


def _open_blocks(chain: Chain) -> list[SideBlock]:
    """The blocks that finality has not decided on, parents first."""
    parent, number = chain.finalized
    found: list[SideBlock] = []
    while (block_hash := chain.hash_of(number + 1)) is not None:
        number += 1
        found.append(SideBlock(block_hash, number, parent))
        parent = block_hash
    known = {chain.finalized.hash, *(block.hash for block in found)}
    for leaf in chain.leaves():
        path: list[SideBlock] = []
        block = leaf
        while block.hash not in known and block.number > chain.finalized.number:
            header = chain.header(block.hash)
            if header is None:
                break
            path.append(SideBlock(block.hash, block.number, header.parent_hash))
            block = BlockRef(header.parent_hash, block.number - 1)
        if block.hash in known:
            found += path[::-1]
            known.update(each.hash for each in path)
    return found
