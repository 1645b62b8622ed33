"""What is in blocks, by a whole node on a virtual clock."""

from __future__ import annotations

import logging
from typing import Any

import pytest
import sr25519
import trio
from trio.testing import MockClock

from node.chain.feed import Imported
from node.chain.transactions import TemporarilyBanned
from node.service import RunningNode
from node.state.db import Batch
from node.state.errors import WriteFailed
from node.testing import CallFailed, Devnet
from pallets.frame.events import Arithmetic
from pallets.frame.validity import MandatoryValidation, NoUnsignedValidator
from tests.node.extrinsics import ALICE, BOB, CHARLIE, DAVE, UNIT, account, bare, remark, signed, transfer, tx_hash
from tests.node.nodes import height, send
from tests.node.state.naive_trie import blake2, naive_root


async def test_blocks_are_sealed_and_rooted_by_the_books(autojump_clock: MockClock, node: RunningNode) -> None:
    """Roots by the naive trie, the seal by the sr25519 library over bytes cut by hand."""
    send(node, *(signed(node.chain.genesis_hash, transfer(BOB, UNIT), nonce) for nonce in range(4)))
    await height(node, 2)
    parent = node.chain.genesis_hash
    for number in (1, 2):
        block_hash = node.chain.hash_of(number)
        assert block_hash is not None
        raw = node.chain.db.get("header", block_hash)
        body = node.chain.body(block_hash)
        assert raw is not None
        assert body is not None
        assert blake2(raw) == block_hash
        assert raw[:33] == parent + bytes([number << 2])
        state = node.chain.state_at(block_hash)
        values = {key: state.get(key) or b"" for key in list(state.keys())}
        assert raw[33:65] == naive_root(values, 1)
        assert raw[65:97] == naive_root({bytes([index << 2]): xt for index, xt in enumerate(body)}, 0)
        seal = raw[-71:]
        assert seal[:7] == b"\x05aura\x01\x01"
        unsealed = raw[:97] + bytes([raw[97] - 4]) + raw[98:-71]
        assert sr25519.verify(seal[7:], blake2(unsealed), account(ALICE))
        assert not sr25519.verify(seal[7:], blake2(raw[:-71]), account(ALICE))
        parent = block_hash


def test_tips_come_first_and_each_account_in_its_order(chain: Devnet) -> None:
    genesis = chain.hash
    poor = [signed(genesis, remark(b"a"), nonce, by=ALICE) for nonce in range(3)]
    rich = [signed(genesis, remark(b"b"), 0, by=BOB, tip=UNIT), signed(genesis, remark(b"b"), 1, by=BOB)]
    richest = signed(genesis, remark(b"c"), 0, by=CHARLIE, tip=5 * UNIT)
    for extrinsic in (*poor, *rich, richest):
        chain.submit(extrinsic)
    assert chain.mine().extrinsics[2:] == [richest, rich[0], *poor, rich[1]]


def test_what_does_not_fit_comes_in_the_next_block_and_nothing_is_lost(chain: Devnet) -> None:
    """Eleven extrinsics of 0.9 MB in blocks of 3.75 MB: what follows one that didn't fit waits, and isn't banned."""
    remark = chain.as_(ALICE).system.remark
    sent = [remark.submit(bytes(900_000)).hash for _ in range(11)] + [remark.submit("small").hash for _ in range(3)]
    blocks = [[tx_hash(extrinsic) for extrinsic in chain.mine().extrinsics[2:]] for _ in range(3)]
    assert [each for block in blocks for each in block] == sent
    assert [len(block) for block in blocks] == [4, 4, 6]


def test_a_failing_call_is_included_and_pays(chain: Devnet) -> None:
    with chain.reverts(Arithmetic("Underflow")) as reverted:
        chain.as_(ALICE).balances.transfer_keep_alive(BOB, 10**30)
    assert isinstance(reverted.failure, CallFailed)
    receipt = reverted.failure.receipt
    assert receipt.events.one("System.ExtrinsicFailed").dispatch_error == reverted.error
    assert receipt.events.one("TransactionPayment.TransactionFeePaid").actual_fee == receipt.fee > 0
    assert chain.nonce(ALICE) == 1


async def test_what_becomes_invalid_leaves_alone_and_its_followers_wait(
    autojump_clock: MockClock, manual: RunningNode
) -> None:
    """Dave sends Alice all but his deposit and then can't pay: that transaction is banned, those behind it are not."""
    genesis = manual.chain.genesis_hash
    transfer_all = bytes([5, 4, 0]) + account(ALICE) + b"\1"
    empty, broke, behind = (
        signed(genesis, call, nonce, by=DAVE) for nonce, call in enumerate((transfer_all, remark(b"1"), remark(b"2")))
    )
    send(manual, empty, broke, behind)
    block = await manual.producer.create_block(create_empty=False)
    assert block.extrinsics[2:] == [empty]
    with pytest.raises(TemporarilyBanned):
        send(manual, broke)
    pool = manual.transactions.pool
    assert tx_hash(behind) in pool
    assert (pool.ready_count, pool.future_count) == (0, 1)
    # paid for again, the account's later transactions come through
    send(manual, signed(genesis, transfer(DAVE, UNIT), 0))
    await manual.producer.create_block(create_empty=False)
    send(manual, signed(genesis, remark(b"instead"), 1, by=DAVE))
    block = await manual.producer.create_block(create_empty=False)
    assert block.extrinsics[-1] == behind
    assert pool.ready_count == pool.future_count == 0


async def test_a_disk_that_fails_leaves_the_chain_as_it_was(
    autojump_clock: MockClock, manual: RunningNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In memory, too: the next block is built on the true state, and its root is right."""
    await manual.producer.create_block(create_empty=True)
    chain = manual.chain
    before = dict(chain.states.head.values)
    best, root = chain.best, chain.states.head.root
    send(manual, signed(chain.genesis_hash, transfer(BOB, UNIT), 0))

    def fail(batch: Batch) -> None:
        raise WriteFailed("no space left")

    with monkeypatch.context() as patched:
        patched.setattr(chain.db, "write", fail)
        with pytest.raises(WriteFailed):
            await manual.producer.create_block(create_empty=True)
    assert (chain.best, chain.states.head.values, chain.states.head.root) == (best, before, root)
    assert manual.transactions.pool.ready_count == 1
    block = await manual.producer.create_block(create_empty=True)
    assert block.header.state_root == naive_root(chain.states.head.values, 1)
    assert len(block.extrinsics) == 3


async def test_a_full_disk_is_told_once_and_the_block_is_tried_again(
    autojump_clock: MockClock, node: RunningNode, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    await height(node, 1)
    await trio.sleep(1)  # it is final
    write, failures = node.chain.db.write, iter(range(3))

    def fail_three_times(batch: Batch) -> None:
        if next(failures, None) is not None:
            raise WriteFailed("no space left")
        write(batch)

    monkeypatch.setattr(node.chain.db, "write", fail_three_times)
    with caplog.at_level(logging.ERROR):
        await height(node, 2)
    assert next(failures, None) is None
    assert caplog.text.count("block #2 could not be written, and is tried again: no space left") == 1
    await height(node, 3)


async def test_a_block_that_cannot_be_built_is_logged_and_the_next_is_tried(
    autojump_clock: MockClock, node: RunningNode, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    await height(node, 1)
    failures = iter(range(3))
    insert = node.chain.insert

    def fail_three_times(*arguments: Any, **options: Any) -> Imported:
        if next(failures, None) is not None:
            raise RuntimeError("a defect")
        return insert(*arguments, **options)

    monkeypatch.setattr(node.chain, "insert", fail_three_times)
    with caplog.at_level(logging.ERROR):
        await height(node, 2)
    assert caplog.text.count("block #2 could not be built") == 3
    await height(node, 3)


def test_inherents_and_unsigned_calls_from_outside_are_refused(chain: Devnet) -> None:
    with chain.reverts(MandatoryValidation):
        chain.send(bare(bytes([2, 0]) + b"\4"))  # a timestamp
    for call in (remark(b"x"), transfer(BOB, 1)):
        with chain.reverts(NoUnsignedValidator):
            chain.send(bare(call))
    assert chain.number == 0
