"""When blocks are sealed, by a whole node on a virtual clock."""

from __future__ import annotations

from itertools import count, pairwise

import pytest
import trio
from trio.testing import MockClock

from node.chain.feed import Imported
from node.chain.producer import NothingToSeal
from node.service import RunningNode
from pallets.frame.overlay import DictBackend, Overlay
from pallets.primitives.agent_record import AgentKind, AgentPolicy
from pallets.primitives.job import InlineInput, Mode
from pallets.primitives.job_record import Shares
from pallets.runtime import DevRuntime
from tests.node.extrinsics import ALICE, BOB, UNIT, account, remark, signed, transfer
from tests.node.nodes import NOON, SLOT, height, next_block, nonce_of, read_u64, running_node, send
from tests.node.scratch import scratch_directory
from tests.node.state.naive_trie import blake2

LEAD = 10_000


def now() -> int:
    """The host's milliseconds."""
    return NOON + int(trio.current_time() * 1000)


def slot_of(block: Imported) -> int:
    """The slot, read from the bytes of the header's pre-runtime digest."""
    item = block.header.encode()[32 + 64 + len(compact_number(block)) + 1 :]
    assert item[:6] == b"\x06aura\x20"
    return int.from_bytes(item[6:14], "little")


def compact_number(block: Imported) -> bytes:
    number = block.header.number
    return bytes([number << 2]) if number < 64 else (number << 2 | 1).to_bytes(2, "little")


class Watch:
    """All blocks of a node, each with the host's time at which it was imported."""

    def __init__(self, node: RunningNode, nursery: trio.Nursery) -> None:
        self.blocks: list[tuple[int, Imported]] = []
        nursery.start_soon(self._run, node)

    async def _run(self, node: RunningNode) -> None:
        async with node.chain.imported.subscribe() as blocks:
            async for block in blocks:
                self.blocks.append((now(), block))

    def slots_rise(self) -> bool:
        return all(slot_of(a) < slot_of(b) for (_, a), (_, b) in pairwise(self.blocks))


async def test_instant_sealing_makes_one_block_at_start_and_an_empty_one_every_6_s(
    autojump_clock: MockClock, node: RunningNode, nursery: trio.Nursery
) -> None:
    await height(node, 1)
    assert trio.current_time() == 0
    watch = Watch(node, nursery)
    await trio.sleep(30.5)
    assert [when - NOON for when, _ in watch.blocks] == [6000, 12000, 18000, 24000, 30000]
    for when, block in watch.blocks:
        assert slot_of(block) * SLOT == when
        assert read_u64(node, "Timestamp", "Now", block.hash) == slot_of(block) * SLOT


async def test_instant_sealing_makes_a_block_as_soon_as_a_transaction_is_ready(
    autojump_clock: MockClock, node: RunningNode
) -> None:
    await trio.sleep(1.234)
    for nonce in range(3):
        extrinsic = signed(node.chain.genesis_hash, transfer(BOB, UNIT), nonce)
        send(node, extrinsic)
        sent = trio.current_time()
        block = await next_block(node)
        assert trio.current_time() == sent
        assert block.extrinsics[-1] == extrinsic
        assert 0 <= slot_of(block) * SLOT - now() < SLOT * (nonce + 1)
    assert nonce_of(node, account(ALICE)) == 3


async def test_a_transaction_in_the_future_wakes_nobody(autojump_clock: MockClock, node: RunningNode) -> None:
    await trio.sleep(1)
    send(node, signed(node.chain.genesis_hash, transfer(BOB, UNIT), 1))
    await trio.sleep(1)
    assert node.chain.best.number == 1
    send(node, signed(node.chain.genesis_hash, transfer(BOB, UNIT), 0))
    block = await next_block(node)
    assert len(block.extrinsics) == 4  # timestamp, reveal, and both


async def test_under_load_there_is_at_most_one_block_a_slot_and_at_most_ten_seconds_ahead(
    autojump_clock: MockClock, node: RunningNode, nursery: trio.Nursery
) -> None:
    watch = Watch(node, nursery)

    async def keep_busy() -> None:
        async with node.chain.imported.subscribe() as blocks:
            for nonce in count():
                send(node, signed(node.chain.genesis_hash, remark(b""), nonce))
                await anext(blocks)

    await trio.sleep(1)
    nursery.start_soon(keep_busy)
    await trio.sleep(3.05)
    assert watch.slots_rise()
    ahead = [slot_of(block) * SLOT - when for when, block in watch.blocks]
    assert max(ahead) == LEAD
    assert len(watch.blocks) == LEAD // SLOT + 1 + 30  # all of the lead at once, then one a slot
    assert all(value == LEAD for value in ahead[-30:])


async def test_the_runtime_gets_a_block_when_something_is_due(
    autojump_clock: MockClock, node: RunningNode, nursery: trio.Nursery
) -> None:
    """A job that nobody takes expires at its deadline, not at the next empty block."""
    runtime = DevRuntime(Overlay(DictBackend()))
    policy = AgentPolicy(1, 10**9, Shares(700_000, 200_000, 50_000, 50_000), True)
    script = b"export default () => 1"
    calls = [
        runtime.call("Agents", "upload_code", code=script),
        runtime.call("Agents", "create", name=b"a", kind=AgentKind.JavaScript, policy=policy),
        runtime.call("Agents", "approve_code", agent=0, hash=blake2(script)),
        runtime.call(
            "Jobs",
            "submit",
            agent=0,
            input=InlineInput(b""),
            mode=Mode.Deterministic,
            replicas=1,
            max_fee=UNIT,
            deadline=49_500,
            callback=None,
        ),
    ]
    await trio.sleep(0.5)
    send(node, *(signed(node.chain.genesis_hash, runtime.encode_call(call), nonce) for nonce, call in enumerate(calls)))
    submitted = await next_block(node)
    assert [type(record.event).__qualname__ for record in submitted.events].count("System.ExtrinsicFailed") == 0
    watch = Watch(node, nursery)
    await trio.sleep(50.5)
    due = slot_of(submitted) * SLOT + 49_500
    times = [slot_of(block) * SLOT for _, block in watch.blocks]
    assert times == [*(slot_of(submitted) * SLOT + 6000 * n for n in range(1, 9)), due]
    names = [type(record.event).__qualname__ for record in watch.blocks[-1][1].events]
    assert "Jobs.Expired" in names


async def test_what_is_due_does_not_wait_for_the_clock_to_catch_up(
    autojump_clock: MockClock, node: RunningNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    for nonce in range(50):
        send(node, signed(node.chain.genesis_hash, remark(b""), nonce))
        await next_block(node)
    monkeypatch.setattr(node.producer, "_runtime_due", lambda: read_u64(node, "Timestamp", "Now", node.chain.best.hash))
    send(node, signed(node.chain.genesis_hash, remark(b""), 50))
    block = await next_block(node)
    assert slot_of(block) * SLOT - now() > 4000
    for _ in range(3):
        before = trio.current_time()
        await next_block(node)
        assert trio.current_time() - before == pytest.approx(SLOT / 1000)


async def test_interval_sealing_keeps_its_beat(autojump_clock: MockClock, nursery: trio.Nursery) -> None:
    with scratch_directory() as directory:
        async with running_node(directory, sealing=500) as node:
            await height(node, 1)
            watch = Watch(node, nursery)
            send(node, signed(node.chain.genesis_hash, transfer(BOB, UNIT), 0))
            await trio.sleep(3.2)
            assert [when - NOON for when, _ in watch.blocks] == [500, 1000, 1500, 2000, 2500, 3000]
            assert [len(block.extrinsics) for _, block in watch.blocks[:2]] == [3, 2]


async def test_an_interval_shorter_than_a_slot_stays_within_the_lead(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    with scratch_directory() as directory:
        async with running_node(directory, sealing=20) as node:
            watch = Watch(node, nursery)
            await trio.sleep(4)
            assert watch.slots_rise()
            assert max(slot_of(block) * SLOT - when for when, block in watch.blocks) == LEAD
            assert slot_of(watch.blocks[-1][1]) * SLOT <= now() + LEAD


async def test_manual_sealing_makes_a_block_when_asked_and_only_then(
    autojump_clock: MockClock, manual: RunningNode
) -> None:
    await trio.sleep(100)
    assert manual.chain.best.number == 0
    with pytest.raises(NothingToSeal):
        await manual.producer.create_block(create_empty=False)
    send(manual, signed(manual.chain.genesis_hash, transfer(BOB, UNIT), 0))
    await trio.sleep(100)
    assert manual.chain.best.number == 0
    block = await manual.producer.create_block(create_empty=False)
    assert len(block.extrinsics) == 3
    assert slot_of(block) * SLOT == now()
    assert (await manual.producer.create_block(create_empty=True)).header.number == 2
    assert manual.chain.finalized.number == 0


async def test_explicit_mining_runs_ahead_and_takes_the_clock_along(
    autojump_clock: MockClock, manual: RunningNode
) -> None:
    blocks = [await manual.producer.create_block(create_empty=True) for _ in range(300)]
    slots = [slot_of(block) for block in blocks]
    assert slots == list(range(slots[0], slots[0] + 300))
    assert manual.clock.now_ms() == slots[-1] * SLOT == now() + 299 * SLOT
    assert manual.chain.clock_offset() == manual.clock.offset_ms == 299 * SLOT
    await trio.sleep(7)
    late = await manual.producer.create_block(create_empty=True)
    assert slot_of(late) * SLOT == manual.clock.now_ms() == now() + 299 * SLOT


async def test_mining_by_hand_puts_off_the_next_empty_block(
    autojump_clock: MockClock, node: RunningNode, nursery: trio.Nursery
) -> None:
    await height(node, 1)
    watch = Watch(node, nursery)
    await trio.sleep(1)
    await node.producer.create_block(create_empty=True)
    await trio.sleep(12.5)
    assert [when - NOON for when, _ in watch.blocks] == [1000, 7000, 13000]


async def test_mining_from_several_tasks_at_once_makes_one_block_each(
    autojump_clock: MockClock, manual: RunningNode
) -> None:
    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(lambda: manual.producer.create_block(create_empty=True))
    assert manual.chain.best.number == 5
