"""What becomes of transactions when another fork wins, as their watchers are told it."""

from __future__ import annotations

import trio
from trio.testing import MockClock

from node.chain.pool import PoolTransaction
from node.chain.transactions import Status
from node.service import RunningNode
from pallets.frame.validity import TransactionSource, ValidTransaction
from tests.node.chain.test_tree import assert_sound
from tests.node.extrinsics import ALICE, BOB, CHARLIE, DAVE, UNIT, account, remark, signed, transfer
from tests.node.nodes import nonce_of, send

POOR = "//Nobody of this chain"


def watched(node: RunningNode, extrinsic: bytes) -> list[Status]:
    """Submits an extrinsic; its steps, as they come."""
    steps: list[Status] = []
    node.transactions.submit(extrinsic, TransactionSource.External, steps.append)
    return steps


async def mine(node: RunningNode, parent: bytes | None = None) -> bytes:
    return (await node.producer.create_block(create_empty=True, parent=parent)).hash


def body(node: RunningNode, block: bytes) -> list[bytes]:
    """A block's transactions, without its inherents."""
    found = node.chain.body(block)
    assert found is not None
    return found[2:]


def waiting(node: RunningNode) -> list[bytes]:
    return [tx.data for tx in node.transactions.pool.transactions()]


async def test_what_only_the_old_fork_included_waits_again(autojump_clock: MockClock, manual: RunningNode) -> None:
    genesis = manual.chain.genesis_hash
    root = await mine(manual)
    extrinsic = signed(genesis, transfer(BOB, UNIT), 0)
    steps = watched(manual, extrinsic)
    old = await mine(manual)
    assert body(manual, old) == [extrinsic]
    left = await mine(manual, root)
    assert manual.chain.best.hash == old  # of equally long ones it is the first
    assert body(manual, left) == []
    right = await mine(manual, left)
    assert manual.chain.best.hash == right
    assert steps == [Status("ready"), Status("inBlock", old), Status("retracted", old), Status("ready")]
    assert waiting(manual) == [extrinsic]
    new = await mine(manual)
    assert body(manual, new) == [extrinsic]
    manual.finalizer.finalize(*manual.chain.best)
    await settled()
    assert steps[4:] == [Status("inBlock", new), Status("finalized", new)]
    assert nonce_of(manual, account(ALICE)) == 1
    assert_sound(manual.chain)


async def settled() -> None:
    """Lets those who follow finality run."""
    await trio.testing.wait_all_tasks_blocked()


async def test_included_on_both_forks(autojump_clock: MockClock, manual: RunningNode) -> None:
    """Told once for each that wins, and never waiting again."""
    genesis = manual.chain.genesis_hash
    root = await mine(manual)
    extrinsic = signed(genesis, transfer(BOB, UNIT), 0)
    steps = watched(manual, extrinsic)
    left = await mine(manual, root)
    assert body(manual, left) == [extrinsic]
    assert steps == [Status("ready"), Status("inBlock", left)]
    tip = await twin(manual, root, extrinsic)
    assert steps[2:] == []
    end = await mine(manual, tip)
    assert manual.chain.best.hash == end
    assert steps[2:] == [Status("retracted", left), Status("inBlock", tip)]
    assert waiting(manual) == []
    manual.finalizer.finalize(end, 3)
    await settled()
    assert steps[4:] == [Status("finalized", tip)]


async def twin(node: RunningNode, parent: bytes, extrinsic: bytes) -> bytes:
    """A block on another one than the best that includes what the best fork has included already."""
    pool = node.transactions.pool
    assert not pool.transactions()
    pool.import_(PoolTransaction.of(b"x" * 32, extrinsic, ValidTransaction(1, [], [b"tag"], 64, True), 1))
    block = await mine(node, parent)
    assert body(node, block) == [extrinsic]
    pool.clear()
    return block


async def test_chains_of_nonces_come_again_in_order(autojump_clock: MockClock, manual: RunningNode) -> None:
    genesis = manual.chain.genesis_hash
    root = await mine(manual)
    extrinsics = [signed(genesis, remark(bytes([nonce])), nonce) for nonce in range(5)]
    steps: list[list[Status]] = []
    blocks: list[bytes] = []
    for pair in (extrinsics[:2], extrinsics[2:4]):
        steps += [watched(manual, extrinsic) for extrinsic in pair]
        blocks.append(await mine(manual))
    steps.append(watched(manual, extrinsics[4]))
    other = root
    for _ in range(3):
        other = await mine(manual, other)
        if other != manual.chain.best.hash:
            assert body(manual, other) == []
    assert manual.chain.best.hash == other
    assert waiting(manual) == extrinsics
    for number, each in enumerate(steps[:4]):
        block = blocks[number // 2]
        assert each == [Status("ready"), Status("inBlock", block), Status("retracted", block), Status("ready")]
    assert steps[4] == [Status("ready"), Status("ready")]
    new = await mine(manual)
    assert body(manual, new) == extrinsics
    assert all(each[-1] == Status("inBlock", new) for each in steps)
    assert nonce_of(manual, account(ALICE)) == 5


async def test_invalid_on_the_new_fork(autojump_clock: MockClock, manual: RunningNode) -> None:
    """A sender who was given money on the old fork only, one whose place another took, and who came behind them."""
    genesis = manual.chain.genesis_hash
    root = await mine(manual)
    gift = signed(genesis, transfer(POOR, UNIT), 0)
    kept = watched(manual, gift)
    rich = await mine(manual)
    poor = watched(manual, signed(genesis, remark(b"poor"), 0, by=POOR))
    later = watched(manual, signed(genesis, remark(b"later"), 1, by=POOR))
    block = await mine(manual)
    other = root
    for _ in range(3):
        other = await mine(manual, other)
    assert manual.chain.best.hash == other
    assert kept[-2:] == [Status("retracted", rich), Status("ready")]
    for steps in (poor, later):
        assert steps[:2] == [Status("ready"), Status("inBlock", block)]
        assert steps[2:] == [Status("retracted", block), Status("invalid")]
    assert waiting(manual) == [gift]
    new = await mine(manual)
    assert body(manual, new) == [gift]
    send(manual, signed(genesis, remark(b"poor"), 0, by=POOR))  # what was invalid may come again
    assert len(body(manual, await mine(manual))) == 1


async def test_a_rival_on_the_new_fork_makes_it_invalid(autojump_clock: MockClock, manual: RunningNode) -> None:
    genesis = manual.chain.genesis_hash
    root = await mine(manual)
    first = watched(manual, signed(genesis, remark(b"first"), 0))
    old = await mine(manual)
    follower = watched(manual, signed(genesis, remark(b"follower"), 1))
    rival = signed(genesis, remark(b"rival"), 0)
    left = await with_rival(manual, root, rival)
    best = await mine(manual, left)
    assert manual.chain.best.hash == best
    assert first == [Status("ready"), Status("inBlock", old), Status("retracted", old), Status("invalid")]
    assert follower[-1] in (Status("ready"), Status("inBlock", best))


async def with_rival(node: RunningNode, parent: bytes, rival: bytes) -> bytes:
    """A fork's block with another transaction of a nonce that the best fork has used."""
    kept = node.transactions.pool.clear()
    block = await twin(node, parent, rival)
    for tx in kept:
        node.transactions.pool.import_(tx)
    return block


async def test_a_long_reorganisation_with_many_senders(autojump_clock: MockClock, manual: RunningNode) -> None:
    """None is lost, none is included twice."""
    genesis = manual.chain.genesis_hash
    root = await mine(manual)
    steps: list[list[Status]] = []
    sent: list[bytes] = []
    for nonce in range(6):
        for who in (ALICE, BOB, CHARLIE, DAVE):
            sent.append(signed(genesis, transfer(CHARLIE, UNIT), nonce, by=who))
            steps.append(watched(manual, sent[-1]))
        await mine(manual)
    other = root
    for _ in range(9):
        other = await mine(manual, other)
    await mine(manual)
    included: list[bytes] = []
    for number in range(1, manual.chain.best.number + 1):
        included += body(manual, manual.chain.hash_of(number) or b"")
    assert sorted(included) == sorted(sent)
    manual.finalizer.finalize(*manual.chain.best)
    await settled()
    assert all([step.name for step in each].count("finalized") == 1 and each[-1].is_last for each in steps)
    assert_sound(manual.chain)


async def test_finality_chooses_the_shorter_fork(autojump_clock: MockClock, manual: RunningNode) -> None:
    genesis = manual.chain.genesis_hash
    root = await mine(manual)
    extrinsic = signed(genesis, transfer(BOB, UNIT), 0)
    steps = watched(manual, extrinsic)
    old = await mine(manual)
    await mine(manual)
    short = await mine(manual, root)
    manual.finalizer.finalize(short, 2)
    assert manual.chain.best.hash == short
    assert steps[2:] == [Status("retracted", old), Status("ready")]
    new = await mine(manual)
    assert steps[4:] == [Status("inBlock", new)]
