"""The life of transactions on a live chain, as their watchers are told it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import trio
from trio.testing import MockClock

from node.chain import transactions
from node.chain.pool import AlreadyImported, ImmediatelyDropped, Pool, PoolLimits, TooLowPriority
from node.chain.transactions import BAN_SECONDS, MAX_WATCHED_BLOCKS, Status, TemporarilyBanned
from node.service import RunningNode
from pallets.frame.validity import (
    AncientBirthBlock,
    BadProof,
    ExhaustsResources,
    Payment,
    Stale,
    TransactionSource,
)
from tests.node.extrinsics import ALICE, BOB, CHARLIE, DAVE, UNIT, account, remark, signed, transfer, tx_hash
from tests.node.nodes import next_block, running_node, send
from tests.node.scratch import scratch_directory

POOR = "//Nobody of this chain"
ERA_OF_4 = bytes([1, 0])
"""Four blocks, born at one whose number is a multiple of four."""


@pytest.fixture
async def node(autojump_clock: MockClock) -> AsyncIterator[RunningNode]:
    with scratch_directory() as directory:
        async with running_node(directory, sealing="manual") as running:
            yield running


def watched(node: RunningNode, extrinsic: bytes) -> list[Status]:
    """Submits an extrinsic; its steps, as they come."""
    steps: list[Status] = []
    node.transactions.submit(extrinsic, TransactionSource.External, steps.append)
    return steps


async def mine(node: RunningNode) -> bytes:
    return (await node.producer.create_block(create_empty=True)).hash


async def test_ready_in_a_block_final(autojump_clock: MockClock) -> None:
    with scratch_directory() as directory:
        async with running_node(directory) as node:
            await trio.sleep(1)
            steps = watched(node, signed(node.chain.genesis_hash, transfer(BOB, UNIT), 0))
            assert steps == [Status("ready")]
            block = (await next_block(node)).hash
            assert steps == [Status("ready"), Status("inBlock", block)]
            await trio.sleep(0.21)
            assert steps[2:] == [Status("finalized", block)]
            assert [step.is_last for step in steps] == [False, False, True]
            assert node.chain.finalized.hash == block


async def test_a_gap_in_the_nonces_waits_for_what_fills_it(autojump_clock: MockClock, node: RunningNode) -> None:
    genesis = node.chain.genesis_hash
    later = [watched(node, signed(genesis, remark(b""), nonce)) for nonce in (3, 2, 1)]
    assert later == [[Status("future")]] * 3
    await mine(node)
    assert later == [[Status("future")]] * 3
    first = watched(node, signed(genesis, remark(b""), 0))
    assert [first, *later] == [[Status("ready")], *[[Status("future"), Status("ready")]] * 3]
    block = await mine(node)
    assert all(steps[-1] == Status("inBlock", block) for steps in (first, *later))


async def test_a_higher_tip_replaces_a_transaction_of_the_same_nonce(
    autojump_clock: MockClock, node: RunningNode
) -> None:
    genesis = node.chain.genesis_hash
    cheap, dear = (signed(genesis, remark(b"x"), 0, tip=tip) for tip in (0, UNIT))
    steps = watched(node, cheap)
    follower = watched(node, signed(genesis, remark(b"y"), 1))
    with pytest.raises(TooLowPriority):
        send(node, signed(genesis, remark(b"z"), 0))
    winner = watched(node, dear)
    assert steps == [Status("ready"), Status("usurped", tx_hash(dear))]
    assert steps[-1].is_last
    assert (winner, follower) == ([Status("ready")], [Status("ready")])
    with pytest.raises(TooLowPriority):
        send(node, cheap)
    block = await node.producer.create_block(create_empty=False)
    assert block.extrinsics[2] == dear
    assert len(block.extrinsics) == 4


async def test_refusals_are_immediate_and_leave_nothing(autojump_clock: MockClock, node: RunningNode) -> None:
    genesis = node.chain.genesis_hash
    good = signed(genesis, remark(b""), 0)
    send(node, good)
    await mine(node)
    cases: list[tuple[bytes, type[Exception]]] = [
        (good, Stale),
        (signed(genesis, remark(b"other"), 0), Stale),
        (signed(genesis, remark(b""), 1, forged=True), BadProof),
        (signed(bytes(32), remark(b""), 1), BadProof),
        (signed(genesis, remark(b""), 1, spec_version=99), BadProof),
        (signed(genesis, remark(b""), 0, by=POOR), Payment),
        (signed(genesis, remark(b""), 0, by=BOB, tip=10**30), Payment),
        (signed(genesis, remark(bytes(4_000_000)), 0, by=BOB), ExhaustsResources),
        (signed(genesis, remark(bytes(6_000_000)), 0, by=BOB), ExhaustsResources),
        (signed(genesis, remark(b""), 0, by=BOB, era=bytes([0x31, 0]), birth=genesis), AncientBirthBlock),
    ]
    for extrinsic, reason in cases:
        steps: list[Status] = []
        with pytest.raises(reason):
            node.transactions.submit(extrinsic, TransactionSource.External, steps.append)
        assert steps == []
    waiting = signed(genesis, remark(b""), 5)
    send(node, waiting)
    with pytest.raises(AlreadyImported):
        send(node, waiting)
    assert [tx.data for tx in node.transactions.pool.transactions()] == [waiting]


async def test_a_refused_copy_takes_nothing_from_the_one_who_watches_the_first(
    autojump_clock: MockClock, node: RunningNode
) -> None:
    extrinsic = signed(node.chain.genesis_hash, remark(b""), 0)
    steps, copy = watched(node, extrinsic), list[Status]()
    with pytest.raises(AlreadyImported):
        node.transactions.submit(extrinsic, TransactionSource.External, copy.append)
    block = await mine(node)
    assert (steps, copy) == ([Status("ready"), Status("inBlock", block)], [])


async def test_a_mortal_transaction_ends_with_its_era(autojump_clock: MockClock, node: RunningNode) -> None:
    """Born at genesis, four blocks long: block 3 is the last that may have it."""
    genesis = node.chain.genesis_hash
    on_time = watched(node, signed(genesis, remark(b""), 0, era=ERA_OF_4, birth=genesis))
    too_early = watched(node, signed(genesis, remark(b""), 2, era=ERA_OF_4, birth=genesis))
    block = await mine(node)
    assert on_time == [Status("ready"), Status("inBlock", block)]
    await mine(node)
    assert too_early == [Status("future")]
    last = watched(node, signed(genesis, remark(b""), 0, by=BOB, era=ERA_OF_4, birth=genesis))
    third = await mine(node)
    assert last == [Status("ready"), Status("inBlock", third)]
    assert too_early == [Status("future"), Status("invalid")]
    with pytest.raises((AncientBirthBlock, BadProof)):
        send(node, signed(genesis, remark(b""), 0, by=CHARLIE, era=ERA_OF_4, birth=genesis))
    assert node.transactions.pool.future_count == 0


async def test_what_turned_out_invalid_is_banned_for_half_an_hour(autojump_clock: MockClock, node: RunningNode) -> None:
    genesis = node.chain.genesis_hash
    transfer_all = bytes([5, 4, 0]) + account(ALICE) + b"\1"
    send(node, signed(genesis, transfer_all, 0, by=DAVE))
    broke = signed(genesis, remark(b""), 1, by=DAVE)
    steps = watched(node, broke)
    await mine(node)
    assert steps == [Status("ready"), Status("invalid")]
    send(node, signed(genesis, transfer(DAVE, UNIT), 0))
    await mine(node)
    await trio.sleep(BAN_SECONDS - 1)
    with pytest.raises(TemporarilyBanned):
        send(node, broke)
    await trio.sleep(1)
    send(node, broke)


async def test_nobody_is_told_after_unwatching(autojump_clock: MockClock, node: RunningNode) -> None:
    extrinsic = signed(node.chain.genesis_hash, remark(b""), 0)
    steps = watched(node, extrinsic)
    node.transactions.unwatch(tx_hash(extrinsic))
    await mine(node)
    assert steps == [Status("ready")]


async def test_a_block_that_is_never_final_ends_the_watch(
    autojump_clock: MockClock, node: RunningNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert MAX_WATCHED_BLOCKS == 512
    monkeypatch.setattr(transactions, "MAX_WATCHED_BLOCKS", 5)
    steps = watched(node, signed(node.chain.genesis_hash, remark(b""), 0))
    block = await mine(node)
    for _ in range(4):
        await mine(node)
    assert steps == [Status("ready"), Status("inBlock", block)]
    await mine(node)
    assert steps[2:] == [Status("finalityTimeout", block)]
    assert steps[-1].is_last
    node.finalizer.finalize(block, 1)
    await trio.sleep(1)
    assert len(steps) == 3


async def test_a_full_pool_tells_whom_it_drops(autojump_clock: MockClock, node: RunningNode) -> None:
    genesis = node.chain.genesis_hash
    node.transactions.pool = Pool(PoolLimits(2, 1 << 20), PoolLimits(1, 1 << 20))
    first = watched(node, signed(genesis, remark(b""), 0))
    second = watched(node, signed(genesis, remark(b""), 0, by=BOB, tip=5))
    refused: list[Status] = []
    with pytest.raises(ImmediatelyDropped):
        node.transactions.submit(
            signed(genesis, remark(b""), 0, by=CHARLIE), TransactionSource.External, refused.append
        )
    third = watched(node, signed(genesis, remark(b""), 0, by=CHARLIE, tip=9))
    assert first == [Status("ready"), Status("dropped")]
    assert (second, third, refused) == ([Status("ready")], [Status("ready")], [])


async def test_what_a_dropped_newcomer_had_replaced_is_told(autojump_clock: MockClock, node: RunningNode) -> None:
    genesis = node.chain.genesis_hash
    old = signed(genesis, remark(b""), 0, tip=10**6)
    better = signed(genesis, remark(bytes(50)), 0, by=BOB, tip=10**12)
    newcomer = signed(genesis, remark(bytes(40)), 0, tip=10**9)
    node.transactions.pool = Pool(PoolLimits(9, len(old) + len(better)), PoolLimits(1, 1000))
    told, best = watched(node, old), watched(node, better)
    with pytest.raises(ImmediatelyDropped):
        send(node, newcomer)
    assert told == [Status("ready"), Status("usurped", tx_hash(newcomer))]
    assert best == [Status("ready")]
    assert [tx.data for tx in node.transactions.pool.transactions()] == [better]


async def test_hundreds_of_transactions_of_one_account_in_the_worst_order(
    autojump_clock: MockClock, node: RunningNode
) -> None:
    genesis = node.chain.genesis_hash
    count = 700
    send(node, *(signed(genesis, remark(b""), nonce) for nonce in reversed(range(count))))
    assert node.transactions.pool.ready_count == count
    block = await node.producer.create_block(create_empty=False)
    assert len(block.extrinsics) == count + 2
    assert node.transactions.pool.ready_count == 0
