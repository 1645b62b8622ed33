"""The blocks: by hash and by number, the best and the finalised one, and the state after each.

## Overview

`Chain.open` makes the genesis block or finds the chain in the database. Lookups answer `None` for what isn't there;
`state_at` and `runtime_at` raise, since a caller who names a block expects an answer. `append` adds the next best block
in one batch, header, body, state and history, or changes nothing.

## Out of scope

Forks: a block extends the best one. Whether a block deserves to be appended is the importer's and the producer's to
decide.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from node.chain.feed import Feed, Finalized, Imported
from node.chain_spec import ChainSpec
from node.executor import BuiltBlock, Executor, Runtime
from node.state.backend import Backend, UnknownBlock
from node.state.db import GENESIS_KEY, Batch, CorruptDatabase, Database
from node.state.view import States
from pallets.primitives.codec import codec_of
from pallets.primitives.header import Header

BEST_KEY = b"best"
FINALIZED_KEY = b"finalized"
OFFSET_KEY = b"clock-offset"

BODY = codec_of(list[bytes])


class BlockRef(NamedTuple):
    """A block by hash and number."""

    hash: bytes
    number: int


class NotBestParent(Exception):
    """The block doesn't extend the best block."""


class Chain:
    """One chain in one database."""

    def __init__(self, db: Database, states: States, executor: Executor, best: BlockRef, finalized: BlockRef) -> None:
        self.db, self.states, self.executor = db, states, executor
        self.best, self.finalized = best, finalized
        self.genesis_hash = _genesis_of(db)
        self.imported: Feed[Imported] = Feed()
        self.finality: Feed[Finalized] = Feed()

    @classmethod
    def open(cls, db: Database, spec: ChainSpec, executor: Executor) -> Chain:
        """The chain of a spec; raises `WrongChain` where the database holds another one, and `CorruptDatabase`."""
        header = spec.genesis_header()
        if db.bind_to_chain(header.hash):
            states = States.load(db, spec.state_version)
            chain = cls(db, states, executor, _read_ref(db, BEST_KEY), _read_ref(db, FINALIZED_KEY))
            best = chain.header(chain.best.hash)
            if best is None or best.state_root != states.head.trie.root:
                raise CorruptDatabase(f"{db.path} is damaged: its state is not that of block {chain.best.number}")
        else:
            batch = db.batch()
            states = States.create(db, batch, spec.genesis, spec.state_version)
            genesis = BlockRef(header.hash, 0)
            _put_block(batch, genesis, header, [])
            batch.put("meta", GENESIS_KEY, header.hash)
            _put_ref(batch, BEST_KEY, genesis)
            _put_ref(batch, FINALIZED_KEY, genesis)
            db.write(batch)
            chain = cls(db, states, executor, genesis, genesis)
        executor.runtime_at(chain.states.head)  # refuses a chain nobody here can run, before anything else starts
        return chain

    # Lookups

    def header(self, block_hash: bytes) -> Header | None:
        data = self.db.get("header", block_hash)
        return None if data is None else Header.decode(data)

    def body(self, block_hash: bytes) -> list[bytes] | None:
        data = self.db.get("body", block_hash)
        return None if data is None else BODY.decode_all(data)

    def hash_of(self, number: int) -> bytes | None:
        """The hash of the canonical block of a number."""
        return self.db.get("number", _number_key(number)) if 0 <= number < 1 << 32 else None

    def justification(self, block_hash: bytes) -> bytes | None:
        return self.db.get("justification", block_hash)

    def state_at(self, block_hash: bytes) -> Backend:
        """The state after a block; raises `UnknownBlock`."""
        if block_hash == self.best.hash:
            return self.states.head
        header = self.header(block_hash)
        if header is None:
            raise UnknownBlock(block_hash)
        return self.states.at(header.number, self.best.number)

    def runtime_at(self, block_hash: bytes) -> Runtime:
        """The runtime that executes on the state after a block; raises `UnknownBlock`."""
        return self.executor.runtime_at(self.state_at(block_hash))

    def best_header(self) -> Header:
        header = self.header(self.best.hash)
        if header is None:
            raise CorruptDatabase(f"{self.db.path} is damaged: the header of the best block is missing")
        return header

    # Changes

    def append(self, built: BuiltBlock, complete: Callable[[bytes], Header]) -> Imported:
        """Makes a built block the best one, durably, and tells the subscribers.

        `complete` answers the block's final header for the state root, or raises. Raises `NotBestParent` and
        `WriteFailed`; whatever is raised, the chain and its state are as before.
        """
        number, parent = built.header.number, built.header.parent_hash
        if parent != self.best.hash:
            raise NotBestParent(f"block {number} extends 0x{parent.hex()}, not the best block")
        batch = self.db.batch()
        with self.states.applied(number, built.changes, batch) as applied:
            header = complete(applied.root)
            ref = BlockRef(header.hash, number)
            _put_block(batch, ref, header, built.extrinsics)
            _put_ref(batch, BEST_KEY, ref)
            self.db.write(batch)
        self.best = ref
        imported = Imported(ref.hash, header, built.extrinsics, applied.changes, built.events)
        self.imported.publish(imported)
        return imported

    def finalize(self, block_hash: bytes, justification: bytes) -> Finalized:
        """Makes a block final, and tells the subscribers. The latest justification is kept; raises `UnknownBlock`."""
        header = self.header(block_hash)
        if header is None or self.hash_of(header.number) != block_hash:
            raise UnknownBlock(block_hash)
        fresh = [self.hash_of(number) for number in range(self.finalized.number + 1, header.number + 1)]
        batch = self.db.batch()
        batch.delete("justification", self.finalized.hash)
        batch.put("justification", block_hash, justification)
        ref = BlockRef(block_hash, header.number)
        _put_ref(batch, FINALIZED_KEY, ref)
        self.db.write(batch)
        self.finalized = ref
        finalized = Finalized(block_hash, header, tuple(block for block in fresh if block is not None))
        self.finality.publish(finalized)
        return finalized

    def clock_offset(self) -> int:
        """The stored offset of the chain's clock, in milliseconds."""
        data = self.db.get("meta", OFFSET_KEY)
        return 0 if data is None else int.from_bytes(data, "little")

    def store_clock_offset(self, offset_ms: int) -> None:
        batch = self.db.batch()
        batch.put("meta", OFFSET_KEY, offset_ms.to_bytes(8, "little"))
        self.db.write(batch)


def _number_key(number: int) -> bytes:
    return number.to_bytes(4, "big")


def _put_block(batch: Batch, ref: BlockRef, header: Header, extrinsics: list[bytes]) -> None:
    batch.put("header", ref.hash, header.encode())
    batch.put("body", ref.hash, BODY.encode(extrinsics))
    batch.put("number", _number_key(ref.number), ref.hash)


def _put_ref(batch: Batch, key: bytes, ref: BlockRef) -> None:
    batch.put("meta", key, ref.hash + _number_key(ref.number))


def _read_ref(db: Database, key: bytes) -> BlockRef:
    data = db.get("meta", key)
    if data is None or len(data) != 36:
        raise CorruptDatabase(f"{db.path} is damaged: it doesn't say which block is the {key.decode()} one")
    return BlockRef(data[:32], int.from_bytes(data[32:], "big"))


def _genesis_of(db: Database) -> bytes:
    data = db.get("meta", GENESIS_KEY)
    if data is None:
        raise CorruptDatabase(f"{db.path} is damaged: it doesn't say which chain it holds")
    return data
