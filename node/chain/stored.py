"""How blocks are stored: the records that `node.chain.tree` writes and reads, by the columns of `node.state.db`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from node.state.db import GENESIS_KEY, Batch, Database
from node.state.delta import Delta
from node.state.errors import CorruptDatabase
from pallets.primitives.codec import codec_of
from pallets.primitives.hashing import blake2_256
from pallets.primitives.header import Header
from pallets.primitives.scale import DecodeError

BEST_KEY = b"best"
FINALIZED_KEY = b"finalized"
PRUNED_KEY = b"pruned"
OFFSET_KEY = b"clock-offset"
FORKED_KEY = b"forked"

BODY = codec_of(list[bytes])


class BlockRef(NamedTuple):
    """A block by hash and number."""

    hash: bytes
    number: int


class SideBlock(NamedTuple):
    """A block off the canonical chain."""

    hash: bytes
    number: int
    parent: bytes


def number_key(number: int) -> bytes:
    """A number as the key of a record: ascending order is that of the blocks."""
    return number.to_bytes(4, "big")


def put_block(batch: Batch, header: Header, extrinsics: list[bytes]) -> None:
    """Header and body."""
    block_hash = header.hash
    batch.put("header", block_hash, header.encode())
    batch.put("body", block_hash, BODY.encode(extrinsics))


def put_genesis(batch: Batch, header: Header) -> None:
    """The first block, which is the best and the final one."""
    genesis = BlockRef(header.hash, 0)
    put_block(batch, header, [])
    batch.put("number", number_key(0), genesis.hash)
    batch.put("meta", GENESIS_KEY, genesis.hash)
    put_ref(batch, BEST_KEY, genesis)
    put_ref(batch, FINALIZED_KEY, genesis)


def put_side(batch: Batch, block: SideBlock, delta: Delta) -> None:
    """That a block is off the canonical chain, with what it changes."""
    batch.put("fork", block.hash, block.parent + number_key(block.number) + delta.encode())


def delete_block(batch: Batch, block_hash: bytes) -> None:
    """All that is stored of a block off the canonical chain."""
    batch.delete("header", block_hash)
    batch.delete("body", block_hash)
    batch.delete("justification", block_hash)
    batch.delete("fork", block_hash)


def put_ref(batch: Batch, key: bytes, ref: BlockRef) -> None:
    """Which block is the best, or the final one."""
    batch.put("meta", key, ref.hash + number_key(ref.number))


def put_clock_offset(batch: Batch, offset_ms: int) -> None:
    """The offset of the chain's clock, in milliseconds."""
    batch.put("meta", OFFSET_KEY, offset_ms.to_bytes(8, "little", signed=True))


def read_header(db: Database, block_hash: bytes) -> Header | None:
    """A block's header, if it is there; raises `CorruptDatabase`."""
    data = db.get("header", block_hash)
    if data is None:
        return None
    if blake2_256(data) != block_hash:
        raise CorruptDatabase(f"{db.path} is damaged: what it has for 0x{block_hash.hex()} isn't its header")
    return Header.decode(data)


def read_body(db: Database, block_hash: bytes) -> list[bytes] | None:
    """A block's extrinsics, if it is there; raises `CorruptDatabase`."""
    data = db.get("body", block_hash)
    try:
        return None if data is None else BODY.decode_all(data)
    except DecodeError as error:
        raise CorruptDatabase(f"{db.path} is damaged: the body of 0x{block_hash.hex()}: {error}") from None


def read_ref(db: Database, key: bytes) -> BlockRef:
    """Which block is the best, or the final one; raises `CorruptDatabase`."""
    data = db.get("meta", key)
    if data is None or len(data) != 36:
        raise CorruptDatabase(f"{db.path} is damaged: it doesn't say which block is the {key.decode()} one")
    return BlockRef(data[:32], int.from_bytes(data[32:], "big"))


def read_clock_offset(db: Database) -> int:
    """The offset of the chain's clock, in milliseconds."""
    data = db.get("meta", OFFSET_KEY)
    return 0 if data is None else int.from_bytes(data, "little", signed=True)


def read_pruned(db: Database) -> int:
    """Before which block no state is left."""
    data = db.get("meta", PRUNED_KEY)
    return 0 if data is None else int.from_bytes(data, "big")


def read_side(db: Database) -> Iterator[SideBlock]:
    """All blocks off the canonical chain."""
    for block_hash, data in db.items_from("fork"):
        yield SideBlock(block_hash, int.from_bytes(data[32:36], "big"), data[:32])


def read_delta(db: Database, block_hash: bytes) -> Delta:
    """What a block off the canonical chain changes; raises `CorruptDatabase`."""
    data = db.get("fork", block_hash)
    if data is None:
        raise CorruptDatabase(f"{db.path} is damaged: what block 0x{block_hash.hex()} changes is missing")
    try:
        return Delta.decode(data[36:])
    except DecodeError:
        raise CorruptDatabase(f"{db.path} is damaged: what block 0x{block_hash.hex()} changes can't be read") from None


def put_forked(batch: Batch, genesis: Header, header: Header, extrinsics: list[bytes]) -> None:
    """The block that a chain is forked from, which is the best and the final one, and the chain's first."""
    base = BlockRef(header.hash, header.number)
    for block, body in (genesis, []), (header, extrinsics):
        put_block(batch, block, body)
        batch.put("number", number_key(block.number), block.hash)
    batch.put("meta", GENESIS_KEY, genesis.hash)
    batch.put("meta", FORKED_KEY, base.hash + number_key(base.number))
    batch.put("meta", PRUNED_KEY, number_key(base.number))
    put_ref(batch, BEST_KEY, base)
    put_ref(batch, FINALIZED_KEY, base)


def genesis_of(db: Database) -> bytes:
    """The hash of the genesis block; raises `CorruptDatabase`."""
    data = db.get("meta", GENESIS_KEY)
    if data is None:
        raise CorruptDatabase(f"{db.path} is damaged: it doesn't say which chain it holds")
    return data
