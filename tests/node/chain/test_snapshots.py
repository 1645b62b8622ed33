"""Snapshots: back to any of them, as often as wanted, in any order, and on from there."""

from __future__ import annotations

from functools import partial
from typing import NamedTuple

import pytest
import trio
from trio.testing import MockClock

from node.chain import snapshots
from node.chain.snapshots import Snapshots, TooManySnapshots, UnknownSnapshot
from node.chain.transactions import Status, TemporarilyBanned
from node.config import Sealing
from node.service import RunningNode
from node.state.db import Batch
from node.state.errors import WriteFailed
from pallets.frame.validity import BadProof, TransactionSource
from tests.node.chain.test_tree import DAY, assert_sound, values_at
from tests.node.extrinsics import ALICE, BOB, CHARLIE, UNIT, account, remark, signed, transfer, tx_hash
from tests.node.nodes import NOON, SLOT, height, next_block, nonce_of, read_u64, running_node, send
from tests.node.scratch import scratch_directory
from tests.node.state.naive_trie import naive_root


class Moment(NamedTuple):
    """All that a revert has to bring back."""

    best: bytes
    number: int
    values: dict[bytes, bytes]

    @classmethod
    def of(cls, node: RunningNode) -> Moment:
        best = node.chain.best
        return cls(best.hash, best.number, values_at(node.chain, best.number))


def snapshots_of(node: RunningNode) -> Snapshots:
    assert node.snapshots is not None
    return node.snapshots


async def mine(node: RunningNode, count: int = 1, *, parent: bytes | None = None) -> bytes:
    """Seals blocks with a remark each, so that no two states are equal; the last one's hash."""
    for _ in range(count):
        if parent is None:
            send(node, signed(node.chain.genesis_hash, remark(b"one more"), nonce_of(node, account(ALICE))))
        block = await node.producer.create_block(create_empty=True, parent=parent)
        parent = None if parent is None else block.hash
    return block.hash


def watched(node: RunningNode, extrinsic: bytes) -> list[Status]:
    steps: list[Status] = []
    node.transactions.submit(extrinsic, TransactionSource.External, steps.append)
    return steps


def assert_back(node: RunningNode, moment: Moment) -> None:
    assert Moment.of(node) == moment
    assert naive_root(moment.values, 1) == node.chain.best_header().state_root
    assert node.chain.hash_of(moment.number + 1) is None
    assert node.chain.is_canonical(node.chain.finalized.hash)


async def test_any_order_again_and_again(autojump_clock: MockClock, manual: RunningNode) -> None:
    store = snapshots_of(manual)
    moments: dict[int, Moment] = {}
    for _ in range(4):
        await mine(manual, 3)
        moments[store.take().id] = Moment.of(manual)
    assert list(moments) == [1, 2, 3, 4]
    for number in (2, 4, 1, 3, 3, 4, 2, 1, 4):
        assert (await store.revert(number)).block == (moments[number].best, moments[number].number)
        assert_back(manual, moments[number])
        await mine(manual, 2)
        assert manual.chain.best.number == moments[number].number + 2
        assert_sound(manual.chain)


async def test_branches_that_were_left_can_be_gone_back_to(autojump_clock: MockClock, manual: RunningNode) -> None:
    store = snapshots_of(manual)
    await mine(manual, 2)
    root, moments = store.take().id, {}
    for branch in range(3):
        await store.revert(root)
        await mine(manual, branch + 1)
        moments[store.take().id] = Moment.of(manual)
        await mine(manual, 2)
        inner = store.take().id
        moments[inner] = Moment.of(manual)
    for number in [*moments, *reversed(moments)]:
        await store.revert(number)
        assert_back(manual, moments[number])
    last = max(moments)
    await store.revert(last)
    manual.finalizer.finalize(*manual.chain.best)
    for number in moments:
        await store.revert(number)
        assert_back(manual, moments[number])
        await mine(manual)
        manual.finalizer.finalize(*manual.chain.best)
        assert_sound(manual.chain)


async def test_what_no_snapshot_needs_is_gone(autojump_clock: MockClock, manual: RunningNode) -> None:
    store, chain = snapshots_of(manual), manual.chain
    await mine(manual, 2)
    first = store.take()
    kept = await mine(manual, 2)
    store.take()
    lost = await mine(manual, 3)
    fork = await mine(manual, 1, parent=chain.genesis_hash)
    await store.revert(first.id)
    assert (chain.header(lost), chain.body(lost), chain.header(fork)) == (None, None, None)
    assert chain.header(kept) is not None
    assert {block.hash for block in chain.leaves()} == {first.block.hash, kept}
    known = {block for block, _ in chain.db.items_from("header")}
    assert known == {block for block, _ in chain.db.items_from("body")}
    assert len(known) == 1 + 2 + 2


async def test_over_restarts(autojump_clock: MockClock) -> None:
    with scratch_directory() as directory:
        async with running_node(directory, sealing="manual") as node:
            await mine(node, 2)
            taken = [snapshots_of(node).take()]
            moments = [Moment.of(node)]
            await mine(node, 3)
            taken.append(snapshots_of(node).take())
            moments.append(Moment.of(node))
            await snapshots_of(node).revert(1)
            await mine(node, 1)
            taken.append(snapshots_of(node).take())
            moments.append(Moment.of(node))
        for number in (2, 1, 3):
            async with running_node(directory, sealing="manual") as node:
                assert snapshots_of(node).list() == taken
                await snapshots_of(node).revert(number)
                assert_back(node, moments[number - 1])
            async with running_node(directory, sealing="manual") as node:
                assert_back(node, moments[number - 1])
                await mine(node)
                assert_sound(node.chain)
                assert snapshots_of(node).list() == taken


async def test_genesis_and_one_block_twice(autojump_clock: MockClock, manual: RunningNode) -> None:
    store = snapshots_of(manual)
    genesis = Moment.of(manual)
    first, second = store.take(), store.take()
    assert (first.id, second.id) == (1, 2)
    assert first.block == second.block == (manual.chain.genesis_hash, 0)
    await mine(manual, 3)
    manual.finalizer.finalize(*manual.chain.best)
    for number in (1, 2, 2):
        await store.revert(number)
        assert_back(manual, genesis)
        assert manual.chain.finalized == (manual.chain.genesis_hash, 0)
        await mine(manual)
        manual.finalizer.finalize(*manual.chain.best)


async def test_an_unknown_id_changes_nothing(autojump_clock: MockClock, manual: RunningNode) -> None:
    await mine(manual)
    snapshots_of(manual).take()
    await mine(manual)
    before = Moment.of(manual)
    for number in (0, 2, -1, 1 << 40):
        with pytest.raises(UnknownSnapshot):
            await snapshots_of(manual).revert(number)
    assert Moment.of(manual) == before


async def test_what_is_discarded_cannot_be_gone_back_to_and_nothing_is_kept_for_it(
    autojump_clock: MockClock, manual: RunningNode
) -> None:
    store, chain = snapshots_of(manual), manual.chain
    first = store.take().id
    left = await mine(manual, 2)
    second = store.take().id
    store.discard(second)
    assert [each.id for each in store.list()] == [first]
    await store.revert(first)
    assert chain.header(left) is None
    for gone in (second, 17):
        with pytest.raises(UnknownSnapshot):
            store.discard(gone)
    assert store.take().id == second + 1, "an id means one moment only"
    assert [each.id for each in Snapshots(chain, store.transactions, store.clock, store._reverted).list()] == [1, 3]


async def test_there_are_only_so_many(
    autojump_clock: MockClock, manual: RunningNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshots, "MAX_SNAPSHOTS", 3)
    store = snapshots_of(manual)
    for _ in range(3):
        store.take()
    with pytest.raises(TooManySnapshots):
        store.take()
    assert [taken.id for taken in store.list()] == [1, 2, 3]
    await store.revert(3)


# Transactions


async def test_what_waits_is_dropped_and_its_watchers_are_told(autojump_clock: MockClock, manual: RunningNode) -> None:
    genesis, store = manual.chain.genesis_hash, snapshots_of(manual)
    stays = watched(manual, signed(genesis, remark(b"stays"), 0, by=CHARLIE))
    kept = await mine(manual)
    taken = store.take()
    ready = watched(manual, signed(genesis, remark(b"ready"), 1, by=CHARLIE))
    future = watched(manual, signed(genesis, remark(b"future"), 5))
    await store.revert(taken.id)
    assert ready == [Status("ready"), Status("dropped")]
    assert future == [Status("future"), Status("dropped")]
    included = watched(manual, signed(genesis, remark(b"included"), 1, by=CHARLIE))
    block = await mine(manual)
    await store.revert(taken.id)
    assert included == [Status("ready"), Status("inBlock", block), Status("retracted", block), Status("dropped")]
    assert not manual.transactions.pool.transactions()
    assert stays == [Status("ready"), Status("inBlock", kept)]
    await mine(manual)
    manual.finalizer.finalize(*manual.chain.best)
    await trio.testing.wait_all_tasks_blocked()
    assert stays[2:] == [Status("finalized", kept)]
    assert included[-1].is_last


async def test_the_very_same_transactions_can_be_sent_again(autojump_clock: MockClock, manual: RunningNode) -> None:
    genesis, store = manual.chain.genesis_hash, snapshots_of(manual)
    await mine(manual)
    taken = store.take()
    extrinsics = [signed(genesis, transfer(BOB, UNIT), nonce) for nonce in (1, 2, 3)]
    for _ in range(3):
        steps = [watched(manual, extrinsic) for extrinsic in extrinsics]
        block = await manual.producer.create_block(create_empty=False)
        assert [each[-1] for each in steps] == [Status("inBlock", block.hash)] * 3
        assert nonce_of(manual, account(ALICE)) == 4
        await store.revert(taken.id)
        assert nonce_of(manual, account(ALICE)) == 1


async def test_what_was_refused_is_judged_anew(autojump_clock: MockClock, manual: RunningNode) -> None:
    store = snapshots_of(manual)
    taken = store.take()
    extrinsic = signed(manual.chain.genesis_hash, remark(b""), 0)
    send(manual, extrinsic)
    manual.transactions.drop_invalid(tx_hash(extrinsic), "for the test")
    with pytest.raises(TemporarilyBanned):
        send(manual, extrinsic)
    await store.revert(taken.id)
    send(manual, extrinsic)
    assert extrinsic in (await manual.producer.create_block(create_empty=False)).extrinsics


async def test_a_signature_for_an_abandoned_branch_is_worth_nothing(
    autojump_clock: MockClock, manual: RunningNode
) -> None:
    """A mortal transaction signs its first block's hash: what was verified once must not be believed elsewhere."""
    genesis, store = manual.chain.genesis_hash, snapshots_of(manual)
    await mine(manual, 3)
    taken = store.take()
    birth = await mine(manual)
    extrinsic = signed(genesis, remark(b"mortal"), 0, by=BOB, era=bytes([1, 0]), birth=birth)  # four blocks from #4
    send(manual, extrinsic)
    await store.revert(taken.id)
    other = await mine(manual)
    assert other != birth
    with pytest.raises(BadProof):
        send(manual, extrinsic)


# Blocks go on


@pytest.mark.parametrize("sealing", ["instant", 500])
async def test_blocks_and_finality_go_on(autojump_clock: MockClock, sealing: Sealing) -> None:
    with scratch_directory() as directory:
        async with running_node(directory, sealing=sealing) as node:
            await height(node, 3)
            await trio.sleep(0.3)
            taken = snapshots_of(node).take()
            assert node.chain.finalized == taken.block
            await height(node, 8)
            await trio.sleep(0.3)
            assert node.chain.finalized.number == 8
            for _ in range(2):
                await snapshots_of(node).revert(taken.id)
                assert node.chain.best == node.chain.finalized == taken.block
                await height(node, 6)
                await trio.sleep(0.3)
                assert node.chain.finalized == node.chain.best
                assert_sound(node.chain)
            extrinsic = signed(node.chain.genesis_hash, transfer(BOB, UNIT), 0)
            sent = trio.current_time()
            send(node, extrinsic)
            while extrinsic not in (await next_block(node)).extrinsics:
                pass
            assert trio.current_time() - sent <= (0.1 if sealing == "instant" else 0.5)


async def test_an_empty_block_follows_a_revert_in_time(autojump_clock: MockClock, node: RunningNode) -> None:
    await trio.sleep(1)
    taken = snapshots_of(node).take()
    await trio.sleep(5)
    await height(node, 2)
    await trio.sleep(5)
    await snapshots_of(node).revert(taken.id)
    reverted = trio.current_time()
    news = await next_block(node)
    assert news.header.number == taken.block.number + 1
    assert trio.current_time() - reverted <= 6


async def test_finality_goes_back_behind_a_branch_and_on(autojump_clock: MockClock, manual: RunningNode) -> None:
    store, chain = snapshots_of(manual), manual.chain
    await mine(manual, 2)
    root = store.take()
    await mine(manual, 3)
    manual.finalizer.finalize(*chain.best)
    branch = store.take()
    await store.revert(root.id)
    assert chain.finalized == root.block
    await mine(manual, 4)
    manual.finalizer.finalize(*chain.best)
    await store.revert(branch.id)
    assert chain.finalized == root.block  # where the branches part
    manual.finalizer.finalize(*chain.best)
    assert chain.finalized == branch.block
    assert chain.justification(branch.block.hash) is not None
    await mine(manual)
    manual.finalizer.finalize(*chain.best)
    assert_sound(chain)


async def test_a_branch_that_was_left_can_be_built_on_and_finalised(
    autojump_clock: MockClock, manual: RunningNode
) -> None:
    """Its blocks count as included again, for the pool too."""
    genesis, store, chain = manual.chain.genesis_hash, snapshots_of(manual), manual.chain
    root = store.take()
    extrinsic = signed(genesis, transfer(BOB, UNIT), 0, by=CHARLIE)
    send(manual, extrinsic)
    await mine(manual)
    left = store.take()
    for finalize in (True, False):
        await store.revert(root.id)
        steps = watched(manual, extrinsic)
        if finalize:
            manual.finalizer.finalize(*left.block)
        else:
            await manual.producer.create_block(create_empty=True, parent=left.block.hash)
        assert chain.is_canonical(left.block.hash)
        assert extrinsic not in [tx.data for tx in manual.transactions.pool.transactions()]
        assert steps == [Status("ready"), Status("inBlock", left.block.hash)]


async def test_a_revert_waits_for_the_block_that_is_being_built(autojump_clock: MockClock, manual: RunningNode) -> None:
    store, chain = snapshots_of(manual), manual.chain
    await mine(manual)
    taken = store.take()
    moment = Moment.of(manual)
    send(manual, signed(chain.genesis_hash, transfer(BOB, UNIT), 1))
    numbers: list[int] = []
    async with chain.imported.subscribe() as blocks:
        async with trio.open_nursery() as nursery, chain.writing:  # as long as somebody writes, both wait
            for task in (partial(manual.producer.create_block, create_empty=True), partial(store.revert, taken.id)):
                nursery.start_soon(task)
                await trio.testing.wait_all_tasks_blocked()
            assert chain.best == taken.block
        numbers += [(await anext(blocks)).header.number for _ in range(2)]
    assert numbers == [2, 1]
    assert_back(manual, moment)
    await mine(manual)
    assert_sound(chain)


# Time


async def test_the_clock_is_set_back(autojump_clock: MockClock, manual: RunningNode) -> None:
    await mine(manual)
    taken = snapshots_of(manual).take()
    assert taken.taken_at_ms == manual.clock.now_ms()
    await mine(manual, 100)  # by hand, ahead of the clock, which goes along
    assert manual.clock.offset_ms == 100 * SLOT
    await trio.sleep(2)
    await snapshots_of(manual).revert(taken.id)
    assert manual.clock.offset_ms == manual.chain.clock_offset() == 0
    block = await mine(manual)
    assert read_u64(manual, "Timestamp", "Now", block) == NOON + 2000


async def test_the_clock_is_set_forth(autojump_clock: MockClock, manual: RunningNode) -> None:
    store = snapshots_of(manual)
    early = store.take()
    manual.clock.advance_to(NOON + DAY)
    await mine(manual)
    late = store.take()
    await store.revert(early.id)
    assert manual.clock.now_ms() == NOON
    await store.revert(late.id)
    assert manual.clock.now_ms() == NOON + DAY


async def test_a_host_that_is_behind_the_snapshot_does_not_stop_the_chain(autojump_clock: MockClock) -> None:
    """The chain's time is never before the snapshot's, or sealing would wait until it is."""
    with scratch_directory() as directory:
        async with running_node(directory) as node:
            await height(node, 2)
            taken = snapshots_of(node).take()
            await height(node, 4)
        async with running_node(directory, epoch=NOON - DAY) as node:
            await snapshots_of(node).revert(taken.id)
            assert node.clock.now_ms() == taken.taken_at_ms
            assert node.chain.clock_offset() == node.clock.offset_ms
            await height(node, 3)
            assert node.clock.now_ms() <= taken.taken_at_ms + 6000 + SLOT


async def test_days_later_blocks_go_on_in_the_present(autojump_clock: MockClock) -> None:
    with scratch_directory() as directory:
        async with running_node(directory) as node:
            await height(node, 2)
            taken = snapshots_of(node).take()
            await height(node, 3)
        async with running_node(directory, epoch=NOON + 5 * DAY) as node:
            await snapshots_of(node).revert(taken.id)
            await height(node, 3)
            assert read_u64(node, "Timestamp", "Now") >= NOON + 5 * DAY


# The disk


def fail(batch: Batch) -> None:
    raise WriteFailed("no space left")


async def test_a_disk_that_fails_leaves_all_as_it_was(
    autojump_clock: MockClock, manual: RunningNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, chain = snapshots_of(manual), manual.chain
    await mine(manual, 2)
    taken = store.take()
    await mine(manual, 50)
    manual.finalizer.finalize(chain.hash_of(40) or b"", 40)
    steps = watched(manual, signed(chain.genesis_hash, remark(b"waits"), 0, by=BOB))
    before = Moment.of(manual), chain.finalized, chain.leaves(), manual.clock.offset_ms, store.list()
    news: list[object] = []
    async with chain.imported.subscribe() as blocks:
        with monkeypatch.context() as patched:
            patched.setattr(chain.db, "write", fail)
            with pytest.raises(WriteFailed):
                await store.revert(taken.id)
            with pytest.raises(WriteFailed):
                store.take()
        with trio.move_on_after(1):
            news.append(await anext(blocks))
    assert not news
    assert (Moment.of(manual), chain.finalized, chain.leaves(), manual.clock.offset_ms, store.list()) == before
    assert chain.clock_offset() == manual.clock.offset_ms
    assert steps == [Status("ready")]
    await mine(manual)
    assert_sound(chain)
    await store.revert(taken.id)
    assert manual.clock.offset_ms < before[3]
    assert store.take().id == 2


async def test_a_revert_is_one_batch(
    autojump_clock: MockClock, manual: RunningNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that no kill leaves the head at one moment and the clock at another."""
    await mine(manual, 2)
    taken = snapshots_of(manual).take()
    await mine(manual, 20)
    written: list[Batch] = []
    write = manual.chain.db.write

    def counted(batch: Batch) -> None:
        written.append(batch)
        write(batch)

    monkeypatch.setattr(manual.chain.db, "write", counted)
    await snapshots_of(manual).revert(taken.id)
    assert len(written) == 1


async def test_pruning_leaves_what_a_snapshot_needs(autojump_clock: MockClock) -> None:
    with scratch_directory() as directory:
        async with running_node(directory, sealing="manual", state_pruning=2) as node:
            await mine(node, 3)
            node.finalizer.finalize(*node.chain.best)
            taken = snapshots_of(node).take()
            moment = Moment.of(node)
            await mine(node, 10)
            node.finalizer.finalize(*node.chain.best)
            branch, other = snapshots_of(node).take(), Moment.of(node)
        async with running_node(directory, sealing="manual", state_pruning=2) as node:
            await mine(node, 10)
            node.finalizer.finalize(*node.chain.best)
            await snapshots_of(node).revert(taken.id)
            assert_back(node, moment)
            await mine(node, 30)
            node.finalizer.finalize(*node.chain.best)
            await snapshots_of(node).revert(branch.id)
            assert_back(node, other)
            await snapshots_of(node).revert(taken.id)
            assert_back(node, moment)


async def test_a_snapshot_whose_block_is_gone_is_gone(autojump_clock: MockClock) -> None:
    """Commands that work on a chain without its node know of no snapshots."""
    with scratch_directory() as directory:
        async with running_node(directory, sealing="manual") as node:
            await mine(node, 2)
            early = snapshots_of(node).take()
            await mine(node, 2)
            snapshots_of(node).take()
            await mine(node, 1)
            node.chain.pinned = {}
            node.chain.revert(3)
        async with running_node(directory, sealing="manual") as node:
            assert snapshots_of(node).list() == [early]
            assert snapshots_of(node).take().id == 2
            await mine(node)
            node.finalizer.finalize(*node.chain.best)
            await snapshots_of(node).revert(early.id)
