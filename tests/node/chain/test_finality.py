"""Finality: two slots after sealing, proved by justifications that PyNaCl verifies from bytes cut by hand."""

from __future__ import annotations

import pytest
import trio
from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey
from substrateinterface.utils.ss58 import ss58_decode
from trio.testing import MockClock

from node.service import RunningNode
from node.state.backend import UnknownBlock
from node.state.db import Batch
from node.state.errors import WriteFailed
from pallets.primitives.justification import InvalidJustification, Justification
from tests.node.extrinsics import BOB, UNIT, signed, transfer
from tests.node.nodes import height, running_node, send
from tests.node.scratch import scratch_directory

LAG = 0.2
AUTHORITY = bytes.fromhex(ss58_decode("5FA9nQDVg267DEd8m1ZypXLBnvN7SFxYwV7ndqSYGiN9TTpu"))
"""The well-known ed25519 key of //Alice."""


def verify_by_hand(justification: bytes, block_hash: bytes, number: int) -> None:
    """`GrandpaJustification` of one vote and no ancestries, from its bytes; raises where it proves nothing."""
    round_number, target, votes = justification[:8], justification[8:44], justification[44:]
    assert target == block_hash + number.to_bytes(4, "little")
    assert (len(votes), votes[0], votes[-1]) == (1 + 132 + 1, 1 << 2, 0)
    precommit, signature, voter = votes[1:37], votes[37:101], votes[101:133]
    assert precommit == target
    assert voter == AUTHORITY
    set_id = bytes(8)
    VerifyKey(voter).verify(b"\1" + precommit + round_number + set_id, signature)


def justification_of(node: RunningNode) -> bytes:
    found = node.chain.justification(node.chain.finalized.hash)
    assert found is not None
    return found


async def test_a_block_is_final_two_slots_after_its_sealing_successor_or_not(autojump_clock: MockClock) -> None:
    with scratch_directory() as directory:
        async with running_node(directory) as node:
            sealed: list[float] = []
            async with node.chain.imported.subscribe() as blocks, node.chain.finality.subscribe() as news:
                for number in range(1, 5):
                    while node.chain.best.number < number:
                        await anext(blocks)
                    sealed.append(trio.current_time())
                    finalized = await anext(news)
                    assert finalized.header.number == number
                    assert finalized.blocks == (finalized.hash,)
                    assert trio.current_time() == pytest.approx(sealed[-1] + LAG)
                    assert node.chain.finalized == (finalized.hash, number)
                    verify_by_hand(justification_of(node), finalized.hash, number)
                    Justification.decode(justification_of(node)).verify([(AUTHORITY, 1)], 0)


async def test_the_justification_proves_this_block_for_this_set_only(autojump_clock: MockClock) -> None:
    with scratch_directory() as directory:
        async with running_node(directory) as node:
            await trio.sleep(1)
            proof = justification_of(node)
            target = node.chain.finalized
            with pytest.raises(BadSignatureError):
                verify_by_hand(bytes([proof[0] ^ 1]) + proof[1:], target.hash, target.number)
            with pytest.raises(InvalidJustification):
                Justification.decode(proof).verify([(AUTHORITY, 1)], 1)
            with pytest.raises(InvalidJustification):
                Justification.decode(proof).verify([(bytes(32), 1)], 0)


async def test_only_the_latest_justification_is_kept(autojump_clock: MockClock) -> None:
    with scratch_directory() as directory:
        async with running_node(directory) as node:
            await trio.sleep(20)
            kept = [key for key, _ in node.chain.db.items_from("justification")]
            assert node.chain.finalized.number == 4
            assert kept == [node.chain.finalized.hash]


async def test_a_burst_of_blocks_becomes_final_one_by_one_in_order(autojump_clock: MockClock) -> None:
    with scratch_directory() as directory:
        async with running_node(directory) as node:
            await trio.sleep(1)
            finalized: list[int] = []
            async with node.chain.finality.subscribe() as news:
                for nonce in range(5):
                    send(node, signed(node.chain.genesis_hash, transfer(BOB, UNIT), nonce))
                    await height(node, nonce + 2)
                assert node.chain.finalized.number == 1
                for _ in range(5):
                    finalized += [(await anext(news)).header.number]
            assert finalized == [2, 3, 4, 5, 6]


async def test_by_hand_a_block_takes_its_ancestors_along(autojump_clock: MockClock) -> None:
    with scratch_directory() as directory:
        async with running_node(directory, sealing="manual") as node:
            blocks = [await node.producer.create_block(create_empty=True) for _ in range(5)]
            await trio.sleep(60)
            assert node.chain.finalized == (node.chain.genesis_hash, 0)
            async with node.chain.finality.subscribe() as news:
                node.finalizer.finalize(blocks[2].hash, 3)
                first = await anext(news)
                assert first.blocks == tuple(block.hash for block in blocks[:3])
                node.finalizer.finalize(blocks[1].hash, 2)  # final already: stays so
                assert node.chain.finalized.number == 3
                node.finalizer.finalize(blocks[4].hash, 5)
                assert (await anext(news)).blocks == (blocks[3].hash, blocks[4].hash)
            with pytest.raises(UnknownBlock):
                node.finalizer.finalize(b"\1" * 32, 6)
            verify_by_hand(justification_of(node), blocks[4].hash, 5)


async def test_what_an_earlier_run_left_open_becomes_final(autojump_clock: MockClock) -> None:
    with scratch_directory() as directory:
        async with running_node(directory, sealing="manual") as node:
            for _ in range(3):
                await node.producer.create_block(create_empty=True)
        async with running_node(directory) as node:
            await trio.sleep(LAG + 0.01)
            assert node.chain.finalized.number >= 3
            verify_by_hand(justification_of(node), *node.chain.finalized)


async def test_a_disk_that_fails_delays_finality_and_no_more(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with scratch_directory() as directory:
        async with running_node(directory) as node:
            await trio.sleep(1)

            def fail(batch: Batch) -> None:
                raise WriteFailed("no space left")

            await height(node, 2)
            with monkeypatch.context() as patched:
                patched.setattr(node.chain.db, "write", fail)
                await trio.sleep(1)
            assert node.chain.finalized.number == 1
            assert "block #2 could not be finalised" in caplog.text
            await trio.sleep(6)
            assert node.chain.finalized.number == 3


async def test_what_is_made_final_by_hand_waits_no_more(autojump_clock: MockClock) -> None:
    with scratch_directory() as directory:
        async with running_node(directory, sealing="manual") as node:
            for _ in range(20):
                block = await node.producer.create_block(create_empty=True)
                node.finalizer.finalize(block.hash, block.header.number)
                await trio.testing.wait_all_tasks_blocked()
            assert len(node.finalizer._waiting) <= 2
