"""Blocks from another node of the chain: good ones come in, and whatever is off about a block, nothing changes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import NamedTuple

import pytest
import sr25519
import trio
from substrateinterface import Keypair
from trio.testing import MockClock

from node.chain.feed import Imported
from node.chain.importer import KnownBlock
from node.chain.transactions import Status
from node.chain.tree import UnknownParent
from node.service import RunningNode
from node.state.db import COLUMNS, Batch
from node.state.errors import WriteFailed
from node.state.trie import ordered_root
from pallets.frame.executive import InvalidBlock
from pallets.frame.validity import TransactionSource
from pallets.primitives.header import AURA_ENGINE, Consensus, DigestItem, Header, PreRuntime, Seal
from tests.node.extrinsics import ALICE, BOB, CHARLIE, UNIT, keypair, remark, signed, transfer, tx_hash
from tests.node.nodes import running_node, send
from tests.node.scratch import scratch_directory
from tests.node.state.naive_trie import blake2


class Block(NamedTuple):
    """What travels between nodes."""

    header: Header
    extrinsics: list[bytes]


@asynccontextmanager
async def two_nodes(*, lead_ms: int = 0) -> AsyncIterator[tuple[RunningNode, RunningNode]]:
    """An author and a node that imports; `lead_ms` is how far the author's clock is ahead."""
    with scratch_directory() as first, scratch_directory() as second:
        async with running_node(first, sealing="manual") as author, running_node(second, sealing="manual") as importer:
            author.clock.offset_ms = lead_ms
            yield author, importer


async def mined(author: RunningNode, *extrinsics: bytes) -> Block:
    """The author's next block."""
    send(author, *extrinsics)
    made: Imported = await author.producer.create_block(create_empty=True)
    stored = author.chain.header(made.hash)
    assert stored is not None
    return Block(stored, list(made.extrinsics))


def resealed(header: Header, by: Keypair) -> Header:
    """The header with a seal over what it now says, made by the sr25519 library."""
    bare = Header(header.parent_hash, header.number, header.state_root, header.extrinsics_root, unsealed(header))
    pair = (by.public_key, by.private_key)
    return with_digest(bare, [*bare.digest, Seal(AURA_ENGINE, sr25519.sign(pair, blake2(bare.encode())))])


def unsealed(header: Header) -> list[DigestItem]:
    return [item for item in header.digest if not isinstance(item, Seal)]


def with_digest(header: Header, digest: list[DigestItem]) -> Header:
    return Header(header.parent_hash, header.number, header.state_root, header.extrinsics_root, digest)


def with_body(block: Block, extrinsics: list[bytes]) -> Block:
    """Another body, the header's root and seal fitting it."""
    header = block.header
    changed = Header(header.parent_hash, header.number, header.state_root, ordered_root(extrinsics), unsealed(header))
    return Block(resealed(changed, keypair(ALICE)), extrinsics)


def with_slot(block: Block, slot: int) -> Block:
    digest: list[DigestItem] = [PreRuntime(AURA_ENGINE, slot.to_bytes(8, "little"))]
    return Block(resealed(with_digest(block.header, digest), keypair(ALICE)), block.extrinsics)


def everything(node: RunningNode) -> tuple[object, ...]:
    """All that a node remembers of its chain, in memory and on the disk."""
    chain = node.chain
    records = {column: list(chain.db.items_from(column)) for column in COLUMNS}
    head = chain.states.head
    return chain.best, chain.finalized, dict(head.values), head.root, list(head.keys()), records


async def test_blocks_of_another_node_come_in_one_after_the_other(autojump_clock: MockClock) -> None:
    async with two_nodes() as (author, importer):
        genesis = author.chain.genesis_hash
        news: list[bytes] = []
        async with importer.chain.imported.subscribe() as blocks:
            for nonce in range(5):
                block = await mined(
                    author, signed(genesis, transfer(BOB, UNIT), nonce), signed(genesis, remark(b""), nonce, by=CHARLIE)
                )
                imported = await importer.importer.import_block(*block)
                assert imported.hash == block.header.hash
                assert len(imported.events) > 4
                news.append((await anext(blocks)).hash)
        assert importer.chain.best == author.chain.best
        assert importer.chain.states.head.values == author.chain.states.head.values
        assert news == [importer.chain.hash_of(number) for number in range(1, 6)]
        assert importer.chain.body(news[2]) == author.chain.body(news[2])
        own = await importer.producer.create_block(create_empty=True)
        assert own.header.parent_hash == author.chain.best.hash


async def test_what_extends_nothing_known_and_what_is_known_is_left(autojump_clock: MockClock) -> None:
    async with two_nodes() as (author, importer):
        first, second = await mined(author), await mined(author)
        before = everything(importer)
        with pytest.raises(UnknownParent):
            await importer.importer.import_block(*second)
        assert everything(importer) == before
        await importer.importer.import_block(*first)
        before = everything(importer)
        with pytest.raises(KnownBlock):
            await importer.importer.import_block(*first)
        assert everything(importer) == before


def flip(data: bytes, at: int = 5) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def reheaded(change: Callable[[Header], Header]) -> Callable[[Block, bytes], Block]:
    """Another header, sealed by the right authority."""
    return lambda block, genesis: Block(resealed(change(block.header), keypair(ALICE)), block.extrinsics)


def rebodied(change: Callable[[list[bytes], bytes], list[bytes]]) -> Callable[[Block, bytes], Block]:
    """Another body, the header fitting it and sealed by the right authority."""
    return lambda block, genesis: with_body(block, change(block.extrinsics, genesis))


def digested(change: Callable[[list[DigestItem]], list[DigestItem]]) -> Callable[[Block, bytes], Block]:
    """Another digest, seal included, on the same header."""
    return lambda block, genesis: Block(with_digest(block.header, change(list(block.header.digest))), block.extrinsics)


def slotted(by: int) -> Callable[[Block, bytes], Block]:
    """Another slot, sealed by the right authority."""
    return lambda block, genesis: with_slot(block, (block.header.slot() or 0) + by)


TAMPERED: dict[str, tuple[Callable[[Block, bytes], Block], str]] = {
    "a bit of the seal": (
        digested(lambda digest: [digest[0], Seal(AURA_ENGINE, flip(digest[1].data))]),  # type: ignore[attr-defined]
        "the seal isn't by",
    ),
    "sealed by another": (
        lambda block, _: Block(resealed(block.header, keypair(BOB)), block.extrinsics),
        "the seal isn't by",
    ),
    "not sealed": (digested(lambda digest: digest[:1]), "no Aura seal"),
    "sealed by another engine": (
        digested(lambda digest: [digest[0], Seal(b"BABE", digest[1].data)]),  # type: ignore[attr-defined]
        "no Aura seal",
    ),
    "short seal": (digested(lambda digest: [digest[0], Seal(AURA_ENGINE, b"\1" * 63)]), "the seal isn't by"),
    "no digest": (digested(lambda digest: []), "no Aura slot"),
    "sealed twice": (
        lambda block, _: Block(
            with_digest(block.header, [*block.header.digest, block.header.digest[-1]]), block.extrinsics
        ),
        "the seal isn't by",
    ),
    "state root": (
        reheaded(lambda h: Header(h.parent_hash, h.number, flip(h.state_root), h.extrinsics_root, h.digest)),
        "execution leaves state root 0x",
    ),
    "extrinsics root": (
        reheaded(lambda h: Header(h.parent_hash, h.number, h.state_root, flip(h.extrinsics_root), h.digest)),
        "the extrinsics root doesn't match",
    ),
    "body without fitting root": (lambda block, _: Block(block.header, block.extrinsics[:-1]), "the extrinsics root"),
    "number": (
        reheaded(lambda h: Header(h.parent_hash, h.number + 1, h.state_root, h.extrinsics_root, h.digest)),
        "the block says number 3, its parent is 1",
    ),
    "slot of the parent": (slotted(-1), "isn't later than the parent's"),
    "slot before the parent's": (slotted(-100), "isn't later than the parent's"),
    "slot other than the time's": (slotted(1), "the block's time"),
    "slot far ahead": (slotted(10**6), "the block's time"),
    "another item in the digest": (
        reheaded(lambda h: with_digest(h, [h.digest[0], Consensus(b"FRNK", b"\1"), h.digest[1]])),
        "another digest",
    ),
    "a transaction left out": (rebodied(lambda body, _: body[:-1]), "execution leaves state root 0x"),
    "a transaction twice": (rebodied(lambda body, _: [*body, body[-1]]), "outdated"),
    "transactions swapped": (rebodied(lambda body, _: [*body[:-2], body[-1], body[-2]]), "in the future"),
    "a forged signature": (
        rebodied(lambda body, genesis: [*body, signed(genesis, remark(b"x"), 0, by=BOB, forged=True)]),
        "bad signature",
    ),
    "garbage for an extrinsic": (rebodied(lambda body, _: [*body, b"\x0c\x84\0\0"]), "can't be included"),
    "nothing for an extrinsic": (rebodied(lambda body, _: [*body, b""]), "can't be included"),
    "no timestamp": (rebodied(lambda body, _: body[1:]), "time"),
    "the timestamp twice": (rebodied(lambda body, _: [body[0], *body]), "twice"),
    "the timestamp last": (rebodied(lambda body, _: [*body[1:], body[0]]), "time"),
    "no reveal": (rebodied(lambda body, _: [body[0], *body[2:]]), ""),
    "empty": (rebodied(lambda body, _: []), ""),
}


@pytest.mark.parametrize("case", TAMPERED)
async def test_a_block_that_is_off_in_any_way_changes_nothing(autojump_clock: MockClock, case: str) -> None:
    tamper, message = TAMPERED[case]
    async with two_nodes() as (author, importer):
        genesis = author.chain.genesis_hash
        await importer.importer.import_block(*await mined(author))
        await trio.sleep(0.1)
        good = await mined(author, *(signed(genesis, transfer(BOB, UNIT), nonce) for nonce in range(3)))
        before = everything(importer)
        with pytest.raises(InvalidBlock) as refused:
            await importer.importer.import_block(*tamper(Block(good.header, list(good.extrinsics)), genesis))
        assert message in str(refused.value)
        assert everything(importer) == before
        await importer.importer.import_block(*good)
        assert importer.chain.best == author.chain.best


async def test_time_may_run_ahead_of_the_clock_a_little_but_not_far(autojump_clock: MockClock) -> None:
    async with two_nodes(lead_ms=59_000) as (author, importer):
        await importer.importer.import_block(*await mined(author))
        author.clock.offset_ms = 62_000
        late = await mined(author)
        before = everything(importer)
        with pytest.raises(InvalidBlock, match="ahead of the clock"):
            await importer.importer.import_block(*late)
        assert everything(importer) == before
        await trio.sleep(3)
        await importer.importer.import_block(*late)


async def test_a_disk_that_fails_changes_nothing(autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch) -> None:
    async with two_nodes() as (author, importer):
        block = await mined(author, signed(author.chain.genesis_hash, transfer(BOB, UNIT), 0))
        before = everything(importer)

        def fail(batch: Batch) -> None:
            raise WriteFailed("no space left")

        with monkeypatch.context() as patched:
            patched.setattr(importer.chain.db, "write", fail)
            with pytest.raises(WriteFailed):
                await importer.importer.import_block(*block)
        assert everything(importer) == before
        await importer.importer.import_block(*block)


async def test_the_pool_learns_from_imported_blocks(autojump_clock: MockClock) -> None:
    """What the block includes is told as included, its rival is invalid, and what waited for either is ready."""
    async with two_nodes() as (author, importer):
        genesis = author.chain.genesis_hash
        shared = signed(genesis, transfer(BOB, UNIT), 0)
        theirs, mine = (signed(genesis, remark(word), 0, by=BOB) for word in (b"theirs", b"mine"))
        after_mine = signed(genesis, remark(b"next"), 1, by=BOB)
        waiting = signed(genesis, remark(b"waits"), 1, by=CHARLIE)
        told: dict[bytes, list[Status]] = {}
        for extrinsic in (shared, mine, after_mine, waiting):
            steps = told[extrinsic] = []
            importer.transactions.submit(extrinsic, TransactionSource.External, steps.append)
        block = await mined(author, shared, theirs, signed(genesis, remark(b"gap"), 0, by=CHARLIE))
        await importer.importer.import_block(*block)
        assert told[shared] == [Status("ready"), Status("inBlock", block.header.hash)]
        assert told[mine] == [Status("ready"), Status("invalid")]
        assert told[after_mine] == [Status("ready")]
        assert told[waiting] == [Status("future"), Status("ready")]
        pool = importer.transactions.pool
        assert {tx.hash for tx in pool.ready()} == {tx_hash(after_mine), tx_hash(waiting)}
        own = await importer.producer.create_block(create_empty=False)
        assert set(own.extrinsics[2:]) == {after_mine, waiting}
