"""The blocks: by hash and by number, the best and the finalised one, the forks, and the state after each.

## Overview

`Chain.open` makes the genesis block or finds the chain in the database. Lookups answer `None` for what isn't there;
`state_at` and `runtime_at` raise, since a caller who names a block expects an answer.

The *canonical* chain leads from genesis to the best block; its blocks are found by number. A block whose parent is
another one than the best is kept beside it, with all that it changes, until finality decides. The longest chain is the
best; of equally long ones it is the one that was there first (Substrate's `LongestChain`). `insert` adds a block,
`finalize` makes one final, `revert` takes blocks back whatever their finality: each in one batch, or changes nothing.

Whoever builds or executes a block holds `writing` from reading its parent's state until the block is inserted: the
views of a state hold only while the head stays where it is.

## Out of scope

Whether a block deserves to be inserted is the importer's and the producer's to decide.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from typing import NamedTuple

import trio

from node.chain.feed import Feed, Finalized, Imported
from node.chain.forks import Forks
from node.chain.stored import (
    BEST_KEY,
    FINALIZED_KEY,
    FORKED_KEY,
    PRUNED_KEY,
    BlockRef,
    SideBlock,
    genesis_of,
    number_key,
    put_block,
    put_clock_offset,
    put_forked,
    put_genesis,
    put_ref,
    put_side,
    read_body,
    read_clock_offset,
    read_delta,
    read_header,
    read_pruned,
    read_ref,
    read_side,
)
from node.chain_spec import ChainSpec
from node.executor import BuiltBlock, Executor, Runtime
from node.state.backend import State, StateDiscarded, UnknownBlock
from node.state.db import Batch, Database
from node.state.delta import Delta
from node.state.errors import CorruptDatabase, WrongChain
from node.state.forked import NO_ROOT
from node.state.forked_states import ForkedStates
from node.state.remote.missing import Fetches
from node.state.remote.state import RemoteState
from node.state.states import Move, States
from node.state.trie import Nodes
from node.state.view import ForkState
from pallets.primitives.codec import codec_of
from pallets.primitives.header import Header
from pallets.primitives.types import U64

SLOT_DURATION = codec_of(U64)
PRUNE_AT_ONCE = 64
"""How many blocks' history is dropped together, where many wait for it."""


class UnknownParent(Exception):
    """The block's parent is unknown, or finality has decided against it."""


class NothingToRevert(Exception):
    """The block to revert to isn't before the best one."""


class ForkedChain(NamedTuple):
    """Somebody else's chain: its first header, and the block to go on from, with its state."""

    genesis: Header
    header: Header
    extrinsics: list[bytes]
    state: RemoteState
    fetcher: Fetches


class Chain:
    """One chain in one database."""

    def __init__(self, db: Database, states: States, executor: Executor, best: BlockRef, finalized: BlockRef) -> None:
        self.db, self.states, self.executor = db, states, executor
        self.best, self.finalized = best, finalized
        self.genesis_hash = genesis_of(db)
        self.base = BlockRef(self.genesis_hash, 0)
        """The first block whose state is here."""
        self.fetcher: Fetches | None = None
        """Who brings what is missing of a state, where it may be."""
        self.keep_states: int | None = None
        """Of how many final blocks the states are kept; `None` keeps all."""
        self.pinned: dict[bytes, None] = {}
        """Blocks that are kept with their states and all that leads to them, also where finality decided otherwise."""
        self._held: dict[bytes, int] = {}
        self.on_reorganised: Callable[[Imported, list[bytes]], None] = lambda news, taken_back: None
        """Told of each change to another fork before the subscribers are, with the old one's extrinsics in order."""
        self.writing = trio.Lock()
        self.imported: Feed[Imported] = Feed()
        self.finality: Feed[Finalized] = Feed()
        self._forks = Forks({block.hash: block for block in read_side(db)})
        self._best_header = self._header_of(best)
        self._pruned = read_pruned(db)

    @classmethod
    def open(cls, db: Database, spec: ChainSpec, executor: Executor) -> Chain:
        """The chain of a spec; raises `WrongChain` where the database holds another one, and `CorruptDatabase`."""
        header = spec.genesis_header()
        if db.bind_to_chain(header.hash):
            states = States.load(db, spec.state_version)
            chain = cls(db, states, executor, read_ref(db, BEST_KEY), read_ref(db, FINALIZED_KEY))
            if chain.best_header().state_root != states.head.root:
                raise CorruptDatabase(f"{db.path} is damaged: its state is not that of block {chain.best.number}")
        else:
            batch = db.batch()
            states = States.create(db, batch, spec.genesis, spec.state_version)
            genesis = BlockRef(header.hash, 0)
            put_genesis(batch, header)
            db.write(batch)
            db.bind_to_chain(header.hash)
            chain = cls(db, states, executor, genesis, genesis)
        db.compact_in_background()
        executor.runtime_at(chain.states.head)  # refuses a chain nobody here can run, before anything else starts
        return chain

    @classmethod
    def fork(cls, db: Database, base: ForkedChain, executor: Executor) -> Chain:
        """A chain that goes on from a block of somebody else's; raises `WrongChain`, `UnknownRuntime` and `Missing`.

        Of the blocks before it only the first is known.
        """
        if not db.bind_to_chain(base.genesis.hash):
            batch = db.batch()
            put_forked(batch, base.genesis, base.header, base.extrinsics)
            db.write(batch)
            db.bind_to_chain(base.genesis.hash)
        forked = read_ref(db, FORKED_KEY)
        if forked.hash != base.header.hash:
            raise WrongChain(f"{db.path} goes on from block {forked.number}, 0x{forked.hash.hex()}")
        best = read_ref(db, BEST_KEY)
        header = read_header(db, best.hash)
        root = base.header.state_root if header is None else header.state_root
        states = ForkedStates.of(db, base.state, root if base.state.proves else NO_ROOT)
        chain = cls(db, states, executor, best, read_ref(db, FINALIZED_KEY))
        chain.base, chain.fetcher = forked, base.fetcher
        executor.runtime_at(chain.states.head)
        return chain

    # Lookups

    def header(self, block_hash: bytes) -> Header | None:
        return self._best_header if block_hash == self.best.hash else read_header(self.db, block_hash)

    def body(self, block_hash: bytes) -> list[bytes] | None:
        return read_body(self.db, block_hash)

    def hash_of(self, number: int) -> bytes | None:
        """The hash of the canonical block of a number."""
        return self.db.get("number", number_key(number)) if 0 <= number < 1 << 32 else None

    def hashes_of(self, number: int) -> list[bytes]:
        """The hashes of all blocks of a number that finality hasn't decided against, the canonical one first."""
        canonical = self.hash_of(number)
        beside = [block for block in self._forks.of(number) if self._is_open(block)]
        return beside if canonical is None else [canonical, *beside]

    def is_canonical(self, block_hash: bytes) -> bool:
        """Whether a block leads to the best one, or is it."""
        header = self.header(block_hash)
        return header is not None and self.hash_of(header.number) == block_hash

    def justification(self, block_hash: bytes) -> bytes | None:
        return self.db.get("justification", block_hash)

    def leaves(self) -> list[BlockRef]:
        """The best block and the last block of every fork, longest first."""
        return [self.best, *self._forks.leaves()]

    def state_at(self, block_hash: bytes) -> State:
        """The state after a block; raises `UnknownBlock` or `StateDiscarded`. It holds until the head moves."""
        if block_hash == self.best.hash:
            return self.states.head
        if fork := self._forks.path_to(block_hash):
            return ForkState(self.state_at(fork[0].parent), [read_delta(self.db, block.hash) for block in fork])
        header = self.header(block_hash)
        if header is None:
            raise UnknownBlock(block_hash)
        if header.number < self._pruned:
            raise StateDiscarded(block_hash)
        return self.states.past(header.number)

    def runtime_at(self, block_hash: bytes) -> Runtime:
        """The runtime that executes on the state after a block; raises as `state_at`."""
        return self.executor.runtime_at(self.state_at(block_hash))

    def call(self, block_hash: bytes, function: str, data: bytes = b"") -> bytes:
        """A runtime API call on the state after a block; raises as `state_at` and `Runtime.call`."""
        state = self.state_at(block_hash)
        return self.executor.runtime_at(state).call(state, function, data)

    def slot_duration_ms(self) -> int:
        """How long an Aura slot is, in milliseconds."""
        return int(SLOT_DURATION.decode_all(self.call(self.best.hash, "AuraApi_slot_duration")))

    def best_header(self) -> Header:
        return self._best_header

    # Changes

    def prepare(self, header: Header, built: BuiltBlock, nodes: Nodes) -> Generator[None, None, Move]:
        """Puts a block on top of the best one into a batch, in steps between which others may read the chain.

        Nothing happens before it is inserted, and it is void once the head moves.
        """
        move = self.states.move(self.db.batch())
        put_block(move.batch, header, built.extrinsics)
        yield
        move.redo(header.number, Delta(header.state_root, built.changes, nodes))
        yield
        move.write()
        yield
        return move

    def insert(
        self,
        header: Header,
        built: BuiltBlock,
        nodes: Nodes,
        clock_offset_ms: int | None = None,
        prepared: Move | None = None,
    ) -> Imported:
        """Adds an executed block under its final header, durably, and tells the subscribers.

        `nodes` are the trie's records that the block's changes make; a clock that moves along is stored with them. The
        block becomes the best one if its chain is the longest. `prepared` is what `prepare` made of it. Raises
        `UnknownParent` and `WriteFailed`; whatever is raised, the chain and its state are as before.
        """
        parent = header.parent_hash
        if not self._is_open(parent):
            raise UnknownParent(f"block {header.number} extends 0x{parent.hex()}, which no fork that is open leads to")
        block = SideBlock(header.hash, header.number, parent)
        delta = Delta(header.state_root, built.changes, nodes)
        batch = self.db.batch() if prepared is None else prepared.batch
        if prepared is None:
            put_block(batch, header, built.extrinsics)
        if clock_offset_ms is not None:
            put_clock_offset(batch, clock_offset_ms)
        if header.number > self.best.number:
            deltas = {block.hash: delta}
            imported = Imported(block.hash, header, built.extrinsics, {}, built.events)
            fork = [*self._forks.path_to(parent), block]
            return self._move_head(batch, header, fork[0].number - 1, fork, deltas, imported, prepared=prepared)
        put_side(batch, block, delta)
        self.db.write(batch)
        self._forks.add(block)
        imported = Imported(block.hash, header, built.extrinsics, {}, built.events, is_best=False)
        self.imported.publish(imported)
        return imported

    def finalize(self, block_hash: bytes, justification: bytes | None) -> Finalized:
        """Makes a block final, and tells the subscribers; forks that don't lead from it end.

        The latest justification is kept, if there is one. A block of a fork becomes part of the best chain by that.
        Raises `UnknownBlock`, also for a block that finality has decided against, and `WriteFailed`.
        """
        header = self.header(block_hash)
        if header is None or not self._is_open(block_hash):
            raise UnknownBlock(block_hash)
        final = BlockRef(block_hash, header.number)
        base, fork = self._base_of(block_hash), self._forks.path_to(block_hash)
        fresh = [self.hash_of(number) for number in range(self.finalized.number + 1, base + 1)]
        fresh += [block.hash for block in fork]
        batch = self.db.batch()
        batch.delete("justification", self.finalized.hash)
        if justification is not None:
            batch.put("justification", block_hash, justification)
        put_ref(batch, FINALIZED_KEY, final)
        pruned = self._prune(header.number, base, batch)
        if fork:
            self._choose(block_hash, batch, final)
        else:
            forks = self._forks.copy()
            forks.end_before(final, self._kept(), batch)
            self.db.write(batch)
            self._forks = forks
        self.finalized, self._pruned = final, pruned
        finalized = Finalized(block_hash, header, tuple(block for block in fresh if block is not None))
        self.finality.publish(finalized)
        return finalized

    def revert(self, number: int) -> Imported:
        """Takes back all blocks above a number; as `rewind`. Raises `NothingToRevert` unless it is an earlier one."""
        target = self.hash_of(number)
        if target is None or number >= self.best.number:
            raise NothingToRevert(f"the best block is {self.best.number}: only an earlier block can be reverted to")
        return self.rewind(target)

    def rewind(self, block_hash: bytes, clock_offset_ms: int | None = None, *, keeps_forks: bool = False) -> Imported:
        """Makes a known block the best one, whatever its height and finality; the news is that block.

        What isn't before it is gone, forks too, unless it leads to a pinned block or forks are kept. An offset of the
        clock is stored in the same batch. Raises `UnknownBlock`, `StateDiscarded` and `WriteFailed`.
        """
        header = self.header(block_hash)
        fork = self._forks.path_to(block_hash)
        if header is None or not (fork or self.is_canonical(block_hash)):
            raise UnknownBlock(block_hash)
        base = BlockRef(fork[0].parent, fork[0].number - 1) if fork else BlockRef(block_hash, header.number)
        if base.number < self._pruned:
            raise StateDiscarded(block_hash)
        batch = self.db.batch()
        if self.finalized.number > base.number:
            put_ref(batch, FINALIZED_KEY, base)
            batch.delete("justification", self.finalized.hash)
        if clock_offset_ms is not None:
            put_clock_offset(batch, clock_offset_ms)
        loses = not keeps_forks or self.finalized.number > base.number
        news = Imported(block_hash, header, self.body(block_hash) or [], {}, [], is_new=False, is_rewind=loses)
        imported = self._move_head(batch, header, base.number, fork, {}, news, rewinds=True, keeps_forks=keeps_forks)
        self.finalized = min(self.finalized, base, key=lambda block: block.number)
        return imported

    def hold(self, block_hash: bytes) -> None:
        """Keeps a block as a pinned one, but for a step back, until it is released as often as it is held."""
        self._held[block_hash] = self._held.get(block_hash, 0) + 1

    def release(self, block_hash: bytes) -> None:
        """Undoes one `hold`."""
        if self._held[block_hash] > 1:
            self._held[block_hash] -= 1
        else:
            del self._held[block_hash]

    def clock_offset(self) -> int:
        """The stored offset of the chain's clock, in milliseconds."""
        return read_clock_offset(self.db)

    def store_clock_offset(self, offset_ms: int) -> None:
        batch = self.db.batch()
        put_clock_offset(batch, offset_ms)
        self.db.write(batch)

    # Moving the head

    def _choose(self, block_hash: bytes, batch: Batch, final: BlockRef) -> None:
        """Makes the longest chain through a block of a fork, which is final, the best one."""
        through = [leaf for leaf in self.leaves() if any(b.hash == block_hash for b in self._forks.path_to(leaf.hash))]
        leaf = through[0].hash
        header = self._header_of(through[0])
        news = Imported(leaf, header, self.body(leaf) or [], {}, [], is_new=False)
        fork = self._forks.path_to(leaf)
        self._move_head(batch, header, fork[0].number - 1, fork, {}, news, final=final)

    def _move_head(
        self,
        batch: Batch,
        header: Header,
        base: int,
        fork: list[SideBlock],
        deltas: Mapping[bytes, Delta],
        news: Imported,
        final: BlockRef | None = None,
        rewinds: bool = False,
        keeps_forks: bool = False,
        prepared: Move | None = None,
    ) -> Imported:
        """Takes canonical blocks back to number `base`, and applies the blocks of a fork from there.

        All that is then off the canonical chain stays beside it, unless a block becomes final, or the head is rewound:
        then only what leads to pinned blocks, if forks aren't to be kept.
        """
        move = prepared or self.states.move(batch)
        forks = self._forks.copy()
        undone: dict[bytes, Delta] = {}
        for block in self._back_to(base):
            root = self._header_of(BlockRef(block.hash, block.number)).state_root
            undone[block.hash] = move.undo(block.number, root)
            batch.delete("number", number_key(block.number))
            forks.add(block)
        for block in fork:
            if prepared is None:
                move.redo(block.number, deltas.get(block.hash) or read_delta(self.db, block.hash))
            batch.put("number", number_key(block.number), block.hash)
            batch.delete("fork", block.hash)
            forks.remove(block.hash)
        if rewinds and not keeps_forks:
            forks.end_all(self.pinned, batch)
        elif final is not None:
            forks.end_before(final, self._kept(), batch)
        for block_hash, delta in undone.items():
            if (left := forks.blocks.get(block_hash)) is not None:
                put_side(batch, left, delta)
        retracted, enacted = tuple(undone), tuple(block.hash for block in fork[:-1])
        is_other_fork = bool(retracted or enacted or not news.is_new) and not rewinds
        bodies = [self.body(block) or [] for block in reversed(retracted)] if is_other_fork else []
        imported = self._moved(batch, move, header, news._replace(retracted=retracted, enacted=enacted))
        self._forks = forks
        if is_other_fork:
            self.on_reorganised(imported, [extrinsic for body in bodies for extrinsic in body])
        self.imported.publish(imported)
        return imported

    def _moved(self, batch: Batch, move: Move, header: Header, news: Imported) -> Imported:
        """Writes the batch of a move and carries it out in memory."""
        changes = move.write()
        ref = BlockRef(news.hash, header.number)
        put_ref(batch, BEST_KEY, ref)
        self.db.write(batch)
        move.done(header.state_root)
        self.best, self._best_header = ref, header
        return news._replace(changes=changes)

    def _back_to(self, number: int) -> Iterator[SideBlock]:
        """The canonical blocks above a number, the best one first."""
        block = self.best
        while block.number > number:
            parent = self._header_of(block).parent_hash
            yield SideBlock(block.hash, block.number, parent)
            block = BlockRef(parent, block.number - 1)

    def _is_open(self, parent: bytes) -> bool:
        """Whether finality leaves it open that a block has this parent."""
        fork = self._forks.path_to(parent)
        if fork:
            return fork[0].number > self.finalized.number
        header = self.header(parent)
        return header is not None and header.number >= self.finalized.number and self.is_canonical(parent)

    def _kept(self) -> set[bytes]:
        """The blocks that finality and pruning spare."""
        return {*self.pinned, *self._held}

    def _base_of(self, block_hash: bytes) -> int:
        """The number of the last canonical block before, or at, a block."""
        fork = self._forks.path_to(block_hash)
        return fork[0].number - 1 if fork else self._header_of(BlockRef(block_hash, 0)).number

    def _prune(self, final: int, base: int, batch: Batch) -> int:
        """Drops the history that isn't to be kept once a block is final; before which block no state is left.

        Behind canonical block `base`, all stays: the same batch may write it anew.
        """
        if self.keep_states is None:
            return self._pruned
        end = min(final - self.keep_states + 1, base, self._pruned + PRUNE_AT_ONCE)
        bases = {path[0].parent if (path := self._forks.path_to(kept)) else kept for kept in self._kept()}
        if bases:
            end = next((number for number in range(self._pruned, end) if self.hash_of(number) in bases), end)
        for number in range(self._pruned + 1, end + 1):
            self.states.prune(number, batch)
        if end <= self._pruned:
            return self._pruned
        batch.put("meta", PRUNED_KEY, number_key(end))
        return end

    def _header_of(self, block: BlockRef) -> Header:
        header = read_header(self.db, block.hash)
        if header is None:
            raise CorruptDatabase(f"{self.db.path} is damaged: the header of block {block.number} is missing")
        return header
