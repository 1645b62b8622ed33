"""Transactions in line for their signatures' verification, by a real process and in real time."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator
from typing import Any

import pytest
import trio

from node.chain import transactions
from node.chain.pool import AlreadyImported, ImmediatelyDropped
from node.chain.transactions import Status, Submission
from node.service import RunningNode
from node.verifier.verifier import start_process
from pallets.frame.validity import TransactionSource
from tests.node.extrinsics import ALICE, BOB, CHARLIE, UNIT, bare, remark, signed, transfer, tx_hash
from tests.node.nodes import running_node, send
from tests.node.scratch import scratch_directory

EXTERNAL = TransactionSource.External
POOR = "//Nobody of this chain"

Started = list[trio.Process]


@pytest.fixture
async def started() -> Started:
    return []


@pytest.fixture
async def node(started: Started) -> AsyncIterator[RunningNode]:
    async def start() -> trio.Process:
        started.append(await start_process())
        return started[-1]

    with scratch_directory() as directory:
        async with running_node(directory, sealing="manual", start_verifier=start) as running:
            yield running


async def outcome(node: RunningNode, extrinsic: bytes) -> Any:
    """The hash, or the exception's kind and words."""
    try:
        return await node.transactions.enqueue(extrinsic, EXTERNAL)
    except Exception as refusal:
        return type(refusal), str(refusal)


async def with_process(node: RunningNode) -> None:
    """Until the verifier process is there."""
    bad = [signed(node.chain.genesis_hash, remark(bytes([number])), 0, forged=True) for number in range(8)]
    while not node.transactions.verifier._ready:
        for submission in [node.transactions.enqueue(extrinsic, EXTERNAL) for extrinsic in bad]:
            with pytest.raises(Exception, match="bad signature"):
                await submission
        await trio.sleep(0.01)


async def test_one_senders_transactions_stay_in_order(node: RunningNode) -> None:
    count = 700
    extrinsics = [signed(node.chain.genesis_hash, remark(b""), nonce) for nonce in range(count)]
    await with_process(node)
    lives: list[list[Status]] = [[] for _ in extrinsics]
    line = [
        node.transactions.enqueue(data, EXTERNAL, life.append) for data, life in zip(extrinsics, lives, strict=True)
    ]
    found: dict[int, bytes] = {}

    async def wait(place: int) -> None:
        found[place] = await line[place]

    async with trio.open_nursery() as nursery:
        for place in reversed(range(count)):
            nursery.start_soon(wait, place)
    assert [found[place] for place in range(count)] == [tx_hash(each) for each in extrinsics]
    assert lives == [[Status("ready")]] * count
    block = await node.producer.create_block(create_empty=False)
    assert block.extrinsics[2:] == extrinsics


async def test_it_refuses_what_submitting_refuses_and_says_the_same(node: RunningNode) -> None:
    """A signature comes before all else that only a state can tell, and a defect in what was signed before that."""
    genesis = node.chain.genesis_hash
    used = signed(genesis, remark(b""), 0)
    send(node, used)
    await node.producer.create_block(create_empty=False)
    ancient = {"era": bytes([0x31, 0]), "birth": genesis}
    cases = [
        used,
        signed(genesis, remark(b"other"), 0),
        signed(genesis, remark(b"other"), 0, forged=True),
        signed(genesis, remark(b""), 1, forged=True),
        signed(bytes(32), remark(b""), 1),
        signed(genesis, remark(b""), 1, spec_version=99),
        signed(genesis, remark(b""), 0, by=POOR),
        signed(genesis, remark(b""), 0, by=POOR, forged=True),
        signed(genesis, remark(b""), 0, by=BOB, tip=10**30),
        signed(genesis, remark(bytes(4_000_000)), 0, by=BOB),
        signed(genesis, remark(bytes(6_000_000)), 0, by=BOB),
        signed(genesis, remark(b""), 0, by=BOB, **ancient),  # type: ignore[arg-type]
        signed(genesis, remark(b""), 0, by=BOB, forged=True, **ancient),  # type: ignore[arg-type]
        signed(genesis, bytes([2, 0]) + b"\4", 0, by=BOB),
        signed(genesis, bytes([2, 0]) + b"\4", 0, by=BOB, forged=True),
        bare(remark(b"")),
        bare(bytes([2, 0]) + b"\4"),
        b"",
        b"\4\x84",
        signed(genesis, b"\xff\xff", 0, by=BOB),
        signed(genesis, remark(b""), 1)[:-1],
    ]
    expected = []
    for extrinsic in cases:
        with pytest.raises(Exception) as refused:
            send(node, extrinsic)
        expected.append((type(refused.value), str(refused.value)))
    assert len({kind for kind, _ in expected}) >= 7
    await with_process(node)
    found: dict[int, Any] = {}

    async def submit(place: int) -> None:
        found[place] = await outcome(node, cases[place])

    async with trio.open_nursery() as nursery:
        for place in range(len(cases)):
            nursery.start_soon(submit, place)
    assert [found[place] for place in range(len(cases))] == expected
    assert node.transactions.pool.transactions() == []


async def test_of_two_copies_in_line_one_is_admitted(node: RunningNode) -> None:
    extrinsic = signed(node.chain.genesis_hash, remark(b""), 0)
    first, second = (node.transactions.enqueue(extrinsic, EXTERNAL) for _ in range(2))
    assert await first == tx_hash(extrinsic)
    with pytest.raises(AlreadyImported):
        await second


@pytest.mark.parametrize("bound", ["MAX_IN_LINE", "MAX_LINE_BYTES"])
async def test_a_line_that_is_too_long_is_a_full_pool(
    node: RunningNode, started: Started, monkeypatch: pytest.MonkeyPatch, bound: str
) -> None:
    """Five are in the process's hands, ten are in line."""
    extrinsics = [signed(node.chain.genesis_hash, remark(b""), nonce) for nonce in range(20)]
    monkeypatch.setattr(transactions, bound, 10 * (1 if bound == "MAX_IN_LINE" else len(extrinsics[0])))
    await with_process(node)
    os.kill(started[0].pid, signal.SIGSTOP)
    line = [node.transactions.enqueue(extrinsic, EXTERNAL) for extrinsic in extrinsics[:5]]
    await trio.testing.wait_all_tasks_blocked()
    line += [node.transactions.enqueue(extrinsic, EXTERNAL) for extrinsic in extrinsics[5:15]]
    with pytest.raises(ImmediatelyDropped):
        node.transactions.enqueue(extrinsics[15], EXTERNAL)
    os.kill(started[0].pid, signal.SIGCONT)
    for submission in line:
        await submission
    for extrinsic in extrinsics[15:]:
        await node.transactions.enqueue(extrinsic, EXTERNAL)
    assert node.transactions.pool.ready_count == 20


async def test_who_left_is_told_nothing_and_the_transaction_goes_on(node: RunningNode, started: Started) -> None:
    await with_process(node)
    os.kill(started[0].pid, signal.SIGSTOP)
    steps: list[Status] = []
    extrinsics = [signed(node.chain.genesis_hash, remark(b""), nonce) for nonce in range(5)]
    line = [node.transactions.enqueue(extrinsic, EXTERNAL, steps.append) for extrinsic in extrinsics]

    async def wait() -> None:
        await line[0]

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        await trio.testing.wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    os.kill(started[0].pid, signal.SIGCONT)
    for submission in line[1:]:
        await submission
    assert steps == [Status("ready")] * 4
    assert node.transactions.pool.ready_count == 5


async def test_a_flood_is_admitted_to_the_last(node: RunningNode) -> None:
    genesis = node.chain.genesis_hash
    extrinsics = [signed(genesis, remark(b""), nonce, by=by) for nonce in range(700) for by in (ALICE, BOB, CHARLIE)]
    found: dict[bytes, bytes] = {}

    async def wait(submission: Submission, extrinsic: bytes) -> None:
        found[extrinsic] = await submission

    async with trio.open_nursery() as nursery:
        for extrinsic in extrinsics:
            nursery.start_soon(wait, node.transactions.enqueue(extrinsic, EXTERNAL), extrinsic)
    assert found == {extrinsic: tx_hash(extrinsic) for extrinsic in extrinsics}
    assert node.transactions.pool.ready_count == len(extrinsics)


async def test_a_process_that_dies_loses_nobody(node: RunningNode, started: Started) -> None:
    await with_process(node)
    os.kill(started[0].pid, signal.SIGSTOP)
    extrinsics = [signed(node.chain.genesis_hash, transfer(BOB, UNIT), nonce) for nonce in range(300)]
    line = [node.transactions.enqueue(extrinsic, EXTERNAL) for extrinsic in extrinsics]
    await trio.testing.wait_all_tasks_blocked()
    assert node.transactions.pool.ready_count == 0
    started[0].kill()
    assert [await submission for submission in line] == [tx_hash(extrinsic) for extrinsic in extrinsics]


async def test_what_was_admitted_is_not_verified_again(node: RunningNode, monkeypatch: pytest.MonkeyPatch) -> None:
    await with_process(node)
    asked: list[bytes] = []
    runtime: Any = node.chain.executor.runtime_at(node.chain.states.head)

    def count(_signature: object, payload: bytes, _signer: bytes) -> bool:
        asked.append(payload)
        return True

    monkeypatch.setattr(runtime, "_verify", count)
    extrinsics = [signed(node.chain.genesis_hash, remark(b""), nonce) for nonce in range(20)]
    for submission in [node.transactions.enqueue(extrinsic, EXTERNAL) for extrinsic in extrinsics]:
        await submission
    block = await node.producer.create_block(create_empty=False)
    assert block.extrinsics[2:] == extrinsics
    assert asked == []
